//! The engine under random commands, the same each time: it repeats itself to the byte, it holds
//! together after each command, and what it leaves to chance is even.

use petridis_tests::simulation;

#[test]
fn the_same_commands_are_answered_with_the_same_bytes() {
    simulation::repeats(100, 0).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn all_keys_are_as_they_should_be_after_each_command() {
    simulation::holds_together(200, 0).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn scans_of_members_find_what_stays() {
    simulation::finds_what_stays(10, 0).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn whatever_is_chosen_at_random_is_chosen_evenly() {
    simulation::chooses_evenly().unwrap_or_else(|error| panic!("{error}"));
}

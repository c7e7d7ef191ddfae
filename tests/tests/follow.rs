//! What followers are told of scripts: where a script said that its changes are to go.

use petridis_tests::{follow, real};

#[test]
fn followers_are_told_of_scripts_what_a_real_redis_tells() {
    match follow::run() {
        Ok(()) => {}
        Err(skipped) if skipped == real::SKIPPED => eprintln!("{skipped}"),
        Err(difference) => panic!("{difference}"),
    }
}

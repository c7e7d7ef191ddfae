//! Memory that commands take is given back. Alone in its process, whose memory is counted.

use petridis_tests::simulation;

#[test]
fn nothing_is_left_behind() {
    simulation::gives_memory_back(40, 0).unwrap_or_else(|error| panic!("{error}"));
}

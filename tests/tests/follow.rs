//! What a replica is told is what a real Redis tells one, command by command.

use petridis_tests::{follow, real};

/// Scripts of random commands, beside the scenes that are played each time.
const CASES: u32 = 300;

#[test]
fn a_replica_is_told_what_a_real_redis_tells() {
    let Some(mut real) = follow::start_real() else {
        eprintln!("{}", real::SKIPPED);
        return;
    };
    match follow::run(&mut real, CASES, "") {
        Ok(figures) => assert_eq!(figures.missing(), [""; 0], "{figures}"),
        Err(difference) => panic!("{difference}"),
    }
}

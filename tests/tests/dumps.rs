//! What one server dumps the other restores, and both then hold the same.

use petridis_tests::{differential, dumps, real};

/// Scripts of commands, what each leaves being exchanged.
const CASES: u32 = 200;

#[test]
fn values_go_to_a_real_redis_and_back() {
    let Some(mut real) = differential::start_real() else {
        eprintln!("{}", real::SKIPPED);
        return;
    };
    if let Err(difference) = dumps::run(&mut real, CASES, "") {
        panic!("{difference}");
    }
}

#[test]
fn libraries_of_functions_go_to_a_real_redis_and_back() {
    let Some(mut real) = differential::start_real() else {
        eprintln!("{}", real::SKIPPED);
        return;
    };
    if let Err(difference) = dumps::functions(&mut real) {
        panic!("{difference}");
    }
}

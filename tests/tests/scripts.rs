//! The scripts of `tests/scripts` on the native engine and on a real Redis.

use std::path::Path;

use petridis_tests::{corpus, differential, real};

/// Rounds of some hundred calls.
const ROUNDS: u64 = 40;

#[test]
fn scripts_of_applications_do_the_same_on_a_real_redis() {
    let Some(mut real) = differential::start_real() else {
        eprintln!("{}", real::SKIPPED);
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    match corpus::run(&folder, &mut real, ROUNDS) {
        Ok(calls) => eprintln!("{calls} calls, no difference"),
        Err(difference) => panic!("{difference}"),
    }
}

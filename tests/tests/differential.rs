//! Random commands on the native engine and on a real Redis: the same bytes come back.
//!
//! `PROPTEST_CASES` says how many scripts; a script that shows a difference is cut down to the
//! commands that matter and printed.

use petridis_tests::differential;
use petridis_tests::real;
use proptest::prelude::ProptestConfig;

/// Scripts, where `PROPTEST_CASES` does not say.
const CASES: u32 = 3000;

#[test]
fn random_commands_answer_as_a_real_redis_does() {
    let Some(mut real) = differential::start_real() else {
        eprintln!("{}", real::SKIPPED);
        return;
    };
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default().cases,
        None => CASES,
    };
    if let Err(difference) = differential::run(&mut real, cases, "") {
        panic!("{difference}");
    }
}

#[test]
fn several_clients_are_sent_what_a_real_redis_sends() {
    let Some(mut real) = differential::start_real() else {
        eprintln!("{}", real::SKIPPED);
        return;
    };
    if let Err(difference) = petridis_tests::crowd::run(&mut real, CASES / 10) {
        panic!("{difference}");
    }
}

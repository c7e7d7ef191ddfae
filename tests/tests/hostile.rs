//! The engine survives whatever is sent as a script, a library, or something to decode.

use std::thread;

use petridis_tests::hostile;

/// `converse hostile` asks more.
const QUESTIONS: u64 = 4000;

#[test]
fn the_engine_survives_what_is_no_script() {
    // Without optimisation the compiler's frames are large.
    let asking = thread::Builder::new()
        .stack_size(64 << 20)
        .spawn(|| hostile::run(0, QUESTIONS))
        .expect("a thread");
    asking
        .join()
        .expect("panics are caught")
        .unwrap_or_else(|error| panic!("{error}"));
}

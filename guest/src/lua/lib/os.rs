//! `os`: a clock is all that scripts have of it.

use super::{Library, entry};
use crate::lua::call::{Call, Outcome};
use crate::lua::kinds::Kinds;

/// The library.
pub const LIBRARY: Library = Library {
    name: "os",
    entries: &[entry("clock", clock, Kinds::NUMBER)],
    constants: &[],
    size: 1,
    order: &[],
};

/// Instructions in a microsecond, as far as a script can tell.
const STEPS_PER_US: u64 = 50;

/// os.clock(): time stands still inside a script, so what it has worked counts.
fn clock<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let shared = call.state.shared();
    let us = shared.now_us.get() % 1_000_000_000 + shared.steps.get() / STEPS_PER_US;
    call.number(us as f64 / 1e6)
}

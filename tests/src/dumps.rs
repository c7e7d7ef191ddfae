//! Values taken from one server to the other and back: what each dumps, the other restores, and both
//! then hold, encode and dump the same.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

use crate::differential;
use crate::generate::{KEYS, Script, script};
use crate::native::Native;
use crate::play::{Patience, Player, Reading, Stage, encode};
use crate::real::Real;
use crate::text;

/// Commands in a script, at most.
const COMMANDS: usize = 40;

/// Words of commands that note the time at which a consumer came.
const CONSUMERS: &[&[u8]] = &[b"XREADGROUP", b"XCLAIM", b"XAUTOCLAIM", b"CREATECONSUMER"];

/// Where a value is restored that another server has dumped.
const COPY: &[u8] = b"the copy";

/// Runs `cases` scripts of the families whose name contains `family` on both servers and exchanges
/// what they leave.
pub fn run(real: &mut Real, cases: u32, family: &str) -> Result<(), String> {
    let real = RefCell::new(real);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&script(COMMANDS, family), |script| {
            exchange(&script, *real.borrow_mut())
        })
        .map_err(|difference| difference.to_string())
}

fn exchange(script: &Script, real: &mut Real) -> TestCaseResult {
    let mut native = differential::native_now()?;
    differential::answers(script, 2, &mut native)?;
    differential::answers(script, 2, real)?;
    let names_consumers = script
        .0
        .iter()
        .flatten()
        .any(|word| CONSUMERS.iter().any(|name| word.eq_ignore_ascii_case(name)));
    for key in KEYS {
        check_key(key, names_consumers, &mut native, real)?;
    }
    Ok(())
}

fn check_key(
    key: &[u8],
    names_consumers: bool,
    native: &mut Native,
    real: &mut Real,
) -> TestCaseResult {
    let ours = ask(native, &[b"DUMP", key])?;
    let theirs = ask(real, &[b"DUMP", key])?;
    let encoding = ask(real, &[b"OBJECT", b"ENCODING", key])?;
    same(
        "encoding",
        key,
        &ask(native, &[b"OBJECT", b"ENCODING", key])?,
        &encoding,
    )?;
    let length = |player: &mut dyn Player| ask(player, &[b"DEBUG", b"OBJECT", key]);
    let lengths = (length(native)?, length(real)?);
    same(
        "length",
        key,
        &serialized_length(&lengths.0),
        &serialized_length(&lengths.1),
    )?;
    let (Some(ours), Some(theirs)) = (payload(&ours), payload(&theirs)) else {
        return same("presence", key, &ours, &theirs);
    };
    let encoding = text::quote(&encoding);
    // When a consumer was seen, or a field expires that long from now, is each server's own affair.
    let is_unordered = encoding.contains("hashtable")
        || encoding.contains("listpackex")
        || (names_consumers && encoding.contains("stream"));
    if !is_unordered {
        same("dump", key, ours, theirs)?;
    }
    let restored = ask(native, &[b"RESTORE", COPY, b"0", theirs, b"REPLACE"])?;
    same("restored by us", key, &restored, b"+OK\r\n")?;
    let restored = ask(real, &[b"RESTORE", COPY, b"0", ours, b"REPLACE"])?;
    same("restored by it", key, &restored, b"+OK\r\n")?;
    for command in [
        &[&b"OBJECT"[..], b"ENCODING"][..],
        &[b"DEBUG", b"DIGEST-VALUE"],
    ] {
        let words = [command, &[COPY]].concat();
        same("copy", key, &ask(native, &words)?, &ask(real, &words)?)?;
    }
    if !is_unordered {
        let copies = (ask(native, &[b"DUMP", COPY])?, ask(real, &[b"DUMP", COPY])?);
        if let (Some(ours), Some(theirs)) = (payload(&copies.0), payload(&copies.1)) {
            same("dump of the copy", key, ours, theirs)?;
        }
    }
    Ok(())
}

fn same(what: &str, key: &[u8], ours: &[u8], theirs: &[u8]) -> TestCaseResult {
    prop_assert!(
        ours == theirs,
        "{what} of {}\n real: {}\n ours: {}",
        text::quote(key),
        text::quote(theirs),
        text::quote(ours),
    );
    Ok(())
}

fn ask(player: &mut dyn Player, words: &[&[u8]]) -> Result<Vec<u8>, TestCaseError> {
    player.send("a", &encode(words));
    match Stage::new(player).read("a", Patience::Due) {
        Reading::Frame(frame) => Ok(frame),
        Reading::End(..) => Err(TestCaseError::fail("no whole reply")),
    }
}

/// The bytes of a bulk string.
fn payload(reply: &[u8]) -> Option<&[u8]> {
    if reply.starts_with(b"$-") {
        return None;
    }
    let start = reply.iter().position(|byte| *byte == b'\n')? + 1;
    reply.get(start..reply.len().checked_sub(2)?)
}

/// What DEBUG OBJECT says of how long a value is in a file.
fn serialized_length(reply: &[u8]) -> Vec<u8> {
    let words = reply.split(|byte| *byte == b' ');
    words
        .filter(|word| word.starts_with(b"serializedlength:"))
        .flatten()
        .copied()
        .collect()
}

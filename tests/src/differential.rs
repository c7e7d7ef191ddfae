//! The same random commands on the native engine and on a real Redis: the same bytes come back, but
//! for what depends on chance, on the clock, or on the order of a hash table.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

use crate::generate::{Script, Words, script};
use crate::native::Native;
use crate::play::{Patience, Player, Reading, Stage, encode};
use crate::real::Real;
use crate::text;

/// Commands in a script, at most.
const COMMANDS: usize = 30;

/// Two clocks may be this far apart when a deadline is computed from them.
const SLACK_MS: i64 = 2000;

/// Runs `cases` scripts of the families whose name contains `family`. A script that shows a
/// difference is cut down to the commands that matter: that is the error.
pub fn run(real: &mut Real, cases: u32, family: &str) -> Result<(), String> {
    let real = RefCell::new(real);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(
            &(script(COMMANDS, family), 2..=3_u8),
            |(script, protocol)| compare(&script, protocol, *real.borrow_mut()),
        )
        .map_err(|difference| difference.to_string())
}

fn compare(script: &Script, protocol: u8, real: &mut Real) -> TestCaseResult {
    let now_us = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros();
    let mut native =
        Native::start_at(u64::try_from(now_us).unwrap_or(0), &[]).map_err(TestCaseError::fail)?;
    let ours = answers(script, protocol, &mut native)?;
    let theirs = answers(script, protocol, real)?;
    for ((words, ours), theirs) in script.0.iter().zip(ours).zip(theirs) {
        prop_assert!(
            same(words, &ours, &theirs),
            "RESP{protocol}: {}\n real: {}\n ours: {}",
            text::command_line(words),
            text::quote(&theirs),
            text::quote(&ours),
        );
    }
    Ok(())
}

/// Plays a script from an empty keyspace, in one piece, and takes the replies apart.
fn answers(
    script: &Script,
    protocol: u8,
    player: &mut dyn Player,
) -> Result<Vec<Vec<u8>>, TestCaseError> {
    let protocol = protocol.to_string();
    let clean: [&[&str]; 4] = [
        &["RESET"],
        &["FLUSHALL"],
        &["ACL", "DELUSER", "u", "v", ""],
        &["HELLO", &protocol],
    ];
    let mut bytes: Vec<u8> = clean.iter().flat_map(|words| encode(words)).collect();
    bytes.extend(script.0.iter().flat_map(|words| encode(words)));
    let mut stage = Stage::new(player);
    stage.player.send("a", &bytes);
    let mut replies = Vec::new();
    for _ in 0..clean.len() + script.0.len() {
        match stage.read("a", Patience::Due) {
            Reading::Frame(frame) => replies.push(frame),
            Reading::End(_, rest) => {
                let rest = text::quote(&rest);
                return Err(TestCaseError::fail(format!("no whole reply, but {rest}")));
            }
        }
    }
    Ok(replies.split_off(clean.len()))
}

/// The same bytes, but for what depends on chance or on the clock.
fn same(words: &Words, ours: &[u8], theirs: &[u8]) -> bool {
    if ours == theirs {
        return true;
    }
    let name = words
        .first()
        .map(|word| word.to_ascii_uppercase())
        .unwrap_or_default();
    match name.as_slice() {
        b"KEYS" | b"SCAN" => parts(ours) == parts(theirs),
        // Both name a key, each one of its own choice.
        b"RANDOMKEY" => ours.starts_with(b"$") && theirs.starts_with(b"$"),
        b"PTTL" | b"PEXPIRETIME" => apart(ours, theirs).is_some_and(|apart| apart <= SLACK_MS),
        b"TTL" | b"EXPIRETIME" => apart(ours, theirs).is_some_and(|apart| apart <= SLACK_MS / 1000),
        b"EXEC" => apart_by_chance(ours, theirs),
        _ => false,
    }
}

/// True for replies of the same shape that differ in strings, such as keys that chance chose, and in
/// numbers no more than two clocks do.
fn apart_by_chance(ours: &[u8], theirs: &[u8]) -> bool {
    let lines = |reply: &[u8]| -> Vec<Vec<u8>> {
        reply
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    };
    let (ours, theirs) = (lines(ours), lines(theirs));
    let is_data = |line: &[u8]| !matches!(line.first(), Some(b'+' | b'-' | b':' | b'*' | b'_'));
    ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|(ours, theirs)| {
            ours == theirs
                || (is_data(ours) && is_data(theirs))
                || apart(ours, theirs).is_some_and(|apart| apart <= SLACK_MS)
        })
}

/// What a flat list holds, whatever its order.
fn parts(reply: &[u8]) -> Vec<&[u8]> {
    let mut parts: Vec<_> = reply.split(|byte| *byte == b'$').collect();
    parts.sort_unstable();
    parts
}

fn apart(ours: &[u8], theirs: &[u8]) -> Option<i64> {
    let number = |reply: &[u8]| -> Option<i64> {
        std::str::from_utf8(reply)
            .ok()?
            .trim_end()
            .strip_prefix(':')?
            .parse()
            .ok()
    };
    number(ours)?.checked_sub(number(theirs)?)?.checked_abs()
}

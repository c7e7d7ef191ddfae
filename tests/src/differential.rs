//! The same random commands on the native engine and on a real Redis: the same bytes come back, but
//! for what depends on chance, on the clock, or on the order of a hash table.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

use crate::generate::{Script, Words, script};
use crate::native::Native;
use crate::play::{Chunk, Patience, Player, Reading, Stage, encode};
use crate::real::Real;
use crate::text;

/// Commands in a script, at most.
const COMMANDS: usize = 30;

/// What SORT answers where elements are no numbers.
const NOT_A_DOUBLE: &[u8] = b"-ERR One or more scores can't be converted";

/// How long a command in a script waits at most, and how often one does.
const WAIT: Duration = Duration::from_millis(20);
const MOST_WAITS: usize = COMMANDS;

/// Two clocks may be this far apart when a deadline is computed from them.
const SLACK_MS: i64 = 2000;

/// The real Redis to compare with; `None` where there is no program.
pub fn start_real() -> Option<Real> {
    Real::start(&[("enable-debug-command".to_owned(), "yes".to_owned())])
}

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

/// A fresh engine, at the time it is.
pub(crate) fn native_now() -> Result<Native, TestCaseError> {
    let now_us = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros();
    Native::start_at(u64::try_from(now_us).unwrap_or(0), &[]).map_err(TestCaseError::fail)
}

fn compare(script: &Script, protocol: u8, real: &mut Real) -> TestCaseResult {
    let mut native = native_now()?;
    let ours = answers(script, protocol, &mut native)?;
    let theirs = answers(script, protocol, real)?;
    for ((words, ours), theirs) in script.0.iter().zip(ours).zip(theirs) {
        if ours != theirs && theirs.starts_with(NOT_A_DOUBLE) {
            // SORT looks at C's errno and does not clear it before: once a number was out of range,
            // no text reads as one. What follows cannot be compared.
            break;
        }
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
pub(crate) fn answers(
    script: &Script,
    protocol: u8,
    player: &mut dyn Player,
) -> Result<Vec<Vec<u8>>, TestCaseError> {
    let protocol = protocol.to_string();
    // No cursor: to refuse it, Redis clears C's errno, which SORT looks at.
    let clean: [&[&str]; 6] = [
        &["RESET"],
        &["FLUSHALL"],
        &["CONFIG", "SET", "rdbcompression", "yes"],
        &["ACL", "DELUSER", "u", "v", ""],
        &["HELLO", &protocol],
        &["SCAN", "x"],
    ];
    let mut bytes: Vec<u8> = clean.iter().flat_map(|words| encode(words)).collect();
    bytes.extend(script.0.iter().flat_map(|words| encode(words)));
    let mut stage = Stage::new(player);
    stage.player.send("a", &bytes);
    let mut replies = Vec::new();
    let mut waits = 0;
    while replies.len() < clean.len() + script.0.len() {
        match stage.read("a", Patience::Due) {
            Reading::Frame(frame) => replies.push(frame),
            // A command that waits, for a moment only: none has a longer timeout.
            Reading::End(Chunk::Silence, rest) if rest.is_empty() && waits < MOST_WAITS => {
                waits += 1;
                stage.player.advance(WAIT);
            }
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
        b"ZSCAN" => pairs(ours) == pairs(theirs),
        // The same number of members, each server's own choice.
        b"ZRANDMEMBER" => ours.starts_with(b"$") || first_line(ours) == first_line(theirs),
        // The C library's sine of one angle in a thousand is not rounded as well as it might be.
        b"ZRANGE" if words.iter().any(|word| word == b"dist") => nearly_the_same(ours, theirs),
        // Both name one, each of its own choice.
        b"RANDOMKEY" => ours.starts_with(b"$") && theirs.starts_with(b"$"),
        b"SRANDMEMBER" if words.len() == 2 => ours.starts_with(b"$") && theirs.starts_with(b"$"),
        b"KEYS" | b"SCAN" | b"SMEMBERS" | b"SUNION" | b"SDIFF" | b"SINTER" | b"SRANDMEMBER"
        | b"SSCAN" => parts(ours) == parts(theirs),
        b"PTTL" | b"PEXPIRETIME" => apart(ours, theirs).is_some_and(|apart| apart <= SLACK_MS),
        b"SORT" | b"SORT_RO" => {
            let may_tie = words.iter().any(|word| {
                word.eq_ignore_ascii_case(b"BY") || word.eq_ignore_ascii_case(b"ALPHA")
            });
            // What weighs the same comes in the order of a hash table, and LIMIT may cut there.
            may_tie && first_line(ours) == first_line(theirs)
        }
        // In a hash table members lie anyhow; `converse dumps` looks closer.
        b"DUMP" => ours.len() == theirs.len() && is_unordered(ours) && is_unordered(theirs),
        b"TTL" | b"EXPIRETIME" => apart(ours, theirs).is_some_and(|apart| apart <= SLACK_MS / 1000),
        b"EXEC" => apart_by_chance(ours, theirs),
        // In the order of a table; or of deadlines that were the same only with a clock that stands.
        b"HGETALL" | b"HKEYS" | b"HVALS" | b"HSCAN" => lines(ours) == lines(theirs),
        b"HRANDFIELD" => match words.get(2) {
            None => ours.starts_with(b"$") && theirs.starts_with(b"$"),
            Some(count) if count.starts_with(b"1000") => lines(ours) == lines(theirs),
            Some(_) => {
                ours.split(|byte| *byte == b'\r').next()
                    == theirs.split(|byte| *byte == b'\r').next()
            }
        },
        b"HPTTL" | b"HPEXPIRETIME" => each_apart(ours, theirs, SLACK_MS),
        b"HTTL" | b"HEXPIRETIME" => each_apart(ours, theirs, SLACK_MS / 1000),
        // When something was delivered, or how long ago.
        b"XPENDING" | b"XINFO" => same_but_for_times(ours, theirs),
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

/// The same lines, but for numbers that are a time: one with another number right behind it, or with
/// a name that says so before it.
fn same_but_for_times(ours: &[u8], theirs: &[u8]) -> bool {
    const TIMES: [&[u8]; 4] = [b"idle", b"inactive", b"seen-time", b"active-time"];
    let lines = |reply: &[u8]| -> Vec<Vec<u8>> {
        let lines = reply.split(|byte| *byte == b'\n');
        lines.map(|line| line.trim_ascii_end().to_vec()).collect()
    };
    let (ours, theirs) = (lines(ours), lines(theirs));
    ours.len() == theirs.len()
        && (0..ours.len()).all(|at| {
            let is_time = ours.get(at + 1).is_some_and(|next| next.starts_with(b":"))
                || at > 0 && TIMES.contains(&&*ours[at - 1]);
            ours[at] == theirs[at]
                || is_time && apart(&ours[at], &theirs[at]).is_some_and(|apart| apart <= SLACK_MS)
        })
}

/// A reply taken apart: heads of lists, strings and all else, one after the other.
fn elements(reply: &[u8]) -> Vec<&[u8]> {
    let mut elements = Vec::new();
    let mut rest = reply;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = &rest[..end];
        let string = head
            .strip_prefix(b"$")
            .and_then(|len| std::str::from_utf8(len).ok()?.trim_end().parse().ok());
        let len = end + 1 + string.map_or(0, |len: usize| len + 2);
        let (element, later) = rest.split_at(len.min(rest.len()));
        elements.push(element);
        rest = later;
    }
    elements
}

/// What a flat list holds, whatever its order.
fn parts(reply: &[u8]) -> Vec<&[u8]> {
    let mut parts = elements(reply);
    parts.sort_unstable();
    parts
}

/// What a reply is made of, whatever its order and however nested.
fn lines(reply: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = reply.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

/// True for lists of numbers that are as long, and nowhere further apart than that.
fn each_apart(ours: &[u8], theirs: &[u8], slack: i64) -> bool {
    let numbers = |reply: &[u8]| {
        reply
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    };
    let (ours, theirs): (Vec<_>, Vec<_>) = (numbers(ours), numbers(theirs));
    ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|(ours, theirs)| {
            ours == theirs || apart(ours, theirs).is_some_and(|apart| apart <= slack)
        })
}

/// True for what DUMP answers of a value in a hash table, or with a time in it that is only noted
/// (see [`crate::dumps`]).
fn is_unordered(reply: &[u8]) -> bool {
    const SET: u8 = 2;
    const HASH: u8 = 4;
    const EXPIRING_HASHES: [u8; 2] = [24, 25];
    let kind = reply.iter().skip_while(|byte| **byte != b'\n').nth(1);
    kind.is_some_and(|kind| *kind == SET || *kind == HASH || EXPIRING_HASHES.contains(kind))
}

/// What a list of pairs holds behind a cursor, whatever its order.
fn pairs(reply: &[u8]) -> Vec<Vec<&[u8]>> {
    let parts = elements(reply);
    let (head, pairs) = parts.split_at(parts.len().min(3));
    let mut pairs: Vec<_> = pairs.chunks(2).map(<[_]>::to_vec).collect();
    pairs.sort_unstable();
    pairs.push(head.to_vec());
    pairs
}

fn first_line(reply: &[u8]) -> &[u8] {
    reply
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default()
}

/// Line for line the same, but for doubles that differ in their last digit, and the lengths of
/// those.
fn nearly_the_same(ours: &[u8], theirs: &[u8]) -> bool {
    let lines = |reply: &[u8]| String::from_utf8_lossy(reply).into_owned();
    let (ours, theirs) = (lines(ours), lines(theirs));
    let number = |line: &str| line.trim_start_matches(',').parse::<f64>().ok();
    ours.lines().count() == theirs.lines().count()
        && ours.lines().zip(theirs.lines()).all(|(ours, theirs)| {
            let both_lengths = ours.starts_with('$') && theirs.starts_with('$');
            let near = match (number(ours), number(theirs)) {
                (Some(ours), Some(theirs)) => (ours - theirs).abs() <= theirs.abs() * 1e-15,
                _ => false,
            };
            ours == theirs || both_lengths || near
        })
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

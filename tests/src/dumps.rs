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

/// Libraries of functions, by name: of every shape that a dump can show.
const LIBRARIES: &[(&str, &str)] = &[
    (
        "plain",
        "redis.register_function('one', function(keys, args) return {#keys, args[1]} end)",
    ),
    (
        "described",
        "redis.register_function{function_name='two', description='what it does', flags={'no-writes', \
         'allow-stale'}, callback=function() return redis.call('DBSIZE') end}",
    ),
    (
        "long",
        "local words = '                                                                          ' \
         redis.register_function('three', function(keys) return redis.call('SET', keys[1], #words) end)",
    ),
];

/// Loads libraries on both servers and exchanges what FUNCTION DUMP gives, one by one and all at once.
pub fn functions(real: &mut Real) -> Result<(), String> {
    exchange_functions(real).map_err(|difference| difference.to_string())
}

fn exchange_functions(real: &mut Real) -> TestCaseResult {
    let mut native = differential::native_now()?;
    for libraries in LIBRARIES.chunks(1).chain([LIBRARIES]) {
        let mut dumps = Vec::new();
        for player in [&mut native as &mut dyn Player, real] {
            ask(player, &[b"FUNCTION", b"FLUSH", b"SYNC"])?;
            for (name, code) in libraries {
                let code = format!("#!lua name={name}\n{code}");
                let loaded = ask(player, &[b"FUNCTION", b"LOAD", code.as_bytes()])?;
                let expected = format!("${}\r\n{name}\r\n", name.len());
                same("loaded", name.as_bytes(), &loaded, expected.as_bytes())?;
            }
            let dump = ask(player, &[b"FUNCTION", b"DUMP"])?;
            dumps.push(payload(&dump).unwrap_or_default().to_vec());
        }
        if let [(name, _)] = libraries {
            // Of several the real server tells in no order.
            same("dump", name.as_bytes(), &dumps[0], &dumps[1])?;
        }
        dumps.reverse();
        let players = [&mut native as &mut dyn Player, real];
        for (player, dump) in players.into_iter().zip(&dumps) {
            let again = ask(player, &[b"FUNCTION", b"RESTORE", dump])?;
            prop_assert!(again.starts_with(b"-ERR"), "{}", text::quote(&again));
            for policy in [&b"REPLACE"[..], b"FLUSH"] {
                let restored = ask(player, &[b"FUNCTION", b"RESTORE", dump, policy])?;
                same("restored", policy, &restored, b"+OK\r\n")?;
            }
            ask(player, &[b"FUNCTION", b"FLUSH"])?;
            let restored = ask(player, &[b"FUNCTION", b"RESTORE", dump, b"APPEND"])?;
            same("restored", b"APPEND", &restored, b"+OK\r\n")?;
        }
        for (name, _) in libraries {
            let list = [
                &b"FUNCTION"[..],
                b"LIST",
                b"LIBRARYNAME",
                name.as_bytes(),
                b"WITHCODE",
            ];
            same(
                "library",
                name.as_bytes(),
                &ask(&mut native, &list)?,
                &ask(real, &list)?,
            )?;
        }
        for call in [
            &[&b"FCALL"[..], b"one", b"1", b"key", b"arg"][..],
            &[b"FCALL_RO", b"two", b"0"],
            &[b"FCALL", b"three", b"1", b"key"],
        ] {
            same("call", call[1], &ask(&mut native, call)?, &ask(real, call)?)?;
        }
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

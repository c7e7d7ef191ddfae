//! The same random commands of several clients on the native engine and on a real Redis: after each,
//! every client has been sent the same bytes.
//!
//! A command has been run when a client of the test's own has been answered twice: the real server
//! reads what came first first, and writes what it owes before it reads again.

use std::cell::RefCell;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

use crate::differential::{self, native_now};
use crate::generate::Words;
use crate::generate::crowd::{CLIENTS, Crowd, ID_OF, MOMENT, crowd, name};
use crate::play::{Chunk, Patience, Player, encode};
use crate::real::Real;
use crate::text;

/// Commands in a script, at most.
const COMMANDS: usize = 25;

/// Long enough for a command that waits for a moment, or to empty a small database elsewhere.
const PASSING: Duration = Duration::from_millis(80);

/// What a client hears that is cut off.
const CLOSED: &[u8] = b"(closed)";

/// The client whose answers tell that commands were run.
const WATCH: &str = "watch";

/// Runs `cases` scripts. One that shows a difference is cut down to what matters: that is the error.
pub fn run(real: &mut Real, cases: u32) -> Result<(), String> {
    let real = RefCell::new(real);
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&(crowd(COMMANDS), 0..1_u8 << CLIENTS), |(script, resp3)| {
            let real = &mut **real.borrow_mut();
            real.reconnect();
            let compared = compare(&script, resp3, real);
            if compared.is_err() && real.is_gone() {
                // 8.0.2 does, now and then, in `lookupKey`: that is nothing to be like.
                eprintln!("the real server crashed and was started again: {script:?}");
                let another = differential::start_real();
                *real = another.ok_or_else(|| TestCaseError::fail("it does not start again"))?;
                return Ok(());
            }
            compared
        })
        .map_err(|difference| difference.to_string())
}

/// `resp3` has a bit for each client that speaks RESP3.
fn compare(script: &Crowd, resp3: u8, real: &mut Real) -> TestCaseResult {
    let mut native = native_now()?;
    let mut ids = [const { Vec::new() }; 2];
    for (player, ids) in [&mut native as &mut dyn Player, real]
        .into_iter()
        .zip(&mut ids)
    {
        catch_up(player)?;
        ask(player, &["CLIENT", "UNPAUSE"])?;
        ask(player, &["FLUSHALL"])?;
        ask(player, &["CONFIG", "SET", "notify-keyspace-events", "KEA"])?;
        for client in 0..CLIENTS {
            ids.push(greet(player, client, resp3)?);
        }
    }
    for (client, words) in &script.0 {
        for (player, ids) in [&mut native as &mut dyn Player, real].into_iter().zip(&ids) {
            player.send(name(*client), &encode(&with_ids(words, ids)));
            catch_up(player)?;
            let waits = |word: &Vec<u8>| word == MOMENT.as_bytes() || word == b"20";
            if words.iter().any(waits) {
                player.advance(PASSING);
                catch_up(player)?;
            }
        }
        for listener in 0..CLIENTS {
            let (mut ours, mut theirs) = (drain(&mut native, listener), drain(real, listener));
            if ours != theirs {
                // The real one empties a database in a thread, and answers when that is done; or a moment
                // is over there, and not yet here.
                for player in [&mut native as &mut dyn Player, real] {
                    player.advance(PASSING);
                    catch_up(player)?;
                }
                ours.extend(drain(&mut native, listener));
                theirs.extend(drain(real, listener));
            }
            let (ours, theirs) = (without_times(&ours), without_times(&theirs));
            prop_assert!(
                ours == theirs,
                "{}> {}\n to {}, resp3 {resp3:04b}\n real: {}\n ours: {}",
                name(*client),
                text::command_line(words),
                name(listener),
                text::quote(&theirs),
                text::quote(&ours),
            );
            if ours.ends_with(CLOSED) {
                // It comes again, as somebody new.
                for (player, ids) in [&mut native as &mut dyn Player, real]
                    .into_iter()
                    .zip(&mut ids)
                {
                    player.leave(name(listener));
                    ids[listener] = greet(player, listener, resp3)?;
                }
            }
        }
    }
    Ok(())
}

/// Has a client come, and returns its id.
fn greet(player: &mut dyn Player, client: usize, resp3: u8) -> Result<Vec<u8>, TestCaseError> {
    let protocol = if resp3 & 1 << client == 0 { "2" } else { "3" };
    player.send(name(client), &encode(&["HELLO", protocol]));
    catch_up(player)?;
    drain(player, client);
    player.send(name(client), &encode(&["CLIENT", "ID"]));
    catch_up(player)?;
    let id = drain(player, client);
    Ok(id.iter().copied().filter(u8::is_ascii_digit).collect())
}

/// A command with ids in place of what stands for them.
fn with_ids(words: &Words, ids: &[Vec<u8>]) -> Words {
    let known = |word: &Vec<u8>| {
        let client = ID_OF.iter().position(|name| name.as_bytes() == word)?;
        ids.get(client).cloned()
    };
    words
        .iter()
        .map(|word| known(word).unwrap_or_else(|| word.clone()))
        .collect()
}

/// What a client was sent, without the times and addresses that MONITOR tells, and without what it tells of
/// the test's own client.
fn without_times(bytes: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let shown = line
            .strip_prefix(b"+")
            .filter(|line| line.starts_with(b"1"));
        let command = shown.and_then(|line| {
            let open = line.iter().position(|byte| *byte == b'[')?;
            let close = line.iter().position(|byte| *byte == b']')?;
            let db = line.get(open + 1..)?.split(|byte| *byte == b' ').next()?;
            Some((db, line.get(close + 1..)?))
        });
        match command {
            None => rest.extend_from_slice(line),
            Some((_, b" \"PING\"\r\n")) => {}
            Some((_, command)) if is_about_a_client(command) => {}
            Some((db, command)) => {
                rest.extend_from_slice(b"+[");
                rest.extend_from_slice(db);
                rest.extend_from_slice(b"]");
                rest.extend_from_slice(command);
            }
        }
    }
    rest
}

/// True for what MONITOR tells of commands that name ids, or greet.
fn is_about_a_client(command: &[u8]) -> bool {
    command.starts_with(b" \"CLIENT\"") || command.starts_with(b" \"HELLO\"")
}

/// Waits until all that was sent is run, and what came of it is on its way.
fn catch_up(player: &mut dyn Player) -> Result<(), TestCaseError> {
    ask(player, &["PING"])?;
    ask(player, &["PING"])
}

fn ask(player: &mut dyn Player, words: &[&str]) -> Result<(), TestCaseError> {
    player.send(WATCH, &encode(words));
    let mut reply = Vec::new();
    while !reply.ends_with(b"\r\n") {
        match player.receive(WATCH, Patience::Due) {
            Chunk::Bytes(bytes) => reply.extend(bytes),
            _ => return Err(TestCaseError::fail(format!("no answer to {words:?}"))),
        }
    }
    Ok(())
}

/// All that a client was sent and has not taken yet.
fn drain(player: &mut dyn Player, client: usize) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match player.receive(name(client), Patience::None) {
            Chunk::Bytes(bytes) => all.extend(bytes),
            Chunk::Silence => return all,
            Chunk::Closed => {
                all.extend(CLOSED);
                return all;
            }
        }
    }
}

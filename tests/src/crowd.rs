//! The same random commands of several clients on the native engine and on a real Redis: after each,
//! every client has been sent the same bytes.
//!
//! A command has been run when a client of the test's own has been answered twice: the real server
//! reads what came first first, and writes what it owes before it reads again.

use std::cell::RefCell;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

use crate::differential::native_now;
use crate::generate::crowd::{CLIENTS, Crowd, MOMENT, crowd, name};
use crate::play::{Chunk, Patience, Player, encode};
use crate::real::Real;
use crate::text;

/// Commands in a script, at most.
const COMMANDS: usize = 25;

/// Long enough for a command that waits for a moment.
const PASSING: Duration = Duration::from_millis(80);

/// Long enough to empty a small database elsewhere.
const FLUSHING: Duration = Duration::from_millis(20);

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
            let real = &mut *real.borrow_mut();
            real.reconnect();
            compare(&script, resp3, real)
        })
        .map_err(|difference| difference.to_string())
}

/// `resp3` has a bit for each client that speaks RESP3.
fn compare(script: &Crowd, resp3: u8, real: &mut Real) -> TestCaseResult {
    let mut native = native_now()?;
    for player in [&mut native as &mut dyn Player, real] {
        catch_up(player)?;
        ask(player, &["FLUSHALL"])?;
        ask(player, &["CONFIG", "SET", "notify-keyspace-events", "KEA"])?;
        for client in 0..CLIENTS {
            let protocol = if resp3 & 1 << client == 0 { "2" } else { "3" };
            player.send(name(client), &encode(&["HELLO", protocol]));
            catch_up(player)?;
            drain(player, client);
        }
    }
    for (client, words) in &script.0 {
        for player in [&mut native as &mut dyn Player, real] {
            player.send(name(*client), &encode(words));
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
                // The real one empties a database in a thread, and answers when that is done.
                for player in [&mut native as &mut dyn Player, real] {
                    player.advance(FLUSHING);
                    catch_up(player)?;
                }
                ours.extend(drain(&mut native, listener));
                theirs.extend(drain(real, listener));
            }
            prop_assert!(
                ours == theirs,
                "{}> {}\n to {}, resp3 {resp3:04b}\n real: {}\n ours: {}",
                name(*client),
                text::command_line(words),
                name(listener),
                text::quote(&theirs),
                text::quote(&ours),
            );
        }
    }
    Ok(())
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
                all.extend(b"(closed)");
                return all;
            }
        }
    }
}

//! What the engine holds once nothing is stored: as much after many commands as after few.
//!
//! The count is the process's: nothing else may run beside it.

use petridis_guest::memory;

use super::*;

/// How often a script is played on one engine, nothing being left in between.
const ROUNDS: usize = 64;

/// The rounds after which all that is kept to be used again (buffers, tables of names) has its size.
const EARLY: std::ops::Range<usize> = 8..16;

/// Whatever is left behind in each round has grown threefold by then, and with it what holds it, which
/// grows by doubling.
const LATE: std::ops::Range<usize> = 48..64;

/// Plays scripts over and over, removes all keys after each time, and looks at what is allocated then.
/// Returns how many commands were said.
pub fn gives_memory_back(scripts: u32, seed: u64) -> Result<usize, String> {
    Ok(ROUNDS * for_each_script(scripts, seed, play_over_and_over)?)
}

fn play_over_and_over(script: &[Turn]) -> Result<(), String> {
    let mut native = Native::start(&[])?;
    let mut held = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        for turn in script {
            native.advance(Duration::from_millis(turn.passing_ms));
            native.send(CLIENTS[turn.client], &encode(&turn.words));
            let _ = native.receive(CLIENTS[turn.client], Patience::None);
        }
        // Somebody may wait, with requests that came after.
        CLIENTS.iter().for_each(|client| native.leave(client));
        empty(&mut native, round)?;
        held.push(memory::used());
    }
    let early = held[EARLY].iter().max();
    if held[LATE].iter().min() > early {
        return Err(format!("memory is not given back: {held:?}"));
    }
    Ok(())
}

/// Removes all keys, in another way each time.
fn empty(native: &mut Native, round: usize) -> Result<(), String> {
    let way = round % 4;
    if way == 0 {
        ask(native, &["FLUSHALL"])?;
    }
    for db in DATABASES {
        ask(native, &["SELECT", db])?;
        for key in strings(&ask(native, &["KEYS", "*"])?) {
            let key = key.as_slice();
            match way {
                1 => drop(ask(native, &[b"DEL".as_slice(), key])?),
                2 => drop(ask(native, &[b"PEXPIRE".as_slice(), key, b"1"])?),
                _ => {
                    ask(native, &[b"SET".as_slice(), key, b"something else"])?;
                    ask(native, &[b"UNLINK".as_slice(), key])?;
                }
            }
        }
    }
    native.advance(Duration::from_millis(2));
    Ok(())
}

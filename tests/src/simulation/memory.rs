//! What the engine holds once nothing is stored: as much after many commands as after few. And what it
//! says a key takes is what is free when the key is gone.
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
    // An image that falls due would be on its way from then on.
    let mut native = Native::start(&[("save".to_owned(), String::new())])?;
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
                1 if EARLY.start < round => remove(native, key)?,
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

/// Removes a key and compares what is free then with what the engine said that it takes: to the byte,
/// but for streams, of which it counts the entries and not what holds them together.
fn remove(native: &mut Native, key: &[u8]) -> Result<(), String> {
    // What stays: the place in its table, in the index, and in the order of deadlines.
    const INDEX: i64 = 8;
    const DEADLINE: i64 = 16;
    let entry = size_of::<petridis_guest::keyspace::Entry>() as i64;
    let mut number = |words: &[&[u8]]| -> Result<i64, String> {
        let reply = integers(&ask(native, words)?);
        reply.first().copied().ok_or("no number".to_owned())
    };
    let told = number(&[b"MEMORY", b"USAGE", key])?;
    let expires = number(&[b"PEXPIRETIME", key])? >= 0;
    let stays = entry + INDEX + if expires { DEADLINE } else { 0 };
    let kind = ask(native, &[b"TYPE".as_slice(), key])?;
    let before = memory::used() as i64;
    ask(native, &[b"DEL".as_slice(), key])?;
    let freed = before - memory::used() as i64;
    let is_true = match kind.as_slice() {
        b"+stream\r\n" => told - stays <= freed,
        _ => told - stays == freed,
    };
    if is_true {
        return Ok(());
    }
    let (key, kind) = (text::quote(key), text::quote(&kind));
    Err(format!(
        "{key}, {kind}, is told to take {told} bytes, {stays} of which stay, and {freed} are free"
    ))
}

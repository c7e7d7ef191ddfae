//! The engine compiled natively, behind a plain TCP listener: for profilers, debuggers and quick
//! runs of test suites. Not the product: no sandbox, no limits on who reads slowly.
//!
//! `cargo run -p petridis-guest --profile quick --example serve -- --port 6390 [--name value ...]`

#![allow(clippy::print_stdout, reason = "the ready line of a program")]

use std::collections::HashMap;
use std::fs;
use std::io::{Error, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use petridis_guest::engine::{Batch, Effects, Engine, ImageFile, Options, Transport};

struct State {
    engine: Engine,
    streams: HashMap<u32, TcpStream>,
    wake_at_us: Option<u64>,
}

struct Shared {
    state: Mutex<State>,
    timer: Condvar,
}

fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_micros() as u64)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, state: &mut State, act: impl FnOnce(&mut Batch<'_>)) {
        let mut batch = state.engine.begin(now_us());
        act(&mut batch);
        let effects = batch.finish();
        self.carry_out(state, effects);
    }

    fn carry_out(&self, state: &mut State, mut effects: Effects) {
        loop {
            let saved = effects.image.map(|image| (image.number, write(&image)));
            for send in &effects.sends {
                let bytes = &effects.bytes[send.start as usize..][..send.length as usize];
                if let Some(mut stream) = state.streams.get(&send.connection) {
                    // A peer that is gone is noticed by the thread that reads from it.
                    let _ = stream.write_all(bytes);
                }
            }
            for line in &effects.logs {
                eprintln!("{:?} {}", line.level, line.text);
            }
            for close in &effects.closes {
                if let Some(stream) = state.streams.remove(&close.connection) {
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                }
            }
            if effects.exit {
                std::process::exit(0);
            }
            let now_us = now_us();
            state.wake_at_us = effects.wake_at_us;
            if saved.is_none() && effects.wake_at_us.is_none_or(|at_us| at_us > now_us) {
                break;
            }
            let mut batch = state.engine.begin(now_us);
            if let Some((number, written)) = saved {
                batch.saved(number, written);
            }
            effects = batch.finish();
        }
        self.timer.notify_one();
    }

    /// Steps whenever the engine wants to be woken.
    fn keep_time(&self) {
        let mut state = self.lock();
        loop {
            let now_us = now_us();
            let wait_us = state
                .wake_at_us
                .map_or(1_000_000, |at_us| at_us.saturating_sub(now_us));
            if wait_us == 0 {
                self.step(&mut state, |_| {});
                continue;
            }
            let wait = Duration::from_micros(wait_us.min(1_000_000));
            let waited = self.timer.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn serve(&self, number: u32, mut stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let (peer, local) = (
            stream.peer_addr()?.to_string(),
            stream.local_addr()?.to_string(),
        );
        let own = stream.try_clone()?;
        let mut state = self.lock();
        state.streams.insert(number, own);
        self.step(&mut state, |batch| {
            batch.opened(number, Transport::Tcp, peer, local)
        });
        drop(state);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = stream.read(&mut buffer).unwrap_or(0);
            let mut state = self.lock();
            if !state.streams.contains_key(&number) {
                return Ok(());
            }
            if length == 0 {
                state.streams.remove(&number);
                self.step(&mut state, |batch| batch.closed(number));
                return Ok(());
            }
            self.step(&mut state, |batch| {
                batch.received(number, &buffer[..length])
            });
        }
    }
}

/// Writes an image to its file, as a whole or not at all.
fn write(image: &ImageFile) -> bool {
    let folder = Path::new(&image.folder);
    let unfinished = folder.join(format!("temp-{}.rdb", std::process::id()));
    fs::write(&unfinished, &image.bytes)
        .and_then(|()| fs::rename(&unfinished, folder.join(&image.name)))
        .is_ok()
}

fn main() -> Result<()> {
    let mut port = "6390".to_owned();
    let mut config: Vec<(String, String)> = Vec::new();
    for arg in std::env::args().skip(1) {
        match (arg.strip_prefix("--"), config.last_mut()) {
            (Some(name), _) => config.push((name.to_owned(), String::new())),
            (None, Some((_, value))) if value.is_empty() => *value = arg,
            (None, Some((_, value))) => *value = format!("{value} {arg}"),
            (None, None) => return Err(Error::other(format!("{arg}: a parameter begins with --"))),
        }
    }
    config.retain(|(name, value)| {
        if name == "port" {
            port.clone_from(value);
        }
        name != "port"
    });
    // No file is written unless it is asked for.
    config.insert(0, ("save".to_owned(), String::new()));
    let parameter = |name: &str| {
        let given = config.iter().rev().find(|(known, _)| known == name);
        given.map(|(_, value)| value.clone())
    };
    // Only from a folder that was named: what lies about is not meant.
    let file = parameter("dir").map(|folder| {
        let name = parameter("dbfilename").unwrap_or_else(|| "dump.rdb".to_owned());
        Path::new(&folder).join(name)
    });
    let mut engine = Engine::start(Options {
        now_us: now_us(),
        seed: 7,
        memory_ceiling: 4 << 30,
        config,
        facts: vec![("tcp_port".to_owned(), port.clone())],
    })
    .map_err(Error::other)?;
    if let Some(file) = file.filter(|file| file.exists()) {
        engine.load(&fs::read(file)?).map_err(Error::other)?;
    }
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            engine,
            streams: HashMap::new(),
            wake_at_us: None,
        }),
        timer: Condvar::new(),
    });
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("Ready to accept connections on {}", listener.local_addr()?);
    let timer = shared.clone();
    thread::spawn(move || timer.keep_time());
    for (number, stream) in listener.incoming().enumerate() {
        let (shared, stream) = (shared.clone(), stream?);
        thread::spawn(move || shared.serve(number as u32, stream));
    }
    Ok(())
}

//! The engine compiled natively, behind a plain TCP listener: for profilers, debuggers and quick
//! runs of test suites. Not the product: no sandbox, a thread for each connection.
//!
//! `cargo run -p petridis-guest --profile quick --example serve -- --port 6390 [--name value ...]`

#![allow(clippy::print_stdout, reason = "the ready line of a program")]

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use petridis_guest::engine::{Batch, Effects, Engine, ImageFile, Options, Transport};

/// How long a write may take before the rest is left to a thread of its own.
const PATIENCE: Duration = Duration::from_millis(1);

/// A connection, and what its peer has not taken yet.
struct Peer {
    stream: Arc<TcpStream>,
    pieces: VecDeque<Vec<u8>>,
    waiting: u64,
}

struct State {
    engine: Engine,
    peers: HashMap<u32, Peer>,
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

/// Writes what the peer takes at once; `None` once it is gone, which the thread that reads notices.
fn write_some(mut stream: &TcpStream, bytes: &[u8]) -> Option<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(0) => return None,
            Ok(length) => written += length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(written)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(self: &Arc<Self>, state: &mut State, act: impl FnOnce(&mut Batch<'_>)) {
        let mut batch = state.engine.begin(now_us());
        act(&mut batch);
        let effects = batch.finish();
        self.carry_out(state, effects);
    }

    fn carry_out(self: &Arc<Self>, state: &mut State, mut effects: Effects) {
        loop {
            let saved = effects.image.map(|image| (image.number, write(&image)));
            let mut slow = Vec::new();
            for send in &effects.sends {
                let bytes = &effects.bytes[send.start as usize..][..send.length as usize];
                if self.send(state, send.connection, bytes) {
                    slow.push(send.connection);
                }
            }
            for line in &effects.logs {
                eprintln!("{:?} {}", line.level, line.text);
            }
            for close in &effects.closes {
                if let Some(peer) = state.peers.remove(&close.connection) {
                    let _ = peer.stream.shutdown(Shutdown::Both);
                }
            }
            if effects.exit {
                std::process::exit(0);
            }
            let now_us = now_us();
            state.wake_at_us = effects.wake_at_us;
            if saved.is_none()
                && slow.is_empty()
                && effects.wake_at_us.is_none_or(|at_us| at_us > now_us)
            {
                break;
            }
            let mut batch = state.engine.begin(now_us);
            if let Some((number, written)) = saved {
                batch.saved(number, written);
            }
            for connection in slow {
                if let Some(peer) = state.peers.get(&connection) {
                    batch.unsent(connection, peer.waiting);
                }
            }
            effects = batch.finish();
        }
        self.timer.notify_one();
    }

    /// Sends to a connection; true if the peer does not take it all by now.
    fn send(self: &Arc<Self>, state: &mut State, number: u32, bytes: &[u8]) -> bool {
        let Some(peer) = state.peers.get_mut(&number) else {
            return false;
        };
        let is_first = peer.waiting == 0;
        let written = if is_first {
            write_some(&peer.stream, bytes).unwrap_or(bytes.len())
        } else {
            0
        };
        if written == bytes.len() {
            return false;
        }
        peer.pieces.push_back(bytes[written..].to_vec());
        peer.waiting += (bytes.len() - written) as u64;
        if is_first {
            let shared = self.clone();
            thread::spawn(move || shared.flush(number));
        }
        true
    }

    /// Sends what waits for a peer until nothing does.
    fn flush(self: &Arc<Self>, number: u32) {
        loop {
            let mut state = self.lock();
            let Some(peer) = state.peers.get_mut(&number) else {
                return;
            };
            let Some(piece) = peer.pieces.pop_front() else {
                return;
            };
            let stream = peer.stream.clone();
            drop(state);
            let written = write_some(&stream, &piece);
            let mut state = self.lock();
            let Some(peer) = state.peers.get_mut(&number) else {
                return;
            };
            // To a peer that is gone everything is sent.
            let sent = written.unwrap_or(piece.len());
            peer.waiting -= sent as u64;
            if sent < piece.len() {
                peer.pieces.push_front(piece[sent..].to_vec());
            }
            let left = peer.waiting;
            if sent > 0 {
                self.step(&mut state, |batch| batch.unsent(number, left));
            }
            drop(state);
            if sent == 0 {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Steps whenever the engine wants to be woken.
    fn keep_time(self: &Arc<Self>) {
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

    fn serve(self: &Arc<Self>, number: u32, mut stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (name, local) = (
            stream.peer_addr()?.to_string(),
            stream.local_addr()?.to_string(),
        );
        let peer = Peer {
            stream: Arc::new(stream.try_clone()?),
            pieces: VecDeque::new(),
            waiting: 0,
        };
        let mut state = self.lock();
        state.peers.insert(number, peer);
        self.step(&mut state, |batch| {
            batch.opened(number, Transport::Tcp, name, local)
        });
        drop(state);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = stream.read(&mut buffer).unwrap_or(0);
            let mut state = self.lock();
            if !state.peers.contains_key(&number) {
                return Ok(());
            }
            if length == 0 {
                state.peers.remove(&number);
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
        facts: vec![
            ("tcp_port".to_owned(), port.clone()),
            ("process_id".to_owned(), std::process::id().to_string()),
        ],
    })
    .map_err(Error::other)?;
    if let Some(file) = file.filter(|file| file.exists()) {
        engine.load(&fs::read(file)?).map_err(Error::other)?;
    }
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            engine,
            peers: HashMap::new(),
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

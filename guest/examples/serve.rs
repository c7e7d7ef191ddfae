//! The engine compiled natively, behind a plain TCP listener: for profilers, debuggers and quick
//! runs of test suites. Not the product: no sandbox, a thread for each connection.
//!
//! `cargo run -p petridis-guest --profile quick --example serve -- --port 6390 [--name value ...]`

#![allow(clippy::print_stdout, reason = "the ready line of a program")]

use std::collections::HashMap;
use std::fs;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use petridis_guest::engine::{
    Batch, Effects, Engine, Errand, ImageFile, Options, Refusal, Transport,
};

/// How long a write may take before the rest is left to a thread of its own.
const PATIENCE: Duration = Duration::from_millis(1);

/// Events that may wait for the engine before who brings them has to wait.
const EVENTS: usize = 1024;

/// What happened on a connection.
enum Event {
    Opened(TcpStream),
    Received(Vec<u8>),
    /// A slow peer has taken this many bytes.
    Taken(u64),
    Closed,
}

type Events = SyncSender<(u32, Event)>;

/// A connection, and what its peer has not taken yet.
struct Peer {
    stream: TcpStream,
    /// To the thread that writes when the peer is slow, once there is one.
    backlog: Option<Sender<Vec<u8>>>,
    waiting: u64,
}

/// The engine and its connections, on the one thread that owns them.
struct Driver {
    engine: Engine,
    peers: HashMap<u32, Peer>,
    events: Events,
    wake_at_us: Option<u64>,
    /// How long the last step took.
    took_us: u64,
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

/// Writes to a slow peer, and tells what it has taken.
fn write_slowly(number: u32, stream: &TcpStream, pieces: &Receiver<Vec<u8>>, events: &Events) {
    for piece in pieces {
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            // To a peer that is gone everything is sent.
            let taken = write_some(stream, rest).unwrap_or(rest.len());
            rest = &rest[taken..];
            if taken > 0 && events.send((number, Event::Taken(taken as u64))).is_err() {
                return;
            }
        }
    }
}

impl Peer {
    /// Sends; true if the peer does not take it all by now.
    fn send(&mut self, number: u32, bytes: &[u8], events: &Events) -> bool {
        let mut rest = bytes;
        if self.waiting == 0 {
            let written = write_some(&self.stream, bytes).unwrap_or(bytes.len());
            rest = &bytes[written..];
        }
        if rest.is_empty() {
            return false;
        }
        self.waiting += rest.len() as u64;
        let backlog = self.backlog.get_or_insert_with(|| {
            let (sender, pieces) = channel();
            if let Ok(stream) = self.stream.try_clone() {
                let events = events.clone();
                thread::spawn(move || write_slowly(number, &stream, &pieces, &events));
            }
            sender
        });
        let _ = backlog.send(rest.to_vec());
        true
    }
}

impl Driver {
    fn step(&mut self, act: impl FnOnce(&mut Batch<'_>)) {
        let effects = self.effects_of(act);
        self.carry_out(effects);
    }

    fn effects_of(&mut self, act: impl FnOnce(&mut Batch<'_>)) -> Effects {
        let start_us = now_us();
        self.engine.took(std::mem::take(&mut self.took_us));
        let mut batch = self.engine.begin(start_us);
        act(&mut batch);
        let effects = batch.finish();
        self.took_us = now_us().saturating_sub(start_us);
        effects
    }

    fn carry_out(&mut self, mut effects: Effects) {
        loop {
            let done = effects.errand.map(perform);
            let saved = effects.image.map(|image| (image.number, write(&image)));
            let mut slow = Vec::new();
            for send in &effects.sends {
                let bytes = &effects.bytes[send.start as usize..][..send.length as usize];
                if let Some(peer) = self.peers.get_mut(&send.connection)
                    && peer.send(send.connection, bytes, &self.events)
                {
                    slow.push(send.connection);
                }
            }
            for line in &effects.logs {
                eprintln!("{:?} {}", line.level, line.text);
            }
            for close in &effects.closes {
                if let Some(peer) = self.peers.remove(&close.connection) {
                    let _ = peer.stream.shutdown(Shutdown::Both);
                }
            }
            if effects.exit {
                std::process::exit(0);
            }
            self.wake_at_us = effects.wake_at_us;
            if saved.is_none() && done.is_none() && slow.is_empty() {
                return;
            }
            let waiting: Vec<(u32, u64)> = slow
                .into_iter()
                .filter_map(|connection| Some((connection, self.peers.get(&connection)?.waiting)))
                .collect();
            effects = self.effects_of(|batch| {
                if let Some(done) = done {
                    batch.done(done);
                }
                if let Some((number, written)) = saved {
                    batch.saved(number, written);
                }
                for (connection, bytes) in waiting {
                    batch.unsent(connection, bytes);
                }
            });
        }
    }

    /// Steps for each event, and whenever the engine wants to be woken.
    fn run(&mut self, events: &Receiver<(u32, Event)>) {
        loop {
            let wait_us = self
                .wake_at_us
                .map_or(1_000_000, |at_us| at_us.saturating_sub(now_us()));
            match events.recv_timeout(Duration::from_micros(wait_us.min(1_000_000))) {
                Ok((number, event)) => self.handle(number, event),
                Err(RecvTimeoutError::Timeout) => {
                    if self.wake_at_us.is_some_and(|at_us| at_us <= now_us()) {
                        self.step(|_| {});
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn handle(&mut self, number: u32, event: Event) {
        match event {
            Event::Opened(stream) => {
                let name = |address: Result<std::net::SocketAddr>| {
                    address.map_or_else(|_| String::new(), |address| address.to_string())
                };
                let (name, local) = (name(stream.peer_addr()), name(stream.local_addr()));
                let peer = Peer {
                    stream,
                    backlog: None,
                    waiting: 0,
                };
                self.peers.insert(number, peer);
                self.step(|batch| batch.opened(number, Transport::Tcp, name, local));
            }
            Event::Received(bytes) if self.peers.contains_key(&number) => {
                self.step(|batch| batch.received(number, &bytes));
            }
            Event::Taken(bytes) => {
                if let Some(peer) = self.peers.get_mut(&number) {
                    peer.waiting -= bytes;
                    let waiting = peer.waiting;
                    self.step(|batch| batch.unsent(number, waiting));
                }
            }
            Event::Closed if self.peers.remove(&number).is_some() => {
                self.step(|batch| batch.closed(number));
            }
            Event::Received(_) | Event::Closed => {}
        }
    }
}

/// Tells what comes from a connection, until it ends.
fn read(number: u32, mut stream: TcpStream, events: &Events) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let event = match stream.read(&mut buffer) {
            Ok(length) if length > 0 => Event::Received(buffer[..length].to_vec()),
            _ => Event::Closed,
        };
        let ended = matches!(event, Event::Closed);
        if events.send((number, event)).is_err() || ended {
            return;
        }
    }
}

/// Accepts connections, numbered from 0.
fn accept(listener: &TcpListener, events: &Events) {
    for (number, stream) in listener.incoming().enumerate() {
        let Ok(stream) = stream else { continue };
        // Without it, small replies wait for one another.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(PATIENCE));
        let (number, events) = (number as u32, events.clone());
        let Ok(own) = stream.try_clone() else {
            continue;
        };
        if events.send((number, Event::Opened(own))).is_err() {
            return;
        }
        thread::spawn(move || read(number, stream, &events));
    }
}

/// Reads or writes a file; parameters that only a host heeds are taken as they are.
fn perform(errand: Errand) -> std::result::Result<Vec<u8>, Refusal> {
    let done = match errand {
        Errand::Read(path) => fs::read(path),
        Errand::Write { path, bytes } => fs::write(path, bytes).map(|()| Vec::new()),
        Errand::Configure(_) => Ok(Vec::new()),
    };
    done.map_err(|error| Refusal {
        about: String::new(),
        why: match error.kind() {
            ErrorKind::NotFound => "No such file or directory".to_owned(),
            _ => error.to_string(),
        },
    })
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
    let acl_file = parameter("aclfile").map(|name| {
        let folder = parameter("dir").unwrap_or_default();
        fs::read(Path::new(&folder).join(name))
    });
    let acl_file = acl_file.transpose()?;
    let mut engine = Engine::start(Options {
        now_us: now_us(),
        seed: 7,
        memory_ceiling: 4 << 30,
        config,
        facts: vec![
            ("tcp_port".to_owned(), port.clone()),
            ("process_id".to_owned(), std::process::id().to_string()),
        ],
        acl_file,
    })
    .map_err(Error::other)?;
    if let Some(file) = file.filter(|file| file.exists()) {
        engine.load(&fs::read(file)?).map_err(Error::other)?;
    }
    let (sender, events) = sync_channel(EVENTS);
    let mut driver = Driver {
        engine,
        peers: HashMap::new(),
        events: sender.clone(),
        wake_at_us: None,
        took_us: 0,
    };
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("Ready to accept connections on {}", listener.local_addr()?);
    thread::spawn(move || accept(&listener, &sender));
    driver.run(&events);
    Ok(())
}

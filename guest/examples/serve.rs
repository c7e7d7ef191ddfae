//! The engine compiled natively, behind a plain TCP listener: for profilers, debuggers and quick
//! runs of test suites. Not the product: no sandbox, no limits on who reads slowly.
//!
//! `cargo run -p petridis-guest --profile quick --example serve -- --port 6390 [--name value ...]`

#![allow(clippy::print_stdout, reason = "the ready line of a program")]

use std::collections::HashMap;
use std::io::{Error, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use petridis_guest::engine::{Batch, Effects, Engine, Options, Transport};

/// What happened on a connection.
enum Event {
    Opened(TcpStream),
    Received(Vec<u8>),
    Closed,
}

/// The engine and its connections, on the one thread that owns them.
struct Driver {
    engine: Engine,
    streams: HashMap<u32, TcpStream>,
    wake_at_us: Option<u64>,
}

fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_micros() as u64)
}

impl Driver {
    fn step(&mut self, act: impl FnOnce(&mut Batch<'_>)) {
        let mut batch = self.engine.begin(now_us());
        act(&mut batch);
        let effects = batch.finish();
        self.carry_out(effects);
    }

    fn carry_out(&mut self, mut effects: Effects) {
        loop {
            let mut rest = effects.bytes.as_slice();
            for send in &effects.sends {
                let (bytes, later) = rest.split_at(send.length as usize);
                rest = later;
                if let Some(mut stream) = self.streams.get(&send.connection) {
                    // A peer that is gone is noticed by the thread that reads from it.
                    let _ = stream.write_all(bytes);
                }
            }
            for line in &effects.logs {
                eprintln!("{:?} {}", line.level, line.text);
            }
            for close in &effects.closes {
                if let Some(stream) = self.streams.remove(&close.connection) {
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                }
            }
            if effects.exit {
                std::process::exit(0);
            }
            let now_us = now_us();
            self.wake_at_us = effects.wake_at_us;
            if effects.wake_at_us.is_none_or(|at_us| at_us > now_us) {
                break;
            }
            effects = self.engine.begin(now_us).finish();
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
                let (peer, local) = (name(stream.peer_addr()), name(stream.local_addr()));
                self.streams.insert(number, stream);
                self.step(|batch| batch.opened(number, Transport::Tcp, peer, local));
            }
            Event::Received(bytes) if self.streams.contains_key(&number) => {
                self.step(|batch| batch.received(number, &bytes));
            }
            Event::Closed if self.streams.remove(&number).is_some() => {
                self.step(|batch| batch.closed(number));
            }
            Event::Received(_) | Event::Closed => {}
        }
    }
}

/// Tells what comes from a connection, until it ends.
fn read(number: u32, mut stream: TcpStream, events: &Sender<(u32, Event)>) {
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
    let engine = Engine::start(Options {
        now_us: now_us(),
        seed: 7,
        memory_ceiling: 4 << 30,
        config,
        facts: vec![("tcp_port".to_owned(), port.clone())],
    })
    .map_err(Error::other)?;
    let mut driver = Driver {
        engine,
        streams: HashMap::new(),
        wake_at_us: None,
    };
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("Ready to accept connections on {}", listener.local_addr()?);
    let (sender, events) = channel();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(stream) = stream else { continue };
            // Without it, small replies wait for one another.
            let _ = stream.set_nodelay(true);
            let (number, sender) = (number as u32, sender.clone());
            let Ok(own) = stream.try_clone() else {
                continue;
            };
            if sender.send((number, Event::Opened(own))).is_err() {
                return;
            }
            thread::spawn(move || read(number, stream, &sender));
        }
    });
    driver.run(&events);
    Ok(())
}

//! Playing a conversation on a server and judging what it answers.
//!
//! Knows nothing of how a server is reached: that is a [`Player`]'s.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::conversation::{Conversation, Exchange, Heard, Item, What};
use crate::{frame, text};

/// How much of a reply is printed.
const SHOWN: usize = 1200;

/// What comes from a server next.
pub enum Chunk {
    /// Bytes, at least one.
    Bytes(Vec<u8>),
    /// The server has closed the connection.
    Closed,
    /// Nothing is there, and nothing comes.
    Silence,
}

/// How much to wait for bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// A reply is due.
    Due,
    /// Look for what has arrived already.
    None,
}

/// A fresh server and the connections to it. A client connects when it is first named.
pub trait Player {
    /// Sends bytes.
    fn send(&mut self, client: &str, bytes: &[u8]);
    /// Takes what has come.
    fn receive(&mut self, client: &str, patience: Patience) -> Chunk;
    /// Lets time go by.
    fn advance(&mut self, duration: Duration);
    /// Closes a client's connection.
    fn leave(&mut self, client: &str);
}

/// What a played file came to.
#[derive(Default)]
pub struct Report {
    /// How many exchanges were played.
    pub exchanges: usize,
    /// What was not as recorded, ready to print.
    pub failures: Vec<String>,
}

/// Plays a conversation and compares every byte.
pub fn check(conversation: &Conversation, player: &mut dyn Player) -> Report {
    let mut stage = Stage::new(player);
    let mut report = Report::default();
    for item in &conversation.items {
        match item {
            Item::Note(_) => {}
            Item::Advance(duration) => stage.player.advance(*duration),
            Item::Leaves(client) => stage.player.leave(client),
            Item::Exchange(exchange) => {
                report.exchanges += 1;
                if let Err(failure) = stage.play(exchange) {
                    report
                        .failures
                        .push(explain(conversation, exchange, &failure));
                }
            }
        }
    }
    for (client, rest) in stage.leftovers() {
        let rest = text::quote(&rest);
        report.failures.push(format!(
            "{}: client {client} was sent more than is recorded\n     got: {rest}\n",
            conversation.path.display(),
        ));
    }
    report
}

fn explain(conversation: &Conversation, exchange: &Exchange, failure: &Failure) -> String {
    let mut text = format!(
        "{}:{}: client {}\n",
        conversation.path.display(),
        exchange.line,
        exchange.client
    );
    if let Some(sent) = &exchange.sent {
        let _ = writeln!(text, "    sent: {}", sent.source);
    }
    let _ = writeln!(text, "expected: {}", failure.expected);
    let _ = writeln!(text, "     got: {}", failure.got);
    text
}

/// The bytes as text, not more of them than a person reads.
fn shown(bytes: &[u8]) -> String {
    let text = text::quote(bytes);
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} … ({} bytes)", &text[..end], bytes.len()),
        None => text,
    }
}

/// A reply that is not the recorded one.
pub struct Failure {
    expected: String,
    got: String,
}

impl Failure {
    /// Both sides, in one line.
    pub fn describe(&self) -> String {
        format!("expected {}, got {}", self.expected, self.got)
    }
}

/// A player, what each client was sent and has not read, and what masks captured.
pub struct Stage<'a> {
    /// The server.
    pub player: &'a mut dyn Player,
    unread: BTreeMap<String, Vec<u8>>,
    captured: BTreeMap<String, Vec<u8>>,
}

/// What one try to read a reply gave.
pub enum Reading {
    /// A whole reply.
    Frame(Vec<u8>),
    /// The end of the connection, or silence, and what stood there instead of a whole reply.
    End(Chunk, Vec<u8>),
}

impl<'a> Stage<'a> {
    /// Nothing said yet.
    pub fn new(player: &'a mut dyn Player) -> Self {
        Self {
            player,
            unread: BTreeMap::new(),
            captured: BTreeMap::new(),
        }
    }

    /// Sends what an exchange says.
    pub fn say(&mut self, exchange: &Exchange) {
        self.unread.entry(exchange.client.clone()).or_default();
        match exchange.sent.as_ref().map(|sent| &sent.what) {
            None => {}
            Some(What::Command(words)) => {
                let words: Vec<_> = words.iter().map(|word| self.substitute(word)).collect();
                self.player.send(&exchange.client, &encode(&words));
            }
            Some(What::Raw(bytes)) => self.player.send(&exchange.client, bytes),
            Some(What::Drip(bytes)) => {
                for byte in bytes {
                    self.player.send(&exchange.client, &[*byte]);
                }
            }
        }
    }

    fn play(&mut self, exchange: &Exchange) -> Result<(), Failure> {
        self.say(exchange);
        for heard in &exchange.heard {
            self.hear(&exchange.client, heard)?;
        }
        Ok(())
    }

    /// Reads what is due and compares it.
    pub fn hear(&mut self, client: &str, heard: &Heard) -> Result<(), Failure> {
        match heard {
            Heard::Bytes(expected) => {
                let mut got = Vec::new();
                for _ in 0..frame::count(expected).unwrap_or(0) {
                    match self.read(client, Patience::Due) {
                        Reading::Frame(bytes) => got.extend(bytes),
                        Reading::End(end, bytes) => {
                            got.extend(bytes);
                            let end = if matches!(end, Chunk::Closed) {
                                "closed"
                            } else {
                                "silence"
                            };
                            return Err(Failure {
                                expected: shown(expected),
                                got: format!("{}, then {end}", shown(&got)),
                            });
                        }
                    }
                }
                same(got == *expected, || shown(expected), || shown(&got))
            }
            Heard::Mask(mask, source) => {
                let (Reading::Frame(got) | Reading::End(_, got)) = self.read(client, Patience::Due);
                let captures = mask.captures(&got);
                for name in mask.capture_names().flatten() {
                    if let Some(capture) = captures.as_ref().and_then(|all| all.name(name)) {
                        self.captured
                            .insert(name.to_owned(), capture.as_bytes().to_vec());
                    }
                }
                same(captures.is_some(), || format!("~ {source}"), || shown(&got))
            }
            Heard::Nothing => match self.read(client, Patience::None) {
                Reading::End(Chunk::Silence, got) if got.is_empty() => Ok(()),
                Reading::Frame(got) | Reading::End(_, got) => {
                    same(false, || "nothing".to_owned(), || shown(&got))
                }
            },
            Heard::Closed => match self.read(client, Patience::Due) {
                Reading::End(Chunk::Closed, got) if got.is_empty() => Ok(()),
                Reading::Frame(got) | Reading::End(_, got) => {
                    same(false, || "closed".to_owned(), || shown(&got))
                }
            },
        }
    }

    /// Takes the next reply.
    pub fn read(&mut self, client: &str, patience: Patience) -> Reading {
        loop {
            let unread = self.unread.entry(client.to_owned()).or_default();
            if let Ok(Some(length)) = frame::length(unread) {
                return Reading::Frame(unread.drain(..length).collect());
            }
            match self.player.receive(client, patience) {
                Chunk::Bytes(bytes) => unread.extend(bytes),
                end => return Reading::End(end, std::mem::take(unread)),
            }
        }
    }

    fn substitute(&self, word: &[u8]) -> Vec<u8> {
        let mut word = word.to_vec();
        for (name, value) in &self.captured {
            let pattern = format!("{{{name}}}").into_bytes();
            while let Some(at) = word.windows(pattern.len()).position(|part| part == pattern) {
                word.splice(at..at + pattern.len(), value.iter().copied());
            }
        }
        word
    }

    fn leftovers(mut self) -> Vec<(String, Vec<u8>)> {
        let clients: Vec<String> = self.unread.keys().cloned().collect();
        let mut leftovers = Vec::new();
        for client in clients {
            let mut rest = self.unread.remove(&client).unwrap_or_default();
            if let Chunk::Bytes(bytes) = self.player.receive(&client, Patience::None) {
                rest.extend(bytes);
            }
            if !rest.is_empty() {
                leftovers.push((client, rest));
            }
        }
        leftovers
    }
}

fn same(
    equal: bool,
    expected: impl FnOnce() -> String,
    got: impl FnOnce() -> String,
) -> Result<(), Failure> {
    if equal {
        Ok(())
    } else {
        Err(Failure {
            expected: expected(),
            got: got(),
        })
    }
}

/// A command as clients send it: an array of bulk strings.
pub fn encode<A: AsRef<[u8]>>(words: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words.iter().map(AsRef::as_ref) {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

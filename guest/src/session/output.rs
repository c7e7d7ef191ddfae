//! What goes out: replies, and messages to connections other than the one whose command runs.
//! Knows no command and no subscription.

use std::ops::Range;

use super::{Connection, ORPHAN, Server};
use crate::resp::{Protocol, Sink, Wire};

/// No buffer can be longer than half the address space of wasm32, and this leaves room to grow.
const LONGEST: usize = 3 << 29;

/// Some of the bytes of a step go to this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whose they are.
    pub connection: Connection,
    /// Where they begin. Several connections may be sent the same bytes.
    pub start: u32,
    /// How many there are.
    pub length: u32,
}

/// The replies of a step, and whose they are.
#[derive(Default)]
pub struct Output {
    /// All bytes.
    pub wire: Wire,
    /// What goes where, in order.
    pub sends: Vec<Delivery>,
}

impl Output {
    /// Makes what is written next a reply in that protocol; returns where it begins.
    pub fn begin(&mut self, server: &Server, protocol: Protocol) -> usize {
        let start = self.wire.len();
        self.wire.aim(protocol, longest(server, start));
        start
    }

    /// The same, of replies to a connection.
    pub fn begin_for(
        &mut self,
        server: &Server,
        connection: Connection,
        protocol: Protocol,
    ) -> usize {
        let start = self.begin(server, protocol);
        if let Some(bytes) = server.most_output(connection) {
            self.wire.cut_off_after(bytes);
        }
        start
    }

    /// Everything on the wire since `start` is this connection's.
    pub fn attribute(&mut self, server: &mut Server, connection: Connection, start: usize) {
        let end = self.wire.len();
        self.attribute_part(server, connection, start..end);
    }

    fn attribute_part(&mut self, server: &mut Server, connection: Connection, part: Range<usize>) {
        if !part.is_empty() {
            let length = part.len() as u32;
            self.deliver(server, connection, part.start as u32, length);
        }
    }

    /// Everything on the wire since `start` is this connection's; from `reply` on it is the reply to
    /// the command that ran, which comes behind the messages that come before it.
    pub fn attribute_reply(
        &mut self,
        server: &mut Server,
        connection: Connection,
        start: usize,
        reply: usize,
    ) {
        let end = self.wire.len();
        let reply = reply.min(end);
        self.attribute_part(server, connection, start..reply);
        if server.mail.early > 0 {
            self.post_first(server, server.mail.early);
        }
        self.attribute_part(server, connection, reply..end);
    }

    /// Posts the messages that are waiting.
    pub fn post(&mut self, server: &mut Server) {
        self.post_first(server, server.mail.letters.len());
        // Its buffer is used again, unless it was for something enormous.
        server.mail.wire.clear();
    }

    fn post_first(&mut self, server: &mut Server, count: usize) {
        let mut mail = std::mem::take(&mut server.mail);
        mail.early = 0;
        let base = self.wire.len();
        self.wire.aim(Protocol::default(), usize::MAX);
        self.wire.raw(mail.wire.since(0));
        for letter in mail.letters.drain(..count) {
            let start = base as u32 + letter.start;
            if server.clients.get(letter.connection).is_none() {
                continue;
            }
            if let Some(client) = server.clients.get_mut(letter.connection) {
                client.sending_bytes += u64::from(letter.length);
            }
            self.deliver(server, letter.connection, start, letter.length);
            server.count_memory(letter.connection);
            server.check_output_limit(letter.connection);
        }
        server.mail = mail;
    }

    fn deliver(&mut self, server: &mut Server, connection: Connection, start: u32, length: u32) {
        if connection == ORPHAN {
            return;
        }
        if let Some(client) = server.clients.get_mut(connection) {
            client.bytes_out += u64::from(length);
        }
        server.stats.sent(length as usize);
        match self.sends.last_mut() {
            Some(last) if last.connection == connection && last.start + last.length == start => {
                last.length += length;
            }
            _ => self.sends.push(Delivery {
                connection,
                start,
                length,
            }),
        }
    }
}

/// How long a wire may become: a reply that does not fit closes its connection, the rest of the
/// engine goes on.
fn longest(server: &Server, len: usize) -> usize {
    let room = server
        .keyspace
        .memory_ceiling()
        .saturating_sub(crate::memory::used());
    // Growing a buffer needs the old and the new one for a moment.
    len.saturating_add(room / 5 * 2).clamp(64 * 1024, LONGEST)
}

/// Messages that are written while a command runs, and sent once it has.
#[derive(Default)]
pub struct Mail {
    wire: Wire,
    letters: Vec<Delivery>,
    /// How many of them come before the reply to the command that runs.
    early: usize,
}

impl Mail {
    /// True if there is nothing to send.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Bytes that it holds to be written in.
    pub fn capacity(&self) -> usize {
        self.wire.capacity()
    }

    /// What is written by now comes before the reply to the command that runs, not behind it.
    pub fn comes_before_the_reply(&mut self) {
        self.early = self.letters.len();
    }
}

/// A message that was written once and may be sent to many.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    start: u32,
    length: u32,
}

impl Message {
    /// How many bytes it has.
    pub fn length(self) -> u32 {
        self.length
    }
}

impl Server {
    /// Sends bytes as they are to a connection. It is closed where they do not fit in memory.
    pub fn send_raw(&mut self, connection: Connection, pieces: &[&[u8]]) {
        let start = self.mail.wire.len();
        let limit = longest(self, start);
        self.mail.wire.aim(Protocol::default(), limit);
        pieces.iter().for_each(|piece| self.mail.wire.raw(piece));
        if self.mail.wire.overflowed() {
            self.mail.wire.truncate(start);
            self.close(connection, false);
            return;
        }
        let length = (self.mail.wire.len() - start) as u32;
        let start = start as u32;
        self.send_message(connection, Message { start, length });
    }

    /// Writes a message. `None` where it does not fit in memory: then nobody gets it.
    pub fn write_message(
        &mut self,
        protocol: Protocol,
        write: impl FnOnce(&mut dyn Sink),
    ) -> Option<Message> {
        let start = self.mail.wire.len();
        let limit = longest(self, start);
        self.mail.wire.aim(protocol, limit);
        write(&mut self.mail.wire);
        if self.mail.wire.overflowed() {
            self.mail.wire.truncate(start);
            self.log(super::LogLevel::Warning, "A message does not fit in memory");
            return None;
        }
        Some(Message {
            start: start as u32,
            length: (self.mail.wire.len() - start) as u32,
        })
    }

    /// Sends a message to a connection, behind the reply to the command that runs.
    pub fn send_message(&mut self, connection: Connection, message: Message) {
        self.is_unsettled = true;
        self.mail.letters.push(Delivery {
            connection,
            start: message.start,
            length: message.length,
        });
    }

    /// Sends a message of its own to a connection, in its protocol.
    pub fn send(&mut self, connection: Connection, write: impl FnOnce(&mut dyn Sink)) {
        let Some(client) = self.clients.get(connection) else {
            return;
        };
        let protocol = client.protocol;
        if let Some(message) = self.write_message(protocol, write) {
            self.send_message(connection, message);
        }
    }
}

//! A client in one line: what CLIENT LIST, CLIENT INFO and ACL LOG say of it, and the type it counts
//! as.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use super::pubsub::Kind;
use super::tracking::Mode;
use super::{Client, Connection, Server, Transport};
use crate::commands::error::{self, CommandError};
use crate::commands::options::c_text;
use crate::resp::Protocol;

/// What CLIENT LIST and CLIENT KILL tell clients apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientType {
    /// One like most.
    Normal,
    /// The master that this server follows: it is never connected.
    Master,
    /// One that follows the changes of the data.
    Replica,
    /// One that listens to channels.
    PubSub,
}

impl ClientType {
    /// The type of that name.
    pub fn parse(name: &[u8]) -> Result<Self, CommandError> {
        Ok(match name.to_ascii_lowercase().as_slice() {
            b"normal" => Self::Normal,
            b"master" => Self::Master,
            b"slave" | b"replica" => Self::Replica,
            b"pubsub" => Self::PubSub,
            _ => return Err(error::unknown_client_type(name)),
        })
    }
}

impl Client {
    /// The type it counts as.
    pub fn kind(&self) -> ClientType {
        if self.is_replica() {
            ClientType::Replica
        } else if self.subscriptions.is_some() {
            ClientType::PubSub
        } else {
            ClientType::Normal
        }
    }

    /// The letters of `flags=`, in Redis's order.
    fn flags(&self) -> String {
        let tracks = self.tracking.as_ref();
        let flags: String = [
            (self.is_monitor, 'O'),
            (self.is_replica(), 'S'),
            (self.subscriptions.is_some(), 'P'),
            (self.transaction.is_some(), 'x'),
            (self.parked.is_some(), 'b'),
            (tracks.is_some(), 't'),
            (tracks.is_some_and(|tracks| tracks.is_broken), 'R'),
            (
                tracks.is_some_and(|tracks| tracks.mode == Mode::Broadcast),
                'B',
            ),
            (self.is_touched, 'd'),
            (self.close_after_reply, 'c'),
            (self.transport == Transport::Unix, 'U'),
            (self.no_evict, 'e'),
            (self.no_touch, 'T'),
        ]
        .into_iter()
        .filter_map(|(on, flag)| on.then_some(flag))
        .collect();
        if flags.is_empty() {
            "N".to_owned()
        } else {
            flags
        }
    }
}

impl Server {
    /// A client as one line of fields, in the order of Redis 8.0; without a line break. Nothing for
    /// one that is gone.
    pub(super) fn describe_client(&self, connection: Connection) -> Vec<u8> {
        let Some(client) = self.clients.get(connection) else {
            return Vec::new();
        };
        let (now_us, figures) = (self.now_us(), self.figures(client));
        let seconds_since = |since_us: u64| now_us.saturating_sub(since_us) / 1_000_000;
        let transaction = client.transaction.as_ref();
        let tracks = client.tracking.as_ref();
        let mut line = Line(String::with_capacity(320));
        line.field("id", client.id);
        line.field("addr", &client.peer);
        line.field("laddr", &client.local);
        line.field("fd", connection.wrapping_add(8));
        line.field("name", c_lossy(&client.name));
        line.field("age", seconds_since(client.connected_us));
        line.field("idle", seconds_since(client.active_us));
        line.field("flags", client.flags());
        line.field("db", client.db);
        line.field("sub", client.listens_to(Kind::Channel));
        line.field("psub", client.listens_to(Kind::Pattern));
        line.field("ssub", client.listens_to(Kind::Shard));
        line.field(
            "multi",
            transaction.map_or(-1, |queued| queued.len() as i64),
        );
        line.field("watch", client.watched.len());
        line.field("qbuf", figures.qbuf);
        line.field("qbuf-free", figures.qbuf_free);
        line.field("argv-mem", figures.argv_mem);
        line.field("multi-mem", figures.multi_mem);
        line.field("rbs", figures.rbs);
        line.field("rbp", figures.rbp);
        line.field("obl", figures.obl);
        line.field("oll", figures.oll);
        line.field("omem", figures.omem);
        line.field("tot-mem", figures.tot_mem);
        line.field("events", "r");
        line.field("cmd", client.last_command.unwrap_or("NULL"));
        line.field("user", c_lossy(&self.acl.get(client.user).name));
        line.field(
            "redir",
            tracks.map_or(-1, |tracks| tracks.redirect_id() as i64),
        );
        line.field(
            "resp",
            match client.protocol {
                Protocol::Resp2 => 2,
                Protocol::Resp3 => 3,
            },
        );
        line.field("lib-name", c_lossy(&client.lib_name));
        line.field("lib-ver", c_lossy(&client.lib_version));
        line.field("io-thread", 0);
        line.0.into_bytes()
    }
}

fn c_lossy(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(c_text(text))
}

struct Line(String);

impl Line {
    fn field(&mut self, name: &str, value: impl Display) {
        let blank = if self.0.is_empty() { "" } else { " " };
        // Writing to a String does not fail.
        let _ = write!(self.0, "{blank}{name}={value}");
    }
}

//! ACL LOG: what was refused lately, and to whom. Knows no user and no rule.

use std::collections::VecDeque;

use crate::resp::Sink;
use crate::session::{Connection, Server};

/// Refusals that are alike are one entry if the last was no longer ago than this.
const ALIKE_FOR_MS: u64 = 60_000;

/// How many entries are looked at for one that is alike.
const LOOKED_AT: usize = 10;

/// Bytes that an entry takes beside what it names: most of all, its client.
const OVERHEAD: usize = 1024;

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The command is not allowed.
    Command,
    /// The key is not.
    Key,
    /// The channel is not.
    Channel,
    /// The user, its password, or both are wrong.
    Auth,
}

impl Refusal {
    fn name(self) -> &'static str {
        match self {
            Refusal::Command => "command",
            Refusal::Key => "key",
            Refusal::Channel => "channel",
            Refusal::Auth => "auth",
        }
    }
}

/// Where it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// By the client itself.
    TopLevel,
    /// Between MULTI and EXEC, or by EXEC.
    Transaction,
    /// By a script.
    Script,
}

impl Context {
    fn name(self) -> &'static str {
        match self {
            Context::TopLevel => "toplevel",
            Context::Transaction => "multi",
            Context::Script => "lua",
        }
    }
}

/// One or more refusals that are alike.
#[derive(Debug)]
struct Entry {
    id: u64,
    count: u64,
    reason: Refusal,
    context: Context,
    /// The command, key or channel.
    object: Box<[u8]>,
    username: Box<[u8]>,
    /// The client, as CLIENT INFO describes it.
    client: Box<[u8]>,
    created_ms: u64,
    updated_ms: u64,
}

/// How often something was refused, by reason. CONFIG RESETSTAT leaves it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refusals {
    /// Commands.
    pub commands: u64,
    /// Keys.
    pub keys: u64,
    /// Channels.
    pub channels: u64,
    /// Users or passwords.
    pub auth: u64,
}

/// What was refused, the latest first.
#[derive(Debug, Default)]
pub struct Log {
    entries: VecDeque<Entry>,
    next_id: u64,
    /// How often.
    pub refusals: Refusals,
}

impl Log {
    fn count(&mut self, reason: Refusal) {
        let counter = match reason {
            Refusal::Command => &mut self.refusals.commands,
            Refusal::Key => &mut self.refusals.keys,
            Refusal::Channel => &mut self.refusals.channels,
            Refusal::Auth => &mut self.refusals.auth,
        };
        *counter += 1;
    }

    fn add(&mut self, mut new: Entry, longest: usize) {
        let alike = self.entries.iter().take(LOOKED_AT).position(|entry| {
            entry.reason == new.reason
                && entry.context == new.context
                && entry.object == new.object
                && entry.username == new.username
                && new.updated_ms.saturating_sub(entry.updated_ms) <= ALIKE_FOR_MS
        });
        match alike.and_then(|at| self.entries.remove(at)) {
            Some(entry) => {
                self.entries.push_front(Entry {
                    count: entry.count + 1,
                    client: new.client,
                    updated_ms: new.updated_ms,
                    ..entry
                });
            }
            None => {
                new.id = self.next_id;
                self.next_id += 1;
                self.entries.push_front(new);
                self.entries.truncate(longest);
            }
        }
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Writes up to `count` entries, the latest first.
    pub fn write(&self, count: usize, now_ms: u64, reply: &mut dyn Sink) {
        reply.array(count.min(self.entries.len()));
        for entry in self.entries.iter().take(count) {
            reply.map(10);
            reply.bulk(b"count");
            reply.integer(entry.count as i64);
            reply.bulk(b"reason");
            reply.bulk(entry.reason.name().as_bytes());
            reply.bulk(b"context");
            reply.bulk(entry.context.name().as_bytes());
            reply.bulk(b"object");
            reply.bulk(&entry.object);
            reply.bulk(b"username");
            reply.bulk(&entry.username);
            reply.bulk(b"age-seconds");
            reply.double(now_ms.saturating_sub(entry.updated_ms) as f64 / 1000.0);
            reply.bulk(b"client-info");
            reply.bulk(&entry.client);
            reply.bulk(b"entry-id");
            reply.integer(entry.id as i64);
            reply.bulk(b"timestamp-created");
            reply.integer(entry.created_ms as i64);
            reply.bulk(b"timestamp-last-updated");
            reply.integer(entry.updated_ms as i64);
        }
    }
}

impl Server {
    /// Counts a refusal and puts it into the log. `object` is the command, key or channel; `user` whom
    /// it was refused.
    pub(in crate::session) fn log_refusal(
        &mut self,
        connection: Connection,
        reason: Refusal,
        context: Context,
        object: &[u8],
        user: &[u8],
    ) {
        self.acl.log.count(reason);
        let longest = usize::try_from(self.config.acllog_max_len).unwrap_or(usize::MAX);
        if longest == 0 {
            self.acl.log.clear();
            return;
        }
        if !self
            .keyspace
            .has_room_for(object.len() + user.len() + OVERHEAD)
        {
            return;
        }
        let now_ms = self.now_us() / 1000;
        let client = self.describe_client(connection).into_boxed_slice();
        let entry = Entry {
            id: 0,
            count: 1,
            reason,
            context,
            object: object.into(),
            username: user.into(),
            client,
            created_ms: now_ms,
            updated_ms: now_ms,
        };
        self.acl.log.add(entry, longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(object: &str, at_ms: u64) -> Entry {
        Entry {
            id: 0,
            count: 1,
            reason: Refusal::Key,
            context: Context::TopLevel,
            object: object.as_bytes().into(),
            username: b"user"[..].into(),
            client: b""[..].into(),
            created_ms: at_ms,
            updated_ms: at_ms,
        }
    }

    fn shown(log: &Log) -> Vec<(u64, u64, String)> {
        let shown = |entry: &Entry| {
            let object = String::from_utf8_lossy(&entry.object).into_owned();
            (entry.id, entry.count, object)
        };
        log.entries.iter().map(shown).collect()
    }

    #[test]
    fn what_is_alike_is_one_entry_for_a_minute() {
        let mut log = Log::default();
        for (object, at_ms) in [("a", 0), ("b", 1), ("a", 60_000), ("a", 120_001)] {
            log.add(refused(object, at_ms), 100);
        }
        let expected = [(2, 1, "a"), (0, 2, "a"), (1, 1, "b")];
        let expected = expected.map(|(id, count, object)| (id, count, object.to_owned()));
        assert_eq!(shown(&log), expected);
    }

    #[test]
    fn only_the_latest_are_kept_and_looked_at() {
        let mut log = Log::default();
        for number in 0..12 {
            log.add(refused(&number.to_string(), 0), 11);
        }
        log.add(refused("1", 0), 11);
        assert_eq!(log.entries.len(), 11);
        assert_eq!(shown(&log)[0], (12, 1, "1".to_owned()));
    }
}

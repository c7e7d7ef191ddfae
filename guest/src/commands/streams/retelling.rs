//! What consumers got, in words that a copy of the stream can follow: it has no part in the reading,
//! so it is told who has which entry now, and how far the group has read.

use super::StreamId;
use crate::keyspace::Slot;
use crate::resp::OwnedArgs;
use crate::value::stream::{Group, Pending};

/// What is told of a group of a stream. Nothing is noted where nobody follows.
pub(super) struct Retelling<'a> {
    key: &'a [u8],
    group: &'a [u8],
    is_followed: bool,
    commands: Vec<OwnedArgs>,
}

impl<'a> Retelling<'a> {
    /// Of the stream in this slot.
    pub(super) fn new(slot: &Slot, key: &'a [u8], group: &'a [u8]) -> Self {
        Retelling {
            key,
            group,
            is_followed: slot.is_followed(),
            commands: Vec::new(),
        }
    }

    #[inline]
    fn note(&mut self, words: impl FnOnce(&mut OwnedArgs)) {
        if self.is_followed {
            let mut command = OwnedArgs::default();
            words(&mut command);
            self.commands.push(command);
        }
    }

    /// There is a new consumer, to whom nothing will be pending.
    pub(super) fn enlisted(&mut self, consumer: &[u8]) {
        let (key, group) = (self.key, self.group);
        self.note(|command| {
            for word in [b"XGROUP" as &[u8], b"CREATECONSUMER", key, group, consumer] {
                command.push(word);
            }
        });
    }

    /// An entry is pending like this, or was until it was found to be gone.
    pub(super) fn pending(&mut self, id: StreamId, pending: &Pending, group: &Group) {
        let (key, name) = (self.key, self.group);
        self.note(|command| {
            let consumer = &*group.consumer(pending.consumer).name;
            for word in [
                b"XCLAIM" as &[u8],
                key,
                name,
                consumer,
                b"0",
                &id.text(),
                b"TIME",
            ] {
                command.push(word);
            }
            command.push_integer(pending.delivered_ms);
            command.push(b"RETRYCOUNT");
            command.push_integer(pending.deliveries as i64);
            for word in [
                b"FORCE" as &[u8],
                b"JUSTID",
                b"LASTID",
                &group.last_id.text(),
            ] {
                command.push(word);
            }
        });
    }

    /// The group has read as far as it says.
    pub(super) fn read(&mut self, group: &Group) {
        let (key, name) = (self.key, self.group);
        self.note(|command| {
            let last_id = &*group.last_id.text();
            for word in [
                b"XGROUP" as &[u8],
                b"SETID",
                key,
                name,
                last_id,
                b"ENTRIESREAD",
            ] {
                command.push(word);
            }
            command.push_integer(group.entries_read.unwrap_or(-1));
        });
    }

    /// Tells it instead of the command that runs.
    pub(super) fn tell(self, slot: &mut Slot) {
        slot.propagate_all_as(self.commands);
    }
}

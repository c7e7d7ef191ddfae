//! What happened to fields that expire, in words that a copy of the hash can follow: it has another
//! clock, so it is told when, not in how long, and which fields are gone.

use crate::keyspace::Slot;
use crate::resp::{Args, OwnedArgs};

/// The fields that a command has dealt with. Nothing is noted where nobody follows.
pub(super) struct Retelling<'a> {
    key: &'a [u8],
    is_followed: bool,
    expiring: Vec<&'a [u8]>,
    gone: Vec<&'a [u8]>,
}

impl<'a> Retelling<'a> {
    /// Of the hash in this slot.
    pub(super) fn new(slot: &Slot, key: &'a [u8]) -> Self {
        Retelling {
            key,
            is_followed: slot.is_followed(),
            expiring: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// The field expires from now on.
    #[inline]
    pub(super) fn expires(&mut self, name: &'a [u8]) {
        if self.is_followed {
            self.expiring.push(name);
        }
    }

    /// The field is gone.
    #[inline]
    pub(super) fn gone(&mut self, name: &'a [u8]) {
        if self.is_followed {
            self.gone.push(name);
        }
    }

    /// Tells of those that expire as HPEXPIREAT would have made them, with the words that stood before
    /// their number in `head` (`[condition] FIELDS`), or of each that is gone.
    pub(super) fn tell(self, slot: &mut Slot, at_ms: i64, head: Args) {
        if self.gone.is_empty() && !self.expiring.is_empty() {
            slot.propagate_as(|words| {
                words.push(b"HPEXPIREAT");
                words.push(self.key);
                words.push_integer(at_ms);
                head.iter().for_each(|word| words.push(word));
                words.push_integer(self.expiring.len() as i64);
                self.expiring.iter().for_each(|name| words.push(name));
            });
        } else {
            self.tell_gone(slot);
        }
    }

    /// Tells of each field that is gone, instead of the command that runs, if any is.
    pub(super) fn tell_gone(self, slot: &mut Slot) {
        if self.gone.is_empty() {
            return;
        }
        let removal = |name: &&[u8]| [b"HDEL", self.key, *name].into_iter().collect();
        let removals: Vec<OwnedArgs> = self.gone.iter().map(removal).collect();
        slot.propagate_all_as(removals);
    }
}

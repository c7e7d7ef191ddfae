//! What changes the data, as commands: whoever runs them on a copy of it has the same data. They are
//! noted for those who follow the server's changes (replicas), and cost one comparison where nobody
//! does. Knows nobody who follows.
//!
//! A command that changed something is told as it is. One that would not do the same again, because it
//! depends on time or chance or has waited, says itself what is told instead.

use crate::resp::OwnedArgs;

/// A command that changes data.
#[derive(Clone, Debug)]
pub struct Told {
    /// The database it works on.
    pub db: usize,
    /// Its name and arguments.
    pub args: OwnedArgs,
}

/// What is told of the command that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// Its own words, if it has changed anything.
    #[default]
    OwnWords,
    /// Its own words, whatever it has changed.
    Anyway,
    /// Other words, or nothing.
    OtherWords,
}

/// What was told since it was last passed on.
#[derive(Debug, Default)]
pub struct Propagation {
    is_followed: bool,
    told: Vec<Told>,
    telling: Telling,
    /// `lazyfree-lazy-expire`: keys whose time is up are unlinked, not deleted.
    pub unlinks_expired: bool,
    /// `lazyfree-lazy-eviction`: the same of keys that make room.
    pub unlinks_evicted: bool,
}

impl Propagation {
    /// True if somebody follows.
    #[inline]
    pub fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// Somebody follows from now on, or nobody does any more.
    pub fn follow(&mut self, is_followed: bool) {
        self.is_followed = is_followed;
        self.told = Vec::new();
        self.telling = Telling::default();
    }

    /// True if there is nothing to pass on.
    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// How many commands were told.
    pub fn len(&self) -> usize {
        self.told.len()
    }

    /// Takes back what was told since there were so many.
    pub fn forget_from(&mut self, len: usize) {
        self.told.truncate(len);
    }

    /// Tells a command.
    pub fn tell(&mut self, db: usize, args: OwnedArgs) {
        if self.is_followed {
            self.told.push(Told { db, args });
        }
    }

    /// Tells this instead of the command that runs, or after what else it told.
    #[inline]
    pub fn tell_instead(&mut self, db: usize, words: impl FnOnce(&mut OwnedArgs)) {
        if self.is_followed {
            let mut args = OwnedArgs::default();
            words(&mut args);
            self.told.push(Told { db, args });
            self.telling = Telling::OtherWords;
        }
    }

    /// Tells these commands, if any, and nothing else, instead of the command that runs.
    pub fn tell_all_instead(&mut self, db: usize, commands: Vec<OwnedArgs>) {
        if self.is_followed {
            let told = commands.into_iter().map(|args| Told { db, args });
            self.told.extend(told);
            self.telling = Telling::OtherWords;
        }
    }

    /// Says what is told of the command that runs.
    #[inline]
    pub fn set_telling(&mut self, telling: Telling) {
        if self.is_followed {
            self.telling = telling;
        }
    }

    /// What is told of the command that ran; of the next one it is its own words again.
    pub fn take_telling(&mut self) -> Telling {
        std::mem::take(&mut self.telling)
    }

    /// Tells that a key is gone, whatever the command that runs is about.
    pub(super) fn gone(&mut self, db: usize, key: &[u8], unlinked: bool) {
        if self.is_followed {
            let name: &[u8] = if unlinked { b"UNLINK" } else { b"DEL" };
            self.tell(db, [name, key].into_iter().collect());
        }
    }

    /// Tells that a field of a hash is gone, whatever the command that runs is about.
    pub(super) fn field_gone(&mut self, db: usize, key: &[u8], name: &[u8]) {
        if self.is_followed {
            self.tell(db, [b"HDEL", key, name].into_iter().collect());
        }
    }

    /// Takes out what is to be passed on.
    pub fn take(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }
}

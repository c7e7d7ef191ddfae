//! What the commands do: one file per family, each function between parsing its arguments and
//! writing its reply. Knows the keyspace and the reply's sink; knows no client, no transaction, no
//! connection — those commands live in `session`.
//!
//! The gate has checked a command's name, its arity, the client's permission and the memory before a
//! handler runs.

pub mod bitmaps;
pub mod chance;
pub mod databases;
pub mod dump;
pub mod error;
pub mod generic;
pub mod geo;
pub mod hashes;
pub mod help;
pub mod hyperloglog;
pub mod lcs;
pub mod lists;
pub mod options;
pub mod sets;
pub mod sort;
pub mod sorted_sets;
pub mod streams;
pub mod strings;
pub mod table;
#[cfg(test)]
mod transcript;
pub mod vectors;
pub mod wait;

use crate::config::Config;
use crate::keyspace::{Keyspace, Telling};
use crate::resp::{Args, OwnedArgs, Sink};
use crate::value::Item;

pub use error::CommandError;
pub use wait::Wait;

/// What a handler of a data command works on.
pub struct Context<'a> {
    /// All databases, with the time of this command.
    pub keyspace: &'a mut Keyspace,
    /// The number of the client's selected database.
    pub db: usize,
    /// Where the reply goes.
    pub reply: &'a mut dyn Sink,
    /// The parameters in force.
    pub config: &'a Config,
    /// All chance comes from here.
    pub rng: &'a mut fastrand::Rng,
    /// Whether the caller can wait: a client outside a transaction.
    pub may_wait: bool,
    /// Whether a script is the caller, to which everything has to be in some order.
    pub in_script: bool,
    /// Whether the client may read every key, not only those that the request names.
    pub reads_every_key: bool,
    /// Set by a command that has to wait, instead of a reply.
    pub wait: Option<Box<Wait>>,
}

/// A handler has written its reply, or the error to answer instead. An error comes before the first
/// byte of a reply.
pub type Outcome = Result<(), CommandError>;

/// A command that needs the data only.
pub type DataHandler = fn(&mut Context<'_>, Args<'_>) -> Outcome;

/// Answers an element of a collection, as a string.
#[inline]
pub fn bulk_item(reply: &mut dyn Sink, item: Item<'_>) {
    match item {
        Item::Bytes(bytes) => reply.bulk(bytes),
        Item::Number(number) => reply.bulk_integer(number),
    }
}

/// Refuses a reply of at least so many bytes where it would not fit in the instance. Where its reader is
/// cut off before, it is written until then.
fn reserve_reply(keyspace: &Keyspace, reply: &dyn Sink, bytes: usize) -> Outcome {
    let bytes = bytes.min(reply.most());
    if bytes <= isize::MAX as usize && keyspace.has_room_for(bytes) {
        Ok(())
    } else {
        Err(error::OUT_OF_MEMORY)
    }
}

impl Context<'_> {
    /// Refuses to make the data `bytes` larger where they would not fit in the instance.
    pub fn reserve(&self, bytes: usize) -> Outcome {
        if self.keyspace.has_room_for(bytes) {
            Ok(())
        } else {
            Err(error::OUT_OF_MEMORY)
        }
    }

    /// Tells who follows the changes this command instead of the one that runs: one that does the same
    /// at any time, by any chance.
    #[inline]
    pub fn propagate_as(&mut self, words: impl FnOnce(&mut OwnedArgs)) {
        let db = self.db;
        self.keyspace.journal.propagation.tell_instead(db, words);
    }

    /// Tells who follows the changes this command even if it changes nothing.
    pub fn propagate_anyway(&mut self) {
        self.keyspace
            .journal
            .propagation
            .set_telling(Telling::Anyway);
    }

    /// The time of this command, in milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> i64 {
        self.keyspace.now_ms()
    }
}

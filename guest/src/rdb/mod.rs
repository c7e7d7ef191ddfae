//! Redis's own format of values and of whole databases: what DUMP answers and RESTORE takes, and what
//! is in the file `dump.rdb`. Knows the keyspace and the types; no command, no file.
//!
//! | file | owns |
//! |---|---|
//! | `reader`, `writer` | lengths, strings, numbers |
//! | `lzf`, `checksum` | how strings are compressed, what a payload ends with |
//! | `value` | what kind a value is; strings |
//! | `lists`, `sets`, `hashes`, `sorted_sets`, `streams` | the values of each type |
//! | `older` | the layouts that only older versions wrote |
//! | `payload` | one value with its checksum, for DUMP and RESTORE |
//! | `image` | all databases |
//!
//! What comes from outside is not trusted: a length is held against what is left of the input, and
//! memory is asked for before it is taken.

mod checksum;
pub mod functions;
mod hashes;
pub mod image;
mod lists;
mod lzf;
mod older;
mod payload;
mod reader;
mod sets;
mod sorted_sets;
mod streams;
#[cfg(test)]
mod tests;
mod value;
mod vectors;
mod writer;

pub use payload::{Refused, dump, read, restore};
pub use value::serialized_len;

use crate::config::Config;
use crate::value::fields::HashLimits;
use crate::value::hash::Seed;
use crate::value::list::Fill;
use crate::value::set::SetLimits;
use crate::value::sorted_set::SortedSetLimits;

/// The version of the format that is written, and the latest that is read.
pub const VERSION: u16 = 12;

/// Why something cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is cut off, contradicts itself, or is of a kind that is not known.
    Corrupt,
    /// It is an aggregate without members, which no key may hold.
    Empty,
    /// It would not fit in the instance.
    NoRoom,
}

/// How values are to be laid out that are read, and what they may take.
#[derive(Clone, Debug)]
pub struct Shapes {
    list: Fill,
    set: SetLimits,
    hash: HashLimits,
    sorted_set: SortedSetLimits,
    seed: Seed,
    memory_ceiling: usize,
}

impl Shapes {
    /// As the parameters say. `memory_ceiling` is how many bytes the instance may fill in all.
    pub fn new(config: &Config, seed: Seed, memory_ceiling: usize) -> Self {
        Shapes {
            list: Fill::new(config.list_max_listpack_size),
            set: SetLimits {
                intset_entries: config.set_max_intset_entries,
                listpack_entries: config.set_max_listpack_entries,
                listpack_value: config.set_max_listpack_value,
            },
            hash: HashLimits {
                listpack_entries: config.hash_max_listpack_entries,
                listpack_value: config.hash_max_listpack_value,
            },
            sorted_set: SortedSetLimits {
                listpack_entries: config.zset_max_listpack_entries,
                listpack_value: config.zset_max_listpack_value,
            },
            seed,
            memory_ceiling,
        }
    }
}

/// The types of values, as the first byte tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    String,
    List,
    Set,
    SortedSetText,
    Hash,
    SortedSet,
    OldModule,
    Module,
    HashZipmap,
    ListZiplist,
    SetIntset,
    SortedSetZiplist,
    HashZiplist,
    ListOfZiplists,
    Stream1,
    HashListpack,
    SortedSetListpack,
    ListOfNodes,
    Stream2,
    SetListpack,
    Stream3,
    HashOfExpiringFieldsPreGa,
    HashListpackExPreGa,
    HashOfExpiringFields,
    HashListpackEx,
}

impl Kind {
    /// By the byte that stands for each.
    const ALL: [(u8, Kind); 25] = [
        (0, Kind::String),
        (1, Kind::List),
        (2, Kind::Set),
        (3, Kind::SortedSetText),
        (4, Kind::Hash),
        (5, Kind::SortedSet),
        (6, Kind::OldModule),
        (7, Kind::Module),
        (9, Kind::HashZipmap),
        (10, Kind::ListZiplist),
        (11, Kind::SetIntset),
        (12, Kind::SortedSetZiplist),
        (13, Kind::HashZiplist),
        (14, Kind::ListOfZiplists),
        (15, Kind::Stream1),
        (16, Kind::HashListpack),
        (17, Kind::SortedSetListpack),
        (18, Kind::ListOfNodes),
        (19, Kind::Stream2),
        (20, Kind::SetListpack),
        (21, Kind::Stream3),
        (22, Kind::HashOfExpiringFieldsPreGa),
        (23, Kind::HashListpackExPreGa),
        (24, Kind::HashOfExpiringFields),
        (25, Kind::HashListpackEx),
    ];

    fn of(byte: u8) -> Option<Kind> {
        let found = Kind::ALL.iter().find(|(known, _)| *known == byte);
        found.map(|(_, kind)| *kind)
    }

    fn byte(self) -> u8 {
        let found = Kind::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or(u8::MAX, |(byte, _)| *byte)
    }
}

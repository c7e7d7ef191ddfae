//! The entries of a stream: blocks in the order of their ids, and what is remembered of entries that
//! are gone. Knows no group.

use std::collections::BTreeMap;

use super::block::{Block, BlockLimits};
use super::cursor::{Cursor, Direction};
use super::{StreamId, radix};

/// Which id an entry is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedId {
    /// `*`: that of the time it is, or the one after the last.
    Next,
    /// `ms-*`: the next of that millisecond.
    NextOf(u64),
    /// This one.
    Exactly(StreamId),
}

/// What is to be trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimBy {
    /// All but so many of the newest.
    Length(u64),
    /// All before this id.
    Id(StreamId),
}

/// How to trim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// What is to go.
    pub by: TrimBy,
    /// Only whole blocks.
    pub approximately: bool,
    /// How many entries at most, if not 0: a block with more of them stays.
    pub limit: u64,
}

/// What is known of a stream beside the entries that it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// The id that was given last; no new one may be smaller.
    pub last_id: StreamId,
    /// The largest id that XDEL took away.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub added: u64,
}

/// Entries in the order of their ids.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// By the first id they ever had.
    blocks: BTreeMap<StreamId, Block>,
    len: u64,
    /// Of those that are there.
    first_id: StreamId,
    newest_id: StreamId,
    counters: Counters,
}

impl Entries {
    /// Entries from outside; `None` if there is something wrong with the blocks: no id may be there
    /// twice.
    pub fn from_blocks(
        blocks: impl IntoIterator<Item = (StreamId, Block)>,
        counters: Counters,
    ) -> Option<Self> {
        let mut entries = Entries {
            counters,
            ..Entries::default()
        };
        for (base, block) in blocks {
            entries.len = entries.len.checked_add(block.live())?;
            if entries.blocks.insert(base, block).is_some() {
                return None;
            }
        }
        entries.find_first_id();
        entries.find_newest_id();
        Some(entries)
    }

    // ---- what is known

    /// How many there are.
    #[inline]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// True if there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What is known beside the entries that are there.
    #[inline]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What is known beside the entries that are there, to be set by who knows better (XSETID).
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// The id of the first; `0-0` if there is none.
    pub fn first_id(&self) -> StreamId {
        self.first_id
    }

    /// The id of the last one that is there.
    #[inline]
    pub fn newest_id(&self) -> Option<StreamId> {
        (self.len > 0).then_some(self.newest_id)
    }

    /// Blocks in order, each with its own id.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = (StreamId, &Block)> {
        self.blocks.iter().map(|(base, block)| (*base, block))
    }

    /// How many nodes Redis's tree of blocks would have.
    pub fn radix_tree_nodes(&self) -> u64 {
        radix::nodes(self.blocks.keys().copied())
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let packs: usize = self.blocks.values().map(Block::heap_bytes).sum();
        packs + 2 * self.blocks.len() * size_of::<(StreamId, Block)>()
    }

    // ---- reading

    /// The entries from one id to another, both included.
    pub fn range(&self, first: StreamId, last: StreamId, direction: Direction) -> Cursor<'_> {
        // Ids before a block's own are in no block, but those of one block reach up to the next.
        let from = self.blocks.range(..=first).next_back();
        let from = from.map_or(first, |(base, _)| *base);
        let blocks = if from <= last {
            self.blocks.range(from..=last)
        } else {
            Default::default()
        };
        Cursor::new(blocks, first, last, direction)
    }

    /// All entries.
    pub fn all(&self, direction: Direction) -> Cursor<'_> {
        self.range(StreamId::MIN, StreamId::MAX, direction)
    }

    /// True if there is an entry with that id.
    pub fn contains(&self, id: StreamId) -> bool {
        self.range(id, id, Direction::Forward).advance().is_some()
    }

    // ---- writing

    /// The id that an entry would get at that time; `None` if it would not be the largest.
    #[inline]
    pub fn next_id(&self, wanted: WantedId, now_ms: u64) -> Option<StreamId> {
        let last = self.counters.last_id;
        let id = match wanted {
            WantedId::Next if now_ms > last.ms => StreamId::new(now_ms, 0),
            WantedId::Next => last.next()?,
            WantedId::NextOf(ms) if ms == last.ms => StreamId::new(ms, last.seq.checked_add(1)?),
            WantedId::NextOf(ms) => StreamId::new(ms, 0),
            WantedId::Exactly(id) => id,
        };
        (id > last).then_some(id)
    }

    /// Bytes to be allocated before another entry of so many bytes can be added.
    pub fn growth_for(&self, bytes: usize) -> usize {
        let last = self.blocks.last_key_value();
        last.map_or(bytes, |(_, block)| block.growth_for(bytes))
    }

    /// Adds an entry with an id larger than all: its fields and values in turns, of `bytes` in all.
    #[inline]
    pub fn append<'w>(
        &mut self,
        id: StreamId,
        words: impl ExactSizeIterator<Item = &'w [u8]> + Clone,
        bytes: usize,
        limits: &BlockLimits,
    ) {
        let mut room = 0;
        let mut last = self.blocks.last_entry();
        if let Some(full) = last.take_if(|last| last.get().is_full(bytes, limits)) {
            let full = full.into_mut();
            full.close();
            // What the one before needed, this one will need.
            room = full.heap_bytes();
        }
        match last {
            Some(mut last) => {
                let apart = id.apart_from(*last.key());
                last.get_mut().append(apart, words);
            }
            None => {
                let mut block = Block::new(words.clone(), room.min(4096));
                block.append((0, 0), words);
                self.blocks.insert(id, block);
            }
        }
        self.len += 1;
        self.counters.added = self.counters.added.wrapping_add(1);
        self.counters.last_id = id;
        self.newest_id = id;
        if self.len == 1 {
            self.first_id = id;
        }
    }

    /// Removes an entry; false if there is none with that id.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let mut cursor = self.range(id, id, Direction::Forward);
        let Some((base, place)) = cursor.advance().and_then(|_| cursor.place()) else {
            return false;
        };
        if let Some(block) = self.blocks.get_mut(&base)
            && block.delete(place) == 0
        {
            self.blocks.remove(&base);
        }
        self.len -= 1;
        self.counters.max_deleted_id = self.counters.max_deleted_id.max(id);
        if id == self.first_id {
            self.find_first_id();
        }
        if id == self.newest_id {
            self.find_newest_id();
        }
        true
    }

    /// Removes the oldest entries; returns how many.
    pub fn trim(&mut self, trim: &Trim) -> u64 {
        let mut removed = 0;
        while let Some(mut first) = self.blocks.first_entry() {
            if matches!(trim.by, TrimBy::Length(length) if self.len <= length) {
                break;
            }
            let (base, live) = (*first.key(), first.get().live());
            if trim.limit > 0 && removed + live > trim.limit {
                break;
            }
            let wholly = match trim.by {
                TrimBy::Length(length) => self.len - live >= length,
                TrimBy::Id(id) => first.get().last_id(base).is_none_or(|last| last < id),
            };
            if wholly {
                first.remove();
                self.len -= live;
                removed += live;
                continue;
            }
            if !trim.approximately {
                let len = self.len;
                let goes = |id, deleted| match trim.by {
                    TrimBy::Length(length) => len - deleted > length,
                    TrimBy::Id(oldest) => id < oldest,
                };
                let (deleted, stays) = first.get_mut().delete_while(base, goes);
                self.len -= deleted;
                if let Some(stays) = stays {
                    self.first_id = stays;
                    return removed + deleted;
                }
                removed += deleted;
            }
            break;
        }
        if removed > 0 {
            self.find_first_id();
        }
        removed
    }

    fn find_first_id(&mut self) {
        self.first_id = self.all(Direction::Forward).advance().unwrap_or_default();
    }

    fn find_newest_id(&mut self) {
        self.newest_id = self.all(Direction::Backward).advance().unwrap_or_default();
    }

    // ---- how far readers are

    /// True if an entry was deleted at that id or after it.
    fn has_gap_from(&self, id: StreamId) -> bool {
        let deleted = self.counters.max_deleted_id;
        self.len > 0 && deleted != StreamId::MIN && id <= deleted
    }

    /// How many entries had been added when one with that id had been, as far as that can be told.
    pub fn added_until(&self, id: StreamId) -> Option<i64> {
        let Counters {
            last_id,
            max_deleted_id,
            added,
        } = self.counters;
        let (added, len) = (added as i64, self.len as i64);
        if added == 0 {
            return Some(0);
        }
        if len == 0 && id <= last_id {
            return Some(added);
        }
        if id != StreamId::MIN && id < max_deleted_id || id > last_id {
            return None;
        }
        if id == last_id {
            return Some(added);
        }
        let whole = max_deleted_id == StreamId::MIN || max_deleted_id < self.first_id;
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less if whole => Some(added.wrapping_sub(len)),
            std::cmp::Ordering::Equal if whole => Some(added.wrapping_sub(len).wrapping_add(1)),
            _ => None,
        }
    }

    /// How many entries a group has read that had read `read` up to `from` and now reads `id`.
    #[inline]
    pub(super) fn read_until(
        &self,
        read: Option<i64>,
        from: StreamId,
        id: StreamId,
    ) -> Option<i64> {
        match read {
            Some(read) if from >= self.first_id && !self.has_gap_from(from) => {
                Some(read.wrapping_add(1))
            }
            read if self.counters.added == 0 => read,
            _ => self.added_until(id),
        }
    }

    /// How many entries a group has still to read that has read `read` up to `last`, as far as that
    /// can be told.
    pub(super) fn lag(&self, read: Option<i64>, last: StreamId) -> Option<i64> {
        let added = self.counters.added as i64;
        if added == 0 || self.len == 0 {
            return Some(0);
        }
        if last < self.first_id && self.counters.max_deleted_id < self.first_id {
            return Some(self.len as i64);
        }
        let read = read
            .filter(|_| !self.has_gap_from(last))
            .or_else(|| self.added_until(last))?;
        Some(added.wrapping_sub(read))
    }
}

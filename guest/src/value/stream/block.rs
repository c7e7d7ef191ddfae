//! A block of a stream: entries with ids near to one another in one listpack, laid out element for
//! element as Redis lays them out. Knows no other block.
//!
//! First comes what the block says of all of them, the master entry:
//!
//! ```text
//! live  deleted  width  field … field  0
//! ```
//!
//! then entry after entry, a value for each field of the master, or fields of its own:
//!
//! ```text
//! flags  ms  seq                        value … value  elements
//! flags  ms  seq  width  field  value … field   value  elements
//! ```
//!
//! Ids are told by how far they are from the block's own, which is that of the first entry it ever
//! had. `elements` counts those of the entry before it: for reading backwards, where the 0 ends it.

use super::StreamId;
use crate::value::listpack::places::Place;
use crate::value::listpack::{Items, Listpack, Needle};

/// The entry is gone; it only takes room.
const DELETED: i64 = 1;
/// The entry has the master's fields, and does not repeat them.
const SAME_FIELDS: i64 = 2;

/// No block becomes larger than this, whatever the parameters say; nor does an entry.
pub const MOST_BYTES: u64 = 1 << 30;

/// How large a block may become: `stream-node-max-bytes` and `stream-node-max-entries`, 0 meaning
/// that there is no limit.
#[derive(Clone, Copy, Debug)]
pub struct BlockLimits {
    /// Bytes, all included.
    pub bytes: u64,
    /// Entries, deleted ones included.
    pub entries: u64,
}

impl BlockLimits {
    /// The bytes at which a block is full.
    fn most_bytes(&self) -> u64 {
        match self.bytes {
            0 => MOST_BYTES,
            bytes => bytes.min(MOST_BYTES),
        }
    }
}

/// Entries with ids near to one another.
#[derive(Clone, Debug)]
pub struct Block {
    pack: Listpack,
}

/// What a block says of all its entries.
pub(super) struct Master<'a> {
    /// Entries that are there.
    pub live: u64,
    /// Entries that are deleted.
    pub deleted: u64,
    /// How many fields there are.
    pub width: usize,
    /// The elements from the first field on.
    pub fields: Items<'a>,
}

/// How an entry begins.
pub(super) struct Head {
    /// Where that is.
    pub place: Place,
    pub id: StreamId,
    pub deleted: bool,
    /// Whether the fields are the master's.
    pub same_fields: bool,
    /// How many fields there are.
    pub width: usize,
}

impl Head {
    /// Reads it; what follows are the fields, or the values alone.
    #[inline]
    pub fn read(items: &mut Items<'_>, base: StreamId, master_width: usize) -> Self {
        let place = items.front();
        let flags = items.next_number();
        let (ms, seq) = (items.next_number(), items.next_number());
        let same_fields = flags & SAME_FIELDS != 0;
        Head {
            place,
            id: base.moved_by(ms, seq),
            deleted: flags & DELETED != 0,
            same_fields,
            width: if same_fields {
                master_width
            } else {
                usize::try_from(items.next_number()).unwrap_or(0)
            },
        }
    }

    /// How many elements of the entry follow its head when `unread` of its fields were not read, the
    /// count at its end included.
    #[inline]
    pub fn elements(same_fields: bool, unread: usize) -> usize {
        if same_fields {
            unread + 1
        } else {
            2 * unread + 1
        }
    }
}

impl Block {
    /// A block without entries that takes its fields from these words, field and value in turns.
    pub(super) fn new<'w>(words: impl ExactSizeIterator<Item = &'w [u8]>, room: usize) -> Self {
        let mut pack = Listpack::with_room_for(room);
        pack.push_number(0);
        pack.push_number(0);
        pack.push_number((words.len() / 2) as i64);
        words.step_by(2).for_each(|field| pack.push_back(field));
        pack.push_number(0);
        Block { pack }
    }

    /// A block from outside; `None` if it is none.
    pub fn from_listpack(pack: Listpack) -> Option<Self> {
        let mut items = pack.items();
        let mut number = || items.next()?.number();
        let (mut live, mut deleted) = (number()?, number()?);
        let width = usize::try_from(number()?).ok()?;
        if live < 0 || deleted < 0 || width > pack.len() {
            return None;
        }
        items.pass(width);
        if items.next()?.number()? != 0 {
            return None;
        }
        while !items.is_empty() {
            let place = items.front();
            let flags = items.next()?.number()?;
            // In two bytes, as all small numbers: it is to be changed in place.
            if flags & !(DELETED | SAME_FIELDS) != 0 || items.front() != place + 2 {
                return None;
            }
            items.next()?.number()?;
            items.next()?.number()?;
            let (head, elements) = if flags & SAME_FIELDS != 0 {
                (3, width)
            } else {
                let own = usize::try_from(items.next()?.number()?).ok()?;
                (4, own.checked_mul(2)?)
            };
            if elements > pack.len() {
                return None;
            }
            items.pass(elements);
            if usize::try_from(items.next()?.number()?) != Ok(head + elements) {
                return None;
            }
            if flags & DELETED != 0 {
                deleted -= 1;
            } else {
                live -= 1;
            }
        }
        ((live, deleted) == (0, 0)).then_some(Block { pack })
    }

    /// The elements as they lie.
    pub fn listpack(&self) -> &Listpack {
        &self.pack
    }

    /// How many entries are there.
    pub fn live(&self) -> u64 {
        self.pack.items().next_number() as u64
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.pack.heap_bytes()
    }

    /// What it says of all its entries.
    #[inline]
    pub(super) fn master(&self) -> Master<'_> {
        let mut items = self.pack.items();
        Master {
            live: items.next_number() as u64,
            deleted: items.next_number() as u64,
            width: usize::try_from(items.next_number()).unwrap_or(0),
            fields: items,
        }
    }

    /// The elements of all entries.
    #[inline]
    pub(super) fn body(master: &Master<'_>) -> Place {
        let mut items = master.fields.clone();
        items.pass(master.width + 1);
        items.front()
    }

    /// The last entry's id, be it deleted or not.
    pub(super) fn last_id(&self, base: StreamId) -> Option<StreamId> {
        let mut items = self.pack.items();
        let end = items.back();
        items.pass_back(1);
        let elements = self.pack.items_between(items.back(), end).next_number();
        if elements == 0 {
            return None;
        }
        items.pass_back(usize::try_from(elements).unwrap_or(0));
        let mut entry = self.pack.items_between(items.back(), end);
        entry.pass(1);
        Some(base.moved_by(entry.next_number(), entry.next_number()))
    }

    /// True if an entry of so many bytes has to go to another block.
    #[inline]
    pub(super) fn is_full(&self, bytes: usize, limits: &BlockLimits) -> bool {
        if (self.pack.size() + bytes) as u64 >= limits.most_bytes() {
            return true;
        }
        let mut items = self.pack.items();
        limits.entries > 0 && (items.next_number() + items.next_number()) as u64 >= limits.entries
    }

    /// Adds an entry at the end: how far its id is from the block's, and its fields and values in
    /// turns.
    #[inline]
    pub(super) fn append<'w>(
        &mut self,
        (ms, seq): (i64, i64),
        words: impl ExactSizeIterator<Item = &'w [u8]> + Clone,
    ) {
        let width = words.len() / 2;
        let master = self.master();
        let same_fields = master.width == width
            && (words.clone().step_by(2))
                .zip(master.fields)
                .all(|(field, known)| Needle::new(field).is(known));
        let live = master.live as i64 + 1;
        let pack = &mut self.pack;
        pack.set_number(0, live);
        pack.push_number(if same_fields { SAME_FIELDS } else { 0 });
        pack.push_number(ms);
        pack.push_number(seq);
        if same_fields {
            words
                .skip(1)
                .step_by(2)
                .for_each(|value| pack.push_back(value));
            pack.push_number(width as i64 + 3);
        } else {
            pack.push_number(width as i64);
            words.for_each(|word| pack.push_back(word));
            pack.push_number(2 * width as i64 + 4);
        }
    }

    /// Bytes to be allocated before another entry of so many bytes can be added; 0 if they are there.
    pub(super) fn growth_for(&self, bytes: usize) -> usize {
        if bytes <= self.pack.spare() {
            0
        } else {
            // As vectors grow.
            (2 * self.pack.heap_bytes()).max(self.pack.size() + bytes)
        }
    }

    /// Gives back the memory kept for more entries.
    pub(super) fn close(&mut self) {
        self.pack.fit();
    }

    /// Marks the entry at a place as deleted; returns how many are left.
    pub(super) fn delete(&mut self, place: Place) -> u64 {
        self.mark(place);
        self.count_deleted(1)
    }

    /// Marks entries as deleted from the first on, as long as `goes` says so of an id and of how many
    /// are gone. Returns how many it were, and the first that stays.
    pub(super) fn delete_while(
        &mut self,
        base: StreamId,
        mut goes: impl FnMut(StreamId, u64) -> bool,
    ) -> (u64, Option<StreamId>) {
        let master = self.master();
        let (width, mut place) = (master.width, Block::body(&master));
        let end = self.pack.items().back();
        let (mut deleted, mut stays) = (0, None);
        while place < end {
            let mut items = self.pack.items_between(place, end);
            let head = Head::read(&mut items, base, width);
            if !head.deleted && !goes(head.id, deleted) {
                stays = Some(head.id);
                break;
            }
            items.pass(Head::elements(head.same_fields, head.width));
            let next = items.front();
            if !head.deleted {
                self.mark(place);
                deleted += 1;
            }
            place = next;
        }
        self.count_deleted(deleted);
        (deleted, stays)
    }

    fn mark(&mut self, place: Place) {
        let end = self.pack.items().back();
        let flags = self.pack.items_between(place, end).next_number();
        self.pack.set_number(place, flags | DELETED);
    }

    fn count_deleted(&mut self, more: u64) -> u64 {
        let master = self.master();
        let (live, deleted) = (master.live.saturating_sub(more), master.deleted + more);
        self.pack.set_number(0, live as i64);
        let mut items = self.pack.items();
        items.pass(1);
        let place = items.front();
        self.pack.set_number(place, deleted as i64);
        live
    }
}

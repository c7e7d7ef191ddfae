//! Going through the entries of a stream, in one direction, within a range of ids. Passes over what
//! is deleted. Copies nothing.

use std::collections::btree_map;

use super::StreamId;
use super::block::{Block, Head};
use crate::value::Item;
use crate::value::listpack::places::Place;
use crate::value::listpack::{Items, Listpack};

/// In which order entries are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The oldest first.
    Forward,
    /// The newest first.
    Backward,
}

/// Entries of a stream, one after the other.
pub struct Cursor<'a> {
    blocks: btree_map::Range<'a, StreamId, Block>,
    direction: Direction,
    first: StreamId,
    last: StreamId,
    open: Option<Open<'a>>,
}

/// The block that the cursor is in, and the entry.
#[derive(Clone)]
struct Open<'a> {
    base: StreamId,
    pack: &'a Listpack,
    master_width: usize,
    master_fields: Items<'a>,
    /// Backwards: what was not met yet.
    rest: Items<'a>,
    /// What follows of the entry; forwards, of the whole block.
    entry: Items<'a>,
    /// Where the entry begins.
    place: Place,
    /// Its fields, if they are the master's.
    fields: Option<Items<'a>>,
    width: usize,
    /// How many of its fields were not read.
    unread: usize,
}

impl<'a> Open<'a> {
    fn new(base: StreamId, block: &'a Block) -> Self {
        let master = block.master();
        let pack = block.listpack();
        let body = pack.items_between(Block::body(&master), pack.items().back());
        Open {
            base,
            pack,
            master_width: master.width,
            master_fields: master.fields,
            place: body.front(),
            rest: body.clone(),
            entry: body,
            fields: None,
            width: 0,
            unread: 0,
        }
    }

    #[inline]
    fn read_head(&mut self) -> Head {
        let head = Head::read(&mut self.entry, self.base, self.master_width);
        self.place = head.place;
        self.fields = head.same_fields.then(|| self.master_fields.clone());
        self.width = head.width;
        self.unread = head.width;
        head
    }

    /// Passes over entries with smaller ids if those from `first` on are among the last few of the
    /// block: what is newest is asked for most.
    fn look_from_the_end(&mut self, first: StreamId) {
        const FEW: usize = 8;
        let mut ahead = self.clone();
        let mut at = None;
        for _ in 0..FEW {
            match ahead.previous() {
                Some(head) if head.id >= first => at = Some(head.place),
                Some(_) => {
                    let end = self.entry.back();
                    self.entry = self.pack.items_between(at.unwrap_or(end), end);
                    return;
                }
                None => return,
            }
        }
    }

    /// Goes to the next entry of the block.
    #[inline]
    fn next(&mut self) -> Option<Head> {
        if self.entry.is_empty() {
            return None;
        }
        Some(self.read_head())
    }

    /// Leaves the entry behind.
    #[inline]
    fn pass(&mut self) {
        let elements = Head::elements(self.fields.is_some(), self.unread);
        self.entry.pass(elements);
    }

    /// Goes to the entry before.
    fn previous(&mut self) -> Option<Head> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.back();
        self.rest.pass_back(1);
        let elements = self.pack.items_between(self.rest.back(), end).next_number();
        self.rest.pass_back(usize::try_from(elements).unwrap_or(0));
        self.entry = self.pack.items_between(self.rest.back(), end);
        Some(self.read_head())
    }
}

impl<'a> Cursor<'a> {
    /// A cursor before the first entry in the blocks, which begin with the one that may hold `first`
    /// and end with the one that may hold `last`.
    pub(super) fn new(
        blocks: btree_map::Range<'a, StreamId, Block>,
        first: StreamId,
        last: StreamId,
        direction: Direction,
    ) -> Self {
        Cursor {
            blocks,
            direction,
            first,
            last,
            open: None,
        }
    }

    /// Goes to the next entry.
    #[inline]
    pub fn advance(&mut self) -> Option<StreamId> {
        match self.direction {
            Direction::Forward => self.next_forward(),
            Direction::Backward => self.next_backward(),
        }
    }

    fn next_forward(&mut self) -> Option<StreamId> {
        if let Some(open) = &mut self.open {
            open.pass();
        }
        loop {
            let Some(open) = &mut self.open else {
                let (base, block) = self.blocks.next()?;
                let open = self.open.insert(Open::new(*base, block));
                if *base < self.first {
                    open.look_from_the_end(self.first);
                }
                continue;
            };
            match open.next() {
                None => self.open = None,
                Some(head) if head.deleted || head.id < self.first => open.pass(),
                Some(head) if head.id <= self.last => return Some(head.id),
                Some(_) => return self.end(),
            }
        }
    }

    fn next_backward(&mut self) -> Option<StreamId> {
        loop {
            let Some(open) = &mut self.open else {
                let (base, block) = self.blocks.next_back()?;
                self.open = Some(Open::new(*base, block));
                continue;
            };
            match open.previous() {
                None => self.open = None,
                Some(head) if head.deleted || head.id > self.last => {}
                Some(head) if head.id >= self.first => return Some(head.id),
                Some(_) => return self.end(),
            }
        }
    }

    fn end(&mut self) -> Option<StreamId> {
        self.blocks = btree_map::Range::default();
        self.open = None;
        None
    }

    /// How many fields the entry has.
    #[inline]
    pub fn width(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.width)
    }

    /// The next field of the entry, with its value.
    #[inline]
    pub fn next_field(&mut self) -> Option<(Item<'a>, Item<'a>)> {
        let open = self.open.as_mut()?;
        open.unread = open.unread.checked_sub(1)?;
        let field = match &mut open.fields {
            Some(fields) => fields.next()?,
            None => open.entry.next()?,
        };
        Some((field, open.entry.next()?))
    }

    /// Where the entry is: the id of its block, and its place there.
    pub(super) fn place(&self) -> Option<(StreamId, Place)> {
        self.open.as_ref().map(|open| (open.base, open.place))
    }
}

//! How a set is laid out, for those who write it down and read it again.

use super::{Form, Intset, Set, SetLimits, Width};
use crate::value::hash::Seed;
use crate::value::listpack::Listpack;

/// The form that a set has.
#[derive(Clone, Copy, Debug)]
pub enum Layout<'a> {
    /// Sorted numbers.
    Intset(&'a Intset),
    /// One listpack.
    Pack(&'a Listpack),
    /// A table of so many members.
    Table(usize),
}

impl Set {
    /// How it is laid out.
    pub fn layout(&self) -> Layout<'_> {
        match &self.0 {
            Form::Intset(numbers) => Layout::Intset(numbers),
            Form::Listpack(pack) => Layout::Pack(pack),
            Form::Table(table) => Layout::Table(table.members.len()),
        }
    }

    /// An empty set from which `len` members are read one by one, as Redis begins it.
    pub fn loading(len: u64, limits: &SetLimits) -> Self {
        if len > limits.intset_entries() {
            Set(Form::Table(Default::default()))
        } else {
            Set::of_numbers()
        }
    }

    /// The set of these numbers; a table if they are too many for an intset.
    pub fn from_intset(numbers: Intset, limits: &SetLimits, seed: &Seed) -> Self {
        let len = numbers.len();
        let mut set = Set(Form::Intset(numbers));
        set.prepare_for(len, limits, seed);
        set
    }

    /// The set of the elements of a listpack, which are different ones; a table if they are too
    /// many for a listpack.
    pub fn from_listpack(pack: Listpack, limits: &SetLimits, seed: &Seed) -> Self {
        let len = pack.len();
        let mut set = Set(Form::Listpack(pack));
        set.prepare_for(len, limits, seed);
        set
    }
}

/// How many bytes are before the numbers.
const HEADER_BYTES: usize = 8;

impl Intset {
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends Redis's form to `out`: how wide a number is, how many there are, and the numbers.
    pub fn write_form(&self, out: &mut Vec<u8>) {
        out.reserve(HEADER_BYTES + self.bytes.len());
        out.extend_from_slice(&(self.width as u32).to_le_bytes());
        out.extend_from_slice(&(self.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.bytes);
    }

    /// The numbers that Redis's form tells of; `None` where there is anything wrong with it. None is
    /// there twice, and there is at least one.
    pub fn from_form(form: &[u8]) -> Option<Intset> {
        let (header, bytes) = form.split_at_checked(HEADER_BYTES)?;
        let (width, len) = header.split_at(HEADER_BYTES / 2);
        let width = match width {
            [2, 0, 0, 0] => Width::W2,
            [4, 0, 0, 0] => Width::W4,
            [8, 0, 0, 0] => Width::W8,
            _ => return None,
        };
        let len = u32::from_le_bytes(len.try_into().ok()?) as usize;
        if len.checked_mul(width as usize) != Some(bytes.len()) {
            return None;
        }
        let numbers = Intset {
            bytes: bytes.to_vec(),
            width,
        };
        let in_order = (1..len).all(|at| numbers.get(at - 1) < numbers.get(at));
        (in_order && !numbers.is_empty()).then_some(numbers)
    }
}

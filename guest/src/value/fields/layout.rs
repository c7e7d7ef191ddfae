//! How a hash is laid out, for those who write it down and read it again.

use super::timed::Timed;
use super::{Fields, Form, HashLimits};
use crate::value::hash::Seed;
use crate::value::listpack::Listpack;

/// The form that a hash has.
#[derive(Clone, Copy, Debug)]
pub enum Layout<'a> {
    /// Fields and values in one listpack.
    Pack(&'a Listpack),
    /// Fields, values and deadlines in one listpack.
    TimedPack(&'a Listpack),
    /// A table of so many fields.
    Table(usize),
}

impl Fields {
    /// How it is laid out.
    pub fn layout(&self) -> Layout<'_> {
        match &self.form {
            Form::Packed(pack) => Layout::Pack(pack),
            Form::Timed(timed) => Layout::TimedPack(timed.pack()),
            Form::Table(table) => Layout::Table(table.len()),
        }
    }

    /// The hash of a listpack of fields and values, each field a different one; a table if they are
    /// too many for a listpack.
    pub fn from_listpack(pack: Listpack, limits: &HashLimits, seed: &Seed) -> Self {
        Self::of(Form::Packed(pack)).within(limits, seed)
    }

    /// The hash of a listpack of fields, values and deadlines in the order in which they expire; a
    /// table if they are too many for a listpack.
    pub fn from_timed_listpack(pack: Listpack, limits: &HashLimits, seed: &Seed) -> Self {
        Self::of(Form::Timed(Timed::of_triples(pack))).within(limits, seed)
    }

    fn within(mut self, limits: &HashLimits, seed: &Seed) -> Self {
        if self.len() as u64 > limits.listpack_entries {
            self.make_table(seed);
        }
        self
    }
}

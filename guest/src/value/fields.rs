//! The hash type: fields with values, in a listpack or a hash table, each of which may have a time
//! at which it goes. It never goes back to a smaller form, as in Redis. Knows no key, no time and no
//! command.

mod layout;
mod table;
#[cfg(test)]
mod tests;
mod timed;

pub use layout::Layout;

use super::afar::Afar;
use super::deadlines::NO_DEADLINE;
use super::dense;
use super::hash::Seed;
use super::listpack::{self, Item, Listpack, Place};

use table::{Pair, Table};
use timed::Timed;

/// How large the smaller forms may become.
#[derive(Clone, Copy, Debug)]
pub struct HashLimits {
    /// `hash-max-listpack-entries`
    pub listpack_entries: u64,
    /// `hash-max-listpack-value`
    pub listpack_value: u64,
}

/// What becomes of when a field expires as it gets another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// It stays from now on.
    Dropped,
    /// It expires when it would have.
    Kept,
}

/// What a field may take beside its bytes.
const FIELD_OVERHEAD: usize = 64;

#[derive(Clone, Debug)]
enum Form {
    /// Field, value, field, value, and so on, as they came.
    Packed(Listpack),
    /// With deadlines between them.
    Timed(Timed),
    Table(Box<Table>),
}

/// The fields of a hash.
#[derive(Debug)]
pub struct Fields {
    form: Form,
    /// The place of its first deadline among those of other hashes: for whoever keeps several.
    place: u32,
}

/// Where in a hash a field is, until the hash changes.
#[derive(Clone, Copy, Debug)]
pub struct FieldAt(At);

#[derive(Clone, Copy, Debug)]
enum At {
    Listpack(Place),
    Table(usize),
}

/// A field of a hash.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// What it is called.
    pub name: Item<'a>,
    /// What it holds.
    pub value: Item<'a>,
    /// When it expires, in milliseconds since the Unix epoch.
    pub deadline_ms: Option<i64>,
}

impl Field<'_> {
    /// True if its time is up.
    #[inline]
    pub fn is_due(&self, now_ms: i64) -> bool {
        self.deadline_ms.is_some_and(|at_ms| at_ms <= now_ms)
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self::of(Form::Packed(Listpack::default()))
    }
}

/// A copy stands in no order yet.
impl Clone for Fields {
    fn clone(&self) -> Self {
        Self::of(self.form.clone())
    }
}

impl Fields {
    fn of(form: Form) -> Self {
        Fields {
            form,
            place: NO_DEADLINE,
        }
    }

    /// How many fields there are, those included whose time is up but that are still there.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Packed(pack) => pack.len() / 2,
            Form::Timed(timed) => timed.len(),
            Form::Table(table) => table.len(),
        }
    }

    /// True if there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `listpack`, `listpackex` or `hashtable`.
    pub fn encoding(&self) -> &'static str {
        match self.form {
            Form::Packed(_) => "listpack",
            Form::Timed(_) => "listpackex",
            Form::Table(_) => "hashtable",
        }
    }

    /// True for fields in a hash table, where it takes no walk to get to one.
    #[inline]
    pub fn is_table(&self) -> bool {
        matches!(self.form, Form::Table(_))
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.form {
            Form::Packed(pack) => pack.heap_bytes(),
            Form::Timed(timed) => timed.pack().heap_bytes(),
            Form::Table(table) => size_of::<Table>() + table.heap_bytes(),
        }
    }

    /// Bytes that may be needed to set so many fields, beside their own: a listpack may become a
    /// table meanwhile.
    pub fn growth(&self, fields: usize) -> usize {
        let (moved, index) = match &self.form {
            Form::Packed(_) | Form::Timed(_) => (self.len(), 2 * self.heap_bytes()),
            Form::Table(table) => (0, table.pairs().index_growth(fields)),
        };
        FIELD_OVERHEAD
            .saturating_mul(fields.saturating_add(moved))
            .saturating_add(index)
    }

    /// The place that [`Fields::set_place`] set; else [`NO_DEADLINE`].
    #[inline]
    pub fn place(&self) -> u32 {
        self.place
    }

    /// Notes the place of its first deadline among those of other hashes.
    #[inline]
    pub fn set_place(&mut self, place: u32) {
        self.place = place;
    }

    // ---- reading

    /// See [`super::Value::afar`].
    #[inline]
    pub fn afar(&self) -> Option<&dyn Afar> {
        match &self.form {
            Form::Table(table) => Some(table.pairs()),
            _ => None,
        }
    }

    /// Where the field is.
    #[inline]
    pub fn find(&self, name: &[u8], seed: &Seed) -> Option<FieldAt> {
        let at = match &self.form {
            Form::Packed(pack) => At::Listpack(pack.find_every(2, name)?),
            Form::Timed(timed) => At::Listpack(timed.find(name)?),
            Form::Table(table) => At::Table(table.find(name, seed)?),
        };
        Some(FieldAt(at))
    }

    /// What the field holds.
    #[inline]
    pub fn value(&self, at: FieldAt) -> Item<'_> {
        match (&self.form, at.0) {
            (Form::Packed(pack), At::Listpack(place)) => pack.at(pack.skip(place, 1)),
            (Form::Timed(timed), At::Listpack(place)) => {
                timed.pack().at(timed.pack().skip(place, 1))
            }
            (Form::Table(table), At::Table(position)) => {
                Item::Bytes(table.pairs().at(position).value())
            }
            _ => unreachable!("the hash has changed since the field was found"),
        }
    }

    /// When the field expires.
    #[inline]
    pub fn deadline_ms(&self, at: FieldAt) -> Option<i64> {
        match (&self.form, at.0) {
            (Form::Timed(timed), At::Listpack(place)) => timed.deadline_ms(place),
            (Form::Table(table), At::Table(position)) => table.deadline_ms(position),
            _ => None,
        }
    }

    /// True if the field's time is up.
    #[inline]
    pub fn is_due(&self, at: FieldAt, now_ms: i64) -> bool {
        self.deadline_ms(at).is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// When the first of the fields expires.
    #[inline]
    pub fn next_deadline_ms(&self) -> Option<i64> {
        match &self.form {
            Form::Packed(_) => None,
            Form::Timed(timed) => timed.next_deadline_ms(),
            Form::Table(table) => table.next_deadline_ms(),
        }
    }

    /// True if there are fields whose time is up.
    #[inline]
    pub fn has_due(&self, now_ms: i64) -> bool {
        self.next_deadline_ms().is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// All fields: those of a listpack as they came, the first to expire first; those of a table
    /// anyhow.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter(match &self.form {
            Form::Packed(pack) => Source::Packed(pack.items()),
            Form::Timed(timed) => Source::Timed(timed.iter()),
            Form::Table(table) => Source::Table(table, table.pairs().iter(), 0),
        })
    }

    /// The field at a position below [`Fields::len`]: for choosing at random.
    pub fn get(&self, position: usize) -> Option<Field<'_>> {
        match &self.form {
            Form::Packed(_) | Form::Timed(_) => self.iter().nth(position),
            Form::Table(table) => table
                .pairs()
                .get(position)
                .map(|pair| field_of(table, position, pair)),
        }
    }

    /// One step of an iteration that sees at least `count` fields, and every field that is there
    /// throughout at least once: the next cursor and the fields seen. `cursor` 0 begins and ends.
    ///
    /// The smaller forms are seen as a whole. A table is seen from the end downwards: when a field
    /// goes, the last one takes its place, which was seen before.
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, impl Iterator<Item = Field<'_>>) {
        let (cursor, small, large) = match &self.form {
            Form::Packed(_) | Form::Timed(_) => (0, Some(self.iter()), None),
            Form::Table(table) => {
                let (cursor, positions) = table.pairs().scan(cursor, count);
                let seen = positions.map(|at| field_of(table, at, table.pairs().at(at)));
                (cursor, None, Some(seen))
            }
        };
        let (small, large) = (small.into_iter().flatten(), large.into_iter().flatten());
        (cursor, small.chain(large))
    }

    // ---- writing

    /// Makes it a table if a listpack may not hold these fields and values on top of what it has.
    /// Redis looks at them before it looks at the hash, and takes all of them for new.
    #[inline]
    pub fn prepare_for<'a>(
        &mut self,
        elements: impl ExactSizeIterator<Item = &'a [u8]>,
        limits: &HashLimits,
        seed: &Seed,
    ) {
        let pack = match &mut self.form {
            Form::Packed(pack) => pack,
            Form::Timed(timed) => timed.pack_mut(),
            Form::Table(_) => return,
        };
        let count = elements.len();
        let mut is_too_much = (count / 2) as u64 > limits.listpack_entries;
        let mut bytes = 0;
        for element in elements {
            is_too_much |= element.len() as u64 > limits.listpack_value;
            bytes += element.len();
        }
        if is_too_much || !pack.may_take(bytes) {
            self.make_table(seed);
        } else if pack.is_empty() {
            // What the short ones take. A hash is often set once and never grows.
            pack.reserve_exact(bytes + 2 * count);
        }
    }

    /// Makes room for deadlines beside the fields of a listpack.
    pub fn prepare_for_deadlines(&mut self) {
        if let Form::Packed(pack) = &self.form {
            self.form = Form::Timed(Timed::of_pairs(pack));
        }
    }

    /// Gives a field a value; true if it is new.
    #[inline]
    pub fn set(
        &mut self,
        name: &[u8],
        value: &[u8],
        ttl: Ttl,
        limits: &HashLimits,
        seed: &Seed,
    ) -> bool {
        let longest = name.len().max(value.len()) as u64;
        if longest > limits.listpack_value {
            self.make_table(seed);
        }
        let is_new = match &mut self.form {
            Form::Table(table) => {
                let (position, is_new) = table.set(name, value, seed);
                if ttl == Ttl::Dropped && !is_new {
                    table.set_deadline(position, None);
                }
                return is_new;
            }
            Form::Packed(pack) => match pack.find_every(2, name) {
                Some(place) => {
                    pack.replace_at(pack.skip(place, 1), value);
                    false
                }
                None => {
                    pack.push_back(name);
                    pack.push_back(value);
                    true
                }
            },
            Form::Timed(timed) => match timed.find(name) {
                Some(place) => {
                    timed.set_value(place, value);
                    if ttl == Ttl::Dropped && timed.deadline_ms(place).is_some() {
                        timed.set_deadline(place, None);
                    }
                    false
                }
                None => {
                    timed.push(name, value);
                    true
                }
            },
        };
        // Also where none is new: the parameter may have become smaller.
        if self.len() as u64 > limits.listpack_entries {
            self.make_table(seed);
        }
        is_new
    }

    /// Gives the field another value where it is, and it expires when it would have; false, and
    /// nothing done, if the hash has to change its form for it.
    #[inline]
    pub fn set_value(&mut self, at: FieldAt, value: &[u8], limits: &HashLimits) -> bool {
        let fits = value.len() as u64 <= limits.listpack_value
            && self.len() as u64 <= limits.listpack_entries;
        match (&mut self.form, at.0) {
            (Form::Table(table), At::Table(position)) => table.set_value(position, value),
            (Form::Packed(pack), At::Listpack(place)) if fits => {
                pack.replace_at(pack.skip(place, 1), value);
            }
            (Form::Timed(timed), At::Listpack(place)) if fits => timed.set_value(place, value),
            _ => return false,
        }
        true
    }

    /// Gives the field another deadline, or none. There is room for it in a table, and after
    /// [`Fields::prepare_for_deadlines`]; without, all fields stay anyway.
    pub fn set_deadline(&mut self, at: FieldAt, at_ms: Option<i64>) {
        match (&mut self.form, at.0) {
            (Form::Timed(timed), At::Listpack(place)) => timed.set_deadline(place, at_ms),
            (Form::Table(table), At::Table(position)) => table.set_deadline(position, at_ms),
            _ => {}
        }
    }

    /// Removes the field. In a table the last one takes its position; elsewhere those behind it move
    /// up.
    pub fn remove(&mut self, at: FieldAt) {
        match (&mut self.form, at.0) {
            (Form::Packed(pack), At::Listpack(place)) => pack.remove_at(place, 2),
            (Form::Timed(timed), At::Listpack(place)) => timed.remove(place),
            (Form::Table(table), At::Table(position)) => table.remove(position),
            _ => unreachable!("the hash has changed since the field was found"),
        }
    }

    /// Removes all fields that expire until a time, the first to expire first, and names each before
    /// it goes; returns how many.
    pub fn remove_due(&mut self, until_ms: i64, gone: impl FnMut(&[u8])) -> usize {
        match &mut self.form {
            Form::Packed(_) => 0,
            Form::Timed(timed) => timed.remove_due(until_ms, gone),
            Form::Table(table) => table.remove_due(until_ms, gone),
        }
    }

    fn make_table(&mut self, seed: &Seed) {
        if self.is_table() {
            return;
        }
        let mut table = Box::<Table>::default();
        for field in self.iter() {
            let (position, _) = table.set(&field.name.bytes(), &field.value.bytes(), seed);
            if field.deadline_ms.is_some() {
                table.set_deadline(position, field.deadline_ms);
            }
        }
        self.form = Form::Table(table);
    }
}

#[inline]
fn field_of<'a>(table: &Table, position: usize, pair: &'a Pair) -> Field<'a> {
    Field {
        name: Item::Bytes(pair.name()),
        value: Item::Bytes(pair.value()),
        deadline_ms: table.deadline_ms(position),
    }
}

/// All fields of a [`Fields`].
#[derive(Clone)]
pub struct Iter<'a>(Source<'a>);

#[derive(Clone)]
enum Source<'a> {
    Packed(listpack::Items<'a>),
    Timed(timed::Iter<'a>),
    /// The fields that are left, and the position of the next one.
    Table(&'a Table, dense::Iter<'a, Pair>, usize),
}

impl<'a> Iterator for Iter<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        match &mut self.0 {
            Source::Packed(items) => Some(Field {
                name: items.next()?,
                value: items.next()?,
                deadline_ms: None,
            }),
            Source::Timed(fields) => fields.next(),
            Source::Table(table, pairs, position) => {
                let pair = pairs.next()?;
                *position += 1;
                Some(field_of(table, *position - 1, pair))
            }
        }
    }
}

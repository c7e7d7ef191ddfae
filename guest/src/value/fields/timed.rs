//! A few fields that may expire, in one listpack: field, value, deadline, and so on, the first to
//! expire first and those that stay last, as Redis lays them out.

use super::Field;
use crate::value::listpack::{Item, Items, Listpack, Place};

/// What makes one field.
const ENTRIES: usize = 3;

/// Stands for the deadline of a field that has none.
const STAYS: i64 = 0;

/// Fields in the order of their deadlines.
#[derive(Clone, Debug)]
pub struct Timed(Listpack);

impl Timed {
    /// The fields of a listpack of fields and values, which all stay.
    pub fn of_pairs(pairs: &Listpack) -> Self {
        let mut pack = Listpack::default();
        pack.reserve_exact(pairs.size() + pairs.len());
        let mut items = pairs.items();
        while let (Some(field), Some(value)) = (items.next(), items.next()) {
            pack.push_item(field);
            pack.push_item(value);
            pack.push_item(Item::Number(STAYS));
        }
        Timed(pack)
    }

    /// The fields of a listpack that is laid out so already.
    pub fn of_triples(pack: Listpack) -> Self {
        Timed(pack)
    }

    /// The listpack that it is.
    #[inline]
    pub fn pack(&self) -> &Listpack {
        &self.0
    }

    /// The listpack that it is, to make room in.
    #[inline]
    pub fn pack_mut(&mut self) -> &mut Listpack {
        &mut self.0
    }

    /// How many fields there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len() / ENTRIES
    }

    /// Where the field is.
    #[inline]
    pub fn find(&self, field: &[u8]) -> Option<Place> {
        self.0.find_every(ENTRIES, field)
    }

    /// When the field at a place expires.
    #[inline]
    pub fn deadline_ms(&self, place: Place) -> Option<i64> {
        deadline(self.0.at(self.0.skip(place, 2)))
    }

    /// The earliest deadline.
    #[inline]
    pub fn next_deadline_ms(&self) -> Option<i64> {
        if self.0.is_empty() {
            return None;
        }
        self.deadline_ms(self.0.first())
    }

    /// All fields.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.items())
    }

    /// Adds a field that is not there yet and stays.
    pub fn push(&mut self, field: &[u8], value: &[u8]) {
        self.0.push_back(field);
        self.0.push_back(value);
        self.0.push_item(Item::Number(STAYS));
    }

    /// Gives the field at a place another value.
    pub fn set_value(&mut self, place: Place, value: &[u8]) {
        self.0.replace_at(self.0.skip(place, 1), value);
    }

    /// Gives the field at a place another deadline, or none, and moves it where it then belongs:
    /// before others that expire at the same time.
    pub fn set_deadline(&mut self, place: Place, at_ms: Option<i64>) {
        let number = at_ms.unwrap_or(STAYS);
        self.0.replace_number_at(self.0.skip(place, 2), number);
        let before = at_ms.and_then(|at_ms| self.first_not_before(at_ms, place));
        let before = before.unwrap_or_else(|| self.0.end());
        self.0.move_before(place, ENTRIES, before);
    }

    /// The first field that does not expire before a time, `but` for one.
    fn first_not_before(&self, at_ms: i64, but: Place) -> Option<Place> {
        let mut place = self.0.first();
        while place < self.0.end() {
            let is_before = self.deadline_ms(place).is_some_and(|other| other < at_ms);
            if place != but && !is_before {
                return Some(place);
            }
            place = self.0.skip(place, ENTRIES);
        }
        None
    }

    /// Removes the field at a place.
    pub fn remove(&mut self, place: Place) {
        self.0.remove_at(place, ENTRIES);
    }

    /// Removes all fields that expire until a time, and names them before; returns how many.
    pub fn remove_due(&mut self, until_ms: i64, mut gone: impl FnMut(&[u8])) -> usize {
        let due = self
            .iter()
            .take_while(|field| field.is_due(until_ms))
            .map(|field| gone(&field.name.bytes()))
            .count();
        if due > 0 {
            self.0.remove_at(self.0.first(), due * ENTRIES);
        }
        due
    }
}

#[inline]
fn deadline(item: Item<'_>) -> Option<i64> {
    item.number().filter(|at_ms| *at_ms != STAYS)
}

/// The fields of a [`Timed`].
#[derive(Clone)]
pub struct Iter<'a>(Items<'a>);

impl<'a> Iterator for Iter<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        Some(Field {
            name: self.0.next()?,
            value: self.0.next()?,
            deadline_ms: deadline(self.0.next()?),
        })
    }
}

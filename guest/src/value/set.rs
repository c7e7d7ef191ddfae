//! The set type: sorted numbers, or a listpack, or a hash table, as its members and their number
//! want it. It never goes back to a smaller form while members come and go, as in Redis. Knows no
//! key and no command.

mod layout;

pub use layout::Layout;

use super::afar::Afar;
use super::dense::{self, Dense, Keyed};
use super::hash::Seed;
use super::listpack::{self, Item, Listpack, Needle};
use super::string::number_in;

/// How large the smaller forms may become.
#[derive(Clone, Copy, Debug)]
pub struct SetLimits {
    /// `set-max-intset-entries`
    pub intset_entries: u64,
    /// `set-max-listpack-entries`
    pub listpack_entries: u64,
    /// `set-max-listpack-value`
    pub listpack_value: u64,
}

impl SetLimits {
    /// Redis does not let an intset become longer than this, whatever the parameter says.
    fn intset_entries(&self) -> u64 {
        self.intset_entries.min(1 << 30)
    }
}

#[derive(Clone, Debug)]
enum Form {
    Intset(Intset),
    Listpack(Listpack),
    Table(Table),
}

/// A set of byte strings.
#[derive(Clone, Debug)]
pub struct Set(Form);

impl Set {
    /// An empty set of numbers.
    pub fn of_numbers() -> Self {
        Set(Form::Intset(Intset::default()))
    }

    /// An empty set in one listpack.
    pub fn packed() -> Self {
        Set(Form::Listpack(Listpack::default()))
    }

    /// An empty set for about `expected` members, `first` being one of them.
    pub fn expecting(first: &[u8], expected: usize, limits: &SetLimits) -> Self {
        let expected = expected as u64;
        if expected <= limits.intset_entries && number_in(first).is_some() {
            Self::of_numbers()
        } else if expected <= limits.listpack_entries {
            Self::packed()
        } else {
            Set(Form::Table(Table::default()))
        }
    }

    /// Makes it a table if it is about to get more new members than a smaller form may have.
    #[inline]
    pub fn prepare_for(&mut self, expected: usize, limits: &SetLimits, seed: &Seed) {
        let limit = match self.0 {
            Form::Intset(_) => limits.intset_entries,
            Form::Listpack(_) => limits.listpack_entries,
            Form::Table(_) => return,
        };
        if expected as u64 > limit {
            self.make_table(seed);
        }
    }

    /// How many members there are.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Intset(numbers) => numbers.len(),
            Form::Listpack(pack) => pack.len(),
            Form::Table(table) => table.members.len(),
        }
    }

    /// True if there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `intset`, `listpack` or `hashtable`.
    pub fn encoding(&self) -> &'static str {
        match self.0 {
            Form::Intset(_) => "intset",
            Form::Listpack(_) => "listpack",
            Form::Table(_) => "hashtable",
        }
    }

    /// True for a set of sorted numbers.
    pub fn is_intset(&self) -> bool {
        matches!(self.0, Form::Intset(_))
    }

    /// True for a set in one listpack, where a member is found by going through all.
    pub fn is_packed(&self) -> bool {
        matches!(self.0, Form::Listpack(_))
    }

    /// True for a set in a hash table.
    pub fn is_table(&self) -> bool {
        matches!(self.0, Form::Table(_))
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Intset(numbers) => numbers.bytes.capacity(),
            Form::Listpack(pack) => pack.heap_bytes(),
            Form::Table(table) => table.heap_bytes(),
        }
    }

    // ---- reading

    /// See [`super::Value::afar`].
    #[inline]
    pub fn afar(&self) -> Option<&dyn Afar> {
        match &self.0 {
            Form::Table(table) => Some(&table.members),
            _ => None,
        }
    }

    /// True if it is a member.
    #[inline]
    pub fn contains(&self, needle: &Needle<'_>, seed: &Seed) -> bool {
        match &self.0 {
            Form::Intset(numbers) => needle
                .number()
                .is_some_and(|number| numbers.find(number).is_ok()),
            Form::Listpack(pack) => pack.find(needle).is_some(),
            Form::Table(table) => {
                let bytes = needle.bytes();
                table.members.find(seed.hash(bytes), bytes).is_some()
            }
        }
    }

    /// All members: numbers in order, those of a listpack as they came, those of a table anyhow.
    #[inline]
    pub fn items(&self) -> Items<'_> {
        match &self.0 {
            Form::Intset(numbers) => Items::Intset(numbers, 0),
            Form::Listpack(pack) => Items::Listpack(pack.items()),
            Form::Table(table) => Items::Table(table.members.iter()),
        }
    }

    /// The member at a position below [`Set::len`]: for choosing at random.
    pub fn get(&self, position: usize) -> Option<Item<'_>> {
        match &self.0 {
            Form::Intset(numbers) => {
                (position < numbers.len()).then(|| Item::Number(numbers.get(position)))
            }
            Form::Listpack(pack) => pack.get(position),
            Form::Table(table) => table.members.get(position).map(|m| Item::Bytes(&m.bytes)),
        }
    }

    /// One step of an iteration that sees at least `count` members, and every member that is there
    /// throughout at least once: the next cursor and the members seen. `cursor` 0 begins and ends.
    ///
    /// The smaller forms are seen as a whole. A table is seen from the end downwards: when a member
    /// goes, the last one takes its place, which was seen before.
    pub fn scan(&self, cursor: u64, count: usize) -> (u64, impl Iterator<Item = Item<'_>>) {
        let (cursor, small, large) = match &self.0 {
            Form::Intset(_) | Form::Listpack(_) => (0, Some(self.items()), None),
            Form::Table(table) => {
                let (cursor, positions) = table.members.scan(cursor, count);
                let seen = positions.map(|at| Item::Bytes(&table.members.at(at).bytes));
                (cursor, None, Some(seen))
            }
        };
        let (small, large) = (small.into_iter().flatten(), large.into_iter().flatten());
        (cursor, small.chain(large))
    }

    // ---- writing

    /// Adds a member; false if it is one already.
    #[inline]
    pub fn add(&mut self, member: &[u8], limits: &SetLimits, seed: &Seed) -> bool {
        match &mut self.0 {
            Form::Table(table) => {
                let hash = seed.hash(member);
                let new = table.members.find(hash, member).is_none();
                if new {
                    table.insert(hash, member.into());
                }
                new
            }
            Form::Listpack(pack) => {
                if pack.find(&Needle::new(member)).is_some() {
                    return false;
                }
                if (pack.len() as u64) < limits.listpack_entries
                    && member.len() as u64 <= limits.listpack_value
                    && pack.may_take(member.len())
                {
                    pack.push_back(member);
                } else {
                    self.make_table(seed)
                        .insert(seed.hash(member), member.into());
                }
                true
            }
            Form::Intset(numbers) => match number_in(member) {
                Some(number) => {
                    let added = numbers.add(number);
                    if added && numbers.len() as u64 > limits.intset_entries() {
                        self.make_table(seed);
                    }
                    added
                }
                None => {
                    let most_digits = numbers.most_digits();
                    if (numbers.len() as u64) < limits.listpack_entries
                        && (member.len().max(most_digits) as u64) <= limits.listpack_value
                        && numbers.len() * (most_digits + 2) + member.len() < 1 << 30
                    {
                        let mut pack: Listpack = self.items().collect();
                        pack.push_back(member);
                        self.0 = Form::Listpack(pack);
                    } else {
                        self.make_table(seed)
                            .insert(seed.hash(member), member.into());
                    }
                    true
                }
            },
        }
    }

    /// Adds a member of another set.
    pub fn add_item(&mut self, item: Item<'_>, limits: &SetLimits, seed: &Seed) -> bool {
        self.add(&item.bytes(), limits, seed)
    }

    /// Removes a member; false if it is none.
    pub fn remove(&mut self, needle: &Needle<'_>, seed: &Seed) -> bool {
        match &mut self.0 {
            Form::Intset(numbers) => match needle.number().map(|number| numbers.find(number)) {
                Some(Ok(position)) => {
                    numbers.remove(position);
                    true
                }
                _ => false,
            },
            Form::Listpack(pack) => match pack.find(needle) {
                Some(index) => {
                    pack.remove(index, 1);
                    true
                }
                None => false,
            },
            Form::Table(table) => {
                let bytes = needle.bytes();
                let found = table.members.find(seed.hash(bytes), bytes);
                if let Some(position) = found {
                    table.remove(position);
                }
                found.is_some()
            }
        }
    }

    /// Removes the member at a position below [`Set::len`]. In a table the last one takes its place;
    /// elsewhere those behind it move up.
    pub fn remove_at(&mut self, position: usize) {
        match &mut self.0 {
            Form::Intset(numbers) => numbers.remove(position),
            Form::Listpack(pack) => pack.remove(position, 1),
            Form::Table(table) => table.remove(position),
        }
    }

    /// Makes it an intset, if all members are numbers and not too many.
    pub fn make_intset(&mut self, limits: &SetLimits) {
        if self.is_intset() || self.len() as u64 > limits.intset_entries() {
            return;
        }
        let numbers: Option<Vec<i64>> = self.items().map(Item::number).collect();
        if let Some(mut numbers) = numbers {
            numbers.sort_unstable();
            let mut intset = Intset::default();
            for number in numbers {
                intset.add(number);
            }
            self.0 = Form::Intset(intset);
        }
    }

    /// Makes it a listpack, if its members are short and few enough.
    pub fn make_packed(&mut self, limits: &SetLimits, seed: &Seed) {
        let mut packed = Set::packed();
        for item in self.items() {
            packed.add_item(item, limits, seed);
            if !packed.is_packed() {
                return;
            }
        }
        *self = packed;
    }

    fn make_table(&mut self, seed: &Seed) -> &mut Table {
        if !self.is_table() {
            let mut table = Table::default();
            for item in self.items() {
                let bytes = item.bytes();
                table.insert(seed.hash(&bytes), (*bytes).into());
            }
            self.0 = Form::Table(table);
        }
        match &mut self.0 {
            Form::Table(table) => table,
            // The lines above have left nothing else.
            Form::Intset(_) | Form::Listpack(_) => unreachable!("the set was made a table"),
        }
    }
}

/// Members of a [`Set`].
pub enum Items<'a> {
    /// Of sorted numbers.
    Intset(&'a Intset, usize),
    /// Of a listpack.
    Listpack(listpack::Items<'a>),
    /// Of a table.
    Table(dense::Iter<'a, Member>),
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Items::Intset(numbers, at) => {
                let number = (*at < numbers.len()).then(|| numbers.get(*at))?;
                *at += 1;
                Some(Item::Number(number))
            }
            Items::Listpack(items) => items.next(),
            Items::Table(members) => Some(Item::Bytes(&members.next()?.bytes)),
        }
    }
}

// ---- numbers -----------------------------------------------------------------------------------

/// Numbers in order, each as wide as the widest needs to be.
#[derive(Clone, Debug)]
pub struct Intset {
    bytes: Vec<u8>,
    width: Width,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    W2 = 2,
    W4 = 4,
    W8 = 8,
}

impl Width {
    fn of(number: i64) -> Self {
        if i16::try_from(number).is_ok() {
            Width::W2
        } else if i32::try_from(number).is_ok() {
            Width::W4
        } else {
            Width::W8
        }
    }
}

impl Default for Intset {
    fn default() -> Self {
        Intset {
            bytes: Vec::new(),
            width: Width::W2,
        }
    }
}

impl Intset {
    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        match self.width {
            Width::W2 => self.bytes.len() / 2,
            Width::W4 => self.bytes.len() / 4,
            Width::W8 => self.bytes.len() / 8,
        }
    }

    #[inline]
    fn get(&self, position: usize) -> i64 {
        let at = &self.bytes[position * self.width as usize..];
        match self.width {
            Width::W2 => i16::from_le_bytes([at[0], at[1]]).into(),
            Width::W4 => i32::from_le_bytes([at[0], at[1], at[2], at[3]]).into(),
            Width::W8 => {
                i64::from_le_bytes([at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]])
            }
        }
    }

    /// Where the number is, or belongs.
    #[inline]
    fn find(&self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        if high > 0 && number > self.get(high - 1) {
            return Err(high);
        }
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).cmp(&number) {
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    fn add(&mut self, number: i64) -> bool {
        let Err(position) = self.find(number) else {
            return false;
        };
        if Width::of(number) > self.width {
            let numbers: Vec<i64> = (0..self.len()).map(|at| self.get(at)).collect();
            self.width = Width::of(number);
            self.bytes.clear();
            for number in numbers {
                let width = self.width as usize;
                self.bytes.extend_from_slice(&number.to_le_bytes()[..width]);
            }
        }
        let width = self.width as usize;
        let (at, end) = (position * width, self.bytes.len());
        self.bytes.extend_from_slice(&number.to_le_bytes()[..width]);
        if at < end {
            self.bytes[at..].rotate_right(width);
        }
        true
    }

    fn remove(&mut self, position: usize) {
        let width = self.width as usize;
        let at = position * width;
        self.bytes.drain(at..at + width);
    }

    /// How many characters the longest number takes, as Redis looks at it: at both ends.
    fn most_digits(&self) -> usize {
        let Some(last) = self.len().checked_sub(1) else {
            return 0;
        };
        let digits = |number| super::string::Digits::new(number).len();
        digits(self.get(0)).max(digits(self.get(last)))
    }
}

// ---- a table -----------------------------------------------------------------------------------

/// A member of a large set. 12 bytes on wasm32.
#[derive(Clone, Debug)]
pub struct Member {
    hash: u32,
    bytes: Box<[u8]>,
}

impl Keyed for Member {
    #[inline]
    fn hash(&self) -> u32 {
        self.hash
    }

    #[inline]
    fn key(&self) -> &[u8] {
        &self.bytes
    }
}

/// Members, and what they weigh.
#[derive(Clone, Debug, Default)]
struct Table {
    members: Dense<Member>,
    /// Of all members together.
    member_bytes: usize,
}

impl Table {
    /// Adds a member that is not there yet.
    fn insert(&mut self, hash: u32, bytes: Box<[u8]>) {
        self.member_bytes += bytes.len();
        self.members.insert(Member { hash, bytes });
    }

    fn remove(&mut self, position: usize) {
        self.member_bytes -= self.members.remove(position).bytes.len();
    }

    fn heap_bytes(&self) -> usize {
        self.member_bytes + self.members.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const LIMITS: SetLimits = SetLimits {
        intset_entries: 40,
        listpack_entries: 20,
        listpack_value: 10,
    };

    /// Random changes against a set of the standard library, through all three forms.
    #[test]
    fn agrees_with_a_naive_set() {
        let seed = Seed::new(9);
        let mut rng = fastrand::Rng::with_seed(23);
        let mut met = BTreeSet::new();
        for round in 0..120 {
            let mut set = Set::of_numbers();
            let mut model = BTreeSet::new();
            for _ in 0..300 {
                let member = match rng.u32(0..8) {
                    0 if round % 3 == 1 => vec![b'x'; rng.usize(0..10)],
                    1 if round % 3 == 2 => vec![b'y'; rng.usize(0..600)],
                    2 => rng.i64(..).to_string().into_bytes(),
                    _ => rng.i32(-30..30).to_string().into_bytes(),
                };
                if rng.u32(0..5) < 2 {
                    let needle = Needle::new(&member);
                    assert_eq!(set.remove(&needle, &seed), model.remove(&member));
                } else {
                    let added = set.add(&member, &LIMITS, &seed);
                    assert_eq!(added, model.insert(member));
                }
                let members: BTreeSet<Vec<u8>> =
                    set.items().map(|item| item.bytes().to_vec()).collect();
                assert_eq!(members, model);
                assert_eq!(set.len(), model.len());
                met.insert(set.encoding());
                for position in 0..set.len() {
                    let member = set.get(position).map(|item| item.bytes().to_vec());
                    assert!(member.is_some_and(|member| model.contains(&member)));
                }
            }
        }
        assert_eq!(met.len(), 3);
    }

    /// Whatever is there from the first step of a scan to the last is seen, while other members
    /// come and go in between.
    #[test]
    fn a_scan_sees_what_stays() {
        let seed = Seed::new(1);
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..50 {
            let mut set = Set::packed();
            let stays: BTreeSet<Vec<u8>> = (0..rng.u32(1..600))
                .map(|n| format!("stays{n}").into_bytes())
                .collect();
            for member in &stays {
                set.add(member, &LIMITS, &seed);
                set.add(&[member, &b"-goes"[..]].concat(), &LIMITS, &seed);
            }
            let mut seen = BTreeSet::new();
            let mut cursor = 0;
            loop {
                let (next, items) = set.scan(cursor, 10);
                seen.extend(items.map(|item| item.bytes().to_vec()));
                for _ in 0..rng.u32(0..20) {
                    let member = format!("stays{}-goes", rng.u32(0..600)).into_bytes();
                    if rng.bool() {
                        set.remove(&Needle::new(&member), &seed);
                    } else {
                        set.add(&member, &LIMITS, &seed);
                    }
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
            assert!(stays.is_subset(&seen));
        }
    }
}

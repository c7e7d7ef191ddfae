//! SORT and SORT_RO: the elements of a list, a set or a sorted set in another order, which other keys
//! may give, and with other keys in their place.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::ops::Range;

use super::options::{self, c_text};
use super::{CommandError, Context, DataHandler, Outcome, error};
use crate::keyspace::{EventClass, Keyspace};
use crate::resp::Args;
use crate::value::cluster_slot;
use crate::value::list::{End, Fill};
use crate::value::sorted_set::{self, SortedSetLimits};
use crate::value::{List, StringBytes, Value};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[("sort", sort), ("sort_ro", sort_ro)];

/// SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]
/// [STORE destination]
fn sort(ctx: &mut Context, args: Args) -> Outcome {
    let asked = SortArgs::parse(ctx, args, Mode::ReadWrite)?;
    sort_generic(ctx, &asked)
}

/// SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC]
/// [ALPHA]
fn sort_ro(ctx: &mut Context, args: Args) -> Outcome {
    let asked = SortArgs::parse(ctx, args, Mode::ReadOnly)?;
    sort_generic(ctx, &asked)
}

// ---- what is asked for -------------------------------------------------------------------------

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    ReadWrite,
    ReadOnly,
}

/// What an element is compared by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The number it reads as.
    Number,
    /// Its bytes.
    Text,
}

struct SortArgs<'a> {
    key: &'a [u8],
    by: By,
    descending: bool,
    /// BY was given something without `*`: nothing is sorted.
    unsorted: bool,
    weights: Option<Pattern<'a>>,
    gets: Vec<Pattern<'a>>,
    offset: i64,
    count: i64,
    destination: Option<&'a [u8]>,
}

impl<'a> SortArgs<'a> {
    fn parse(ctx: &Context, args: Args<'a>, mode: Mode) -> Result<Self, CommandError> {
        let is_elsewhere = |pattern: &[u8]| {
            ctx.config.cluster_enabled
                && cluster_slot::of_pattern(pattern) != Some(cluster_slot::of_key(args.at(1)))
        };
        let mut sort = SortArgs {
            key: args.at(1),
            by: By::Number,
            descending: false,
            unsorted: false,
            weights: None,
            gets: Vec::new(),
            offset: 0,
            count: -1,
            destination: None,
        };
        let mut at = 2;
        while let Some(option) = args.get(at) {
            at += match (args.get(at + 1), args.get(at + 2)) {
                _ if options::is(option, "ASC") => {
                    sort.descending = false;
                    1
                }
                _ if options::is(option, "DESC") => {
                    sort.descending = true;
                    1
                }
                _ if options::is(option, "ALPHA") => {
                    sort.by = By::Text;
                    1
                }
                (Some(offset), Some(count)) if options::is(option, "LIMIT") => {
                    sort.offset = options::integer(offset)?;
                    sort.count = options::integer(count)?;
                    3
                }
                (Some(key), _) if mode == Mode::ReadWrite && options::is(option, "STORE") => {
                    sort.destination = Some(key);
                    2
                }
                (Some(pattern), _) if options::is(option, "BY") => {
                    let (given, pattern) = (pattern, Pattern::new(pattern));
                    if pattern.depends_on_element() && is_elsewhere(given) {
                        return Err(error::SORT_BY_IN_CLUSTER);
                    }
                    if pattern.depends_on_element() && !ctx.reads_every_key {
                        return Err(error::SORT_BY_DENIED);
                    }
                    // Once said, it stays, whatever BY is given later.
                    sort.unsorted |= !pattern.depends_on_element();
                    sort.weights = Some(pattern);
                    2
                }
                (Some(pattern), _) if options::is(option, "GET") => {
                    if pattern != b"#" && is_elsewhere(pattern) {
                        return Err(error::SORT_GET_IN_CLUSTER);
                    }
                    if !ctx.reads_every_key {
                        // Even where it is the element itself.
                        return Err(error::SORT_GET_DENIED);
                    }
                    sort.gets.push(Pattern::new(pattern));
                    2
                }
                _ => return Err(error::SYNTAX),
            };
        }
        Ok(sort)
    }

    /// Which of `len` elements are wanted, once they are in order.
    fn limit(&self, len: usize) -> Range<usize> {
        let start = usize::try_from(self.offset.max(0)).map_or(len, |start| start.min(len));
        let count = usize::try_from(self.count).unwrap_or(len);
        start..start.saturating_add(count).min(len)
    }
}

/// Where something is that belongs to an element: what BY and GET take.
enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// Without `*`: nothing belongs to it.
    Constant,
    /// A key, with the element in place of `*`.
    Key { before: &'a [u8], after: &'a [u8] },
    /// A field of the hash under such a key.
    Field {
        before: &'a [u8],
        after: &'a [u8],
        field: &'a [u8],
    },
}

impl<'a> Pattern<'a> {
    fn new(pattern: &'a [u8]) -> Self {
        // What it means is looked for as in a C string; what is taken from it may go beyond.
        let text = c_text(pattern);
        if text == b"#" {
            return Pattern::Element;
        }
        let Some(star) = text.iter().position(|byte| *byte == b'*') else {
            return Pattern::Constant;
        };
        let (before, rest) = (&pattern[..star], star + 1);
        let arrow = text[rest..].windows(2).position(|two| two == b"->");
        match arrow.map(|at| rest + at) {
            Some(arrow) if arrow + 2 < text.len() => Pattern::Field {
                before,
                after: &pattern[rest..arrow],
                field: &pattern[arrow + 2..],
            },
            _ => Pattern::Key {
                before,
                after: &pattern[rest..],
            },
        }
    }

    fn depends_on_element(&self) -> bool {
        matches!(self, Pattern::Key { .. } | Pattern::Field { .. })
    }

    /// What belongs to an element; `key` is where names of keys are put together.
    fn find<'k>(
        &self,
        keyspace: &'k mut Keyspace,
        db: usize,
        element: &'k [u8],
        key: &mut Vec<u8>,
    ) -> Option<StringBytes<'k>> {
        let (before, after, field) = match self {
            Pattern::Element => return Some(StringBytes::Slice(element)),
            Pattern::Constant => return None,
            Pattern::Key { before, after } => (before, after, None),
            Pattern::Field {
                before,
                after,
                field,
            } => (before, after, Some(field)),
        };
        key.clear();
        for part in [before, element, after] {
            key.extend_from_slice(part);
        }
        let (seed, now_ms) = (keyspace.seed(), keyspace.now_ms());
        match (keyspace.read(db, key)?, field) {
            (Value::String(string), None) => Some(string.bytes()),
            (Value::Hash(fields), Some(field)) => fields
                .find(field, &seed)
                .filter(|at| !fields.is_due(*at, now_ms))
                .map(|at| fields.value(at).bytes()),
            _ => None,
        }
    }
}

// ---- sorting -----------------------------------------------------------------------------------

/// Strings in one block.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn at(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }
}

/// What elements are compared by.
enum Weights {
    Numbers(Vec<f64>),
    /// The elements themselves.
    Own,
    /// Texts that belong to them; empty ones beside elements to which none does.
    Texts(Texts, Vec<bool>),
}

fn sort_generic(ctx: &mut Context, asked: &SortArgs) -> Outcome {
    let (kind, elements) = read_elements(ctx, asked)?;
    // A set has no order of its own, and what is stored should be the same everywhere.
    let needs_order =
        asked.unsorted && kind == Kind::Set && (asked.destination.is_some() || ctx.in_script);
    let mut order: Vec<u32> = (0..elements.len() as u32).collect();
    if needs_order {
        order.sort_unstable_by(|one, other| {
            in_direction(
                asked,
                elements.at(*one as usize).cmp(elements.at(*other as usize)),
            )
        });
    } else if !asked.unsorted {
        let weights = weigh(ctx, asked, &elements)?;
        // Stable: elements that weigh the same stay in the order they had.
        order.sort_by(|one, other| {
            let (one, other) = (*one as usize, *other as usize);
            in_direction(asked, compare(asked, &weights, &elements, one, other))
        });
    } else if asked.descending && kind != Kind::Set {
        order.reverse();
    }
    let chosen = &order[asked.limit(order.len())];
    match asked.destination {
        None => answer(ctx, asked, &elements, chosen),
        Some(destination) => store(ctx, asked, &elements, chosen, destination)?,
    }
    Ok(())
}

/// What holds the elements: with an order of its own, or without.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A list, or a sorted set.
    Ordered,
    Set,
}

/// Copies of all elements, in the order they have.
fn read_elements(ctx: &mut Context, asked: &SortArgs) -> Result<(Kind, Texts), CommandError> {
    let mut elements = Texts::default();
    let Some(value) = ctx.keyspace.read(ctx.db, asked.key) else {
        return Ok((Kind::Ordered, elements));
    };
    let (kind, len) = match value {
        Value::List(list) => (Kind::Ordered, list.len()),
        Value::SortedSet(set) => (Kind::Ordered, set.len()),
        Value::Set(set) => (Kind::Set, set.len()),
        _ => return Err(error::WRONG_TYPE),
    };
    // The copies with their ends, their order, and what they are compared by.
    let bytes = len.saturating_mul(64).saturating_add(value.heap_bytes());
    ctx.reserve(bytes.saturating_mul(2))?;
    make_large(ctx, asked.key)?;
    match ctx.keyspace.value(ctx.db, asked.key) {
        Some(Value::List(list)) => list
            .items(End::Left)
            .for_each(|item| elements.push(&item.bytes())),
        Some(Value::Set(set)) => set.items().for_each(|item| elements.push(&item.bytes())),
        Some(Value::SortedSet(set)) => set
            .items(sorted_set::End::Lowest)
            .for_each(|scored| elements.push(&scored.member.bytes())),
        _ => {}
    }
    Ok((kind, elements))
}

/// Redis makes a sorted set that is sorted a skiplist, and leaves it one.
fn make_large(ctx: &mut Context, key: &[u8]) -> Outcome {
    const NEVER_SMALL: SortedSetLimits = SortedSetLimits {
        listpack_entries: 0,
        listpack_value: 0,
    };
    let is_packed = match ctx.keyspace.value(ctx.db, key) {
        Some(Value::SortedSet(set)) => set.is_packed(),
        _ => false,
    };
    if is_packed {
        let seed = ctx.keyspace.seed();
        let mut slot = ctx.keyspace.write(ctx.db, key);
        if let Some(set) = slot.sorted_set_mut()? {
            set.prepare_for(set.len(), &NEVER_SMALL, &seed);
        }
        slot.only_laid_out_differently();
    }
    Ok(())
}

/// Looks up what each element is compared by.
fn weigh(ctx: &mut Context, asked: &SortArgs, elements: &Texts) -> Result<Weights, CommandError> {
    let (mut key, mut all_numbers) = (Vec::new(), true);
    let ceiling = ctx.keyspace.memory_ceiling();
    let (mut numbers, mut texts, mut found) = (Vec::new(), Texts::default(), Vec::new());
    for index in 0..elements.len() {
        let element = elements.at(index);
        match (&asked.weights, asked.by) {
            (None, By::Text) => return Ok(Weights::Own),
            (None, By::Number) => {
                let number = number(element);
                all_numbers &= number.is_some();
                numbers.push(number.unwrap_or(0.0));
            }
            (Some(pattern), by) => {
                let weight = pattern.find(ctx.keyspace, ctx.db, element, &mut key);
                match by {
                    By::Number => {
                        // What is missing weighs nothing.
                        let number = weight.map_or(Some(0.0), |weight| number(&weight));
                        all_numbers &= number.is_some();
                        numbers.push(number.unwrap_or(0.0));
                    }
                    By::Text => {
                        found.push(weight.is_some());
                        let weight = weight.as_deref().unwrap_or_default();
                        if !fits(texts.bytes.len() + weight.len(), ceiling) {
                            return Err(error::OUT_OF_MEMORY);
                        }
                        texts.push(weight);
                    }
                }
            }
        }
    }
    match asked.by {
        By::Number if !all_numbers => Err(error::SORT_NOT_A_DOUBLE),
        By::Number => Ok(Weights::Numbers(numbers)),
        By::Text => Ok(Weights::Texts(texts, found)),
    }
}

/// True if there is memory for so many bytes more, while what is under the ceiling is looked at.
fn fits(bytes: usize, ceiling: usize) -> bool {
    crate::memory::used().saturating_add(bytes) <= ceiling
}

/// The number that a text reads as: nothing reads as 0, and what is beyond a double as infinity.
fn number(text: &[u8]) -> Option<f64> {
    let text = c_text(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

fn in_direction(asked: &SortArgs, order: Ordering) -> Ordering {
    if asked.descending {
        order.reverse()
    } else {
        order
    }
}

fn compare(
    asked: &SortArgs,
    weights: &Weights,
    elements: &Texts,
    one: usize,
    other: usize,
) -> Ordering {
    // What is only answered is compared as the locale does it, to which a text ends at a NUL; what is
    // stored must not depend on that.
    let collate = |one: &[u8], other: &[u8]| match asked.destination {
        Some(_) => one.cmp(other),
        None => c_text(one).cmp(c_text(other)),
    };
    match weights {
        Weights::Numbers(numbers) => numbers[one]
            .partial_cmp(&numbers[other])
            .unwrap_or(Ordering::Equal)
            .then_with(|| elements.at(one).cmp(elements.at(other))),
        Weights::Own => collate(elements.at(one), elements.at(other)),
        Weights::Texts(texts, found) => match (found[one], found[other]) {
            (true, true) => collate(texts.at(one), texts.at(other)),
            (one, other) => one.cmp(&other),
        },
    }
}

// ---- what comes of it --------------------------------------------------------------------------

fn answer(ctx: &mut Context, asked: &SortArgs, elements: &Texts, chosen: &[u32]) {
    let mut key = Vec::new();
    ctx.reply.array(chosen.len() * asked.gets.len().max(1));
    for index in chosen {
        let element = elements.at(*index as usize);
        if asked.gets.is_empty() {
            ctx.reply.bulk(element);
        }
        for pattern in &asked.gets {
            let found = pattern.find(ctx.keyspace, ctx.db, element, &mut key);
            ctx.reply.bulk_or_null(found.as_deref());
        }
    }
}

fn store(
    ctx: &mut Context,
    asked: &SortArgs,
    elements: &Texts,
    chosen: &[u32],
    destination: &[u8],
) -> Outcome {
    let (fill, mut key) = (Fill::new(ctx.config.list_max_listpack_size), Vec::new());
    let (mut list, ceiling) = (List::of_nodes(fill), ctx.keyspace.memory_ceiling());
    for index in chosen {
        let element = elements.at(*index as usize);
        if asked.gets.is_empty() {
            list.push(End::Right, element);
        }
        for pattern in &asked.gets {
            let found = pattern.find(ctx.keyspace, ctx.db, element, &mut key);
            let found = found.as_deref().unwrap_or_default();
            if !fits(found.len(), ceiling) {
                return Err(error::OUT_OF_MEMORY);
            }
            list.push(End::Right, found);
        }
    }
    let len = list.len();
    let mut slot = ctx.keyspace.write(ctx.db, destination);
    if len > 0 {
        list.settle_loaded(fill);
        slot.put(list);
        slot.event(EventClass::LIST, "sortstore");
        slot.count_changes(len);
    } else if slot.remove().is_some() {
        slot.event(EventClass::GENERIC, "del");
    }
    drop(slot);
    ctx.reply.integer(len as i64);
    Ok(())
}

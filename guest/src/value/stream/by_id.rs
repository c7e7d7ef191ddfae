//! Values in the order of ids, packed into pages: what is pending, mostly added at the end and
//! removed anywhere. Half the memory of a tree of single entries.

use std::collections::BTreeMap;

use super::StreamId;

/// Entries of a page, at most.
const PAGE: usize = 64;

/// A page with so many entries or fewer joins another, if both together fill at most half of one.
const FEW: usize = PAGE / 4;

type Page<T> = Vec<(StreamId, T)>;

/// Values by id, in order.
#[derive(Clone, Debug)]
pub struct ById<T> {
    /// By an id that is not above any of the page, and above all of the page before. None is empty.
    pages: BTreeMap<StreamId, Page<T>>,
    len: usize,
}

impl<T> Default for ById<T> {
    fn default() -> Self {
        ById {
            pages: BTreeMap::new(),
            len: 0,
        }
    }
}

impl<T> ById<T> {
    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let entries: usize = self.pages.values().map(Vec::capacity).sum();
        entries * size_of::<(StreamId, T)>()
            + 2 * self.pages.len() * size_of::<(StreamId, Page<T>)>()
    }

    // ---- reading

    /// The page that has an id if any has it.
    fn page(&self, id: StreamId) -> Option<&Page<T>> {
        self.pages.range(..=id).next_back().map(|(_, page)| page)
    }

    /// The value of an id.
    pub fn get(&self, id: StreamId) -> Option<&T> {
        let page = self.page(id)?;
        let at = search(page, id).ok()?;
        page.get(at).map(|(_, value)| value)
    }

    /// The value of an id, to change it.
    pub fn get_mut(&mut self, id: StreamId) -> Option<&mut T> {
        let (_, page) = self.pages.range_mut(..=id).next_back()?;
        let at = search(page, id).ok()?;
        page.get_mut(at).map(|(_, value)| value)
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &T)> {
        self.range(StreamId::MIN, StreamId::MAX)
    }

    /// Those from one id to another, both included.
    pub fn range(&self, first: StreamId, last: StreamId) -> impl Iterator<Item = (StreamId, &T)> {
        let from = self.pages.range(..=first).next_back();
        let from = from.map_or(first, |(base, _)| *base);
        let pages = if from <= last {
            self.pages.range(from..=last)
        } else {
            Default::default()
        };
        pages
            .flat_map(move |(_, page)| &page[page.partition_point(|(id, _)| *id < first)..])
            .map(|(id, value)| (*id, value))
            .take_while(move |(id, _)| *id <= last)
    }

    /// The last one's id.
    pub fn last(&self) -> Option<StreamId> {
        let (_, page) = self.pages.last_key_value()?;
        page.last().map(|(id, _)| *id)
    }

    // ---- writing

    /// Puts a value at an id; returns the one that was there.
    pub fn insert(&mut self, id: StreamId, value: T) -> Option<T> {
        if self.last().is_none_or(|last| last < id) {
            self.push(id, value);
            return None;
        }
        if self
            .pages
            .first_key_value()
            .is_some_and(|(base, _)| id < *base)
            && let Some((_, page)) = self.pages.pop_first()
        {
            self.pages.insert(id, page);
        }
        let (_, page) = self.pages.range_mut(..=id).next_back()?;
        match search(page, id) {
            Ok(at) => return Some(std::mem::replace(&mut page[at].1, value)),
            Err(at) if page.len() < PAGE => page.insert(at, (id, value)),
            Err(at) => {
                let mut upper = page.split_off(PAGE / 2);
                if at <= PAGE / 2 {
                    page.insert(at, (id, value));
                } else {
                    upper.insert(at - PAGE / 2, (id, value));
                }
                self.pages.insert(upper[0].0, upper);
            }
        }
        self.len += 1;
        None
    }

    /// Adds a value at the end.
    fn push(&mut self, id: StreamId, value: T) {
        self.len += 1;
        let last = self.pages.last_entry();
        let room = usize::from(last.is_some()) * PAGE;
        if let Some(last) = last
            && last.get().len() < PAGE
        {
            last.into_mut().push((id, value));
            return;
        }
        let mut page = Vec::with_capacity(room);
        page.push((id, value));
        self.pages.insert(id, page);
    }

    /// Takes the value of an id out.
    pub fn remove(&mut self, id: StreamId) -> Option<T> {
        let (base, page) = self.pages.range_mut(..=id).next_back()?;
        let at = search(page, id).ok()?;
        let (_, value) = page.remove(at);
        self.len -= 1;
        if page.len() <= FEW {
            let base = *base;
            self.settle(base);
        }
        Some(value)
    }

    /// Has a page with few entries join another, or else take less room.
    fn settle(&mut self, base: StreamId) {
        let Some(mut page) = self.pages.remove(&base) else {
            return;
        };
        if page.is_empty() {
            return;
        }
        let fits = |other: &Page<T>| page.len() + other.len() <= PAGE / 2;
        if let Some((_, before)) = self.pages.range_mut(..base).next_back()
            && fits(before)
        {
            before.append(&mut page);
            return;
        }
        let after = self.pages.range(base..).next();
        if let Some(after) = after.filter(|(_, page)| fits(page)).map(|(base, _)| *base)
            && let Some(mut after) = self.pages.remove(&after)
        {
            page.append(&mut after);
        } else if page.capacity() >= 4 * page.len() {
            page.shrink_to(2 * page.len());
        }
        self.pages.insert(base, page);
    }
}

#[inline]
fn search<T>(page: &Page<T>, id: StreamId) -> Result<usize, usize> {
    page.binary_search_by(|(other, _)| other.cmp(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random insertions and removals against a map of the standard library.
    #[test]
    fn agrees_with_a_naive_map() {
        let mut rng = fastrand::Rng::with_seed(12);
        for round in 0..8 {
            let mut values = ById::default();
            let mut model = BTreeMap::new();
            for step in 0..6000_u64 {
                let id = match round % 2 {
                    0 => StreamId::new(rng.u64(0..1500), 0),
                    _ => StreamId::new(step / 3, rng.u64(0..5)),
                };
                // Grows, then shrinks to nearly nothing.
                if rng.u64(0..6000) > step {
                    assert_eq!(values.insert(id, step), model.insert(id, step));
                } else {
                    let nth = rng.usize(0..=model.len());
                    let id = model.keys().nth(nth).copied().unwrap_or(id);
                    assert_eq!(values.remove(id), model.remove(&id));
                    assert_eq!(values.get(id), None);
                }
                assert_eq!(values.get(id), model.get(&id));
                assert_eq!(values.len(), model.len());
                assert_eq!(values.last(), model.keys().next_back().copied());
                if step % 16 == 0 {
                    let last = StreamId::new(rng.u64(0..1500), 0);
                    let expected = model
                        .iter()
                        .filter(|(other, _)| (id..=last).contains(*other));
                    assert!(values.range(id, last).eq(expected.map(|(id, n)| (*id, n))));
                    assert!(values.iter().eq(model.iter().map(|(id, n)| (*id, n))));
                    let pages = values.pages.len();
                    assert!(pages <= 2 + values.len() / FEW, "{pages} pages");
                }
            }
        }
    }
}

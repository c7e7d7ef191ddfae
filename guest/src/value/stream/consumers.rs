//! The consumers of a group: each with a number by which what is pending refers to it, found by name
//! and listed in the order of names.

use super::ById;

/// Stands for a consumer as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerNumber(u32);

/// Who reads for a group.
#[derive(Clone, Debug, Default)]
pub struct Consumer {
    /// Its name.
    pub name: Box<[u8]>,
    /// When it last tried to read or claim, in milliseconds since the Unix epoch.
    pub seen_ms: i64,
    /// When it last got something.
    pub active_ms: Option<i64>,
    /// The ids of what it got and has not acknowledged.
    pub pending: ById<()>,
}

/// The consumers of a group.
#[derive(Clone, Debug, Default)]
pub struct Consumers {
    /// By number. One that went left an empty place, to be taken by the next.
    places: Vec<Consumer>,
    empty: Vec<u32>,
    /// Numbers in the order of names.
    order: Vec<u32>,
}

impl Consumers {
    #[inline]
    pub fn get(&self, number: ConsumerNumber) -> &Consumer {
        &self.places[number.0 as usize]
    }

    #[inline]
    pub fn get_mut(&mut self, number: ConsumerNumber) -> &mut Consumer {
        &mut self.places[number.0 as usize]
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.order
            .iter()
            .map(|number| &self.places[*number as usize])
    }

    /// Where in the order a name is, or belongs.
    fn search(&self, name: &[u8]) -> Result<usize, usize> {
        self.order
            .binary_search_by(|number| (*self.places[*number as usize].name).cmp(name))
    }

    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<ConsumerNumber> {
        self.search(name)
            .ok()
            .map(|at| ConsumerNumber(self.order[at]))
    }

    /// Adds one of a name that no other has.
    pub fn add(&mut self, name: &[u8], now_ms: i64) -> ConsumerNumber {
        let at = self.search(name).unwrap_or_else(|at| at);
        let consumer = Consumer {
            name: name.into(),
            seen_ms: now_ms,
            ..Consumer::default()
        };
        let number = match self.empty.pop() {
            Some(number) => {
                self.places[number as usize] = consumer;
                number
            }
            None => {
                self.places.push(consumer);
                self.places.len() as u32 - 1
            }
        };
        self.order.insert(at, number);
        ConsumerNumber(number)
    }

    pub fn remove(&mut self, number: ConsumerNumber) -> Consumer {
        let gone = std::mem::take(self.get_mut(number));
        self.order.retain(|other| *other != number.0);
        self.empty.push(number.0);
        gone
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let own = |consumer: &Consumer| consumer.name.len() + consumer.pending.heap_bytes();
        self.iter().map(own).sum::<usize>()
            + self.places.capacity() * size_of::<Consumer>()
            + (self.order.capacity() + self.empty.capacity()) * size_of::<u32>()
    }
}

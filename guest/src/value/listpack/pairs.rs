//! A listpack of pairs, one after the other: what small sorted sets are made of. Owns how a pair is
//! found, put in and taken out as one; what the two mean is the business of who uses it.

use super::{Encoded, Item, Listpack, back_size};

/// The second element of a pair, about to be written.
#[derive(Clone, Copy)]
pub enum Second<'a> {
    /// A number.
    Number(i64),
    /// A text, which may be a number's.
    Text(&'a [u8]),
}

impl<'a> Second<'a> {
    fn encoded(self) -> Encoded<'a> {
        match self {
            Second::Number(number) => Encoded::number(number),
            Second::Text(text) => Encoded::new(text),
        }
    }
}

/// A pair, and where it is. The place is good until the listpack changes.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The byte at which it begins.
    pub at: usize,
    /// Its first element.
    pub first: Item<'a>,
    /// Its second element.
    pub second: Item<'a>,
}

impl Listpack {
    /// The pairs in order.
    #[inline]
    pub fn pairs(&self) -> Pairs<'_> {
        Pairs {
            pack: self,
            front: self.start(),
            back: self.bytes.len(),
        }
    }

    /// The pairs from the one at `index` on.
    pub fn pairs_from(&self, index: usize) -> Pairs<'_> {
        Pairs {
            pack: self,
            front: self.offset(2 * index),
            back: self.bytes.len(),
        }
    }

    /// The pairs before the one at `index`.
    pub fn pairs_until(&self, index: usize) -> Pairs<'_> {
        Pairs {
            pack: self,
            front: self.start(),
            back: self.offset(2 * index),
        }
    }

    /// The pair whose first element is made of these bytes, and how many pairs are before it.
    #[inline]
    pub fn find_pair(&self, first: &[u8]) -> Option<(usize, Pair<'_>)> {
        // There is one form for each element: it is enough to compare bytes.
        let wanted = Encoded::new(first);
        let (head, body) = (&wanted.head[..wanted.head_len], wanted.body);
        let (mut at, mut index) = (self.start(), 0);
        while at < self.bytes.len() {
            let entry = &self.bytes[at..];
            if entry.starts_with(head) && entry[head.len()..].starts_with(body) {
                return Some((index, self.pair(at).0));
            }
            at = self.after(self.after(at));
            index += 1;
        }
        None
    }

    /// The pair at `at`, and where the next one is.
    #[inline]
    fn pair(&self, at: usize) -> (Pair<'_>, usize) {
        let (first, inner) = self.entry(at);
        let middle = at + inner + back_size(inner);
        let (second, inner) = self.entry(middle);
        let pair = Pair { at, first, second };
        (pair, middle + inner + back_size(inner))
    }

    /// Adds a pair at the end.
    pub fn push_pair(&mut self, first: &[u8], second: Second<'_>) {
        self.push_back(first);
        second.encoded().append_to(&mut self.bytes);
        self.len += 1;
    }

    /// Adds a pair before the one at `at`.
    pub fn insert_pair(&mut self, mut at: usize, first: &[u8], second: Second<'_>) {
        if at >= self.bytes.len() {
            return self.push_pair(first, second);
        }
        let (first, second) = (Encoded::new(first), second.encoded());
        let size = first.size() + second.size();
        let from = if at == self.start() && size <= at {
            // Into the gap at the front.
            self.start -= size as u32;
            self.start()
        } else {
            let spare = self.bytes.capacity() - self.bytes.len();
            if spare < size && self.start() > self.bytes.len() / 3 {
                at -= self.start();
                self.close_gap();
            }
            let end = self.bytes.len();
            self.bytes.resize(end + size, 0);
            self.bytes.copy_within(at..end, at + size);
            at
        };
        let (place, rest) = self.bytes[from..from + size].split_at_mut(first.size());
        first.write_to(place);
        second.write_to(rest);
        self.len += 2;
    }

    /// Gives the pair at `at` another second element.
    pub fn replace_second(&mut self, at: usize, second: Second<'_>) {
        let from = self.after(at);
        let to = self.after(from);
        self.replace_bytes(from..to, &second.encoded());
    }

    /// Takes the pair at `at` out.
    pub fn remove_pair(&mut self, at: usize) {
        let next = self.after(self.after(at));
        self.len -= 2;
        if self.len == 0 {
            self.bytes.clear();
            self.start = 0;
        } else if at == self.start() {
            self.start = next as u32;
        } else {
            self.bytes.drain(at..next);
        }
    }
}

/// Pairs of a [`Listpack`], from either end.
#[derive(Clone)]
pub struct Pairs<'a> {
    pack: &'a Listpack,
    front: usize,
    back: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    #[inline]
    fn next(&mut self) -> Option<Pair<'a>> {
        if self.front >= self.back {
            return None;
        }
        let (pair, next) = self.pack.pair(self.front);
        self.front = next;
        Some(pair)
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        self.back = self.pack.before(self.pack.before(self.back));
        Some(self.pack.pair(self.back).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random changes against a vector of pairs.
    #[test]
    fn agrees_with_a_vector_of_pairs() {
        let mut rng = fastrand::Rng::with_seed(8);
        for _ in 0..200 {
            let mut pack = Listpack::default();
            let mut model: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
            for step in 0..rng.i64(1..80) {
                let first = match rng.u32(0..3) {
                    0 => step.to_string().into_bytes(),
                    1 => [vec![b'x'; rng.usize(0..200)], vec![step as u8]].concat(),
                    _ => format!("first{step}").into_bytes(),
                };
                let number = rng.i64(-300..300);
                let text = format!("{number}.5").into_bytes();
                let (second, shown) = if rng.bool() {
                    (Second::Number(number), number.to_string().into_bytes())
                } else {
                    (Second::Text(&text), text.clone())
                };
                let index = rng.usize(0..=model.len());
                let at = pack.pairs().nth(index).map(|pair| pair.at);
                match (rng.u32(0..6), at) {
                    (0..=2, None) => {
                        pack.push_pair(&first, second);
                        model.push((first, shown));
                    }
                    (0..=2, Some(at)) => {
                        pack.insert_pair(at, &first, second);
                        model.insert(index, (first, shown));
                    }
                    (3, Some(at)) => {
                        pack.replace_second(at, second);
                        model[index].1 = shown;
                    }
                    (_, Some(at)) => {
                        pack.remove_pair(at);
                        model.remove(index);
                    }
                    (_, None) => {}
                }
                let texts = |pairs: &mut dyn Iterator<Item = Pair>| -> Vec<_> {
                    pairs
                        .map(|pair| (pair.first.bytes().to_vec(), pair.second.bytes().to_vec()))
                        .collect()
                };
                assert_eq!(texts(&mut pack.pairs()), model);
                let mut backwards = texts(&mut pack.pairs().rev());
                backwards.reverse();
                assert_eq!(backwards, model);
                assert_eq!(pack.len(), 2 * model.len());
                for (index, (first, second)) in model.iter().enumerate() {
                    let (found, pair) = pack.find_pair(first).expect("it is there");
                    assert_eq!((found, &*pair.second.bytes()), (index, &second[..]));
                }
                let index = rng.usize(0..=model.len());
                assert_eq!(texts(&mut pack.pairs_from(index)), model[index..]);
                assert_eq!(texts(&mut pack.pairs_until(index)), model[..index]);
            }
        }
    }
}

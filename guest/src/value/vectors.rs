//! What a vector set holds: elements with a vector each, and what is known about them.
//!
//! Every element is looked at by every search, so what is found is what is nearest; Redis looks at
//! some, and finds nearly the same. Vectors are kept as Redis keeps them, so that what an element's
//! vector is afterwards, and how near another one is, are the same numbers there and here.

pub mod filter;

use std::collections::BTreeMap;

/// The largest number of links of an element that can be asked for, and the smallest.
pub const LINKS: std::ops::RangeInclusive<i64> = 4..=4096;

/// As many levels as there are at most.
const MOST_LEVELS: u32 = 15;

/// How the numbers of vectors are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// As they are.
    Float,
    /// As whole numbers up to 127, beside the largest.
    Byte,
    /// Whether they are above 0.
    Bit,
}

impl Precision {
    /// The name that VINFO answers.
    pub fn name(self) -> &'static str {
        match self {
            Precision::Float => "f32",
            Precision::Byte => "int8",
            Precision::Bit => "bin",
        }
    }
}

/// A vector of length 1, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// As they are.
    Float(Box<[f32]>),
    /// Whole numbers, of which 127 stands for the largest that there is.
    Byte(Box<[i8]>, f32),
    /// A bit each, the first the lowest of the first word.
    Bit(Box<[u64]>, usize),
}

impl Numbers {
    /// Of a vector whose length is 1.
    fn new(vector: &[f32], precision: Precision) -> Self {
        match precision {
            Precision::Float => Numbers::Float(vector.into()),
            Precision::Byte => {
                let range = vector.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                let scale = if range == 0.0 { 0.0 } else { 127.0 / range };
                let bytes = vector
                    .iter()
                    .map(|x| (x * scale).round().clamp(-127.0, 127.0) as i8);
                Numbers::Byte(bytes.collect(), range)
            }
            Precision::Bit => {
                let words = vector.chunks(64).map(|chunk| {
                    let bits = chunk.iter().enumerate();
                    bits.fold(0, |word, (at, x)| word | u64::from(*x > 0.0) << at)
                });
                Numbers::Bit(words.collect(), vector.len())
            }
        }
    }

    /// The numbers that these stand for.
    pub fn floats(&self) -> Vec<f32> {
        match self {
            Numbers::Float(vector) => vector.to_vec(),
            Numbers::Byte(bytes, range) => {
                let number = |byte: &i8| f32::from(*byte) * range / 127.0;
                bytes.iter().map(number).collect()
            }
            Numbers::Bit(words, len) => {
                let is_set =
                    |at: usize| words.get(at / 64).is_some_and(|w| w >> (at % 64) & 1 == 1);
                (0..*len)
                    .map(|at| if is_set(at) { 1.0 } else { -1.0 })
                    .collect()
            }
        }
    }

    /// The bytes that they are kept in.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Numbers::Float(vector) => vector.iter().flat_map(|x| x.to_le_bytes()).collect(),
            Numbers::Byte(bytes, _) => bytes.iter().map(|byte| *byte as u8).collect(),
            Numbers::Bit(words, _) => words.iter().flat_map(|word| word.to_le_bytes()).collect(),
        }
    }

    /// The largest, where the others are told by it.
    pub fn range(&self) -> Option<f32> {
        match self {
            Numbers::Byte(_, range) => Some(*range),
            _ => None,
        }
    }

    /// Of the bytes that they were kept in, if these are as many as there have to be.
    pub fn of_bytes(
        bytes: &[u8],
        precision: Precision,
        dimensions: usize,
        range: f32,
    ) -> Option<Self> {
        match precision {
            Precision::Float => {
                let (numbers, rest) = bytes.as_chunks::<4>();
                let is_whole = rest.is_empty() && numbers.len() == dimensions;
                let floats = numbers.iter().map(|number| f32::from_le_bytes(*number));
                is_whole.then(|| Numbers::Float(floats.collect()))
            }
            Precision::Byte => {
                let numbers = bytes.iter().map(|byte| *byte as i8);
                (bytes.len() == dimensions).then(|| Numbers::Byte(numbers.collect(), range))
            }
            Precision::Bit => {
                let (words, rest) = bytes.as_chunks::<8>();
                let is_whole = rest.is_empty() && words.len() == dimensions.div_ceil(64);
                let words = words.iter().map(|word| u64::from_le_bytes(*word));
                is_whole.then(|| Numbers::Bit(words.collect(), dimensions))
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Numbers::Float(vector) => size_of_val::<[f32]>(vector),
            Numbers::Byte(bytes, _) => bytes.len(),
            Numbers::Bit(words, _) => size_of_val::<[u64]>(words),
        }
    }

    /// How far two are apart: 0 where they point in one direction, 2 in opposite ones.
    pub fn distance(&self, other: &Numbers) -> f32 {
        match (self, other) {
            (Numbers::Float(one), Numbers::Float(two)) => 1.0 - dot(one, two),
            (Numbers::Byte(one, range), Numbers::Byte(two, other_range)) => {
                if *range == 0.0 || *other_range == 0.0 {
                    return 1.0;
                }
                let scale = (range / 127.0) * (other_range / 127.0);
                let products = one.iter().zip(two);
                let dot: i32 = products.map(|(x, y)| i32::from(*x) * i32::from(*y)).sum();
                (1.0 - dot as f32 * scale).clamp(0.0, 2.0)
            }
            (Numbers::Bit(one, len), Numbers::Bit(two, _)) => {
                let others = one.iter().zip(two).map(|(x, y)| (x ^ y).count_ones());
                others.sum::<u32>() as f32 * 2.0 / *len as f32
            }
            // One set keeps all of its vectors in one way.
            _ => 2.0,
        }
    }
}

/// Added up in the order in which Redis does it: it makes a difference to the last digits.
fn dot(one: &[f32], two: &[f32]) -> f32 {
    let (ones, twos) = (one.chunks_exact(8), two.chunks_exact(8));
    let rest = ones.remainder().iter().zip(twos.remainder());
    let (mut low, mut high) = (0.0f32, 0.0f32);
    for (x, y) in ones.zip(twos) {
        let [x0, x1, x2, x3, x4, x5, x6, x7] = *x else {
            continue;
        };
        let [y0, y1, y2, y3, y4, y5, y6, y7] = *y else {
            continue;
        };
        low += x0 * y0 + x1 * y1 + x2 * y2 + x3 * y3;
        high += x4 * y4 + x5 * y5 + x6 * y6 + x7 * y7;
    }
    for (x, y) in rest {
        low += x * y;
    }
    low + high
}

/// Makes a vector one of length 1, and tells what its length was. Squares are added up by fours, as
/// Redis does it.
fn normalize(vector: &mut [f32]) -> f32 {
    let (fours, rest) = vector.as_chunks::<4>();
    let mut sum = 0.0f32;
    for [x, y, z, w] in fours {
        sum += x * x + y * y + z * z + w * w;
    }
    for x in rest {
        sum += x * x;
    }
    let length = sum.sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    length
}

/// What is known of an element.
#[derive(Clone, Debug)]
pub struct Element {
    /// The order in which elements came.
    number: u64,
    level: u32,
    /// Its vector, made one of length 1.
    pub numbers: Numbers,
    /// How long its vector was.
    pub length: f32,
    /// What was said about it, as JSON if all is well.
    pub attributes: Option<Box<[u8]>>,
}

impl Element {
    /// One that is known already.
    pub fn known(
        number: u64,
        level: u64,
        numbers: Numbers,
        length: f32,
        attributes: &[u8],
    ) -> Self {
        Element {
            number,
            level: level.min(MOST_LEVELS.into()) as u32,
            numbers,
            length,
            attributes: Some(attributes.into()).filter(|_| !attributes.is_empty()),
        }
    }

    /// The order in which elements came.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The highest level that it is linked on.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// Its vector, as far as that is known.
    pub fn vector(&self) -> Vec<f32> {
        let mut vector = self.numbers.floats();
        // A bit says nothing of how long the vector was.
        if !matches!(self.numbers, Numbers::Bit(..)) {
            vector.iter_mut().for_each(|x| *x *= self.length);
        }
        vector
    }
}

/// Makes vectors shorter: each number of the outcome is the sum of all, with signs by chance.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// How many numbers come in.
    pub from: usize,
    /// What each of them counts, for one number of the outcome after the other.
    weights: Box<[f32]>,
}

impl Projection {
    /// From so many numbers to so many.
    pub fn new(from: usize, to: usize) -> Self {
        let weight = 1.0 / (from as f32).sqrt();
        let signed = (0..from * to).map(|at| {
            let is_positive = mixed(at as u64) & 1 == 0;
            if is_positive { weight } else { -weight }
        });
        Projection {
            from,
            weights: signed.collect(),
        }
    }

    /// The one of a matrix.
    pub fn of_matrix(from: usize, matrix: &[u8]) -> Self {
        let (weights, _) = matrix.as_chunks::<4>();
        let weights = weights.iter().map(|weight| f32::from_le_bytes(*weight));
        Projection {
            from,
            weights: weights.collect(),
        }
    }

    /// Its matrix.
    pub fn matrix(&self) -> Vec<u8> {
        let weights = self.weights.iter();
        weights.flat_map(|weight| weight.to_le_bytes()).collect()
    }

    fn apply(&self, vector: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks(self.from.max(1));
        rows.map(|row| row.iter().zip(vector).map(|(weight, x)| weight * x).sum())
            .collect()
    }
}

/// A number's bits, each a matter of all bits of the number.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// What decides how the elements of a set are kept; it stays as the first element had it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// How numbers are kept.
    pub precision: Precision,
    /// How many links an element has above the lowest level; twice as many there.
    pub links: usize,
    /// How many numbers a vector has.
    pub dimensions: usize,
    /// How longer vectors are made that short.
    pub projection: Option<Projection>,
}

/// Elements, each with its vector.
#[derive(Clone, Debug)]
pub struct VectorSet {
    shape: Shape,
    /// The how many-th set of all it was.
    number: u64,
    last: u64,
    elements: BTreeMap<Box<[u8]>, Element>,
}

/// Somebody near.
#[derive(Clone, Copy, Debug)]
pub struct Near<'s> {
    /// The element.
    pub name: &'s [u8],
    /// What is known of it.
    pub element: &'s Element,
    /// From 0, the same direction, up to 2, the opposite one.
    pub distance: f32,
}

impl<'s> Near<'s> {
    fn new(name: &'s [u8], element: &'s Element, numbers: &Numbers) -> Self {
        Near {
            name,
            element,
            distance: element.numbers.distance(numbers),
        }
    }

    /// From 1, the same direction, down to 0, the opposite one.
    pub fn score(&self) -> f64 {
        1.0 - f64::from(self.distance) / 2.0
    }

    /// The same, as little exact as it is told of links.
    pub fn link_score(&self) -> f64 {
        f64::from(1.0 - self.distance / 2.0)
    }
}

impl VectorSet {
    /// A set without elements.
    pub fn new(shape: Shape, number: u64) -> Self {
        VectorSet {
            shape,
            number,
            last: 0,
            elements: BTreeMap::new(),
        }
    }

    /// What decides how elements are kept.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The how many-th set of all it was.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The number of the element that came last.
    pub fn last_number(&self) -> u64 {
        self.last
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// About how many bytes all of it takes.
    pub fn heap_bytes(&self) -> usize {
        let elements = self.elements.iter().map(|(name, element)| {
            let attributes = element.attributes.as_ref().map_or(0, |text| text.len());
            name.len() + element.numbers.heap_bytes() + attributes + 2 * size_of::<Element>()
        });
        elements.sum()
    }

    /// How many elements something was said about.
    pub fn with_attributes(&self) -> usize {
        let elements = self.elements.values();
        elements
            .filter(|element| element.attributes.is_some())
            .count()
    }

    /// The highest level that an element has.
    pub fn top_level(&self) -> u32 {
        let levels = self.elements.values().map(|element| element.level);
        levels.max().unwrap_or(0)
    }

    /// Puts an element in; true if it is a new one. What was said about it stays unless something
    /// else is said, or nothing.
    pub fn add(
        &mut self,
        name: &[u8],
        mut vector: Vec<f32>,
        attributes: Option<&[u8]>,
        rng: &mut fastrand::Rng,
    ) -> bool {
        if let Some(projection) = &self.shape.projection {
            vector = projection.apply(&vector);
        }
        let length = normalize(&mut vector);
        self.last += 1;
        let levels = (1..=MOST_LEVELS).take_while(|_| rng.u32(..4) == 0);
        let mut element = Element {
            number: self.last,
            level: levels.count() as u32,
            numbers: Numbers::new(&vector, self.shape.precision),
            length,
            attributes: attributes.filter(|text| !text.is_empty()).map(Box::from),
        };
        let place = self.elements.get_mut(name);
        match place {
            Some(old) => {
                if attributes.is_none() {
                    element.attributes = old.attributes.take();
                }
                *old = element;
                false
            }
            None => {
                self.elements.insert(name.into(), element);
                true
            }
        }
    }

    /// Puts in an element that is known already; true if there was none of that name.
    pub fn restore(&mut self, name: &[u8], element: Element) -> bool {
        self.last = self.last.max(element.number);
        self.elements.insert(name.into(), element).is_none()
    }

    /// All elements in the order in which they came.
    pub fn by_number(&self) -> Vec<(&[u8], &Element)> {
        let elements = self.elements.iter();
        let mut elements: Vec<_> = elements.map(|(name, element)| (&**name, element)).collect();
        elements.sort_unstable_by_key(|(_, element)| element.number);
        elements
    }

    /// Takes an element out; true if it was there.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        self.elements.remove(name).is_some()
    }

    /// What is known of an element.
    pub fn get(&self, name: &[u8]) -> Option<&Element> {
        self.elements.get(name)
    }

    /// Says something else about an element; true if it is there.
    pub fn describe(&mut self, name: &[u8], attributes: &[u8]) -> bool {
        let element = self.elements.get_mut(name);
        let Some(element) = element else {
            return false;
        };
        element.attributes = Some(attributes.into()).filter(|_| !attributes.is_empty());
        true
    }

    /// Some position's element.
    pub fn at(&self, position: usize) -> Option<&[u8]> {
        self.elements.keys().nth(position).map(|name| &**name)
    }

    /// All elements' names.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.elements.keys().map(|name| &**name)
    }

    /// A vector as those of this set are kept, to look for what is near it.
    pub fn sought(&self, mut vector: Vec<f32>) -> Numbers {
        if let Some(projection) = &self.shape.projection
            && vector.len() == projection.from
        {
            vector = projection.apply(&vector);
        }
        normalize(&mut vector);
        Numbers::new(&vector, self.shape.precision)
    }

    /// All elements, the nearest first.
    pub fn near(&self, numbers: &Numbers) -> Vec<Near<'_>> {
        let elements = self.elements.iter();
        let mut near: Vec<Near<'_>> = elements
            .map(|(name, element)| Near::new(name, element, numbers))
            .collect();
        near.sort_unstable_by(|one, two| {
            let by_distance = one.distance.total_cmp(&two.distance);
            by_distance.then(one.element.number.cmp(&two.element.number))
        });
        near
    }

    /// Whom an element is linked with on each of its levels, the highest first.
    pub fn links(&self, element: &Element) -> Vec<Vec<Near<'_>>> {
        let on_level = |level: u32| {
            let mut near = self.near(&element.numbers);
            near.retain(|near| {
                near.element.level >= level && near.element.number != element.number
            });
            // Redis allows twice as many on the lowest level, and seldom has more.
            near.truncate(self.shape.links);
            near.sort_unstable_by_key(|near| near.element.number);
            near
        };
        (0..=element.level).rev().map(on_level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(precision: Precision) -> VectorSet {
        let shape = Shape {
            precision,
            links: 16,
            dimensions: 3,
            projection: None,
        };
        let mut set = VectorSet::new(shape, 0);
        let mut rng = fastrand::Rng::with_seed(1);
        assert!(set.add(b"a", vec![1.0, 2.0, 3.0], None, &mut rng));
        assert!(set.add(b"b", vec![3.0, 1.0, 2.0], Some(b"{}"), &mut rng));
        set
    }

    #[test]
    fn what_is_kept_and_how_near_it_is_are_redis_s_numbers() {
        let set = set(Precision::Byte);
        let a = set.get(b"a").expect("it was added");
        assert_eq!(a.numbers.bytes(), [42, 85, 127]);
        assert_eq!(a.length, 3.741_657_5);
        assert_eq!(a.numbers.range(), Some(0.801_783_7));
        let near = set.near(&set.sought(vec![1.0, 2.0, 3.0]));
        let scores: Vec<_> = near.iter().map(|near| (near.name, near.score())).collect();
        assert_eq!(scores, [(&b"a"[..], 1.0), (b"b", 0.892_573_684_453_964_2)]);
        let near = set.near(&set.sought(a.vector()));
        assert_eq!(near[1].score(), 0.892_351_329_326_629_6);
    }

    #[test]
    fn what_was_said_stays_until_something_else_is() {
        let mut set = set(Precision::Bit);
        let mut rng = fastrand::Rng::with_seed(1);
        assert!(!set.add(b"b", vec![1.0, 1.0, 1.0], None, &mut rng));
        assert_eq!(set.with_attributes(), 1);
        assert!(!set.add(b"b", vec![1.0, 1.0, 1.0], Some(b""), &mut rng));
        assert_eq!(set.with_attributes(), 0);
        assert!(set.remove(b"b") && !set.remove(b"b"));
    }
}

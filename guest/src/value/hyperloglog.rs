//! HyperLogLog: how many different elements were added, roughly, in 12 KB. Works on the bytes of a
//! string, laid out as Redis lays them out, byte for byte. Knows no key and no command.
//!
//! A header (`HYLL`, the encoding, the last count) is followed by 16384 registers: either packed six
//! bits each, or, while few are set, as runs of equal ones:
//!
//! | byte | a run of |
//! |---|---|
//! | `00llllll` | l + 1 zeros |
//! | `01llllll llllllll` | l + 1 zeros |
//! | `1vvvvvll` | l + 1 registers that are v + 1 |

/// How many registers there are.
pub const REGISTERS: usize = 1 << INDEX_BITS;

/// How many bytes the dense encoding has.
pub const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * REGISTER_BITS / 8;

const MAGIC: &[u8] = b"HYLL";
const ENCODING_AT: usize = 4;
const CACHE_AT: usize = 8;
const HEADER_BYTES: usize = 16;

const INDEX_BITS: u32 = 14;
/// Bits of the hash of which leading zeros are counted.
const COUNTED_BITS: u32 = 64 - INDEX_BITS;
const REGISTER_BITS: usize = 6;
const REGISTER_MASK: u16 = (1 << REGISTER_BITS) - 1;

/// How the registers are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Six bits each.
    Dense,
    /// As runs.
    Sparse,
}

/// The bytes have a header, but no registers that make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// One without any element, in the sparse encoding.
pub fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[ENCODING_AT] = 1;
    bytes.extend_from_slice(&Run::ManyZeros(REGISTERS).encode().0);
    bytes
}

/// The encoding, if the bytes begin as a HyperLogLog does and could be one by their length.
pub fn encoding(bytes: &[u8]) -> Option<Encoding> {
    if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
        return None;
    }
    match bytes[ENCODING_AT] {
        0 if bytes.len() == DENSE_BYTES => Some(Encoding::Dense),
        1 => Some(Encoding::Sparse),
        _ => None,
    }
}

/// The encoding that the header tells of, where [`encoding`] has found one.
fn told(bytes: &[u8]) -> Encoding {
    if bytes[ENCODING_AT] == 0 {
        Encoding::Dense
    } else {
        Encoding::Sparse
    }
}

// ---- the count kept in the header --------------------------------------------------------------

/// The count that the header keeps, unless something was added since.
pub fn cached_count(bytes: &[u8]) -> Option<u64> {
    let cache = bytes.get(CACHE_AT..HEADER_BYTES)?;
    let count = u64::from_le_bytes(cache.try_into().ok()?);
    (count >> 63 == 0).then_some(count)
}

/// Keeps a count in the header.
pub fn cache_count(bytes: &mut [u8], count: u64) {
    bytes[CACHE_AT..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
}

/// Marks the count in the header as no longer right.
pub fn forget_count(bytes: &mut [u8]) {
    bytes[HEADER_BYTES - 1] |= 0x80;
}

// ---- elements ----------------------------------------------------------------------------------

/// Adds an element; true if a register has changed. Runs that would be longer than `sparse_max_bytes`
/// in all become dense.
pub fn add(bytes: &mut Vec<u8>, element: &[u8], sparse_max_bytes: usize) -> Result<bool, Corrupt> {
    let (index, value) = place(element);
    raise(bytes, index, value, sparse_max_bytes)
}

/// Makes a register at least `value`; true if it was less.
pub fn raise(
    bytes: &mut Vec<u8>,
    index: usize,
    value: u8,
    sparse_max_bytes: usize,
) -> Result<bool, Corrupt> {
    match told(bytes) {
        Encoding::Dense => Ok(raise_dense(&mut bytes[HEADER_BYTES..], index, value)),
        Encoding::Sparse => raise_sparse(bytes, index, value, sparse_max_bytes),
    }
}

/// Which register an element belongs to, and how many zeros its hash goes on with, the one that ends
/// them included.
fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur_hash_64a(element, 0xadc8_3b19);
    let index = hash as usize & (REGISTERS - 1);
    let counted = hash >> INDEX_BITS | 1 << COUNTED_BITS;
    (index, counted.trailing_zeros() as u8 + 1)
}

/// MurmurHash2 in its 64-bit version A.
fn murmur_hash_64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mut k = u64::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = (hash ^ k.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(M);
    }
    hash = (hash ^ hash >> R).wrapping_mul(M);
    hash ^ hash >> R
}

// ---- the dense encoding ------------------------------------------------------------------------

/// Where a register begins: its first byte, and the bit in it.
fn bit_of(index: usize) -> (usize, usize) {
    let bit = index * REGISTER_BITS;
    (bit / 8, bit % 8)
}

fn dense_register(registers: &[u8], index: usize) -> u8 {
    let (at, shift) = bit_of(index);
    // The last register ends with the last byte.
    let next = registers.get(at + 1).copied().unwrap_or(0);
    let both = u16::from_le_bytes([registers[at], next]);
    (both >> shift & REGISTER_MASK) as u8
}

fn set_dense_register(registers: &mut [u8], index: usize, value: u8) {
    let (at, shift) = bit_of(index);
    let clear = !(REGISTER_MASK << shift);
    let set = u16::from(value) << shift;
    registers[at] = registers[at] & clear as u8 | set as u8;
    if let Some(next) = registers.get_mut(at + 1) {
        *next = *next & (clear >> 8) as u8 | (set >> 8) as u8;
    }
}

fn raise_dense(registers: &mut [u8], index: usize, value: u8) -> bool {
    let raised = value > dense_register(registers, index);
    if raised {
        set_dense_register(registers, index, value);
    }
    raised
}

/// Four registers in three bytes.
#[inline]
fn unpack(bytes: &[u8; 3]) -> [u8; 4] {
    let [first, second, third] = bytes.map(u16::from);
    [
        first & REGISTER_MASK,
        (first >> 6 | second << 2) & REGISTER_MASK,
        (second >> 4 | third << 4) & REGISTER_MASK,
        third >> 2,
    ]
    .map(|register| register as u8)
}

/// Makes runs a packed array; true if they were not one before.
pub fn make_dense(bytes: &mut Vec<u8>) -> Result<bool, Corrupt> {
    if told(bytes) == Encoding::Dense {
        return Ok(false);
    }
    let mut dense = vec![0; DENSE_BYTES];
    dense[..HEADER_BYTES].copy_from_slice(&bytes[..HEADER_BYTES]);
    dense[ENCODING_AT] = 0;
    let registers = &mut dense[HEADER_BYTES..];
    each_register(&bytes[HEADER_BYTES..], |index, value| {
        set_dense_register(registers, index, value);
    })?;
    *bytes = dense;
    Ok(true)
}

/// All registers, one after the other, of bytes that are dense.
pub fn dense_registers(bytes: &[u8]) -> impl Iterator<Item = u8> {
    let (packed, _) = bytes[HEADER_BYTES..].as_chunks::<3>();
    packed.iter().flat_map(unpack)
}

// ---- the sparse encoding -----------------------------------------------------------------------

/// Registers in a row that are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// That many zeros, up to 64 of which take one byte.
    Zeros(usize),
    /// The same for as many as are written in two bytes.
    ManyZeros(usize),
    /// That value, that often.
    Value(u8, usize),
}

/// More is not written in one byte.
const MOST_ZEROS: usize = 64;
const MOST_VALUES: usize = 4;
const GREATEST_VALUE: u8 = 32;

impl Run {
    /// The run that begins with the first of these bytes, of which there is one.
    #[inline]
    fn read(bytes: &[u8]) -> Self {
        let first = usize::from(bytes[0]);
        match first >> 6 {
            0 => Run::Zeros(first + 1),
            1 => {
                // A string ends with a NUL in Redis: that is what it reads beyond the last byte.
                let second = usize::from(bytes.get(1).copied().unwrap_or(0));
                Run::ManyZeros(((first & 0x3f) << 8 | second) + 1)
            }
            _ => Run::Value((first >> 2 & 0x1f) as u8 + 1, (first & 3) + 1),
        }
    }

    /// How many registers.
    fn len(self) -> usize {
        match self {
            Run::Zeros(len) | Run::ManyZeros(len) | Run::Value(_, len) => len,
        }
    }

    /// How many bytes it was read from.
    fn bytes(self) -> usize {
        match self {
            Run::ManyZeros(_) => 2,
            Run::Zeros(_) | Run::Value(..) => 1,
        }
    }

    /// The run in as few bytes as it takes: one or two of these.
    fn encode(self) -> ([u8; 2], usize) {
        match self {
            Run::Zeros(len) | Run::ManyZeros(len) if len <= MOST_ZEROS => ([(len - 1) as u8, 0], 1),
            Run::Zeros(len) | Run::ManyZeros(len) => (((len - 1) as u16 | 0x4000).to_be_bytes(), 2),
            Run::Value(value, len) => ([value_byte(value, len), 0], 1),
        }
    }
}

fn value_byte(value: u8, len: usize) -> u8 {
    0x80 | (value - 1) << 2 | (len - 1) as u8
}

/// The runs of bytes that are sparse.
pub fn runs(bytes: &[u8]) -> impl Iterator<Item = Run> {
    let mut rest = &bytes[HEADER_BYTES..];
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let run = Run::read(rest);
        rest = rest.get(run.bytes()..).unwrap_or_default();
        Some(run)
    })
}

/// Shows every register that is not zero. Fails, after some, if the runs do not come to the number
/// of registers there are.
fn each_register(runs: &[u8], mut show: impl FnMut(usize, u8)) -> Result<(), Corrupt> {
    let (mut at, mut index) = (0, 0);
    while at < runs.len() {
        let run = Run::read(&runs[at..]);
        at += run.bytes();
        let after = index + run.len();
        if after > REGISTERS {
            return Err(Corrupt);
        }
        if let Run::Value(value, _) = run {
            (index..after).for_each(|index| show(index, value));
        }
        index = after;
    }
    if index == REGISTERS {
        Ok(())
    } else {
        Err(Corrupt)
    }
}

fn raise_sparse(
    bytes: &mut Vec<u8>,
    index: usize,
    value: u8,
    sparse_max_bytes: usize,
) -> Result<bool, Corrupt> {
    if value > GREATEST_VALUE {
        return raise_as_dense(bytes, index, value);
    }
    // The run that the register is in, and the one before it.
    let (mut at, mut before, mut first) = (HEADER_BYTES, HEADER_BYTES, 0);
    let run = loop {
        if at >= bytes.len() {
            return Err(Corrupt);
        }
        let run = Run::read(&bytes[at..]);
        if index < first + run.len() {
            break run;
        }
        before = at;
        at += run.bytes();
        first += run.len();
    };
    match run {
        Run::Value(old, _) if old >= value => return Ok(false),
        Run::Value(_, 1) | Run::Zeros(1) => bytes[at] = value_byte(value, 1),
        _ => {
            // The run becomes up to three: what is left of it on both sides, and the register.
            let part = |len| match run {
                _ if len == 0 => ([0; 2], 0),
                Run::Value(old, _) => Run::Value(old, len).encode(),
                Run::Zeros(_) | Run::ManyZeros(_) => Run::Zeros(len).encode(),
            };
            let left = part(index - first);
            let right = part(first + run.len() - 1 - index);
            let len = bytes.len() + left.1 + 1 + right.1 - run.bytes();
            if len > bytes.len() && len > sparse_max_bytes {
                return raise_as_dense(bytes, index, value);
            }
            let end = (at + run.bytes()).min(bytes.len());
            let parts = [
                &left.0[..left.1],
                &[value_byte(value, 1)],
                &right.0[..right.1],
            ];
            bytes.splice(at..end, parts.into_iter().flatten().copied());
            // A run cut off at the end counts in full, as it does in Redis.
            bytes.truncate(len);
        }
    }
    join_values(bytes, before);
    forget_count(bytes);
    Ok(true)
}

fn raise_as_dense(bytes: &mut Vec<u8>, index: usize, value: u8) -> Result<bool, Corrupt> {
    make_dense(bytes)?;
    Ok(raise_dense(&mut bytes[HEADER_BYTES..], index, value))
}

/// Joins runs of the same value among the five from `at` on, as far as one byte holds the result.
fn join_values(bytes: &mut Vec<u8>, at: usize) {
    let mut at = at;
    for _ in 0..5 {
        if at >= bytes.len() {
            return;
        }
        let run = Run::read(&bytes[at..]);
        if let (Run::Value(value, len), Some(next)) = (run, bytes.get(at + 1..))
            && !next.is_empty()
            && let Run::Value(next_value, next_len) = Run::read(next)
            && value == next_value
            && len + next_len <= MOST_VALUES
        {
            bytes[at] = value_byte(value, len + next_len);
            bytes.remove(at + 1);
        } else {
            at += run.bytes();
        }
    }
}

// ---- several as one, and counting --------------------------------------------------------------

/// The greatest value that each register has in any of those merged.
pub struct Union(Box<[u8; REGISTERS]>);

impl Default for Union {
    fn default() -> Self {
        Union(Box::new([0; REGISTERS]))
    }
}

impl Union {
    /// Takes another HyperLogLog in.
    pub fn merge(&mut self, bytes: &[u8]) -> Result<(), Corrupt> {
        let registers = &mut self.0;
        match told(bytes) {
            Encoding::Dense => {
                for (register, other) in registers.iter_mut().zip(dense_registers(bytes)) {
                    *register = other.max(*register);
                }
                Ok(())
            }
            Encoding::Sparse => each_register(&bytes[HEADER_BYTES..], |index, value| {
                registers[index] = value.max(registers[index]);
            }),
        }
    }

    /// Registers that are not zero, with their index.
    pub fn registers(&self) -> impl Iterator<Item = (usize, u8)> {
        let all = self.0.iter().copied().enumerate();
        all.filter(|(_, value)| *value > 0)
    }

    /// How many different elements were added to any of them, roughly.
    pub fn count(&self) -> u64 {
        let mut histogram = Histogram::default();
        self.0.iter().for_each(|value| histogram.add(*value, 1));
        histogram.estimate()
    }
}

/// How many different elements were added, roughly.
pub fn count(bytes: &[u8]) -> Result<u64, Corrupt> {
    let mut histogram = Histogram::default();
    match told(bytes) {
        Encoding::Dense => dense_registers(bytes).for_each(|value| histogram.add(value, 1)),
        Encoding::Sparse => {
            let mut registers = 0;
            for run in runs(bytes) {
                registers += run.len();
                match run {
                    Run::Zeros(len) | Run::ManyZeros(len) => histogram.add(0, len),
                    Run::Value(value, len) => histogram.add(value, len),
                }
            }
            if registers != REGISTERS {
                return Err(Corrupt);
            }
        }
    }
    Ok(histogram.estimate())
}

/// How many registers have each value.
struct Histogram([usize; 1 << REGISTER_BITS]);

impl Default for Histogram {
    fn default() -> Self {
        Histogram([0; 1 << REGISTER_BITS])
    }
}

impl Histogram {
    #[inline]
    fn add(&mut self, value: u8, registers: usize) {
        self.0[usize::from(value)] += registers;
    }

    /// The estimate of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
    /// (2017), computed in the order that Redis has, so that it rounds the same way.
    fn estimate(&self) -> u64 {
        /// 0.5 / ln 2
        const ALPHA: f64 = 0.721_347_520_444_481_7;
        const GREATEST: usize = COUNTED_BITS as usize + 1;
        let m = REGISTERS as f64;
        let mut z = m * tau((m - self.0[GREATEST] as f64) / m);
        for registers in self.0[1..GREATEST].iter().rev() {
            z = (z + *registers as f64) * 0.5;
        }
        z += m * sigma(self.0[0] as f64 / m);
        let estimate = ALPHA * m * m / z;
        if estimate.is_finite() {
            estimate.round() as i64 as u64
        } else {
            // Registers that no element can have set. What C makes of infinity.
            i64::MIN as u64
        }
    }
}

fn sigma(x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut x, mut y, mut z) = (x, 1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}

fn tau(x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut x, mut y, mut z) = (x, 1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

// ---- the test that Redis carries ---------------------------------------------------------------

/// Tests the registers and the estimate with random elements; fails with a sentence about what is
/// wrong. Takes a second or so.
pub fn self_test(rng: &mut fastrand::Rng, sparse_max_bytes: usize) -> Result<(), String> {
    test_registers(rng)?;
    test_estimate(rng.u64(..), sparse_max_bytes)
}

/// Every register keeps what it is given, and leaves its neighbours alone.
fn test_registers(rng: &mut fastrand::Rng) -> Result<(), String> {
    const CYCLES: usize = 1000;
    let mut packed = vec![0; DENSE_BYTES - HEADER_BYTES];
    let mut plain = vec![0; REGISTERS];
    for _ in 0..CYCLES {
        for (index, register) in plain.iter_mut().enumerate() {
            *register = rng.u8(..) & REGISTER_MASK as u8;
            set_dense_register(&mut packed, index, *register);
        }
        for (index, register) in plain.iter().enumerate() {
            let found = dense_register(&packed, index);
            if found != *register {
                return Err(format!(
                    "Register {index} should be {register} but is {found}"
                ));
            }
        }
    }
    Ok(())
}

/// Dense and sparse agree, and are not further off than can be expected.
fn test_estimate(seed: u64, sparse_max_bytes: usize) -> Result<(), String> {
    const ELEMENTS: u64 = 10_000_000;
    const STANDARD_ERROR: f64 = 1.04 / 128.0;
    let (mut dense, mut sparse) = (empty(), empty());
    let corrupt = |_| "registers are corrupt".to_owned();
    make_dense(&mut dense).map_err(corrupt)?;
    let mut checkpoint = 1;
    for number in 1..=ELEMENTS {
        let element = (number ^ seed).to_le_bytes();
        add(&mut dense, &element, sparse_max_bytes).map_err(corrupt)?;
        add(&mut sparse, &element, sparse_max_bytes).map_err(corrupt)?;
        if number < checkpoint {
            continue;
        }
        if number < sparse_max_bytes as u64 / 2 && told(&sparse) != Encoding::Sparse {
            return Err("sparse encoding not used".to_owned());
        }
        let counted = count(&dense).map_err(corrupt)?;
        if counted != count(&sparse).map_err(corrupt)? {
            return Err("dense/sparse disagree".to_owned());
        }
        let tolerated = match number {
            10 => 1,
            _ => (STANDARD_ERROR * 6.0 * number as f64).ceil() as u64,
        };
        let off = number.abs_diff(counted);
        if off > tolerated {
            return Err(format!("Too big error. card:{number} abserr:{off}"));
        }
        checkpoint *= 10;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPARSE_MAX_BYTES: usize = 3000;

    /// The registers, however they are laid out.
    fn registers(bytes: &[u8]) -> Vec<u8> {
        let mut dense = bytes.to_vec();
        make_dense(&mut dense).expect("registers that make sense");
        dense_registers(&dense).collect()
    }

    /// Random registers against a plain array, in both encodings, through the change from one to
    /// the other.
    #[test]
    fn agrees_with_an_array_of_registers() {
        let mut rng = fastrand::Rng::with_seed(3);
        for round in 0..20 {
            let mut bytes = empty();
            let mut model = vec![0; REGISTERS];
            let spread = [20, 300, REGISTERS][round % 3];
            let greatest = if round % 4 == 0 { 51 } else { 6 };
            for _ in 0..1500 {
                let index = rng.usize(0..spread) * (REGISTERS / spread);
                let value = rng.u8(1..=greatest);
                let raised = raise(&mut bytes, index, value, SPARSE_MAX_BYTES);
                assert_eq!(raised, Ok(value > model[index]));
                model[index] = value.max(model[index]);
            }
            assert_eq!(registers(&bytes), model);
            let mut union = Union::default();
            union.merge(&bytes).expect("a merge");
            let merged: Vec<_> = union.registers().collect();
            let set = model.iter().copied().enumerate();
            assert_eq!(
                merged,
                set.filter(|(_, value)| *value > 0).collect::<Vec<_>>()
            );
            let counted = count(&bytes);
            assert_eq!(counted, Ok(union.count()));
            make_dense(&mut bytes).expect("a dense one");
            assert_eq!(count(&bytes), counted);
        }
    }

    #[test]
    fn estimates_are_near() {
        let mut bytes = empty();
        for number in 0..100_000_u32 {
            add(&mut bytes, &number.to_le_bytes(), SPARSE_MAX_BYTES).expect("a valid one");
        }
        assert!(count(&bytes).expect("a count").abs_diff(100_000) < 2500);
    }

    /// Whatever follows the header, nothing panics, and what is refused is refused everywhere.
    #[test]
    fn any_bytes_are_counted_or_refused() {
        let mut rng = fastrand::Rng::with_seed(4);
        for _ in 0..3000 {
            let mut bytes = empty();
            bytes.truncate(HEADER_BYTES);
            for _ in 0..rng.usize(0..12) {
                bytes.push(rng.u8(..));
            }
            if rng.bool() {
                // Now and then as many registers as there should be.
                let have: usize = runs(&bytes).map(Run::len).sum();
                if have < REGISTERS {
                    let (run, len) = Run::Zeros(REGISTERS - have).encode();
                    bytes.extend_from_slice(&run[..len]);
                }
            }
            let merged = Union::default().merge(&bytes);
            assert_eq!(count(&bytes).is_ok(), merged.is_ok());
            for index in [0, 17, REGISTERS - 1] {
                let _ = raise(&mut bytes, index, rng.u8(1..40), SPARSE_MAX_BYTES);
            }
        }
    }
}

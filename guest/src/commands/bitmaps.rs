//! Bitmaps: strings as arrays of bits, the highest bit of the first byte being bit 0. Owns the
//! kernels that count, search and combine bits a word at a time. Knows the keyspace and the reply's
//! sink.

use std::ops::Range;

use super::error::{self, CommandError};
use super::options::{c_text, integer, is};
use super::{Context, DataHandler, Outcome};
use crate::config::Config;
use crate::keyspace::{EventClass, Keyspace, Slot};
use crate::resp::Args;
use crate::value::number::parse_i64;
use crate::value::{StringValue, Value};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[
    ("setbit", setbit),
    ("getbit", getbit),
    ("bitcount", bitcount),
    ("bitpos", bitpos),
    ("bitop", bitop),
    ("bitfield", bitfield),
    ("bitfield_ro", bitfield_ro),
];

// ---- single bits -------------------------------------------------------------------------------

/// SETBIT key offset value
fn setbit(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let offset = bit_offset(args.at(2), ctx.config)?;
    let on = match parse_i64(args.at(3)) {
        Some(0) => false,
        Some(1) => true,
        _ => return Err(error::NOT_A_BIT),
    };

    let mut slot = ctx.keyspace.write(ctx.db, args.at(1));
    let widened = widen(&mut slot, offset)?;
    let before = slot
        .string()?
        .is_some_and(|string| bit(&string.bytes(), offset));
    // What stays as it is, is no change: nobody who watches the key is told.
    if widened || before != on {
        if let Some(string) = slot.string_mut()?
            && let Some(byte) = string.make_raw().get_mut((offset / 8) as usize)
        {
            let mask = bit_mask(offset);
            *byte = if on { *byte | mask } else { *byte & !mask };
        }
        slot.event(EventClass::STRING, "setbit");
    } else {
        slot.only_laid_out_differently();
    }
    ctx.reply.integer(before.into());
    Ok(())
}

/// GETBIT key offset
fn getbit(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let offset = bit_offset(args.at(2), ctx.config)?;
    let string = read_string(ctx.keyspace, ctx.db, args.at(1))?;
    let on = string.is_some_and(|string| bit(&string.bytes(), offset));
    ctx.reply.integer(on.into());
    Ok(())
}

/// An offset in bits, within the longest string there may be.
fn bit_offset(arg: &[u8], config: &Config) -> Result<u64, CommandError> {
    parse_i64(arg)
        .filter(|offset| *offset >= 0 && offset >> 3 < config.proto_max_bulk_len)
        .map(|offset| offset as u64)
        .ok_or(error::BIT_OFFSET_OUT_OF_RANGE)
}

fn read_string<'k>(
    keyspace: &'k mut Keyspace,
    db: usize,
    key: &[u8],
) -> Result<Option<&'k StringValue>, CommandError> {
    Ok(keyspace.read(db, key).map(Value::as_string).transpose()?)
}

/// The bit at an offset; what is beyond the string is zero.
fn bit(bytes: &[u8], offset: u64) -> bool {
    let byte = usize::try_from(offset / 8)
        .ok()
        .and_then(|index| bytes.get(index));
    byte.is_some_and(|byte| byte & bit_mask(offset) != 0)
}

fn bit_mask(offset: u64) -> u8 {
    0x80 >> (offset % 8)
}

/// More room than asked for is made when a string grows, up to this, for the bits still to come.
const SPARE_BYTES: usize = 1 << 20;

/// Makes the key a string that has the bit at `last`, filled up with zeros. True if it was shorter
/// or missing.
fn widen(slot: &mut Slot<'_>, last: u64) -> Result<bool, CommandError> {
    let len = usize::try_from((last >> 3) + 1).map_err(|_| error::OUT_OF_MEMORY)?;
    match slot.string()? {
        None if slot.has_room_for(len) => {
            slot.put(StringValue::Raw(vec![0; len]));
            Ok(true)
        }
        None => Err(error::OUT_OF_MEMORY),
        Some(StringValue::Raw(bytes)) if bytes.len() >= len => Ok(false),
        Some(string) => {
            let widened = string.len() < len;
            let capacity = match string {
                StringValue::Raw(bytes) => bytes.capacity(),
                StringValue::Int(_) | StringValue::Tiny(_) | StringValue::Embedded(_) => 0,
            };
            let spare = if capacity == 0 {
                0
            } else {
                len.min(SPARE_BYTES)
            };
            let target = string.len().max(len).saturating_add(spare);
            // Growing may copy: the old bytes are counted already, the new ones come on top.
            if len > capacity && !slot.has_room_for(target) {
                return Err(error::OUT_OF_MEMORY);
            }
            if let Some(string) = slot.string_mut()? {
                let bytes = string.make_raw();
                if len > bytes.capacity() {
                    bytes.reserve_exact(target - bytes.len());
                }
                if widened {
                    bytes.resize(len, 0);
                }
            }
            Ok(widened)
        }
    }
}

// ---- counting and searching --------------------------------------------------------------------

/// What the ends of a range count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Byte,
    Bit,
}

impl Unit {
    /// BYTE | BIT
    fn parse(arg: &[u8]) -> Result<Self, CommandError> {
        if is(arg, "BIT") {
            Ok(Unit::Bit)
        } else if is(arg, "BYTE") {
            Ok(Unit::Byte)
        } else {
            Err(error::SYNTAX)
        }
    }

    fn bits(self) -> i64 {
        match self {
            Unit::Byte => 8,
            Unit::Bit => 1,
        }
    }
}

/// The bits from `start` to `end`, both included and counted from the end of the string where they
/// are negative. `None` where that is no bit at all.
fn bits_between(start: i64, end: i64, unit: Unit, bytes: &[u8]) -> Option<Range<u64>> {
    let len = bytes.len() as i64 * 8 / unit.bits();
    let from_end = |index: i64| {
        if index < 0 {
            (len + index).max(0)
        } else {
            index
        }
    };
    let (start, end) = (from_end(start), from_end(end).min(len - 1));
    (start <= end).then(|| (start * unit.bits()) as u64..((end + 1) * unit.bits()) as u64)
}

/// BITCOUNT key [start end [BYTE | BIT]]
fn bitcount(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let range = match args.len() {
        2 => None,
        4 | 5 => {
            let (start, end) = (integer(args.at(2))?, integer(args.at(3))?);
            let unit = args.get(4).map_or(Ok(Unit::Byte), Unit::parse)?;
            Some((start, end, unit))
        }
        _ => return Err(error::SYNTAX),
    };

    let count = match read_string(ctx.keyspace, ctx.db, args.at(1))? {
        None => 0,
        Some(string) => {
            let bytes = string.bytes();
            match range {
                None => count_ones(&bytes),
                // Beyond the string's beginning, both ends would come to lie on its first byte.
                Some((start, end, _)) if start < 0 && end < 0 && start > end => 0,
                Some((start, end, unit)) => bits_between(start, end, unit, &bytes)
                    .map_or(0, |range| count_ones_within(&bytes, range)),
            }
        }
    };
    ctx.reply.integer(count as i64);
    Ok(())
}

/// BITPOS key bit [start [end [BYTE | BIT]]]
fn bitpos(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let wanted = match integer(args.at(2))? {
        0 => false,
        1 => true,
        _ => return Err(error::BIT_IS_NOT_1_OR_0),
    };
    if args.len() > 6 {
        return Err(error::SYNTAX);
    }
    let start = args.get(3).map_or(Ok(0), integer)?;
    let unit = args.get(5).map_or(Ok(Unit::Byte), Unit::parse)?;
    let end = args.get(4).map(integer).transpose()?;

    let position = match read_string(ctx.keyspace, ctx.db, args.at(1))? {
        // A missing key is zeros without end, whatever the range.
        None => (!wanted).then_some(0),
        Some(string) => {
            let bytes = string.bytes();
            bits_between(start, end.unwrap_or(-1), unit, &bytes).and_then(|range| {
                let padding = (!wanted && end.is_none()).then_some(range.end);
                find_bit(&bytes, range, wanted).or(padding)
            })
        }
    };
    ctx.reply
        .integer(position.map_or(-1, |position| position as i64));
    Ok(())
}

/// Bytes are looked at in words of this many.
const WORD: usize = size_of::<u64>();

fn count_ones(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<WORD>();
    let in_words: u64 = words
        .iter()
        .map(|word| u64::from(u64::from_ne_bytes(*word).count_ones()))
        .sum();
    in_words
        + rest
            .iter()
            .map(|byte| u64::from(byte.count_ones()))
            .sum::<u64>()
}

/// Counts within a range that is neither empty nor beyond the bytes.
fn count_ones_within(bytes: &[u8], range: Range<u64>) -> u64 {
    let (first, last) = ((range.start / 8) as usize, ((range.end - 1) / 8) as usize);
    let before = bytes[first] & !(0xff >> (range.start % 8));
    let after = bytes[last] & (0x7f >> ((range.end - 1) % 8));
    count_ones(&bytes[first..=last]) - u64::from(before.count_ones() + after.count_ones())
}

/// The first bit that is as wanted, within a range that is neither empty nor beyond the bytes.
fn find_bit(bytes: &[u8], range: Range<u64>, wanted: bool) -> Option<u64> {
    let (first, last) = ((range.start / 8) as usize, ((range.end - 1) / 8) as usize);
    let fill = if wanted { 0 } else { 0xff };
    // What differs from the bits that are not looked for.
    let head = (bytes[first] ^ fill) & (0xff >> (range.start % 8));
    let found = if head != 0 {
        first as u64 * 8 + u64::from(head.leading_zeros())
    } else {
        let rest = &bytes[first + 1..=last];
        let skipped = count_leading(rest, fill);
        let byte = rest.get(skipped)? ^ fill;
        (first + 1 + skipped) as u64 * 8 + u64::from(byte.leading_zeros())
    };
    range.contains(&found).then_some(found)
}

/// How many bytes there are before one that is not `fill`.
fn count_leading(bytes: &[u8], fill: u8) -> usize {
    const BLOCK: usize = 8 * WORD;
    let fill_word = u64::from_ne_bytes([fill; WORD]);
    let is_filled = |block: &&[u8; BLOCK]| {
        let (words, _) = block.as_chunks::<WORD>();
        let differ = |differs, word: &[u8; WORD]| differs | (u64::from_ne_bytes(*word) ^ fill_word);
        words.iter().fold(0, differ) == 0
    };
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let in_blocks = blocks.iter().take_while(is_filled).count() * BLOCK;
    in_blocks
        + bytes[in_blocks..]
            .iter()
            .take_while(|byte| **byte == fill)
            .count()
}

// ---- combining ---------------------------------------------------------------------------------

/// What BITOP makes of its sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Combination {
    And,
    Or,
    Xor,
    Not,
}

impl Combination {
    /// AND | OR | XOR | NOT
    fn parse(arg: &[u8]) -> Result<Self, CommandError> {
        let names = [
            ("AND", Self::And),
            ("OR", Self::Or),
            ("XOR", Self::Xor),
            ("NOT", Self::Not),
        ];
        let found = names.into_iter().find(|(name, _)| is(arg, name));
        found
            .map(|(_, combination)| combination)
            .ok_or(error::SYNTAX)
    }

    /// Takes one more source into the result. What a source lacks is zero.
    fn apply(self, result: &mut [u8], source: &[u8]) {
        match self {
            Self::And => {
                combine(result, source, |a, b| a & b);
                result[source.len()..].fill(0);
            }
            Self::Or => combine(result, source, |a, b| a | b),
            Self::Xor => combine(result, source, |a, b| a ^ b),
            Self::Not => combine(result, source, |_, b| !b),
        }
    }
}

/// Combines the bytes that `source` has, a word at a time.
#[inline]
fn combine(result: &mut [u8], source: &[u8], combination: impl Fn(u64, u64) -> u64) {
    let (words, rest) = result[..source.len()].as_chunks_mut::<WORD>();
    let (source_words, source_rest) = source.as_chunks::<WORD>();
    for (word, source) in words.iter_mut().zip(source_words) {
        let (a, b) = (u64::from_ne_bytes(*word), u64::from_ne_bytes(*source));
        *word = combination(a, b).to_ne_bytes();
    }
    for (byte, source) in rest.iter_mut().zip(source_rest) {
        *byte = combination(u64::from(*byte), u64::from(*source)) as u8;
    }
}

/// BITOP AND | OR | XOR | NOT destkey key [key …]
fn bitop(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let combination = Combination::parse(args.at(1))?;
    let (destination, sources) = (args.at(2), args.from(3));
    if combination == Combination::Not && sources.len() != 1 {
        return Err(error::BITOP_NOT_OF_SEVERAL);
    }

    let mut len = 0;
    for key in sources.iter() {
        let string = read_string(ctx.keyspace, ctx.db, key)?;
        len = len.max(string.map_or(0, StringValue::len));
    }
    if len == 0 {
        ctx.keyspace.remove(ctx.db, destination);
        ctx.reply.integer(0);
        return Ok(());
    }

    ctx.reserve(len)?;
    let mut result = vec![0; len];
    for (index, key) in sources.iter().enumerate() {
        let entry = ctx.keyspace.peek(ctx.db, key);
        let string = entry.map(|entry| entry.value().as_string()).transpose()?;
        let bytes = string.map(StringValue::bytes);
        let source = bytes.as_deref().unwrap_or_default();
        match combination {
            Combination::And | Combination::Or | Combination::Xor if index == 0 => {
                result[..source.len()].copy_from_slice(source);
            }
            combination => combination.apply(&mut result, source),
        }
    }
    let mut slot = ctx.keyspace.write(ctx.db, destination);
    slot.put(StringValue::Raw(result));
    slot.event(EventClass::STRING, "set");
    ctx.reply.integer(len as i64);
    Ok(())
}

// ---- integers of any width ---------------------------------------------------------------------

/// An integer of 1 to 64 bits somewhere in a string, as `i8` or `u12` name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    signed: bool,
    bits: u32,
}

/// A field of 64 bits that does not begin with a byte lies in nine of them.
const WINDOW: usize = 9;

impl Field {
    /// `i1` … `i64`, `u1` … `u63`
    fn parse(arg: &[u8]) -> Result<Self, CommandError> {
        let (signed, bits, widest) = match c_text(arg) {
            [b'i', bits @ ..] => (true, bits, 64),
            [b'u', bits @ ..] => (false, bits, 63),
            _ => return Err(error::BITFIELD_TYPE),
        };
        match parse_i64(bits) {
            Some(bits) if (1..=widest).contains(&bits) => Ok(Field {
                signed,
                bits: bits as u32,
            }),
            _ => Err(error::BITFIELD_TYPE),
        }
    }

    /// An offset in bits, or with `#` in fields.
    fn offset(self, arg: &[u8], config: &Config) -> Result<u64, CommandError> {
        let Some(index) = arg.strip_prefix(b"#") else {
            return bit_offset(arg, config);
        };
        // As in C, the product wraps around, and may come to lie within the string again.
        parse_i64(index)
            .map(|index| index.wrapping_mul(self.bits.into()))
            .filter(|offset| *offset >= 0 && offset >> 3 < config.proto_max_bulk_len)
            .map(|offset| offset as u64)
            .ok_or(error::BIT_OFFSET_OUT_OF_RANGE)
    }

    fn greatest(self) -> i64 {
        match self.signed {
            true => i64::MAX >> (64 - self.bits),
            false => i64::MAX >> (63 - self.bits),
        }
    }

    fn least(self) -> i64 {
        if self.signed { !self.greatest() } else { 0 }
    }

    /// The lowest bits of a number, as this field would hold them.
    fn wrap(self, number: i128) -> i64 {
        let unused = 64 - self.bits;
        let shifted = (number as i64) << unused;
        if self.signed {
            shifted >> unused
        } else {
            (shifted as u64 >> unused) as i64
        }
    }

    /// Where the field ends within a window that begins with its first byte, from the window's end.
    fn shift(self, offset: u64) -> u32 {
        WINDOW as u32 * 8 - (offset % 8) as u32 - self.bits
    }

    /// The number at an offset; what is beyond the string is zero.
    fn load(self, bytes: &[u8], offset: u64) -> i64 {
        let start = usize::try_from(offset / 8).unwrap_or(usize::MAX);
        let mut window = 0u128;
        for index in 0..WINDOW {
            let byte = start.checked_add(index).and_then(|index| bytes.get(index));
            window = window << 8 | u128::from(byte.copied().unwrap_or(0));
        }
        self.wrap((window >> self.shift(offset)) as i128)
    }

    /// Puts a number at an offset where the string is long enough for it.
    fn store(self, bytes: &mut [u8], offset: u64, number: i64) {
        let places = bytes.iter_mut().skip((offset / 8) as usize).take(WINDOW);
        let mask = (u128::from(u64::MAX >> (64 - self.bits))) << self.shift(offset);
        let window = (number as u128) << self.shift(offset) & mask;
        for (index, byte) in places.enumerate() {
            let shift = (WINDOW - 1 - index) * 8;
            *byte = *byte & !(mask >> shift) as u8 | (window >> shift) as u8;
        }
    }
}

/// What becomes of a number that its field can't hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

impl Overflow {
    /// WRAP | SAT | FAIL
    fn parse(arg: &[u8]) -> Result<Self, CommandError> {
        let names = [
            ("WRAP", Self::Wrap),
            ("SAT", Self::Saturate),
            ("FAIL", Self::Fail),
        ];
        let found = names.into_iter().find(|(name, _)| is(arg, name));
        found
            .map(|(_, overflow)| overflow)
            .ok_or(error::BITFIELD_OVERFLOW)
    }

    /// What the field holds instead; `None` if it has to stay as it is.
    fn settle(self, field: Field, number: i128) -> Option<i64> {
        let (least, greatest) = (field.least(), field.greatest());
        if (i128::from(least)..=i128::from(greatest)).contains(&number) {
            return Some(number as i64);
        }
        match self {
            Overflow::Wrap => Some(field.wrap(number)),
            Overflow::Saturate if number < i128::from(least) => Some(least),
            Overflow::Saturate => Some(greatest),
            Overflow::Fail => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

impl Action {
    /// What the field is to hold after it held `old`; `None` for what does not fit and must not be.
    fn outcome(self, field: Field, old: i64) -> Option<i64> {
        match self {
            Action::Get => Some(old),
            Action::Set(number, overflow) if !field.signed => {
                overflow.settle(field, i128::from(number as u64))
            }
            // So low that Redis's sum wraps around, and it takes the number for too large.
            Action::Set(number, Overflow::Saturate)
                if field.bits < 64 && number < field.greatest() - i64::MAX =>
            {
                Some(field.greatest())
            }
            Action::Set(number, overflow) => overflow.settle(field, number.into()),
            Action::Increment(by, overflow) => {
                overflow.settle(field, i128::from(old) + i128::from(by))
            }
        }
    }
}

/// One of the operations of a BITFIELD.
#[derive(Clone, Copy, Debug)]
struct Operation {
    field: Field,
    offset: u64,
    action: Action,
}

impl Operation {
    /// [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value |
    /// INCRBY type offset increment …]
    fn parse_all(args: Args<'_>, config: &Config) -> Result<Vec<Operation>, CommandError> {
        let mut operations = Vec::new();
        let mut overflow = Overflow::Wrap;
        let mut index = 0;
        while let Some(name) = args.get(index) {
            let left = args.len() - index - 1;
            if is(name, "OVERFLOW") && left >= 1 {
                overflow = Overflow::parse(args.at(index + 1))?;
                index += 2;
                continue;
            }
            let writes = match left {
                2.. if is(name, "GET") => false,
                3.. if is(name, "SET") || is(name, "INCRBY") => true,
                _ => return Err(error::SYNTAX),
            };
            let field = Field::parse(args.at(index + 1))?;
            let offset = field.offset(args.at(index + 2), config)?;
            let action = if !writes {
                Action::Get
            } else if is(name, "SET") {
                Action::Set(integer(args.at(index + 3))?, overflow)
            } else {
                Action::Increment(integer(args.at(index + 3))?, overflow)
            };
            operations.push(Operation {
                field,
                offset,
                action,
            });
            index += if writes { 4 } else { 3 };
        }
        Ok(operations)
    }

    fn writes(&self) -> bool {
        !matches!(self.action, Action::Get)
    }

    fn last_bit(&self) -> u64 {
        self.offset + u64::from(self.field.bits) - 1
    }
}

/// BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value |
/// INCRBY type offset increment …]
fn bitfield(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let operations = Operation::parse_all(args.from(2), ctx.config)?;
    let written = operations.iter().filter(|operation| operation.writes());
    match written.map(Operation::last_bit).max() {
        None => get_fields(ctx, args.at(1), &operations),
        Some(last) => change_fields(ctx, args.at(1), &operations, last),
    }
}

/// BITFIELD_RO key [GET type offset …]
fn bitfield_ro(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let operations = Operation::parse_all(args.from(2), ctx.config)?;
    if operations.iter().any(Operation::writes) {
        return Err(error::BITFIELD_RO_WRITES);
    }
    get_fields(ctx, args.at(1), &operations)
}

fn get_fields(ctx: &mut Context<'_>, key: &[u8], operations: &[Operation]) -> Outcome {
    let bytes = read_string(ctx.keyspace, ctx.db, key)?.map(StringValue::bytes);
    let bytes = bytes.as_deref().unwrap_or_default();
    ctx.reply.array(operations.len());
    for operation in operations {
        ctx.reply
            .integer(operation.field.load(bytes, operation.offset));
    }
    Ok(())
}

/// Runs operations that write up to the bit `last`.
fn change_fields(
    ctx: &mut Context<'_>,
    key: &[u8],
    operations: &[Operation],
    last: u64,
) -> Outcome {
    let mut slot = ctx.keyspace.write(ctx.db, key);
    let widened = widen(&mut slot, last)?;
    let mut changed = false;
    ctx.reply.array(operations.len());
    for Operation {
        field,
        offset,
        action,
    } in operations.iter().copied()
    {
        let old = slot
            .string()?
            .map_or(0, |string| field.load(&string.bytes(), offset));
        let Some(new) = action.outcome(field, old) else {
            ctx.reply.null();
            continue;
        };
        let shown = if matches!(action, Action::Increment(..)) {
            new
        } else {
            old
        };
        ctx.reply.integer(shown);
        if new != old
            && let Some(string) = slot.string_mut()?
        {
            field.store(string.make_raw(), offset, new);
        }
        changed |= new != old || widened && !matches!(action, Action::Get);
    }
    if changed {
        slot.event(EventClass::STRING, "setbit");
    } else {
        slot.only_laid_out_differently();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for blocks, words and single bytes, with few bits among runs of the others.
    fn sparse(fill: u8) -> Vec<u8> {
        let mut bytes = vec![fill; 150];
        for index in [0, 9, 70, 71, 149] {
            bytes[index] ^= 1 << (index % 8);
        }
        bytes
    }

    #[test]
    fn ranges_are_counted_and_searched_bit_by_bit_alike() {
        for bytes in [sparse(0), sparse(0xff)] {
            let bits: Vec<bool> = (0..bytes.len() as u64 * 8)
                .map(|at| bit(&bytes, at))
                .collect();
            for start in (0..bits.len()).step_by(3) {
                for end in (start + 1..=bits.len()).step_by(7) {
                    let range = start as u64..end as u64;
                    let within = &bits[start..end];
                    let ones = within.iter().filter(|bit| **bit).count() as u64;
                    assert_eq!(count_ones_within(&bytes, range.clone()), ones, "{range:?}");
                    for wanted in [false, true] {
                        let first = within.iter().position(|bit| *bit == wanted);
                        let first = first.map(|index| (start + index) as u64);
                        assert_eq!(find_bit(&bytes, range.clone(), wanted), first, "{range:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn fields_touch_no_neighbour() {
        for bits in 1..=64 {
            for offset in 0..16 {
                let field = Field {
                    signed: bits == 64,
                    bits,
                };
                for (fill, number) in [(0u8, field.wrap(-1)), (0xff, 0)] {
                    let mut bytes = vec![fill; 12];
                    field.store(&mut bytes, offset, number);
                    assert_eq!(field.load(&bytes, offset), number, "u{bits} {offset}");
                    let changed = u64::from(bits);
                    let others = if fill == 0 { 0 } else { 12 * 8 - changed };
                    let ones = if fill == 0 { changed } else { 0 };
                    assert_eq!(count_ones(&bytes), ones + others, "u{bits} {offset}");
                }
            }
        }
    }

    #[test]
    fn a_number_far_too_low_saturates_upwards() {
        let field = Field {
            signed: true,
            bits: 8,
        };
        let set = |number| Action::Set(number, Overflow::Saturate).outcome(field, 0);
        assert_eq!(set(i64::MIN), Some(127));
        assert_eq!(set(i64::MIN + 127), Some(127));
        assert_eq!(set(i64::MIN + 128), Some(-128));
        let incremented = Action::Increment(i64::MIN, Overflow::Saturate).outcome(field, -128);
        assert_eq!(incremented, Some(-128));
    }
}

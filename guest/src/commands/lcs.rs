//! LCS: what two strings have in common, in order. Owns the algorithm; knows the keyspace and the
//! reply's sink.
//!
//! Redis fills a table of 32-bit lengths, cell by cell. Here 64 cells are computed at once and each
//! is kept as one bit, which tells as much (Crochemore, Iliopoulos, Pinzon, Reid: "A fast and
//! practical bit-vector algorithm for the longest common subsequence problem", 2001).

use super::error::{self, CommandError};
use super::options::{integer, is};
use super::{Context, DataHandler, Outcome};
use crate::keyspace::Keyspace;
use crate::resp::{Aggregate, Args};
use crate::value::{StringBytes, StringValue, Value};

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[("lcs", lcs)];

#[derive(Default)]
struct LcsArgs {
    length_only: bool,
    ranges: bool,
    least_range: i64,
    range_lengths: bool,
}

impl LcsArgs {
    /// [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]
    fn parse(options: Args<'_>) -> Result<Self, CommandError> {
        let mut parsed = LcsArgs::default();
        let mut index = 0;
        while let Some(option) = options.get(index) {
            index += 1;
            if is(option, "IDX") {
                parsed.ranges = true;
            } else if is(option, "LEN") {
                parsed.length_only = true;
            } else if is(option, "WITHMATCHLEN") {
                parsed.range_lengths = true;
            } else if is(option, "MINMATCHLEN")
                && let Some(length) = options.get(index)
            {
                parsed.least_range = integer(length)?;
                index += 1;
            } else {
                return Err(error::SYNTAX);
            }
        }
        if parsed.length_only && parsed.ranges {
            return Err(error::LCS_LEN_AND_IDX);
        }
        Ok(parsed)
    }
}

/// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]
pub fn lcs(ctx: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let mut length_of = |key| match ctx.keyspace.read(ctx.db, key).map(Value::as_string) {
        None => Ok(0),
        Some(Ok(string)) => Ok(string.len()),
        Some(Err(_)) => Err(error::LCS_NOT_STRINGS),
    };
    // Both are looked at before either is judged.
    let lengths = (length_of(args.at(1)), length_of(args.at(2)));
    let (one_len, other_len) = (lengths.0?, lengths.1?);
    let options = LcsArgs::parse(args.from(3))?;
    // The limit is that of Redis's table, though ours is smaller.
    let redis_bytes = (one_len as u128 + 1) * (other_len as u128 + 1) * 4;
    if redis_bytes > ctx.config.proto_max_bulk_len.max(0) as u128 {
        return Err(error::LCS_TABLE_TOO_LARGE);
    }
    let table_bytes = Table::bytes(one_len, other_len, !options.length_only);
    if !ctx
        .keyspace
        .has_room_for(table_bytes.saturating_add(one_len))
    {
        return Err(error::LCS_OUT_OF_MEMORY);
    }

    let one = string_at(ctx.keyspace, ctx.db, args.at(1))?.to_vec();
    let other = string_at(ctx.keyspace, ctx.db, args.at(2))?;
    let table = Table::fill(&one, &other, !options.length_only);

    if options.length_only {
        ctx.reply.integer(table.length as i64);
    } else if options.ranges {
        ctx.reply.map(2);
        ctx.reply.bulk(b"matches");
        let matches = ctx.reply.defer();
        let mut count = 0;
        for run in table
            .runs(&one, &other)
            .filter(|run| run.len as i64 >= options.least_range)
        {
            ctx.reply.array(if options.range_lengths { 3 } else { 2 });
            for start in [run.one_start, run.other_start] {
                ctx.reply.array(2);
                ctx.reply.integer(start as i64);
                ctx.reply.integer((start + run.len - 1) as i64);
            }
            if options.range_lengths {
                ctx.reply.integer(run.len as i64);
            }
            count += 1;
        }
        ctx.reply.settle(matches, Aggregate::Array, count);
        ctx.reply.bulk(b"len");
        ctx.reply.integer(table.length as i64);
    } else {
        let mut common = vec![0; table.length];
        let mut end = table.length;
        for run in table.runs(&one, &other) {
            let start = end - run.len;
            common[start..end].copy_from_slice(&one[run.one_start..run.one_start + run.len]);
            end = start;
        }
        ctx.reply.bulk(&common);
    }
    Ok(())
}

/// The bytes of a key that has been looked at before.
fn string_at<'k>(
    keyspace: &'k mut Keyspace,
    db: usize,
    key: &[u8],
) -> Result<StringBytes<'k>, CommandError> {
    match keyspace.peek(db, key) {
        None => Ok(StringBytes::Slice(&[])),
        Some(entry) => Ok(entry.value().as_string().map(StringValue::bytes)?),
    }
}

/// For each pair of beginnings of the two strings: does the last byte of the second one's make what
/// they have in common longer?
struct Table {
    /// A row for each byte of the first string, a bit for each of the second, in whole bytes.
    bits: Vec<u8>,
    row_bytes: usize,
    /// What the whole strings have in common.
    length: usize,
}

impl Table {
    /// Memory that filling it takes.
    fn bytes(one_len: usize, other_len: usize, keep: bool) -> usize {
        let masks = one_len.min(256).saturating_mul(other_len.div_ceil(64) * 8);
        let rows = if keep {
            one_len.saturating_mul(other_len.div_ceil(8))
        } else {
            0
        };
        masks.saturating_add(rows).saturating_add(other_len)
    }

    /// Without `keep`, only the length.
    fn fill(one: &[u8], other: &[u8], keep: bool) -> Table {
        let words = other.len().div_ceil(64);
        let row_bytes = other.len().div_ceil(8);

        // Where each byte that the first string has is found in the second.
        let mut mask_of = [None; 256];
        let mut distinct = 0;
        for byte in one {
            mask_of[usize::from(*byte)].get_or_insert_with(|| {
                distinct += 1;
                (distinct - 1) * words
            });
        }
        let mut masks = vec![0u64; distinct * words];
        for (index, byte) in other.iter().enumerate() {
            if let Some(start) = mask_of[usize::from(*byte)] {
                masks[start + index / 64] |= 1 << (index % 64);
            }
        }

        let mut bits = Vec::new();
        if keep {
            bits.reserve_exact(one.len() * row_bytes + size_of::<u64>());
        }
        // A zero where the length grows.
        let mut row = vec![u64::MAX; words];
        for start in one.iter().filter_map(|byte| mask_of[usize::from(*byte)]) {
            let mut carry = false;
            for (word, mask) in row.iter_mut().zip(&masks[start..start + words]) {
                let (sum, over) = word.overflowing_add(*word & mask);
                let (sum, over_again) = sum.overflowing_add(carry.into());
                *word = sum | (*word & !mask);
                carry = over || over_again;
            }
            if keep {
                let end = bits.len() + row_bytes;
                for word in &row {
                    bits.extend_from_slice(&(!word).to_le_bytes());
                }
                bits.truncate(end);
            }
        }
        let beyond = words * 64 - other.len();
        let ones: usize = row.iter().map(|word| word.count_ones() as usize).sum();
        let ones_beyond = row.last().map_or(0, |word| {
            if beyond == 0 {
                0
            } else {
                (word >> (64 - beyond)).count_ones() as usize
            }
        });
        Table {
            bits,
            row_bytes,
            length: other.len() - (ones - ones_beyond),
        }
    }

    /// The runs of bytes that make up what the strings have in common, the last one first.
    fn runs<'t>(&'t self, one: &'t [u8], other: &'t [u8]) -> Runs<'t> {
        Runs {
            table: self,
            one,
            other,
        }
    }

    fn grows(&self, one_len: usize, other_len: usize) -> bool {
        let byte = self.bits[(one_len - 1) * self.row_bytes + (other_len - 1) / 8];
        byte >> ((other_len - 1) % 8) & 1 == 1
    }
}

/// Bytes that follow each other in both strings.
#[derive(Clone, Copy, Debug)]
struct Run {
    one_start: usize,
    other_start: usize,
    len: usize,
}

/// Walks a table back from its end; what is left of the strings is still to be walked.
struct Runs<'t> {
    table: &'t Table,
    one: &'t [u8],
    other: &'t [u8],
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let mut len = 0;
        while let ([one @ .., a], [other @ .., b]) = (self.one, self.other) {
            if a == b {
                (self.one, self.other) = (one, other);
                len += 1;
            } else if len > 0 {
                break;
            } else if self.table.grows(self.one.len(), self.other.len()) {
                // Without this byte of the second it would be shorter, so the first one's can go.
                self.one = one;
            } else {
                self.other = other;
            }
        }
        let (one_start, other_start) = (self.one.len(), self.other.len());
        (len > 0).then_some(Run {
            one_start,
            other_start,
            len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Redis does, cell by cell.
    fn lengths(one: &[u8], other: &[u8]) -> Vec<Vec<usize>> {
        let mut table = vec![vec![0; other.len() + 1]; one.len() + 1];
        for (i, a) in one.iter().enumerate() {
            for (j, b) in other.iter().enumerate() {
                table[i + 1][j + 1] = if a == b {
                    table[i][j] + 1
                } else {
                    table[i][j + 1].max(table[i + 1][j])
                };
            }
        }
        table
    }

    #[test]
    fn bits_tell_what_lengths_do() {
        let mut rng = fastrand::Rng::with_seed(1);
        for other_len in [0, 1, 7, 8, 9, 63, 64, 65, 130, 200] {
            let mut text = |len| (0..len).map(|_| rng.u8(b'a'..b'e')).collect::<Vec<u8>>();
            let (one, other) = (text(90), text(other_len));
            let table = Table::fill(&one, &other, true);
            let lengths = lengths(&one, &other);
            assert_eq!(table.length, lengths[one.len()][other.len()]);
            for (i, row) in lengths.iter().enumerate().skip(1) {
                for j in 1..row.len() {
                    assert_eq!(table.grows(i, j), row[j] > row[j - 1], "{i} {j}");
                }
            }
            let walked: usize = table.runs(&one, &other).map(|run| run.len).sum();
            assert_eq!(walked, table.length);
        }
    }
}

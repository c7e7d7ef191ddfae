//! Option groups that commands share, each parsed by one piece of code: integers, expiry,
//! conditions on an expiry. Knows no key and writes no reply.
//!
//! Parsing and judging are two steps, as in Redis: `GETEX nokey EX 0` is answered with null, since
//! the time is looked at only once the key is found.

use super::error::{self, CommandError};
use crate::resp::Args;
use crate::value::glob;
use crate::value::number::{LongDouble, parse_f64, parse_i64};

// ---- words -------------------------------------------------------------------------------------

/// True if `arg` is this option, in upper or lower case. `word` is in upper case.
///
/// Redis compares C strings: `NX\0whatever` is NX.
#[inline]
pub fn is(arg: &[u8], word: &str) -> bool {
    let word = word.as_bytes();
    match arg.get(word.len()) {
        None | Some(0) => arg
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word)),
        Some(_) => false,
    }
}

/// What C would print of an argument: all before its first NUL.
pub fn c_text(arg: &[u8]) -> &[u8] {
    arg.split(|byte| *byte == 0).next().unwrap_or_default()
}

// ---- numbers -----------------------------------------------------------------------------------

/// An integer argument, or `ERR value is not an integer or out of range`.
#[inline]
pub fn integer(arg: &[u8]) -> Result<i64, CommandError> {
    parse_i64(arg).ok_or(error::NOT_AN_INTEGER)
}

/// An integer of at least 0, or `ERR value is out of range, must be positive`, whatever else it is.
pub fn positive(arg: &[u8]) -> Result<i64, CommandError> {
    parse_i64(arg)
        .filter(|number| *number >= 0)
        .ok_or(error::OUT_OF_RANGE_POSITIVE)
}

/// An integer of at least 0; one below is told apart from what is none.
pub fn positive_or_not_an_integer(arg: &[u8]) -> Result<i64, CommandError> {
    match integer(arg)? {
        ..0 => Err(error::OUT_OF_RANGE_POSITIVE),
        number => Ok(number),
    }
}

/// An integer of at least 0, or the error the command has for everything else.
pub fn positive_or(arg: &[u8], refused: CommandError) -> Result<i64, CommandError> {
    parse_i64(arg).filter(|number| *number >= 0).ok_or(refused)
}

/// An integer of at least 1, or the error the command has for everything else.
pub fn at_least_1_or(arg: &[u8], refused: CommandError) -> Result<i64, CommandError> {
    parse_i64(arg).filter(|number| *number >= 1).ok_or(refused)
}

/// An integer of which the opposite is one too.
pub fn signed(arg: &[u8]) -> Result<i64, CommandError> {
    between(arg, -i64::MAX, i64::MAX)
}

/// An integer between two bounds, both included.
pub fn between(arg: &[u8], least: i64, most: i64) -> Result<i64, CommandError> {
    let number = integer(arg)?;
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(error::not_between(least, most))
    }
}

/// An integer of 32 bits.
pub fn int32(arg: &[u8]) -> Result<i32, CommandError> {
    // The bounds leave nothing that would not fit.
    between(arg, i32::MIN.into(), i32::MAX.into()).map(|number| number as i32)
}

/// A double, or `ERR value is not a valid float`.
pub fn double(arg: &[u8]) -> Result<f64, CommandError> {
    parse_f64(arg).ok_or(error::NOT_A_FLOAT)
}

/// A long double, or `ERR value is not a valid float`.
pub fn long_double(arg: &[u8]) -> Result<LongDouble, CommandError> {
    LongDouble::parse(arg).ok_or(error::NOT_A_FLOAT)
}

/// What follows COUNT in the SCAN family: a number of at least 1.
pub fn scan_count(arg: &[u8]) -> Result<usize, CommandError> {
    match integer(arg)? {
        ..1 => Err(error::SYNTAX),
        count => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
    }
}

/// `[MATCH pattern] [COUNT count]` of the commands that scan one key's members, and the `[NOVALUES]`
/// of HSCAN.
pub struct ScanOptions<'a> {
    /// How many members to look at.
    pub count: usize,
    /// Whether fields are answered with their values.
    pub values: bool,
    pattern: Option<&'a [u8]>,
}

impl<'a> ScanOptions<'a> {
    /// Options to the end of `args`.
    pub fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        Self::parse_all(args, false)
    }

    /// Options of HSCAN to the end of `args`.
    pub fn parse_of_hash(args: Args<'a>) -> Result<Self, CommandError> {
        Self::parse_all(args, true)
    }

    fn parse_all(args: Args<'a>, of_hash: bool) -> Result<Self, CommandError> {
        let mut scan = ScanOptions {
            count: 10,
            values: true,
            pattern: None,
        };
        let mut at = 0;
        while let Some(option) = args.get(at) {
            match args.get(at + 1) {
                Some(count) if is(option, "COUNT") => scan.count = scan_count(count)?,
                Some(pattern) if is(option, "MATCH") => {
                    scan.pattern = (pattern != b"*").then_some(pattern);
                }
                _ if is(option, "NOVALUES") && of_hash => {
                    scan.values = false;
                    at += 1;
                    continue;
                }
                _ if is(option, "NOVALUES") => return Err(error::NOVALUES_WITHOUT_HASH),
                _ => return Err(error::SYNTAX),
            }
            at += 2;
        }
        Ok(scan)
    }

    /// True if the member is to be answered.
    pub fn wants(&self, member: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| glob::matches(pattern, member, false))
    }
}

/// A cursor of the SCAN family, or `ERR invalid cursor`.
pub fn cursor(arg: &[u8]) -> Result<u64, CommandError> {
    unsigned(c_text(arg)).ok_or(error::INVALID_CURSOR)
}

/// A number of 64 bits without a sign.
///
/// Redis falls back on C's strtoull where its own parser fails: blanks, a sign and zeros in front
/// are taken, and `-05` is 5 below 2^64. Only `-5`, which its own parser reads, is refused.
#[inline]
pub fn unsigned(text: &[u8]) -> Option<u64> {
    match parse_i64(text) {
        Some(number) => u64::try_from(number).ok(),
        None => wrapped_u64(text.trim_ascii_start()),
    }
}

fn wrapped_u64(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    })?;
    Some(if negative {
        number.wrapping_neg()
    } else {
        number
    })
}

// ---- expiry ------------------------------------------------------------------------------------

/// What a time is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// EX, EXAT, EXPIRE, EXPIREAT.
    Seconds,
    /// PX, PXAT, PEXPIRE, PEXPIREAT.
    Milliseconds,
}

/// What a time is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// EX, PX, EXPIRE, PEXPIRE.
    Now,
    /// EXAT, PXAT, EXPIREAT, PEXPIREAT.
    Epoch,
}

/// What the time is counted in, and from when, that follows EX, PX, EXAT or PXAT.
pub fn counted_in(option: &[u8]) -> Option<(Unit, Since)> {
    if is(option, "EX") {
        Some((Unit::Seconds, Since::Now))
    } else if is(option, "PX") {
        Some((Unit::Milliseconds, Since::Now))
    } else if is(option, "EXAT") {
        Some((Unit::Seconds, Since::Epoch))
    } else if is(option, "PXAT") {
        Some((Unit::Milliseconds, Since::Epoch))
    } else {
        None
    }
}

/// A time as a client gives it, not yet looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct When<'a> {
    /// The number as it was sent.
    pub text: &'a [u8],
    /// What it counts.
    pub unit: Unit,
    /// From when.
    pub since: Since,
}

impl When<'_> {
    /// The deadline, in milliseconds since the Unix epoch, where the number has to be above 0 (SET,
    /// GETEX…). `command` is named in the error.
    pub fn deadline_ms(&self, now_ms: i64, command: &str) -> Result<i64, CommandError> {
        let number = integer(self.text)?;
        if number <= 0 {
            return Err(error::invalid_expire(command));
        }
        self.count(number, now_ms)
            .ok_or_else(|| error::invalid_expire(command))
    }

    /// The deadline, in milliseconds since the Unix epoch, where any number will do (EXPIRE…); it
    /// may be long past.
    pub fn any_deadline_ms(&self, now_ms: i64, command: &str) -> Result<i64, CommandError> {
        let number = integer(self.text)?;
        self.count(number, now_ms)
            .ok_or_else(|| error::invalid_expire(command))
    }

    /// `None` where 64 bits do not hold the deadline.
    fn count(&self, number: i64, now_ms: i64) -> Option<i64> {
        let ms = match self.unit {
            Unit::Seconds => number.checked_mul(1000)?,
            Unit::Milliseconds => number,
        };
        match self.since {
            Since::Now => ms.checked_add(now_ms),
            Since::Epoch => Some(ms),
        }
    }
}

/// What a command does about when its key expires: `EX s | PX ms | EXAT t | PXAT t | KEEPTTL |
/// PERSIST`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry<'a> {
    /// Nothing was said.
    #[default]
    Unsaid,
    /// EX, PX, EXAT or PXAT.
    At(When<'a>),
    /// KEEPTTL
    Keep,
    /// PERSIST
    Persist,
}

/// What a command takes beside EX, PX, EXAT and PXAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlsoTakes {
    /// KEEPTTL, as SET.
    Keep,
    /// PERSIST, as GETEX.
    Persist,
}

impl<'a> Expiry<'a> {
    /// Takes the option at `index` if it belongs to this group, its argument too, and moves `index`
    /// past it. False if it is another option, lacks its argument, or contradicts what was said:
    /// then it is no option at all, which is a syntax error in all commands that have the group.
    ///
    /// The same option may be said twice. The last one counts.
    pub fn take(&mut self, args: Args<'a>, index: &mut usize, also: AlsoTakes) -> bool {
        let Some(option) = args.get(*index) else {
            return false;
        };
        let said = match also {
            AlsoTakes::Keep if is(option, "KEEPTTL") => Expiry::Keep,
            AlsoTakes::Persist if is(option, "PERSIST") => Expiry::Persist,
            _ => {
                let (Some((unit, since)), Some(text)) = (counted_in(option), args.get(*index + 1))
                else {
                    return false;
                };
                Expiry::At(When { text, unit, since })
            }
        };
        if !self.agrees_with(said) {
            return false;
        }
        *index += if matches!(said, Expiry::At(_)) { 2 } else { 1 };
        *self = said;
        true
    }

    fn agrees_with(&self, said: Expiry<'_>) -> bool {
        match (self, said) {
            (Expiry::Unsaid, _)
            | (Expiry::Keep, Expiry::Keep)
            | (Expiry::Persist, Expiry::Persist) => true,
            (Expiry::At(one), Expiry::At(other)) => {
                one.unit == other.unit && one.since == other.since
            }
            _ => false,
        }
    }
}

/// Whether the key has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// NX
    IfMissing,
    /// XX
    IfExists,
}

impl Condition {
    /// Takes NX or XX into `said`; false if the option is neither, or contradicts.
    pub fn take(said: &mut Option<Condition>, option: &[u8]) -> bool {
        let condition = if is(option, "NX") {
            Condition::IfMissing
        } else if is(option, "XX") {
            Condition::IfExists
        } else {
            return false;
        };
        *said.get_or_insert(condition) == condition
    }

    /// True if the condition holds for a key that exists or not.
    pub fn holds(self, exists: bool) -> bool {
        exists == (self == Condition::IfExists)
    }
}

/// NX, XX, GT and LT of the EXPIRE family: conditions on the deadline that a key has already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiryCondition {
    presence: Option<Condition>,
    order: Option<Order>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// GT
    Later,
    /// LT
    Earlier,
}

impl ExpiryCondition {
    /// `[NX | XX | GT | LT]` to the end of `args`. XX goes with GT or LT.
    pub fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
        for option in args.iter() {
            if is(option, "NX") {
                nx = true;
            } else if is(option, "XX") {
                xx = true;
            } else if is(option, "GT") {
                gt = true;
            } else if is(option, "LT") {
                lt = true;
            } else {
                return Err(error::unsupported_option(c_text(option)));
            }
        }
        if nx && (xx || gt || lt) {
            return Err(error::NX_WITH_OTHERS);
        }
        if gt && lt {
            return Err(error::GT_WITH_LT);
        }
        let presence = match (nx, xx) {
            (true, _) => Some(Condition::IfMissing),
            (_, true) => Some(Condition::IfExists),
            _ => None,
        };
        let order = match (gt, lt) {
            (true, _) => Some(Order::Later),
            (_, true) => Some(Order::Earlier),
            _ => None,
        };
        Ok(ExpiryCondition { presence, order })
    }

    /// True if a key with the deadline `current_ms` may get the deadline `new_ms`. To GT and LT a
    /// key that does not expire is one that expires after all others.
    pub fn allows(&self, current_ms: Option<i64>, new_ms: i64) -> bool {
        let present = self
            .presence
            .is_none_or(|condition| condition.holds(current_ms.is_some()));
        let ordered = match (self.order, current_ms) {
            (None, _) => true,
            (Some(Order::Later), current_ms) => current_ms.is_some_and(|at_ms| new_ms > at_ms),
            (Some(Order::Earlier), current_ms) => current_ms.is_none_or(|at_ms| new_ms < at_ms),
        };
        present && ordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, unit: Unit, since: Since) -> Result<i64, CommandError> {
        When {
            text: text.as_bytes(),
            unit,
            since,
        }
        .deadline_ms(1_700_000_000_000, "set")
    }

    #[test]
    fn words_end_at_a_nul() {
        assert!(is(b"nX", "NX"));
        assert!(is(b"NX\0y", "NX"));
        assert!(!is(b"NXX", "NX"));
        assert!(!is(b"N", "NX"));
        assert!(!is(b"", "NX"));
    }

    #[test]
    fn deadlines_fit_in_64_bits_or_are_refused() {
        let refused = Err(error::invalid_expire("set"));
        assert_eq!(at("10", Unit::Seconds, Since::Now), Ok(1_700_000_010_000));
        assert_eq!(at("1", Unit::Milliseconds, Since::Epoch), Ok(1));
        assert_eq!(at("0", Unit::Seconds, Since::Now), refused);
        assert_eq!(at("-1", Unit::Milliseconds, Since::Epoch), refused);
        assert_eq!(
            at("9223372036854775", Unit::Seconds, Since::Epoch),
            Ok(9_223_372_036_854_775_000)
        );
        assert_eq!(at("9223372036854775", Unit::Seconds, Since::Now), refused);
        assert_eq!(at("9223372036854776", Unit::Seconds, Since::Epoch), refused);
        assert_eq!(
            at("9223372036854775807", Unit::Milliseconds, Since::Now),
            refused
        );
        assert_eq!(
            at("1.5", Unit::Seconds, Since::Now),
            Err(error::NOT_AN_INTEGER)
        );
    }

    #[test]
    fn a_key_that_stays_outlives_all_others() {
        let gt = ExpiryCondition {
            presence: None,
            order: Some(Order::Later),
        };
        let lt = ExpiryCondition {
            presence: None,
            order: Some(Order::Earlier),
        };
        assert!(!gt.allows(None, 5));
        assert!(lt.allows(None, 5));
        assert!(gt.allows(Some(4), 5) && !gt.allows(Some(5), 5));
        assert!(lt.allows(Some(6), 5) && !lt.allows(Some(5), 5));
    }
}

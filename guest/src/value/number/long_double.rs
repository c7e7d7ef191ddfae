//! The arithmetic of INCRBYFLOAT: the x87's 80-bit numbers, read from text, added and printed, with
//! integers of any length for what is too long for 128 bits.

use std::cmp::Ordering;
use std::ops::Add;

use super::{Format, Rounded, read_exponent, read_hex, round, split_sign, strip_hex_prefix};

const X87: Format = Format {
    bits: 64,
    least_exponent: -16445,
    greatest_exponent: 16320,
};

/// A number of the x87's 80-bit format, which is what Redis on x86 counts INCRBYFLOAT in. Replies
/// show it: 0.1 + 0.2 is 0.3, where doubles give 0.30000000000000004.
#[derive(Clone, Copy, Debug)]
pub struct LongDouble {
    negative: bool,
    size: Size,
}

#[derive(Clone, Copy, Debug)]
enum Size {
    /// The mantissa times a power of two. The mantissa's highest bit is set unless the exponent is
    /// the least.
    Finite(u64, i32),
    Infinite,
    NotANumber,
}

/// Redis copies the text into a buffer of 5 kB to read it.
const LONG_DOUBLE_TEXT: usize = 5 * 1024;

impl LongDouble {
    /// Zero.
    pub const ZERO: LongDouble = LongDouble {
        negative: false,
        size: Size::Finite(0, X87.least_exponent),
    };

    /// Reads a number as `strtold` does, when it is the whole text and within range. Infinities are
    /// read, NaN is not.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= LONG_DOUBLE_TEXT {
            return None;
        }
        let (negative, magnitude) = split_sign(text);
        if magnitude.eq_ignore_ascii_case(b"inf") || magnitude.eq_ignore_ascii_case(b"infinity") {
            return Some(LongDouble {
                negative,
                size: Size::Infinite,
            });
        }
        let rounded = match strip_hex_prefix(magnitude) {
            Some(hex) => {
                let (mantissa, exponent) = read_hex(hex)?;
                round(mantissa, exponent, &X87)
            }
            None => Decimal::read(magnitude)?.round(),
        };
        match rounded {
            Rounded::Finite(mantissa, exponent) => Some(LongDouble {
                negative,
                size: Size::Finite(mantissa, exponent),
            }),
            Rounded::TooSmall | Rounded::TooLarge => None,
        }
    }

    fn rounded(negative: bool, mantissa: u128, exponent: i32) -> Self {
        let size = match round(mantissa, exponent, &X87) {
            Rounded::Finite(mantissa, exponent) => Size::Finite(mantissa, exponent),
            Rounded::TooSmall => Size::Finite(0, X87.least_exponent),
            Rounded::TooLarge => Size::Infinite,
        };
        LongDouble { negative, size }
    }

    /// False for an infinity, and for a sum of opposite ones.
    pub fn is_finite(&self) -> bool {
        matches!(self.size, Size::Finite(..))
    }

    /// Seconds in whole milliseconds, rounded up; `None` if 64 bits do not hold them. What is far below
    /// zero is the least number there is.
    pub fn to_ms(&self) -> Option<i64> {
        let Size::Finite(mantissa, exponent) = self.size else {
            return self.negative.then_some(i64::MIN);
        };
        let ms = Self::rounded(self.negative, u128::from(mantissa) * 1000, exponent);
        let (whole, has_rest) = match ms.size {
            Size::Finite(mantissa, exponent @ ..0) => {
                let shift = exponent.unsigned_abs();
                let whole = mantissa.checked_shr(shift).unwrap_or(0);
                let back = whole.checked_shl(shift).unwrap_or(0);
                (whole, back != mantissa)
            }
            Size::Finite(mantissa, 0) => (mantissa, false),
            _ => (u64::MAX, false),
        };
        if self.negative {
            return Some(0i64.checked_sub_unsigned(whole).unwrap_or(i64::MIN));
        }
        i64::try_from(whole).ok()?.checked_add(has_rest.into())
    }

    /// Prints with at most 17 digits after the point, and no zeros at the end of them; never with
    /// an exponent. Very large numbers are long: up to 4,933 digits.
    pub fn format_human(&self) -> Vec<u8> {
        let sign: &[u8] = if self.negative { b"-" } else { b"" };
        let (mantissa, exponent) = match self.size {
            Size::Finite(mantissa, exponent) => (mantissa, exponent),
            Size::Infinite => return [sign, b"inf"].concat(),
            Size::NotANumber => return b"nan".to_vec(),
        };
        if exponent > 0 {
            let mut whole = Natural::from(mantissa);
            whole.shift_left(exponent as usize);
            return [sign, &whole.to_decimal()].concat();
        }
        const DECIMALS: usize = 17;
        const SCALE: u128 = 10u128.pow(DECIMALS as u32);
        let shift = -exponent as u32;
        let (mut whole, fraction) = if shift < 64 {
            (
                u128::from(mantissa >> shift),
                mantissa & !(u64::MAX << shift),
            )
        } else {
            (0, mantissa)
        };
        let scaled = u128::from(fraction) * SCALE;
        let mut decimals = scaled.checked_shr(shift).unwrap_or(0);
        let rest = scaled - decimals.checked_shl(shift).unwrap_or(0);
        let half = 1u128
            .checked_shl(shift.wrapping_sub(1))
            .unwrap_or(u128::MAX);
        if shift > 0 && (rest > half || rest == half && decimals & 1 == 1) {
            decimals += 1;
        }
        if decimals == SCALE {
            decimals = 0;
            whole += 1;
        }
        if whole == 0 && decimals == 0 {
            return b"0".to_vec();
        }
        let mut text = [sign, itoa::Buffer::new().format(whole as u64).as_bytes()].concat();
        if decimals > 0 {
            text.push(b'.');
            let mut unit = SCALE as u64 / 10;
            let mut left = decimals as u64;
            while left > 0 {
                text.push(b'0' + (left / unit) as u8);
                left %= unit;
                unit /= 10;
            }
        }
        text
    }
}

impl From<i64> for LongDouble {
    fn from(integer: i64) -> Self {
        Self::rounded(integer < 0, integer.unsigned_abs().into(), 0)
    }
}

impl From<f64> for LongDouble {
    fn from(value: f64) -> Self {
        let bits = value.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let negative = value.is_sign_negative();
        match (bits >> 52) as i32 & 0x7ff {
            0x7ff if fraction == 0 => LongDouble {
                negative,
                size: Size::Infinite,
            },
            0x7ff => LongDouble {
                negative,
                size: Size::NotANumber,
            },
            0 => Self::rounded(negative, fraction.into(), -1074),
            biased => Self::rounded(negative, (fraction | 1 << 52).into(), biased - 1075),
        }
    }
}

impl Add for LongDouble {
    type Output = LongDouble;

    fn add(self, other: LongDouble) -> LongDouble {
        let ((a, a_exponent), (b, b_exponent)) = match (self.size, other.size) {
            (Size::Finite(a, ae), Size::Finite(b, be)) => ((a, ae), (b, be)),
            (Size::NotANumber, _) | (Size::Infinite, Size::Finite(..)) => return self,
            (_, Size::NotANumber) | (Size::Finite(..), Size::Infinite) => return other,
            (Size::Infinite, Size::Infinite) if self.negative == other.negative => return self,
            (Size::Infinite, Size::Infinite) => {
                return LongDouble {
                    negative: false,
                    size: Size::NotANumber,
                };
            }
        };
        if a == 0 {
            return other;
        }
        if b == 0 {
            return self;
        }
        if (a_exponent, a) < (b_exponent, b) {
            return other + self;
        }
        // One bit is kept for the carry, 63 guard the rounding; the last of them stands for all
        // bits of the smaller number that are beyond.
        const GUARD: i32 = 63;
        let larger = u128::from(a) << GUARD;
        let smaller = u128::from(b) << GUARD;
        let distance = (a_exponent - b_exponent) as u32;
        let aligned = match smaller.checked_shr(distance) {
            Some(shifted) => shifted | u128::from(shifted << distance != smaller),
            None => 1,
        };
        let (negative, sum) = if self.negative == other.negative {
            (self.negative, larger + aligned)
        } else {
            (self.negative && larger != aligned, larger - aligned)
        };
        Self::rounded(negative, sum, a_exponent - GUARD)
    }
}

/// A number written in decimal: digits, then the power of ten of the last one.
struct Decimal<'a> {
    digits: &'a [u8],
    exponent: i32,
}

impl<'a> Decimal<'a> {
    /// Reads `12.5e3`, without a sign, to the end.
    fn read(text: &'a [u8]) -> Option<Self> {
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        let end = text
            .iter()
            .position(|byte| !is_digit(byte) && *byte != b'.')
            .unwrap_or(text.len());
        let (digits, tail) = text.split_at(end);
        if !digits.iter().any(is_digit) || digits.iter().filter(|byte| **byte == b'.').count() > 1 {
            return None;
        }
        let written = match tail {
            [] => 0,
            [b'e' | b'E', exponent @ ..] => read_exponent(exponent)?,
            _ => return None,
        };
        let decimals = match digits.iter().position(|byte| *byte == b'.') {
            Some(point) => digits.len() - point - 1,
            None => 0,
        };
        let start = digits
            .iter()
            .position(|byte| !matches!(byte, b'0' | b'.'))
            .unwrap_or(end);
        Some(Decimal {
            digits: &digits[start..],
            exponent: written - decimals as i32,
        })
    }

    fn values(&self) -> impl Iterator<Item = u8> {
        self.digits
            .iter()
            .filter(|byte| **byte != b'.')
            .map(|byte| byte - b'0')
    }

    fn round(&self) -> Rounded {
        let count = self.values().count();
        // 10^27 is 5^27, which fits in 63 bits, times a power of two.
        if count <= 19 && (-27..=27).contains(&self.exponent) {
            let mantissa = self
                .values()
                .fold(0u64, |all, digit| all * 10 + u64::from(digit));
            let power = 5u128.pow(self.exponent.unsigned_abs());
            if self.exponent >= 0 {
                return round(u128::from(mantissa) * power, self.exponent, &X87);
            }
            if mantissa == 0 {
                return round(0, 0, &X87);
            }
            let shift = mantissa.leading_zeros() + 64;
            let numerator = u128::from(mantissa) << shift;
            let quotient = numerator / power;
            let sticky = u128::from(quotient * power != numerator);
            return round(quotient | sticky, self.exponent - shift as i32, &X87);
        }
        self.round_at_length(count)
    }

    /// The same for any number of digits and any exponent.
    fn round_at_length(&self, count: usize) -> Rounded {
        if count == 0 {
            return round(0, 0, &X87);
        }
        match self.exponent.saturating_add(count as i32) {
            ..-5000 => return Rounded::TooSmall,
            5001.. => return Rounded::TooLarge,
            _ => {}
        }
        let mut mantissa = Natural::from(0);
        for digit in self.values() {
            mantissa.multiply_add(10, u32::from(digit));
        }
        let mut power = Natural::from(1);
        for _ in 0..self.exponent.unsigned_abs() {
            power.multiply_add(5, 0);
        }
        let (leading, exponent) = if self.exponent >= 0 {
            mantissa.multiply(&power).leading_bits()
        } else {
            mantissa.divide(power)
        };
        round(leading, exponent + self.exponent, &X87)
    }
}

// ---- natural numbers of any length -------------------------------------------------------------

/// A natural number, its lowest 32 bits first, without zeros at the end. For the numbers that are
/// too long for 128 bits: rare, so short code rather than fast.
struct Natural(Vec<u32>);

impl From<u64> for Natural {
    fn from(number: u64) -> Self {
        let mut natural = Natural(vec![number as u32, (number >> 32) as u32]);
        natural.trim();
        natural
    }
}

impl Natural {
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn bit_length(&self) -> usize {
        let top = self
            .0
            .last()
            .map_or(0, |limb| limb.leading_zeros() as usize);
        self.0.len() * 32 - top
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn multiply(&self, other: &Natural) -> Natural {
        let mut product = Natural(vec![0; self.0.len() + other.0.len()]);
        for (offset, factor) in self.0.iter().enumerate() {
            let mut carry = 0u64;
            let places = product.0[offset..].iter_mut();
            for (place, limb) in places.zip(other.0.iter().chain(std::iter::once(&0))) {
                carry += u64::from(*place) + u64::from(*limb) * u64::from(*factor);
                *place = carry as u32;
                carry >>= 32;
            }
        }
        product.trim();
        product
    }

    fn shift_left(&mut self, bits: usize) {
        self.multiply_add(1 << (bits % 32), 0);
        if !self.0.is_empty() {
            self.0.splice(0..0, std::iter::repeat_n(0, bits / 32));
        }
    }

    /// The 128 leading bits and their exponent; the lowest bit also stands for what is below.
    fn leading_bits(&self) -> (u128, i32) {
        let below = self.bit_length().saturating_sub(128);
        let (limbs, bits) = (below / 32, below % 32);
        let mut leading = 0u128;
        for (index, limb) in self.0.iter().enumerate().skip(limbs) {
            let place = (index - limbs) as i32 * 32 - bits as i32;
            let limb = u128::from(*limb);
            leading |= if place >= 0 {
                limb << place
            } else {
                limb >> -place
            };
        }
        let lost = self.0[..limbs].iter().any(|limb| *limb != 0)
            || self
                .0
                .get(limbs)
                .is_some_and(|limb| limb & !(u32::MAX << bits) != 0);
        (leading | u128::from(lost), below as i32)
    }

    /// The quotient's leading bits (more than 64 of them) and their exponent; the lowest bit also
    /// stands for a remainder.
    fn divide(mut self, mut divisor: Natural) -> (u128, i32) {
        const BITS: usize = 68;
        let (length, divisor_length) = (self.bit_length(), divisor.bit_length());
        self.shift_left(divisor_length.saturating_sub(length));
        divisor.shift_left(length.saturating_sub(divisor_length));
        let mut quotient = 0u128;
        for _ in 0..BITS {
            quotient <<= 1;
            if self.compare(&divisor) != Ordering::Less {
                self.subtract(&divisor);
                quotient |= 1;
            }
            self.multiply_add(2, 0);
        }
        let sticky = u128::from(!self.0.is_empty());
        (
            quotient | sticky,
            length as i32 - divisor_length as i32 - (BITS as i32 - 1),
        )
    }

    fn compare(&self, other: &Natural) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Takes away what is not larger.
    fn subtract(&mut self, other: &Natural) {
        let mut borrow = 0i64;
        for (index, limb) in self.0.iter_mut().enumerate() {
            let taken = i64::from(other.0.get(index).copied().unwrap_or(0));
            borrow += i64::from(*limb) - taken;
            *limb = borrow as u32;
            borrow >>= 32;
        }
        self.trim();
    }

    fn to_decimal(&self) -> Vec<u8> {
        const GROUP: u64 = 1_000_000_000;
        let mut rest = Natural(self.0.clone());
        let mut groups = Vec::new();
        while !rest.0.is_empty() {
            let mut carry = 0u64;
            for limb in rest.0.iter_mut().rev() {
                carry = carry << 32 | u64::from(*limb);
                *limb = (carry / GROUP) as u32;
                carry %= GROUP;
            }
            rest.trim();
            groups.push(carry);
        }
        let mut text = itoa::Buffer::new()
            .format(groups.pop().unwrap_or(0))
            .as_bytes()
            .to_vec();
        for group in groups.iter().rev() {
            // The tenth digit keeps the zeros in front.
            text.extend_from_slice(&itoa::Buffer::new().format(GROUP + group).as_bytes()[1..]);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_doubles_add_up_as_incrbyfloat_does() {
        for (a, b, sum) in [
            ("5.1", "0.1", "5.2"),
            ("3.0e3", "200", "3200"),
            ("1", "1e-18", "1"),
            ("-1", "1", "0"),
            ("0", "-1e-18", "0"),
            ("0x1p-1", "0X.8", "1"),
            ("36893488147419103232", "1", "36893488147419103232"),
        ] {
            let add = |a: &str, b: &str| {
                Some(LongDouble::parse(a.as_bytes())? + LongDouble::parse(b.as_bytes())?)
            };
            assert_eq!(
                add(a, b).expect(a).format_human(),
                sum.as_bytes(),
                "{a} + {b}"
            );
        }
        let huge = LongDouble::parse(b"1e4932").expect("within range");
        assert_eq!(huge.format_human().len(), 4933);
        assert!(!(huge + huge).is_finite());
        for text in ["", "nan", "1e5000", "1e-5000", " 1", "1 ", "0x", "1e+"] {
            assert!(LongDouble::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn seconds_are_rounded_up_to_milliseconds() {
        for (seconds, ms) in [
            ("0", Some(0)),
            ("0.001", Some(1)),
            ("0.07", Some(70)),
            ("1e-4000", Some(1)),
            ("1.2341", Some(1235)),
            ("-0.0001", Some(0)),
            ("-1.5", Some(-1500)),
            ("9223372036854775.807", Some(i64::MAX)),
            ("9223372036854775.808", None),
            ("1e4000", None),
            ("inf", None),
            ("-inf", Some(i64::MIN)),
            ("-1e30", Some(i64::MIN)),
        ] {
            let parsed = LongDouble::parse(seconds.as_bytes()).expect(seconds);
            assert_eq!(parsed.to_ms(), ms, "{seconds}");
        }
    }
}

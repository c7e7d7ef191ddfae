//! The digits of a double by Grisu2 (Florian Loitsch, 2010), with the choices that Redis's printing
//! has, since they show in the last digit. Knows nothing of zero, infinities and signs.

use super::DoubleText;

/// Decimal digits and the power of ten of the last one.
pub(super) struct Digits {
    bytes: [u8; 20],
    len: usize,
    exponent: i32,
}

impl Digits {
    /// Digits that read back as `value`, which is positive and finite.
    ///
    /// Redis prints by Grisu2, and so must we: once in a thousand its digits are not the shortest
    /// or not the closest (1e23 is printed as 99999999999999990000000).
    pub(super) fn of(value: f64) -> Self {
        const HIDDEN: u64 = 1 << 52;
        let bits = value.to_bits();
        let biased = (bits >> 52) as i32;
        let fraction = bits & (HIDDEN - 1);
        let (mantissa, exponent) = if biased == 0 {
            (fraction, -1074)
        } else {
            (fraction | HIDDEN, biased - 1075)
        };

        // All three are brought to the exponent of the upper boundary.
        let upper_shift = (2 * mantissa + 1).leading_zeros() as i32;
        let upper = (2 * mantissa + 1) << upper_shift;
        let common = exponent - 1 - upper_shift;
        let lower_step = if mantissa == HIDDEN { 2 } else { 1 };
        let lower = ((mantissa << lower_step) - 1) << (exponent - lower_step - common);
        let middle_shift = mantissa.leading_zeros() as i32;
        let middle = mantissa << middle_shift;

        let (power, power_exponent, decimal) = cached_power(common);
        let scale =
            |fraction: u64| ((u128::from(fraction) * u128::from(power) + (1 << 63)) >> 64) as u64;
        let upper = scale(upper) - 1;
        let lower = scale(lower) + 1;
        let middle = scale(middle);
        Self::between(
            lower,
            middle,
            upper,
            -(common + power_exponent + 64),
            -decimal,
        )
    }

    /// The fewest digits that fall between the bounds, which count in units of 2^-`point`.
    fn between(lower: u64, middle: u64, upper: u64, point: i32, decimal: i32) -> Self {
        let mut digits = Digits {
            bytes: [0; 20],
            len: 0,
            exponent: decimal,
        };
        let one = 1u64 << point;
        let to_middle = upper - middle;
        let mut width = upper - lower;
        let mut whole = upper >> point;
        let mut rest = upper & (one - 1);

        let mut unit: u64 = 1_000_000_000;
        for power in (0..10).rev() {
            digits.push_significant((whole / unit) as u8);
            whole %= unit;
            let left = (whole << point) + rest;
            if left <= width {
                digits.exponent += power;
                digits.weed(width, left, unit << point, to_middle);
                return digits;
            }
            unit /= 10;
        }

        let mut scale: u64 = 1;
        let mut power = 0;
        loop {
            rest = rest.wrapping_mul(10);
            width = width.wrapping_mul(10);
            scale = scale.wrapping_mul(10);
            power -= 1;
            digits.push_significant((rest >> point) as u8);
            rest &= one - 1;
            if rest < width {
                digits.exponent += power;
                digits.weed(width, rest, one, to_middle.wrapping_mul(scale));
                return digits;
            }
        }
    }

    fn push_significant(&mut self, digit: u8) {
        if digit != 0 || self.len > 0 {
            self.bytes[self.len] = b'0' + digit;
            self.len += 1;
        }
    }

    /// Lowers the last digit while that comes closer to the value itself.
    fn weed(&mut self, width: u64, mut left: u64, unit: u64, to_middle: u64) {
        while left < to_middle
            && width - left >= unit
            && (left + unit < to_middle || to_middle - left > left + unit - to_middle)
        {
            self.bytes[self.len - 1] -= 1;
            left += unit;
        }
    }

    pub(super) fn lay_out(&self, text: &mut DoubleText) {
        let digits = &self.bytes[..self.len];
        let leading = self.exponent + self.len as i32 - 1;
        if self.exponent >= 0 && leading < self.len as i32 + 7 {
            text.push_all(digits);
            text.push_zeros(self.exponent as usize);
        } else if self.exponent < 0 && (self.exponent > -7 || leading.abs() < 4) {
            if leading < 0 {
                text.push_all(b"0.");
                text.push_zeros((-leading - 1) as usize);
                text.push_all(digits);
            } else {
                let (whole, fraction) = digits.split_at(leading as usize + 1);
                text.push_all(whole);
                text.push(b'.');
                text.push_all(fraction);
            }
        } else {
            text.push(digits[0]);
            if digits.len() > 1 {
                text.push(b'.');
                text.push_all(&digits[1..]);
            }
            text.push(b'e');
            text.push(if leading < 0 { b'-' } else { b'+' });
            text.push_all(
                itoa::Buffer::new()
                    .format(leading.unsigned_abs())
                    .as_bytes(),
            );
        }
    }
}

/// A power of ten (its fraction, its binary exponent, its decimal exponent) that brings a number
/// with `exponent` to where 2^-60 ..= 2^-32 is its unit.
fn cached_power(exponent: i32) -> (u64, i32, i32) {
    // Two powers may fit; where the search begins decides, and with it the last digit printed.
    let guess = (f64::from(-(exponent + 87)) * std::f64::consts::LOG10_2) as i32;
    let mut index = ((guess - FIRST_POWER) / POWER_STEP) as usize;
    loop {
        let decimal = FIRST_POWER + POWER_STEP * index as i32;
        // The whole part of decimal * log2(10), less the fraction's 63 bits.
        let binary = ((decimal * 217_706) >> 16) - 63;
        match exponent + binary + 64 {
            ..-60 => index += 1,
            -60..=-32 => return (POWERS[index], binary, decimal),
            _ => index -= 1,
        }
    }
}

const FIRST_POWER: i32 = -348;
const POWER_STEP: i32 = 8;

/// 10^-348, 10^-340 … 10^340, each as the 64 leading bits, rounded.
#[rustfmt::skip]
const POWERS: [u64; 87] = [
    0xfa8fd5a0081c0288, 0xbaaee17fa23ebf76, 0x8b16fb203055ac76,
    0xcf42894a5dce35ea, 0x9a6bb0aa55653b2d, 0xe61acf033d1a45df,
    0xab70fe17c79ac6ca, 0xff77b1fcbebcdc4f, 0xbe5691ef416bd60c,
    0x8dd01fad907ffc3c, 0xd3515c2831559a83, 0x9d71ac8fada6c9b5,
    0xea9c227723ee8bcb, 0xaecc49914078536d, 0x823c12795db6ce57,
    0xc21094364dfb5637, 0x9096ea6f3848984f, 0xd77485cb25823ac7,
    0xa086cfcd97bf97f4, 0xef340a98172aace5, 0xb23867fb2a35b28e,
    0x84c8d4dfd2c63f3b, 0xc5dd44271ad3cdba, 0x936b9fcebb25c996,
    0xdbac6c247d62a584, 0xa3ab66580d5fdaf6, 0xf3e2f893dec3f126,
    0xb5b5ada8aaff80b8, 0x87625f056c7c4a8b, 0xc9bcff6034c13053,
    0x964e858c91ba2655, 0xdff9772470297ebd, 0xa6dfbd9fb8e5b88f,
    0xf8a95fcf88747d94, 0xb94470938fa89bcf, 0x8a08f0f8bf0f156b,
    0xcdb02555653131b6, 0x993fe2c6d07b7fac, 0xe45c10c42a2b3b06,
    0xaa242499697392d3, 0xfd87b5f28300ca0e, 0xbce5086492111aeb,
    0x8cbccc096f5088cc, 0xd1b71758e219652c, 0x9c40000000000000,
    0xe8d4a51000000000, 0xad78ebc5ac620000, 0x813f3978f8940984,
    0xc097ce7bc90715b3, 0x8f7e32ce7bea5c70, 0xd5d238a4abe98068,
    0x9f4f2726179a2245, 0xed63a231d4c4fb27, 0xb0de65388cc8ada8,
    0x83c7088e1aab65db, 0xc45d1df942711d9a, 0x924d692ca61be758,
    0xda01ee641a708dea, 0xa26da3999aef774a, 0xf209787bb47d6b85,
    0xb454e4a179dd1877, 0x865b86925b9bc5c2, 0xc83553c5c8965d3d,
    0x952ab45cfa97a0b3, 0xde469fbd99a05fe3, 0xa59bc234db398c25,
    0xf6c69a72a3989f5c, 0xb7dcbf5354e9bece, 0x88fcf317f22241e2,
    0xcc20ce9bd35c78a5, 0x98165af37b2153df, 0xe2a0b5dc971f303a,
    0xa8d9d1535ce3b396, 0xfb9b7cd9a4a7443c, 0xbb764c4ca7a44410,
    0x8bab8eefb6409c1a, 0xd01fef10a657842c, 0x9b10a4e5e9913129,
    0xe7109bfba19c0c9d, 0xac2820d9623bf429, 0x80444b5e7aa7cf85,
    0xbf21e44003acdd2d, 0x8e679c2f5e44ff8f, 0xd433179d9c8cb841,
    0x9e19db92b4e31ba9, 0xeb96bf6ebadf77d9, 0xaf87023b9bf0ee6b,
];

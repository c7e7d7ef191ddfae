//! Passwords: kept, compared and shown as their SHA-256 only. Knows no user.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash([u8; 32]);

impl PasswordHash {
    /// The hash of a password.
    pub fn of(password: &[u8]) -> Self {
        PasswordHash(Sha256::digest(password).into())
    }

    /// A hash as it is shown: 64 hexadecimal digits, none of them a capital.
    pub fn parse(digits: &[u8]) -> Option<Self> {
        let (pairs, rest) = digits.as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = value(*high)? << 4 | value(*low)?;
        }
        Some(PasswordHash(bytes))
    }

    /// The hash as it is shown.
    pub fn digits(&self) -> [u8; 64] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        digits
    }

    /// True if both are the same. How long it takes tells nothing about where they differ.
    pub fn is(&self, other: &PasswordHash) -> bool {
        let pairs = self.0.iter().zip(other.0);
        pairs.fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
    }
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_as_its_hash() {
        let hash = PasswordHash::of(b"p1");
        let shown = b"f64551fcd6f07823cb87971cfb91446425da18286b3ab1ef935e0cbd7a69f68a";
        assert_eq!(&hash.digits(), shown);
        assert_eq!(PasswordHash::parse(shown), Some(hash.clone()));
        assert!(hash.is(&PasswordHash::of(b"p1")) && !hash.is(&PasswordHash::of(b"p2")));
        assert_eq!(PasswordHash::parse(&shown[1..]), None);
        assert_eq!(PasswordHash::parse(&shown.to_ascii_uppercase()), None);
    }
}

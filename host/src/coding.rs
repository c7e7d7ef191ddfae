//! Values as bytes, for what is written down of an engine's calls: numbers in as few bytes as they need,
//! texts and lists behind their length.
//!
//! Knows nothing of what the values mean.

use std::borrow::Cow;

/// A value that can be written and read.
pub(crate) trait Coded: Sized {
    /// Adds its bytes.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes it off the front of `from`; `None` where those bytes are no such value.
    fn read(from: &mut &[u8]) -> Option<Self>;

    /// Adds a list of them.
    fn write_all(values: &[Self], out: &mut Vec<u8>) {
        (values.len() as u64).write(out);
        values.iter().for_each(|value| value.write(out));
    }

    /// Takes a list of them off the front.
    fn read_all(from: &mut &[u8]) -> Option<Vec<Self>> {
        // Nothing is set aside for what a length only claims.
        let count = u64::read(from)?;
        (0..count).map(|_| Self::read(from)).collect()
    }
}

impl Coded for u8 {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let (first, rest) = from.split_first()?;
        *from = rest;
        Some(*first)
    }

    fn write_all(values: &[Self], out: &mut Vec<u8>) {
        (values.len() as u64).write(out);
        out.extend_from_slice(values);
    }

    fn read_all(from: &mut &[u8]) -> Option<Vec<Self>> {
        let length = usize::try_from(u64::read(from)?).ok()?;
        let (bytes, rest) = from.split_at_checked(length)?;
        *from = rest;
        Some(bytes.to_vec())
    }
}

impl Coded for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = u8::read(from)?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

impl Coded for u32 {
    fn write(&self, out: &mut Vec<u8>) {
        u64::from(*self).write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        u64::read(from)?.try_into().ok()
    }
}

impl Coded for bool {
    fn write(&self, out: &mut Vec<u8>) {
        u8::from(*self).write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(u8::read(from)? != 0)
    }
}

impl Coded for () {
    fn write(&self, _out: &mut Vec<u8>) {}

    fn read(_from: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl Coded for String {
    fn write(&self, out: &mut Vec<u8>) {
        u8::write_all(self.as_bytes(), out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Self::from_utf8(u8::read_all(from)?).ok()
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        T::write_all(self, out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        T::read_all(from)
    }
}

impl<T: Coded + Clone> Coded for Cow<'_, [T]> {
    fn write(&self, out: &mut Vec<u8>) {
        T::write_all(self, out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        T::read_all(from).map(Self::Owned)
    }
}

impl<T: Coded> Coded for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        self.iter().for_each(|value| value.write(out));
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        match bool::read(from)? {
            true => T::read(from).map(Some),
            false => Some(None),
        }
    }
}

impl<T: Coded, E: Coded> Coded for Result<T, E> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_ok().write(out);
        match self {
            Ok(value) => value.write(out),
            Err(error) => error.write(out),
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        match bool::read(from)? {
            true => T::read(from).map(Ok),
            false => E::read(from).map(Err),
        }
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?))
    }
}

/// Codes a type by its fields, or by its variants: those of an `enum` hold nothing, those of a `variant`
/// one value each. The compiler asks about each that is not named.
macro_rules! coded {
    (struct $name:ty { $($field:ident),* $(,)? }) => {
        impl $crate::coding::Coded for $name {
            fn write(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::coding::Coded::write($field, out);)*
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::coding::Coded::read(from)?),* })
            }
        }
    };
    (struct $name:ident) => {
        impl $crate::coding::Coded for $name {
            fn write(&self, _out: &mut Vec<u8>) {}

            fn read(_from: &mut &[u8]) -> Option<Self> {
                Some(Self)
            }
        }
    };
    (enum $name:ty { $($variant:ident = $number:literal),* $(,)? }) => {
        impl $crate::coding::Coded for $name {
            fn write(&self, out: &mut Vec<u8>) {
                out.push(match self { $(Self::$variant => $number),* });
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                match <u8 as $crate::coding::Coded>::read(from)? {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
    (variant $name:ty { $($variant:ident = $number:literal),* $(,)? }) => {
        impl $crate::coding::Coded for $name {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant(value) => {
                        out.push($number);
                        $crate::coding::Coded::write(value, out);
                    })*
                }
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                match <u8 as $crate::coding::Coded>::read(from)? {
                    $($number => Some(Self::$variant($crate::coding::Coded::read(from)?)),)*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use coded;

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back<T: Coded + PartialEq + std::fmt::Debug>(value: T) {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        let mut rest = bytes.as_slice();
        assert_eq!(T::read(&mut rest).as_ref(), Some(&value));
        assert!(rest.is_empty());
        for length in 0..bytes.len() {
            assert_eq!(T::read(&mut &bytes[..length]), None, "{length}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_what_is_cut_off_is_nothing() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX) + 1, u64::MAX] {
            comes_back(number);
        }
        comes_back(vec![("one".to_owned(), Some(7_u32)), (String::new(), None)]);
        comes_back(Ok::<Vec<Vec<u8>>, String>(vec![vec![], b"\0\xff".to_vec()]));
        comes_back(Err::<bool, String>("no".to_owned()));
    }

    #[test]
    fn a_length_that_is_not_true_is_refused() {
        let mut bytes = Vec::new();
        u64::MAX.write(&mut bytes);
        assert_eq!(Vec::<u8>::read(&mut bytes.as_slice()), None);
        assert_eq!(Vec::<u64>::read(&mut bytes.as_slice()), None);
        assert_eq!(u32::read(&mut bytes.as_slice()), None);
        assert_eq!(u64::read(&mut [0xff; 11].as_slice()), None);
    }
}

//! Pure data structures and the numbers and patterns of Redis. Knows no key, no time, no command.

pub mod glob;
pub mod hash;
pub mod number;
pub mod string;

pub use string::{StringBytes, StringValue};

/// What a key holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// A binary-safe string, a counter or a bitmap.
    String(StringValue),
}

/// The value is of another type than the command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl Value {
    /// The name that TYPE answers.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::String(_) => "string",
        }
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self {
            Value::String(string) => string.encoding(),
        }
    }

    /// The string, if it is one.
    #[inline]
    pub fn as_string(&self) -> Result<&StringValue, WrongType> {
        match self {
            Value::String(string) => Ok(string),
        }
    }

    /// The string to change in place, if it is one.
    #[inline]
    pub fn as_string_mut(&mut self) -> Result<&mut StringValue, WrongType> {
        match self {
            Value::String(string) => Ok(string),
        }
    }

    /// True for an aggregate without members, which no key may hold.
    pub fn is_empty_aggregate(&self) -> bool {
        match self {
            Value::String(_) => false,
        }
    }

    /// A rough count of heap bytes, to know before copying whether a copy fits.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Value::String(string) => string.heap_bytes(),
        }
    }
}

impl From<StringValue> for Value {
    fn from(string: StringValue) -> Self {
        Value::String(string)
    }
}

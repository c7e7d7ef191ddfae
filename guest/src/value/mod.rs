//! Pure data structures and the numbers and patterns of Redis. Knows no key, no time, no command.

pub mod glob;
pub mod hash;
pub mod list;
pub mod listpack;
pub mod number;
pub mod set;
pub mod string;

pub use list::List;
pub use listpack::{Item, Needle};
pub use set::Set;
pub use string::{StringBytes, StringValue};

/// What a key holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// A binary-safe string, a counter or a bitmap.
    String(StringValue),
    /// Elements in the order they were given.
    List(Box<List>),
    /// Different members in no order.
    Set(Box<Set>),
}

/// The value is of another type than the command works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl Value {
    /// The name that TYPE answers.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::String(_) => "string",
            Value::List(_) => "list",
            Value::Set(_) => "set",
        }
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self {
            Value::String(string) => string.encoding(),
            Value::List(list) => list.encoding(),
            Value::Set(set) => set.encoding(),
        }
    }

    /// The string, if it is one.
    #[inline]
    pub fn as_string(&self) -> Result<&StringValue, WrongType> {
        match self {
            Value::String(string) => Ok(string),
            _ => Err(WrongType),
        }
    }

    /// The string to change in place, if it is one.
    #[inline]
    pub fn as_string_mut(&mut self) -> Result<&mut StringValue, WrongType> {
        match self {
            Value::String(string) => Ok(string),
            _ => Err(WrongType),
        }
    }

    /// The list, if it is one.
    #[inline]
    pub fn as_list(&self) -> Result<&List, WrongType> {
        match self {
            Value::List(list) => Ok(list),
            _ => Err(WrongType),
        }
    }

    /// The list to change in place, if it is one.
    #[inline]
    pub fn as_list_mut(&mut self) -> Result<&mut List, WrongType> {
        match self {
            Value::List(list) => Ok(list),
            _ => Err(WrongType),
        }
    }

    /// The set, if it is one.
    #[inline]
    pub fn as_set(&self) -> Result<&Set, WrongType> {
        match self {
            Value::Set(set) => Ok(set),
            _ => Err(WrongType),
        }
    }

    /// The set to change in place, if it is one.
    #[inline]
    pub fn as_set_mut(&mut self) -> Result<&mut Set, WrongType> {
        match self {
            Value::Set(set) => Ok(set),
            _ => Err(WrongType),
        }
    }

    /// True for an aggregate without members, which no key may hold.
    pub fn is_empty_aggregate(&self) -> bool {
        match self {
            Value::String(_) => false,
            Value::List(list) => list.is_empty(),
            Value::Set(set) => set.is_empty(),
        }
    }

    /// A rough count of heap bytes, to know before copying whether a copy fits.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Value::String(string) => string.heap_bytes(),
            Value::List(list) => list.heap_bytes(),
            Value::Set(set) => set.heap_bytes(),
        }
    }
}

impl From<StringValue> for Value {
    fn from(string: StringValue) -> Self {
        Value::String(string)
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Value::List(Box::new(list))
    }
}

impl From<Set> for Value {
    fn from(set: Set) -> Self {
        Value::Set(Box::new(set))
    }
}

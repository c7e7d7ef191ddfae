//! Pure data structures and the numbers and patterns of Redis. Knows no key, no time, no command.

pub mod afar;
pub mod cluster_slot;
pub mod deadlines;
pub mod dense;
pub mod fields;
pub mod geohash;
pub mod glob;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod listpack;
pub mod number;
pub mod set;
pub mod sorted_set;
pub mod stream;
pub mod string;
pub mod vectors;

pub use fields::Fields;
pub use list::List;
pub use listpack::{Item, Needle};
pub use set::Set;
pub use sorted_set::SortedSet;
pub use stream::Stream;
pub use string::{StringBytes, StringValue};
pub use vectors::VectorSet;

/// What a key holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// A binary-safe string, a counter or a bitmap.
    String(StringValue),
    /// Elements in the order they were given.
    List(Box<List>),
    /// Different members in no order.
    Set(Box<Set>),
    /// Fields with values.
    Hash(Box<Fields>),
    /// Members in the order of their scores.
    SortedSet(Box<SortedSet>),
    /// Entries in the order of their ids.
    Stream(Box<Stream>),
    /// Elements with a vector each.
    Vectors(Box<VectorSet>),
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
            Value::Hash(_) => "hash",
            Value::SortedSet(_) => "zset",
            Value::Stream(_) => "stream",
            Value::Vectors(_) => "vectorset",
        }
    }

    /// The name that OBJECT ENCODING answers.
    pub fn encoding(&self) -> &'static str {
        match self {
            Value::String(string) => string.encoding(),
            Value::List(list) => list.encoding(),
            Value::Set(set) => set.encoding(),
            Value::Hash(fields) => fields.encoding(),
            Value::SortedSet(set) => set.encoding(),
            Value::Stream(_) => "stream",
            Value::Vectors(_) => "raw",
        }
    }

    /// True unless it is a string.
    #[inline]
    pub fn is_aggregate(&self) -> bool {
        !matches!(self, Value::String(_))
    }

    /// True for an aggregate without members, which no key may hold.
    pub fn is_empty_aggregate(&self) -> bool {
        match self {
            Value::String(_) => false,
            Value::List(list) => list.is_empty(),
            Value::Set(set) => set.is_empty(),
            Value::Hash(fields) => fields.is_empty(),
            Value::SortedSet(set) => set.is_empty(),
            Value::Stream(_) => false,
            Value::Vectors(set) => set.is_empty(),
        }
    }

    /// About how many allocations the value takes in Redis: how much work it is to free it.
    pub fn allocations(&self) -> usize {
        match self {
            Value::List(list) => list.nodes(),
            Value::Set(set) if set.encoding() == "hashtable" => set.len(),
            Value::SortedSet(set) if !set.is_packed() => set.len(),
            Value::Hash(fields) if fields.is_table() => fields.len(),
            Value::Stream(stream) => stream.allocations(),
            _ => 1,
        }
    }

    /// A rough count of heap bytes, to know before copying whether a copy fits.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Value::String(string) => string.heap_bytes(),
            Value::List(list) => list.heap_bytes(),
            Value::Set(set) => set.heap_bytes(),
            Value::Hash(fields) => fields.heap_bytes(),
            Value::SortedSet(set) => set.heap_bytes(),
            Value::Stream(stream) => stream.heap_bytes(),
            Value::Vectors(set) => set.heap_bytes(),
        }
    }
}

/// The ways from a value to what it is, and back.
macro_rules! types {
    ($($variant:ident($type:ty) $as:ident $as_mut:ident $boxed:expr;)*) => {
        impl Value {
            $(
                #[doc = concat!("The [`", stringify!($type), "`], if it is one.")]
                #[inline]
                pub fn $as(&self) -> Result<&$type, WrongType> {
                    match self {
                        Value::$variant(value) => Ok(value),
                        _ => Err(WrongType),
                    }
                }

                #[doc = concat!("The [`", stringify!($type), "`] to change in place, if it is one.")]
                #[inline]
                pub fn $as_mut(&mut self) -> Result<&mut $type, WrongType> {
                    match self {
                        Value::$variant(value) => Ok(value),
                        _ => Err(WrongType),
                    }
                }
            )*
        }

        $(
            impl From<$type> for Value {
                fn from(value: $type) -> Self {
                    Value::$variant($boxed(value))
                }
            }
        )*
    };
}

types! {
    String(StringValue) as_string as_string_mut std::convert::identity;
    List(List) as_list as_list_mut Box::new;
    Set(Set) as_set as_set_mut Box::new;
    Hash(Fields) as_fields as_fields_mut Box::new;
    SortedSet(SortedSet) as_sorted_set as_sorted_set_mut Box::new;
    Stream(Stream) as_stream as_stream_mut Box::new;
    Vectors(VectorSet) as_vectors as_vectors_mut Box::new;
}

//! Libraries of functions: their header, and what they register while they load.

use piccolo::{Table, Value};

use super::call::{Call, Outcome};
use super::errors::text_of;
use super::reply::error_table;

/// A function that a library registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its name.
    pub name: Vec<u8>,
    /// What it says about itself.
    pub description: Option<Vec<u8>>,
    /// Its flags, as bits of [`Flag`].
    pub flags: u8,
    /// The number under which the machine keeps it.
    pub function: usize,
}

/// What a script or a function declares about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// It does not write.
    NoWrites = 1,
    /// It may run where there is no memory left.
    AllowOom = 2,
    /// It may run on a replica that is cut off.
    AllowStale = 4,
    /// It does not run in a cluster.
    NoCluster = 8,
    /// It may use keys of several slots.
    AllowCrossSlotKeys = 16,
}

/// All flags, by their names.
pub const FLAGS: [(&str, Flag); 5] = [
    ("no-writes", Flag::NoWrites),
    ("allow-oom", Flag::AllowOom),
    ("allow-stale", Flag::AllowStale),
    ("no-cluster", Flag::NoCluster),
    ("allow-cross-slot-keys", Flag::AllowCrossSlotKeys),
];

/// The flag of that name.
pub fn flag(name: &[u8]) -> Option<Flag> {
    FLAGS
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
        .map(|(_, flag)| *flag)
}

/// A library that is being loaded.
#[derive(Debug, Default)]
pub struct Loading {
    /// What it has registered so far.
    pub functions: Vec<Registered>,
}

/// What a library's first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The engine: `lua`, where it is one we have.
    pub engine: Vec<u8>,
    /// The library's name.
    pub name: Vec<u8>,
    /// Where the code begins: at the end of the first line, so that lines keep their numbers.
    pub code: usize,
}

/// What is wrong with a name that [`is_name`] refuses.
pub const BAD_NAME: &str = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";

/// True for the name of a function or a library.
pub fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Reads a library's first line: `#!lua name=mylib`. The error is its text without the code `ERR`.
pub fn header(code: &[u8]) -> Result<Header, Vec<u8>> {
    if !code.starts_with(b"#!") {
        return Err(b"Missing library metadata".to_vec());
    }
    let Some(end) = code.iter().position(|byte| *byte == b'\n') else {
        return Err(b"Invalid library metadata".to_vec());
    };
    let mut bytes = Vec::new();
    let mut spans = Vec::new();
    if crate::resp::split_words(&code[..end], &mut bytes, |from, to| spans.push(from..to)).is_none()
    {
        return Err(b"Invalid library metadata".to_vec());
    }
    let mut words = spans.into_iter().map(|span| &bytes[span]);
    let engine = words.next().unwrap_or_default();
    let engine = engine.get(2..).unwrap_or_default().to_vec();
    let mut name: Option<Vec<u8>> = None;
    for word in words {
        match word.get(..5) {
            Some(prefix) if prefix.eq_ignore_ascii_case(b"name=") => {
                if name.is_some() {
                    return Err(
                        b"Invalid metadata value, name argument was given multiple times".to_vec(),
                    );
                }
                name = Some(word[5..].to_vec());
            }
            _ => return Err([b"Invalid metadata value given: ", word].concat()),
        }
    }
    let Some(name) = name else {
        return Err(b"Library name was not given".to_vec());
    };
    Ok(Header {
        engine,
        name,
        code: end,
    })
}

/// `redis.register_function(name, callback)` or `redis.register_function{…}`
pub fn register<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.state.shared().loading.borrow().is_none() {
        return refuse(
            call,
            "redis.register_function can only be called on FUNCTION LOAD command",
        );
    }
    let given = match call.count() {
        1 => named(call),
        2 => positional(call),
        _ => Err("wrong number of arguments to redis.register_function"),
    };
    let given = match given {
        Ok(given) => given,
        Err(message) => return refuse(call, message),
    };
    if !is_name(&given.name) {
        return refuse(call, BAD_NAME);
    }
    let is_taken = call
        .state
        .shared()
        .loading
        .borrow()
        .as_ref()
        .is_some_and(|loading| {
            loading
                .functions
                .iter()
                .any(|known| known.name == given.name)
        });
    if is_taken {
        return refuse(call, "Function already exists in the library");
    }
    let function = call.state.keep_function(call.ctx, given.callback);
    if let Some(loading) = call.state.shared().loading.borrow_mut().as_mut() {
        loading.functions.push(Registered {
            name: given.name,
            description: given.description,
            flags: given.flags,
            function,
        });
    }
    call.none()
}

fn refuse<'gc>(call: &mut Call<'gc, '_>, message: &str) -> Outcome<'gc> {
    let table = error_table(call.ctx, call.state, format!("-ERR {message}").as_bytes());
    Err(call.raise(table.into()))
}

struct Given<'gc> {
    name: Vec<u8>,
    description: Option<Vec<u8>>,
    flags: u8,
    callback: Value<'gc>,
}

fn positional<'gc>(call: &Call<'gc, '_>) -> Result<Given<'gc>, &'static str> {
    let name =
        text_of(call.arg(0)).ok_or("first argument to redis.register_function must be a string")?;
    match call.arg(1) {
        callback @ Value::Function(_) => Ok(Given {
            name,
            description: None,
            flags: 0,
            callback,
        }),
        _ => Err("second argument to redis.register_function must be a function"),
    }
}

fn named<'gc>(call: &Call<'gc, '_>) -> Result<Given<'gc>, &'static str> {
    let Value::Table(args) = call.arg(0) else {
        return Err(
            "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        );
    };
    let (mut name, mut description, mut callback, mut flags) = (None, None, None, 0);
    for (key, value) in call.state.pairs(args) {
        let key = text_of(key)
            .ok_or("named argument key given to redis.register_function is not a string")?;
        if key.eq_ignore_ascii_case(b"function_name") {
            name = Some(text_of(value).ok_or(
                "function_name argument given to redis.register_function must be a string",
            )?);
        } else if key.eq_ignore_ascii_case(b"description") {
            description =
                Some(text_of(value).ok_or(
                    "description argument given to redis.register_function must be a string",
                )?);
        } else if key.eq_ignore_ascii_case(b"callback") {
            if !matches!(value, Value::Function(_)) {
                return Err(
                    "callback argument given to redis.register_function must be a function",
                );
            }
            callback = Some(value);
        } else if key.eq_ignore_ascii_case(b"flags") {
            let Value::Table(list) = value else {
                return Err(
                    "flags argument to redis.register_function must be a table representing function flags",
                );
            };
            flags = read_flags(call, list).ok_or("unknown flag given")?;
        } else {
            return Err("unknown argument given to redis.register_function");
        }
    }
    Ok(Given {
        name: name.ok_or("redis.register_function must get a function name argument")?,
        description,
        flags,
        callback: callback.ok_or("redis.register_function must get a callback argument")?,
    })
}

fn read_flags<'gc>(call: &Call<'gc, '_>, list: Table<'gc>) -> Option<u8> {
    let mut flags = 0;
    for place in 1.. {
        let value = call.state.get(list, Value::Number(f64::from(place)));
        if value.is_nil() {
            break;
        }
        flags |= flag(&text_of(value)?)? as u8;
    }
    Some(flags)
}

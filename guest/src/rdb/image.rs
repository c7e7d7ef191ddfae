//! All databases as one block of bytes: what is in the file `dump.rdb`. Knows no file.

use std::fmt;

use super::reader::Reader;
use super::writer::Writer;
use super::{Kind, Shapes, Unreadable, VERSION, checksum, value};
use crate::config::{Config, MaxmemoryPolicy};
use crate::keyspace::{Accounting, Keyspace, Restored};

const MAGIC: &[u8] = b"REDIS";

/// What is not the kind of a value.
pub(super) mod opcode {
    pub const SLOT_INFO: u8 = 244;
    pub const FUNCTIONS: u8 = 245;
    pub const FUNCTIONS_PRE_GA: u8 = 246;
    pub const MODULE: u8 = 247;
    pub const IDLE: u8 = 248;
    pub const FREQUENCY: u8 = 249;
    pub const FIELD: u8 = 250;
    pub const SIZES: u8 = 251;
    pub const DEADLINE_MS: u8 = 252;
    pub const DEADLINE_S: u8 = 253;
    pub const DATABASE: u8 = 254;
    pub const END: u8 = 255;
}

/// From this version on images end with a checksum.
const CHECKED_SINCE: u16 = 5;

/// A library of functions, as FUNCTION LOAD takes it.
pub type Library = Box<[u8]>;

// ---- saving ------------------------------------------------------------------------------------

/// What an image says of where it comes from.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    /// The version of Redis.
    pub version: &'a str,
    /// Libraries of functions.
    pub libraries: Vec<&'a [u8]>,
}

/// From here on an image grows by less than doubling.
const LARGE: usize = 1 << 20;

/// An image of all databases; none if it does not fit in the instance beside them.
pub fn save(
    keyspace: &Keyspace,
    origin: &Origin<'_>,
    config: &Config,
) -> Result<Vec<u8>, Unreadable> {
    let mut writer = Writer::new(config.rdbcompression);
    writer.raw(MAGIC);
    writer.raw(format!("{VERSION:04}").as_bytes());
    let now_s = keyspace.now_ms() / 1000;
    let fields = [
        ("redis-ver", origin.version.to_owned()),
        ("redis-bits", "64".to_owned()),
        ("ctime", now_s.to_string()),
        ("used-mem", crate::memory::used().to_string()),
        ("aof-base", "0".to_owned()),
    ];
    for (name, value) in &fields {
        writer.byte(opcode::FIELD);
        writer.string(name.as_bytes());
        writer.string(value.as_bytes());
    }
    for library in &origin.libraries {
        make_room(&mut writer, library.len(), keyspace)?;
        writer.byte(opcode::FUNCTIONS);
        writer.string(library);
    }
    let tells_idle_time = matches!(
        config.maxmemory_policy,
        MaxmemoryPolicy::VolatileLru | MaxmemoryPolicy::AllkeysLru
    );
    let accounting = keyspace.accounting();
    for db in 0..keyspace.databases() {
        if keyspace.len(db) == 0 {
            continue;
        }
        writer.byte(opcode::DATABASE);
        writer.count(db);
        writer.byte(opcode::SIZES);
        writer.count(keyspace.len(db));
        writer.count(keyspace.expiring(db));
        for (entry, deadline_ms) in keyspace.records(db) {
            let bytes = entry.key().len() + entry.value().heap_bytes();
            make_room(&mut writer, bytes, keyspace)?;
            if let Some(at_ms) = deadline_ms {
                writer.byte(opcode::DEADLINE_MS);
                writer.time_ms(at_ms);
            }
            if tells_idle_time {
                writer.byte(opcode::IDLE);
                writer.len(entry.access().idle_s(keyspace.now_s()).into());
            }
            if let Accounting::Frequency(pace) = accounting {
                writer.byte(opcode::FREQUENCY);
                writer.byte(entry.access().frequency(pace, keyspace.now_s()));
            }
            writer.byte(value::kind(entry.value()).byte());
            writer.string(entry.key());
            value::write(&mut writer, entry.value());
        }
    }
    writer.byte(opcode::END);
    let sum = if config.rdbchecksum {
        checksum::of(&writer.bytes)
    } else {
        0
    };
    writer.raw(&sum.to_le_bytes());
    Ok(writer.bytes)
}

/// Makes room for a value of about so many bytes, if there is any.
fn make_room(writer: &mut Writer, bytes: usize, keyspace: &Keyspace) -> Result<(), Unreadable> {
    /// Of the key, the kind and the deadline.
    const OVERHEAD: usize = 256;
    // Lengths take something, too. It must be enough: a large block must not grow by doubling.
    let needed = (bytes / 4).saturating_add(bytes).saturating_add(OVERHEAD);
    let image = &mut writer.bytes;
    if image.capacity() - image.len() >= needed {
        return Ok(());
    }
    let more = if image.len() < LARGE {
        needed.max(image.len())
    } else {
        needed.max(image.len() / 8)
    };
    // The old block, and what a value is put together in before it is written.
    let moved = image.len().saturating_add(more);
    if moved > isize::MAX as usize {
        return Err(Unreadable::NoRoom);
    }
    if !keyspace.has_room_for(moved.saturating_add(bytes.saturating_mul(2))) {
        return Err(Unreadable::NoRoom);
    }
    image.reserve_exact(more);
    Ok(())
}

// ---- loading -----------------------------------------------------------------------------------

/// What an image held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Keys that are there now.
    pub keys: u64,
    /// Keys left out because their time was up.
    pub expired: u64,
    /// Keys left out because they held nothing.
    pub empty: u64,
    /// Libraries of functions.
    pub libraries: Vec<Library>,
}

/// Why an image cannot be loaded. What was read before stays loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It is none.
    Signature,
    /// It is of a version that is not known.
    Version(u16),
    /// It has more databases than there are.
    Database(u64),
    /// It has functions in a form that no release wrote.
    Functions,
    /// A library of functions that can't be loaded: why.
    Library(Vec<u8>),
    /// A key that is there already.
    Duplicate(Box<[u8]>),
    /// It is cut off or contradicts itself.
    Corrupt,
    /// It does not fit in the instance.
    NoRoom,
    /// It was changed since it was written.
    Checksum {
        /// What is expected.
        expected: u64,
        /// What it says.
        got: u64,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Signature => write!(out, "Wrong signature trying to load DB from file"),
            LoadError::Version(version) => {
                write!(out, "Can't handle RDB format version {version}")
            }
            LoadError::Database(db) => write!(
                out,
                "Data file was created with a Redis server configured to handle database {db}"
            ),
            LoadError::Functions => write!(out, "Pre-release function format not supported."),
            LoadError::Library(why) => {
                let why = String::from_utf8_lossy(why);
                write!(out, "Failed loading a library of functions: {why}")
            }
            LoadError::Duplicate(key) => {
                let key = String::from_utf8_lossy(key);
                write!(out, "RDB has duplicated key '{key}'")
            }
            LoadError::Corrupt => write!(out, "Short read or corrupt value loading DB"),
            LoadError::NoRoom => write!(out, "Out of memory loading DB"),
            LoadError::Checksum { expected, got } => write!(
                out,
                "Wrong RDB checksum expected: ({expected:x}) but got ({got:x})"
            ),
        }
    }
}

impl From<Unreadable> for LoadError {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::NoRoom => LoadError::NoRoom,
            Unreadable::Corrupt | Unreadable::Empty => LoadError::Corrupt,
        }
    }
}

/// Adds the keys of an image to what is there. A key that is there already is replaced, if
/// `replaces` says so.
pub fn load(
    image: &[u8],
    keyspace: &mut Keyspace,
    config: &Config,
    replaces: bool,
) -> Result<Loaded, LoadError> {
    let shapes = Shapes::new(config, keyspace.seed(), keyspace.memory_ceiling());
    let mut reader = Reader::new(image, keyspace.memory_ceiling());
    let version = read_version(&mut reader)?;
    let mut loaded = Loaded::default();
    let mut db = 0;
    let mut key_is = KeyIs::default();
    loop {
        match reader.byte()? {
            opcode::DEADLINE_S => {
                let at_s = i32::from_le_bytes(reader.array()?);
                key_is.deadline_ms = Some(i64::from(at_s) * 1000);
            }
            opcode::DEADLINE_MS => key_is.deadline_ms = Some(reader.time_ms()?),
            opcode::FREQUENCY => key_is.frequency = Some(reader.byte()?),
            opcode::IDLE => key_is.idle_s = reader.len()?,
            opcode::END => break,
            opcode::DATABASE => {
                let number = reader.len()?;
                db = usize::try_from(number)
                    .ok()
                    .filter(|db| *db < keyspace.databases())
                    .ok_or(LoadError::Database(number))?;
            }
            opcode::SIZES => skip_numbers(&mut reader, 2)?,
            opcode::SLOT_INFO => skip_numbers(&mut reader, 3)?,
            opcode::FIELD => {
                reader.string()?;
                reader.string()?;
            }
            opcode::MODULE => skip_module(&mut reader)?,
            opcode::FUNCTIONS => {
                let library = reader.string()?;
                reader.reserve(library.len())?;
                loaded.libraries.push((*library).into());
            }
            opcode::FUNCTIONS_PRE_GA => return Err(LoadError::Functions),
            kind => {
                let kind = Kind::of(kind).ok_or(LoadError::Corrupt)?;
                let is = std::mem::take(&mut key_is);
                let key = reader.string()?;
                let value = match value::read(&mut reader, kind, &shapes) {
                    Err(Unreadable::Empty) => {
                        loaded.empty += 1;
                        continue;
                    }
                    value => value?,
                };
                if is
                    .deadline_ms
                    .is_some_and(|at_ms| at_ms < keyspace.now_ms())
                {
                    loaded.expired += 1;
                    continue;
                }
                reader.reserve(key.len() + keyspace.index_growth(db, 1) + KEY_OVERHEAD)?;
                let restored = Restored {
                    value,
                    deadline_ms: is.deadline_ms,
                    idle_s: is.idle_s,
                    frequency: is.frequency,
                };
                if !keyspace.restore(db, &key, restored, replaces) {
                    return Err(LoadError::Duplicate((*key).into()));
                }
                loaded.keys += 1;
            }
        }
    }
    if version >= CHECKED_SINCE {
        let read = image.len() - reader.left();
        let got = u64::from_le_bytes(reader.array()?);
        // 0 is written where there is no checksum.
        if config.rdbchecksum && got != 0 {
            let expected = checksum::of(&image[..read]);
            if got != expected {
                return Err(LoadError::Checksum { expected, got });
            }
        }
    }
    Ok(loaded)
}

/// What a key takes beside its bytes and its value's.
const KEY_OVERHEAD: usize = 64;

/// What was told of a key before it.
#[derive(Default)]
struct KeyIs {
    deadline_ms: Option<i64>,
    idle_s: u64,
    frequency: Option<u8>,
}

fn read_version(reader: &mut Reader<'_>) -> Result<u16, LoadError> {
    let (magic, digits) = (reader.raw(MAGIC.len())?, reader.raw(4)?);
    if magic != MAGIC {
        return Err(LoadError::Signature);
    }
    let version = std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0);
    if (1..=VERSION).contains(&version) {
        Ok(version)
    } else {
        Err(LoadError::Version(version))
    }
}

/// Passes over what a module has saved beside its values.
fn skip_module(reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    // The module.
    reader.len()?;
    loop {
        match reader.len()? {
            0 => return Ok(()),
            1 | 2 => {
                reader.len()?;
            }
            3 => {
                reader.raw(size_of::<f32>())?;
            }
            4 => {
                reader.raw(size_of::<f64>())?;
            }
            5 => {
                reader.string()?;
            }
            _ => return Err(Unreadable::Corrupt),
        }
    }
}

fn skip_numbers(reader: &mut Reader<'_>, count: usize) -> Result<(), Unreadable> {
    (0..count).try_for_each(|_| reader.len().map(|_| ()))
}

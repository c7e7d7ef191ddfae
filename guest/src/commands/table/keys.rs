//! Which arguments of a request are keys, and what is done with them, as COMMAND GETKEYS and
//! GETKEYSANDFLAGS report it. Works from the key specs; the commands whose specs don't tell all have
//! a search of their own here. Knows no keyspace.

use super::{BeginSearch, CommandSpec, FindKeys, Flags, KeyFlags, KeySpec};
use crate::resp::Args;
use crate::value::number::parse_i64;

/// One key of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRef {
    /// The argument that is the key; the command's name is at 0.
    pub index: usize,
    /// What is done with it. Empty where the request is too odd for its key specs, as in Redis.
    pub flags: KeyFlags,
}

/// Why a request has no keys to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysError {
    /// The command never has any.
    NoKeyArguments,
    /// It should have some, and they can't be made out.
    InvalidArguments,
}

const READ: KeyFlags = KeyFlags::of(&["RO", "access"]);
const READ_UPDATE: KeyFlags = KeyFlags::of(&["RW", "access", "update"]);
const READ_DELETE: KeyFlags = KeyFlags::of(&["RW", "access", "delete"]);
const OVERWRITE: KeyFlags = KeyFlags::of(&["OW", "update"]);

/// The keys of a request whose arity has been checked, in the order in which Redis reports them.
pub fn keys_of(spec: &CommandSpec, args: Args<'_>) -> Result<Vec<KeyRef>, KeysError> {
    if !spec.has_keys() {
        return Err(KeysError::NoKeyArguments);
    }
    // SET and BITFIELD only read or only write with some options: their specs name the worst.
    let vague = spec
        .key_specs
        .iter()
        .any(|key_spec| key_spec.flags.contains(KeyFlags::VARIABLE_FLAGS));
    let mut keys = Vec::new();
    let told = !vague
        && spec
            .key_specs
            .iter()
            .filter(|key_spec| is_of_keys(key_spec))
            .try_for_each(|key_spec| by_spec(key_spec, args, &mut keys))
            .is_some();
    if !told {
        keys = by_command(spec.name, args);
    }
    if keys.is_empty() && !spec.flags.contains(Flags::NO_MANDATORY_KEYS) {
        return Err(KeysError::InvalidArguments);
    }
    Ok(keys)
}

/// The arguments by which a cluster tells where a request belongs: keys, and channels of shards.
pub fn places_of(spec: &CommandSpec, args: Args<'_>) -> Vec<usize> {
    let mut places = keys_of(spec, args).unwrap_or_default();
    for channels in spec.key_specs.iter().filter(|spec| !is_of_keys(spec)) {
        by_spec(channels, args, &mut places);
    }
    places.iter().map(|place| place.index).collect()
}

fn is_of_keys(spec: &KeySpec) -> bool {
    !spec.flags.contains(KeyFlags::NOT_KEY)
}

/// Adds the keys that one spec finds. `None` if it can't tell.
fn by_spec(spec: &KeySpec, args: Args<'_>, keys: &mut Vec<KeyRef>) -> Option<()> {
    let argc = args.len() as i64;
    let begin = match spec.begin {
        BeginSearch::Index(index) => i64::from(index),
        BeginSearch::Keyword {
            keyword,
            start_from,
        } => match find_keyword(keyword, start_from, args) {
            Some(index) => index as i64 + 1,
            None => return Some(()),
        },
        BeginSearch::Unknown => return None,
    };
    let (first, last, step) = match spec.find {
        FindKeys::Range {
            last_key,
            step,
            limit,
        } => {
            let (last_key, limit) = (i64::from(last_key), i64::from(limit));
            let last = match last_key {
                0.. => begin + last_key,
                _ if limit == 0 => argc + last_key,
                _ => begin + (argc - begin) / limit + last_key,
            };
            (begin, last, step)
        }
        FindKeys::KeyNum {
            index,
            first_key,
            step,
        } => {
            let number = usize::try_from(begin + i64::from(index))
                .ok()
                .and_then(|index| args.get(index))?;
            let number = parse_i64(number).filter(|number| *number >= 0)?;
            let first = begin + i64::from(first_key);
            (first, (first - 1).saturating_add(number), step)
        }
        FindKeys::Unknown => return None,
    };
    if first < 1 || last < first || last >= argc {
        return None;
    }
    let indexes = (first as usize..=last as usize).step_by(step.max(1) as usize);
    keys.extend(indexes.map(|index| key(index, spec.flags)));
    if spec.flags.contains(KeyFlags::INCOMPLETE) {
        None
    } else {
        Some(())
    }
}

/// The keyword's place, looked for forwards from a positive start and backwards from a negative one.
/// Redis stops one short of where it could: a keyword at the very end, or right behind the name, is
/// none.
fn find_keyword(keyword: &str, start_from: i32, args: Args<'_>) -> Option<usize> {
    let is_keyword = |index: &usize| is(args.at(*index), keyword);
    let distance = start_from.unsigned_abs() as usize;
    if start_from > 0 {
        (distance..args.len().saturating_sub(1)).find(is_keyword)
    } else {
        (2..=args.len().checked_sub(distance)?)
            .rev()
            .find(is_keyword)
    }
}

/// What Redis falls back to for the commands that have more to it than their specs can say, or whose
/// specs have failed.
fn by_command(name: &str, args: Args<'_>) -> Vec<KeyRef> {
    match name {
        "set" => set(args),
        "bitfield" => bitfield(args),
        "sort" => sort(args),
        "sort_ro" => vec![key(1, READ)],
        "migrate" => migrate(args),
        "georadius" | "georadiusbymember" => georadius(args),
        "xread" | "xreadgroup" => xread(args),
        "sintercard" | "lmpop" | "zmpop" | "zdiff" | "zinter" | "zunion" | "zintercard" => {
            counted(None, 1, args)
        }
        "eval" | "eval_ro" | "evalsha" | "evalsha_ro" | "fcall" | "fcall_ro" | "blmpop"
        | "bzmpop" => counted(None, 2, args),
        "zdiffstore" | "zinterstore" | "zunionstore" => counted(Some(1), 2, args),
        _ => Vec::new(),
    }
}

/// `SET key value [GET] …`: reads as well only if asked to.
fn set(args: Args<'_>) -> Vec<KeyRef> {
    let reads = args.from(3).iter().any(|arg| is(arg, "get"));
    vec![key(1, if reads { READ_UPDATE } else { OVERWRITE })]
}

/// `BITFIELD key [GET encoding offset | OVERFLOW … | SET … | INCRBY …]…`: reads only, if nothing but
/// GET and OVERFLOW is there.
fn bitfield(args: Args<'_>) -> Vec<KeyRef> {
    let mut at = 2;
    let mut flags = READ;
    while let Some(word) = args.get(at) {
        let rest = args.len() - at - 1;
        if is(word, "get") && rest >= 2 {
            at += 3;
        } else if is(word, "overflow") && rest >= 1 {
            at += 2;
        } else {
            flags = READ_UPDATE;
            break;
        }
    }
    vec![key(1, flags)]
}

/// `SORT key [BY pattern | LIMIT offset count | GET pattern | ASC | DESC | ALPHA | STORE key]…`:
/// the last STORE counts.
fn sort(args: Args<'_>) -> Vec<KeyRef> {
    let mut keys = vec![key(1, READ)];
    let mut at = 2;
    while let Some(word) = args.get(at) {
        at += match () {
            _ if is(word, "limit") => 3,
            _ if is(word, "get") || is(word, "by") => 2,
            _ if is(word, "store") && at + 1 < args.len() => {
                keys.truncate(1);
                keys.push(key(at + 1, OVERWRITE));
                2
            }
            _ => 1,
        };
    }
    keys
}

/// `MIGRATE host port key|"" db timeout [COPY | REPLACE | AUTH … | AUTH2 …]… [KEYS key…]`
fn migrate(args: Args<'_>) -> Vec<KeyRef> {
    let mut keys = 3..4;
    let mut at = 6;
    while let Some(word) = args.get(at) {
        if is(word, "keys") {
            // With a key in the usual place as well it is a syntax error.
            let one_key_too = args.get(3).is_some_and(|key| !key.is_empty());
            keys = if one_key_too {
                0..0
            } else {
                at + 1..args.len()
            };
            break;
        }
        at += match () {
            _ if is(word, "auth") => 2,
            _ if is(word, "auth2") => 3,
            _ => 1,
        };
    }
    keys.map(|index| key(index, READ_DELETE)).collect()
}

/// `GEORADIUS key … [STORE key | STOREDIST key]`: the last one counts.
fn georadius(args: Args<'_>) -> Vec<KeyRef> {
    let mut keys = vec![key(1, READ)];
    let mut at = 5;
    while let Some(word) = args.get(at) {
        at += 1;
        if (is(word, "store") || is(word, "storedist")) && at < args.len() {
            keys.truncate(1);
            keys.push(key(at, OVERWRITE));
            at += 1;
        }
    }
    keys
}

/// `XREADGROUP GROUP group consumer [COUNT n | BLOCK ms | NOACK]… STREAMS key… id…`: STREAMS may be
/// the name of a group or of a key, so the options before it are parsed.
fn xread(args: Args<'_>) -> Vec<KeyRef> {
    let mut at = 1;
    while let Some(word) = args.get(at) {
        at += match () {
            _ if is(word, "block") || is(word, "count") => 2,
            _ if is(word, "group") => 3,
            _ if is(word, "noack") => 1,
            _ if is(word, "streams") => {
                let (first, rest) = (at + 1, args.len() - at - 1);
                let keys = if rest.is_multiple_of(2) { rest / 2 } else { 0 };
                return (first..first + keys)
                    .map(|index| key(index, READ))
                    .collect();
            }
            _ => break,
        };
    }
    Vec::new()
}

/// Keys behind their number, and the destination last: for a number that the specs don't take, such
/// as `2x`.
fn counted(destination: Option<usize>, number_at: usize, args: Args<'_>) -> Vec<KeyRef> {
    let first = number_at + 1;
    let number = args.get(number_at).map_or(0, leading_i32);
    match usize::try_from(number) {
        Ok(number @ 1..) if number <= args.len().saturating_sub(first) => (first..first + number)
            .chain(destination)
            .map(|index| key(index, KeyFlags::default()))
            .collect(),
        _ => Vec::new(),
    }
}

/// The number a text begins with, as C's `atoi` sees it: cut off at 32 bits.
fn leading_i32(text: &[u8]) -> i32 {
    let text = match text
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))
    {
        Some(start) => &text[start..],
        None => return 0,
    };
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let number =
        digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0i64, |number, digit| {
                let digit = i64::from(digit - b'0');
                number
                    .saturating_mul(10)
                    .saturating_add(if negative { -digit } else { digit })
            });
    number as i32
}

fn key(index: usize, flags: KeyFlags) -> KeyRef {
    KeyRef { index, flags }
}

fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

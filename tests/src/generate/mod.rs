//! Random commands: every command of the families that are built, with options that make sense
//! and some that don't, on few keys, so that they meet.
//!
//! A command is a template: words in capitals stand for themselves, others are slots (`key`,
//! `int`); `?` after a slot makes it optional, `*` repeats it. Knows no server.

mod acl;
pub mod crowd;
mod dump;
mod geo;
mod hashes;
mod hyperloglog;
mod lists;
mod scripting;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod transactions;

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use crate::text;

pub(crate) use scripting::{Chance, program};

/// A command's words.
pub type Words = Vec<Vec<u8>>;

/// Commands in a row; printed as one would type them.
#[derive(Clone)]
pub struct Script(pub Vec<Words>);

impl fmt::Debug for Script {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|words| write!(out, "\n> {}", text::command_line(words)))
    }
}

/// The families of commands, each a file, and what it adds: templates and slots of its own.
const FAMILIES: &[Family] = &[
    Family {
        name: "basics",
        templates: BASICS,
        slot: |_| None,
    },
    acl::FAMILY,
    crowd::FAMILY,
    dump::FAMILY,
    geo::FAMILY,
    hashes::FAMILY,
    hyperloglog::FAMILY,
    lists::FAMILY,
    scripting::FAMILY,
    sets::FAMILY,
    sort::FAMILY,
    sorted_sets::FAMILY,
    streams::FAMILY,
    transactions::FAMILY,
];

/// What one family of commands adds.
pub struct Family {
    /// Its name, to choose it by.
    pub name: &'static str,
    /// Its commands.
    pub templates: &'static [&'static str],
    /// What stands for its slots; `None` for a word that is none of its own.
    pub slot: fn(&str) -> Option<BoxedStrategy<Words>>,
}

const BASICS: &[&str] = &[
    "GET key",
    "SET key value",
    "SET key value set_option*",
    "SET key value expiry?",
    "SETNX key value",
    "SETEX key ttl value",
    "PSETEX key ttl_ms value",
    "GETSET key value",
    "GETDEL key",
    "GETEX key",
    "GETEX key expiry",
    "GETEX key getex_option*",
    "APPEND key value",
    "STRLEN key",
    "SETRANGE key offset value",
    "GETRANGE key index index",
    "SUBSTR key index index",
    "INCR key",
    "DECR key",
    "INCRBY key int",
    "DECRBY key int",
    "INCRBYFLOAT key float",
    "MGET key key*",
    "MSET key value pair*",
    "MSETNX key value pair*",
    "LCS key key lcs_option*",
    "SETBIT key bit_offset bit",
    "GETBIT key bit_offset",
    "BITCOUNT key",
    "BITCOUNT key index index unit?",
    "BITPOS key bit",
    "BITPOS key bit index",
    "BITPOS key bit index index unit?",
    "BITOP bitop key key key*",
    "BITOP NOT key key",
    "BITFIELD key field*",
    "BITFIELD key field field field*",
    "BITFIELD_RO key field_get*",
    "DEL key key*",
    "UNLINK key key*",
    "EXISTS key key*",
    "TOUCH key key*",
    "TYPE key",
    "EXPIRE key ttl existence?",
    "PEXPIRE key ttl_ms existence?",
    "EXPIREAT key at condition*",
    "PEXPIREAT key at_ms condition*",
    "TTL key",
    "PTTL key",
    "EXPIRETIME key",
    "PEXPIRETIME key",
    "PERSIST key",
    "KEYS pattern",
    "SCAN 0 COUNT 1000 scan_option*",
    "SCAN cursor scan_option*",
    "RANDOMKEY",
    "RENAME key key",
    "RENAMENX key key",
    "COPY key key copy_option*",
    "MOVE key db",
    "SELECT db",
    "SWAPDB db db",
    "OBJECT ENCODING key",
    "DBSIZE",
    "FLUSHDB",
    "PING value?",
    "ECHO value",
];

/// The keys that commands name.
pub const KEYS: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"a",
    b"b",
    b"c",
    b"key:4",
    b"",
    b"\x00\xff",
    b"missing",
];

const INTS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "7",
    "10",
    "-10",
    "100",
    "255",
    "256",
    "12345",
    "2147483647",
    "-2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775806",
    "9223372036854775807",
    "-9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "abc",
    "",
    " 1",
    "1 ",
    "+1",
    "01",
    "-0",
    "1.0",
    "1e3",
    "0x10",
];

const FLOATS: &[&str] = &[
    "0",
    "1",
    "-1",
    "0.1",
    "0.2",
    "-0.3",
    "1.5",
    "3.14159265358979",
    "1e3",
    "1e-7",
    "1e17",
    "1e18",
    "1e20",
    "-1e21",
    "1e-17",
    "1e-20",
    "123456789.123456789",
    "9007199254740993",
    ".5",
    "5.",
    "+2",
    "17179869184.0001",
    "1e100",
    "1e400",
    "inf",
    "-inf",
    "nan",
    "0x1p3",
    "abc",
    "",
    " 1",
    "1 ",
];

const VALUES: &[&[u8]] = &[
    b"",
    b"x",
    b"hello",
    b"Hello World",
    b"\x00",
    b"\xff\xff\xff",
    b"\x00\xff\r\n",
    b"ohmytext",
    b"mynewtext",
    b"0123456789012345678901234567890123456789abcd",
    b"0123456789012345678901234567890123456789abcde",
    b"\x80\x00\x01",
    b"aaaaaaaaaaaaaaaaaaaa",
];

const INDICES: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "-1",
    "-2",
    "-3",
    "7",
    "8",
    "100",
    "-100",
    "9223372036854775807",
    "-9223372036854775808",
    "abc",
    "1.5",
    "",
];

const TYPES: &[&str] = &[
    "u1", "i1", "u2", "i3", "u4", "i5", "u7", "i8", "u8", "i16", "u16", "u31", "i32", "u32", "i33",
    "u63", "i63", "i64", "u64", "i65", "u0", "x8", "",
];

/// A script of 1 to `most` commands of the families whose name contains `family`, and of the basic
/// ones.
pub fn script(most: usize, family: &str) -> impl Strategy<Value = Script> + use<> {
    vec(command(family), 1..=most).prop_map(Script)
}

/// One command; now and then with a word too many, too few, or in small letters.
pub fn command(family: &str) -> impl Strategy<Value = Words> + use<> {
    let mut weighted: Vec<(u32, BoxedStrategy<Words>)> = Vec::new();
    let chosen = |known: &&Family| known.name.contains(family) && !known.templates.is_empty();
    for known in FAMILIES.iter().filter(chosen) {
        weighted.extend(known.templates.iter().map(|t| (8, from_template(t))));
    }
    if !family.is_empty() && !"basics".contains(family) {
        weighted.extend(BASICS.iter().map(|template| (1, from_template(template))));
    }
    let commands = Union::new_weighted(weighted);
    (commands, 0..60_u8, slot("value")).prop_map(|(mut words, fate, more)| {
        match fate {
            0 if words.len() > 1 => drop(words.pop()),
            1 => words.extend(more),
            2 => words
                .iter_mut()
                .for_each(|word| word.make_ascii_lowercase()),
            _ => {}
        }
        words
    })
}

fn from_template(template: &str) -> BoxedStrategy<Words> {
    let slots: Vec<_> = template.split(' ').map(piece).collect();
    slots.prop_map(|words| words.concat()).boxed()
}

fn piece(piece: &str) -> BoxedStrategy<Words> {
    if let Some(name) = piece.strip_suffix('?') {
        let optional = proptest::option::of(slot(name));
        return optional.prop_map(Option::unwrap_or_default).boxed();
    }
    match piece.strip_suffix('*') {
        Some(name) => vec(slot(name), 0..=3)
            .prop_map(|words| words.concat())
            .boxed(),
        None => slot(piece),
    }
}

fn slot(name: &str) -> BoxedStrategy<Words> {
    match name {
        "key" => select(KEYS).prop_map(one).boxed(),
        "value" => prop_oneof![
            3 => select(VALUES).prop_map(one),
            2 => select(INTS).prop_map(one),
            1 => select(FLOATS).prop_map(one),
            1 => vec(any::<u8>(), 0..70).prop_map(one),
        ]
        .boxed(),
        "pair" => prop_oneof![9 => words("key value"), 1 => words("key")].boxed(),
        "int" => prop_oneof![2 => select(INTS).prop_map(one), 1 => (-20..20_i64).prop_map(number)]
            .boxed(),
        "float" => prop_oneof![
            3 => select(FLOATS).prop_map(one),
            1 => any::<i32>().prop_map(|number| one(format!("{}", f64::from(number) / 1000.0))),
        ]
        .boxed(),
        "index" => select(INDICES).prop_map(one).boxed(),
        "offset" => among(&["0", "1", "5", "20", "100", "-1", "536870912", "abc", ""]),
        "bit_offset" => among(&[
            "0",
            "1",
            "7",
            "8",
            "15",
            "100",
            "1000",
            "4294967296",
            "-1",
            "abc",
        ]),
        "bit" => among(&["0", "1", "0", "1", "2", "-1", "abc", ""]),
        "unit" => among(&["BIT", "BYTE", "bit", "FOO"]),
        "db" => among(&["0", "0", "1", "2", "15", "16", "-1", "abc"]),
        // A relative deadline is far away, or past: nothing depends on how fast a test runs.
        "ttl" => among(&["100", "5000", "0", "-1", "abc", "9223372036854775807", ""]),
        "ttl_ms" => among(&[
            "100000",
            "5000000",
            "0",
            "-1",
            "abc",
            "9223372036854775807",
            "",
        ]),
        "at" => among(&["33177117420", "33177117421", "1", "0", "-1", "abc"]),
        "at_ms" => among(&["33177117420000", "33177117420123", "1", "0", "-1", "abc"]),
        // What SET stores with a deadline in the past, the real one counts in DBSIZE until it is
        // swept away, some time within 100 ms.
        "later" => among(&["33177117420", "0", "-1", "abc"]),
        "later_ms" => among(&["33177117420123", "0", "-1", "abc"]),
        "existence" => among(&["NX", "XX", "nx", "FOO"]),
        "condition" => among(&["NX", "XX", "GT", "LT", "gt", "FOO"]),
        "expiry" => {
            Union::new(["EX ttl", "PX ttl_ms", "EXAT later", "PXAT later_ms"].map(words)).boxed()
        }
        "set_option" => Union::new(
            [
                "NX",
                "XX",
                "GET",
                "KEEPTTL",
                "EX ttl",
                "PX ttl_ms",
                "PXAT later_ms",
                "PERSIST",
            ]
            .map(words),
        )
        .boxed(),
        "getex_option" => {
            Union::new(["PERSIST", "EX ttl", "PX ttl_ms", "EXAT at", "KEEPTTL"].map(words)).boxed()
        }
        "lcs_option" => {
            Union::new(["LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN index", "FOO"].map(words))
                .boxed()
        }
        "bitop" => among(&["AND", "OR", "XOR", "and", "NOT", "DIFF"]),
        "type" => among(TYPES),
        "field_offset" => among(&["0", "1", "8", "#1", "#3", "100", "-1", "abc", "4294967295"]),
        "field_get" => words("GET type field_offset"),
        "field" => Union::new(
            [
                "GET type field_offset",
                "SET type field_at int",
                "INCRBY type field_at int",
                "OVERFLOW overflow",
            ]
            .map(words),
        )
        .boxed(),
        "field_at" => among(&["0", "1", "8", "#1", "#3", "100", "-1", "abc"]),
        "overflow" => among(&["WRAP", "SAT", "FAIL", "sat", "FOO"]),
        "pattern" => among(&["*", "a*", "?", "[a-b]", "key:?", "[^a]", "\\a", "", "*\\*"]),
        "scan_option" => {
            Union::new(["MATCH pattern", "TYPE value_type", "COUNT count", "FOO"].map(words))
                .boxed()
        }
        // Where a scan stands is each server's own business.
        "cursor" => among(&["abc", "", "1.5", "18446744073709551616"]),
        "value_type" => among(&["string", "STRING", "list", "foo"]),
        "count" => among(&["1000", "5000", "0", "abc"]),
        "copy_option" => Union::new(["REPLACE", "DB db", "FOO"].map(words)).boxed(),
        other => FAMILIES
            .iter()
            .find_map(|family| (family.slot)(other))
            .unwrap_or_else(|| Just(one(other)).boxed()),
    }
}

fn words(template: &str) -> BoxedStrategy<Words> {
    from_template(template)
}

fn among(choices: &'static [&'static str]) -> BoxedStrategy<Words> {
    select(choices).prop_map(one).boxed()
}

fn one(word: impl AsRef<[u8]>) -> Words {
    vec![word.as_ref().to_vec()]
}

fn number(number: i64) -> Words {
    one(number.to_string())
}

//! What no script should ever be, as one: pieces of Lua in no order, programs with holes, what looks like
//! JSON, MessagePack or a format and is none. Each ends in an answer or runs on, and the engine lives.
//! The same property as `fuzz/fuzz_targets/lua.rs`, for where there is no fuzzer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use petridis_guest::engine::{Engine, Options, Transport};

use crate::generate::{Chance, program};
use crate::play::encode;
use crate::text;

/// Steps that a script without end is given.
const STEPS: u64 = 3;

/// Decodes its argument in every way, and encodes what came of it.
const DECODERS: &str = "local a = ARGV[1] \
    local function try(f, ...) local ok, v = pcall(f, ...) if ok then return v end end \
    local j = try(cjson.decode, a) if j ~= nil then try(cjson.encode, j) try(cmsgpack.pack, j) end \
    local m = try(cmsgpack.unpack, a) \
    if m ~= nil then try(cmsgpack.pack, m) try(cjson.encode, m) end \
    try(cmsgpack.unpack_limit, a, 3, 1) try(cmsgpack.unpack_one, a, #a - 1) \
    local f = a:sub(1, 8) try(struct.size, f) try(struct.unpack, f, a:sub(9)) \
    try(struct.unpack, f, a:sub(9), 3) try(struct.pack, f, 1, 'x', 2.5) try(struct.pack, f, -1, a, 2^53) \
    try(string.format, a, 1, 'x', 2.5) try(string.find, a:sub(9), f) try(string.find, a, f, -3) \
    try(string.gsub, a:sub(9), f, a) try(string.rep, f, #a) try(tonumber, a) try(tonumber, f, 36) \
    for k in string.gmatch(a, f) do j = k end \
    try(loadstring, a) try(redis.sha1hex, a) try(redis.call, a, f) \
    return {j, m}";

/// Pieces of Lua.
const TOKENS: &[&str] = &[
    "and",
    "break",
    "do",
    "else",
    "elseif",
    "end",
    "false",
    "for",
    "function",
    "if",
    "in",
    "local",
    "nil",
    "not",
    "or",
    "repeat",
    "return",
    "then",
    "true",
    "until",
    "while",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "#",
    "==",
    "~=",
    "<=",
    ">=",
    "<",
    ">",
    "=",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ";",
    ":",
    ",",
    ".",
    "..",
    "...",
    "a",
    "b",
    "t",
    "f",
    "s",
    "_G",
    "KEYS",
    "ARGV",
    "KEYS[1]",
    "ARGV[1]",
    "redis.call('GET', KEYS[1])",
    "tonumber(ARGV[1])",
    "pcall",
    "error",
    "next",
    "pairs(t)",
    "ipairs(t)",
    "select('#', ...)",
    "setmetatable",
    "coroutine.wrap",
    "coroutine.yield",
    "string.rep",
    "table.insert",
    "table.sort",
    "unpack",
    "cjson.encode",
    "1",
    "0",
    "1e308",
    "0x1F",
    "'x'",
    "\"\\n\"",
    "[[x]]",
    "[==[",
    "]==]",
    "--",
    "--[[",
    "\n",
    "' \\",
    "arg",
    "self",
    "local function f(a, b)",
    "function t.a.b:c(...)",
    "for i = 1, 3 do",
    "for k, v in pairs(t) do",
    "local a, b = b, a",
    "a, t[a] = 1, 2",
    "return f(",
    "(f())",
    "{f(), x = g()}",
    "a.b.c.d",
    "t[1][2]",
    "s:rep(3)",
    "('x'):len()",
    "goto",
    "~",
    "//",
    "&",
    "\0",
    "\u{e9}",
];

/// Pieces of JSON.
const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"a\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\\udc00\"",
    "\"\\ud800\"",
    "\\",
    "null",
    "true",
    "false",
    "nul",
    "0",
    "-",
    "1e999",
    "-0",
    "1.5e-3",
    "01",
    "NaN",
    "-Infinity",
    "inf",
    "0x10",
    " ",
    "\t",
    "[[[[[[[[",
    "{\"a\":",
    "\u{0}",
    "\u{7f}",
    "1e",
    "12345678901234567890",
];

/// Letters of formats, of struct and of string, and of patterns.
const FORMATS: &[u8] = b"<>!=bBhHlLiITfdsxc0123456789%%.*+-?^$()[]aAdwlpub f#q\0";

/// What is repeated until it is too deep.
const DEEP: &[&str] = &[
    "(",
    "{",
    "[",
    "not ",
    "-",
    "a.",
    "f(",
    "{{",
    "a[",
    "a..",
    "a+",
    "a^",
    "a and ",
    "if a then ",
    "do ",
    "function() ",
    "return function() ",
    "while a do ",
    "f{",
    "f'x' ",
    "[[",
    "--[==[",
    "x=",
    "a,",
    "local a ",
    "for i=1,2 do ",
    "repeat ",
    "\u{81}",
    "\u{91}",
    "[1,",
    "{\"a\":",
    "(((",
    "%(",
    "()",
    "%b",
    "[^",
];

/// Words that a client sends, made from one number.
fn words(seed: u64) -> Vec<Vec<u8>> {
    let mut chance = Chance::new(seed);
    let body = match chance.below(10) {
        0 | 1 => soup(&mut chance, TOKENS, 60),
        2 | 3 => broken(&mut chance),
        4 => soup(&mut chance, JSON, 40),
        5 => packed(&mut chance),
        6 => {
            let mut text = letters(&mut chance, FORMATS, 12);
            text.append(&mut letters(&mut chance, FORMATS, 40));
            text
        }
        7 => deep(&mut chance),
        8 => soup(
            &mut chance,
            &[
                "%d", "%", "5", ".", "99", "s", "q", "x", "-", "(", "%1", "%b", "[", "]",
            ],
            20,
        ),
        _ => {
            let any: Vec<u8> = (0..=u8::MAX).collect();
            letters(&mut chance, &any, 80)
        }
    };
    match chance.below(4) {
        0 => vec![
            b"FUNCTION".to_vec(),
            b"LOAD".to_vec(),
            [b"#!lua name=l\n", &body[..]].concat(),
        ],
        1 | 2 => vec![b"EVAL".to_vec(), DECODERS.into(), b"0".to_vec(), body],
        _ => ["EVAL", "", "1", "key", "arg"]
            .iter()
            .map(|word| match word.is_empty() {
                true => body.clone(),
                false => word.as_bytes().to_vec(),
            })
            .collect(),
    }
}

fn soup(chance: &mut Chance, pieces: &[&str], most: usize) -> Vec<u8> {
    let between = chance.pick(&["", " ", " ", " "]);
    let pieces: Vec<&str> = (0..chance.below(most))
        .map(|_| chance.pick(pieces))
        .collect();
    pieces.join(between).into_bytes()
}

fn letters(chance: &mut Chance, letters: &[u8], most: usize) -> Vec<u8> {
    (0..chance.below(most))
        .map(|_| letters[chance.below(letters.len())])
        .collect()
}

/// A program that something was done to.
fn broken(chance: &mut Chance) -> Vec<u8> {
    let mut text = program(chance.number());
    for _ in 0..=chance.below(6) {
        let from = chance.below(text.len() + 1);
        let to = (from + chance.below(20)).min(text.len());
        match chance.below(5) {
            0 => drop(text.drain(from..to)),
            1 => {
                let part = text[from..to].to_vec();
                text.splice(from..from, part);
            }
            2 => {
                let piece = chance.pick(TOKENS);
                text.splice(from..from, piece.bytes());
            }
            3 => {
                let piece = chance.pick(TOKENS);
                text.splice(from..to, piece.bytes());
            }
            _ => {
                if let Some(byte) = text.get_mut(from) {
                    *byte = chance.below(256) as u8;
                }
            }
        }
    }
    text
}

/// Something like MessagePack.
fn packed(chance: &mut Chance) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..chance.below(30) {
        match chance.below(4) {
            0 => bytes.push(0xc0 + chance.below(0x20) as u8),
            1 => bytes.push(0x80 + chance.below(0x40) as u8),
            2 => bytes.extend_from_slice(&(chance.below(5) as u32).to_be_bytes()[2..]),
            _ => bytes.push(chance.below(256) as u8),
        }
    }
    bytes
}

fn deep(chance: &mut Chance) -> Vec<u8> {
    let (first, second) = (chance.pick(DEEP), chance.pick(DEEP));
    let times = [3, 50, 199, 201, 260, 5000][chance.below(6)];
    let mut text = match chance.below(3) {
        0 => String::new(),
        1 => "return ".to_owned(),
        _ => "a = ".to_owned(),
    };
    for _ in 0..times {
        text.push_str(first);
        if chance.below(8) == 0 {
            text.push_str(second);
        }
    }
    text.push_str(chance.pick(&["", "a", "1", "x'", ")", "end"]));
    text.into_bytes()
}

/// A fresh engine is asked, and time is given to what runs on.
fn ask(words: &[Vec<u8>]) -> Result<(), String> {
    let mut engine = Engine::start(Options {
        now_us: 1,
        memory_ceiling: 64 << 20,
        ..Options::default()
    })?;
    let mut batch = engine.begin(1);
    let here = || "127.0.0.1:6379".to_owned();
    batch.opened(0, Transport::Tcp, here(), here());
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    batch.received(0, &encode(&words));
    let mut effects = batch.finish();
    for step in 0..STEPS {
        if effects.wake_at_us.is_none_or(|wake| wake > 1) {
            break;
        }
        effects = engine.begin(1 + step).finish();
    }
    Ok(())
}

/// Asks so many questions. The error names the first that the engine did not survive, by its number and
/// its words.
pub fn run(first: u64, cases: u64) -> Result<(), String> {
    for seed in first..first + cases {
        let words = words(seed);
        catch_unwind(AssertUnwindSafe(|| ask(&words)))
            .unwrap_or_else(|_| Err("a panic".to_owned()))
            .map_err(|error| format!("case {seed}: {error}: {}", text::command_line(&words)))?;
    }
    Ok(())
}

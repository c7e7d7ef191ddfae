//! The scripts of `tests/scripts`, in the shape of what applications run, with random keys and
//! arguments: the same replies on the native engine and on a real Redis, and the same keyspace after.
//!
//! Each file begins with a line about itself, one with its keys (`{n}` is a small number at random), and
//! one with what its arguments are.

use std::fs;
use std::path::Path;

use crate::native::Native;
use crate::play::{Chunk, Patience, Player, Reading, Stage, encode};
use crate::real::Real;
use crate::text;

/// Calls between two looks at the keyspace.
const CALLS: usize = 120;

/// A script and what it takes.
struct Script {
    name: String,
    code: String,
    keys: Vec<String>,
    args: Vec<String>,
}

/// A source of choices.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = self.below(choices.len() as u64);
        choices.get(index as usize).copied().unwrap_or_default()
    }
}

/// Runs `rounds` rounds of calls on both. What differs is the error.
pub fn run(folder: &Path, real: &mut Real, rounds: u64) -> Result<usize, String> {
    let scripts = read(folder)?;
    let mut calls = 0;
    for round in 1..=rounds {
        let mut chance = Chance(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let config = [("enable-debug-command".to_owned(), "yes".to_owned())];
        let mut native = Native::start(&config)?;
        let requests = requests(&scripts, &mut chance);
        let ours = answers(&requests, &mut native)?;
        let theirs = answers(&requests, real)?;
        for ((request, ours), theirs) in requests.iter().zip(ours).zip(theirs) {
            if ours != theirs {
                return Err(format!(
                    "round {round}: {}\n real: {}\n ours: {}",
                    text::command_line(request),
                    text::quote(&theirs),
                    text::quote(&ours)
                ));
            }
        }
        calls += requests.len();
    }
    Ok(calls)
}

fn read(folder: &Path) -> Result<Vec<Script>, String> {
    let mut scripts = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_none_or(|extension| extension != "lua") {
            continue;
        }
        let code = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let words = |prefix: &str| -> Result<Vec<String>, String> {
            let line = code.lines().find_map(|line| line.strip_prefix(prefix));
            let line = line.ok_or_else(|| format!("{}: no {prefix:?}", path.display()))?;
            Ok(line.split_whitespace().map(str::to_owned).collect())
        };
        scripts.push(Script {
            name: path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into(),
            keys: words("-- keys:")?,
            args: words("-- args:")?,
            code,
        });
    }
    scripts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(scripts)
}

fn requests(scripts: &[Script], chance: &mut Chance) -> Vec<Vec<Vec<u8>>> {
    let words = |words: &[&str]| -> Vec<Vec<u8>> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    };
    let mut requests = vec![words(&["FLUSHALL"]), words(&["SCRIPT", "FLUSH"])];
    let mut now = 1_700_000_000_000_u64;
    for _ in 0..CALLS {
        let script = &scripts[chance.below(scripts.len() as u64) as usize];
        now += chance.below(1500);
        let mut request = words(&["EVAL", &script.code, &script.keys.len().to_string()]);
        for key in &script.keys {
            let number = if key.contains(":job:") || key.starts_with("q:") {
                // The keys of one queue belong together.
                requests.len() as u64 % 2
            } else {
                chance.below(4)
            };
            request.push(key.replace("{n}", &number.to_string()).into_bytes());
        }
        for kind in &script.args {
            request.push(argument(kind, now, chance));
        }
        requests.push(request);
    }
    requests.push(words(&["DBSIZE"]));
    requests.push(words(&["DEBUG", "DIGEST"]));
    requests
}

fn argument(kind: &str, now: u64, chance: &mut Chance) -> Vec<u8> {
    const WORDS: &[&str] = &[
        "ann", "bob", "a b", "", "x\u{e9}", "0", "-1", "worker-1", "nil",
    ];
    match kind {
        "time" => now.to_string().into_bytes(),
        "id" => format!("id:{}", chance.below(5)).into_bytes(),
        "word" => chance.pick(WORDS).as_bytes().to_vec(),
        "json" => json(chance, 0).into_bytes(),
        "pack" => pack(chance),
        "lines" => {
            let line = |chance: &mut Chance| match chance.below(6) {
                0 => "not a line!".to_owned(),
                1 => String::new(),
                _ => {
                    let (sku, count) = (chance.below(6), chance.below(40));
                    format!(
                        " sku_{sku}*{count}@{}.{:02}",
                        chance.below(90),
                        chance.below(100)
                    )
                }
            };
            let lines: Vec<String> = (0..chance.below(5)).map(|_| line(chance)).collect();
            lines.join(";").into_bytes()
        }
        _ => {
            let mut bounds = kind
                .split(':')
                .skip(1)
                .filter_map(|word| word.parse::<i64>().ok());
            let (low, high) = (bounds.next().unwrap_or(0), bounds.next().unwrap_or(1));
            let number = low + chance.below((high - low + 1).unsigned_abs()) as i64;
            number.to_string().into_bytes()
        }
    }
}

/// An object in JSON. Now and then it is none.
fn json(chance: &mut Chance, depth: usize) -> String {
    if depth == 0 && chance.below(15) == 0 {
        return chance
            .pick(&["{", "[1,2", "nul", "{\"a\":}", "\"\\u12\""])
            .to_owned();
    }
    let mut fields = Vec::new();
    for name in ["a", "b", "user", "tags", "1"] {
        if chance.below(3) == 0 {
            continue;
        }
        let value = match chance.below(9) {
            0 => "null".to_owned(),
            1 => "true".to_owned(),
            2 => format!(
                "\"{}\"",
                chance.pick(&["x", "\\u00e9", "\\n\\t", "a/b", "\\\"q\\\""])
            ),
            3 => chance.below(100_000).to_string(),
            4 => format!("-{}.5e{}", chance.below(10), chance.below(20)),
            5 => "[1,\"two\",null,[]]".to_owned(),
            6 if depth < 2 => json(chance, depth + 1),
            _ => "0.1".to_owned(),
        };
        fields.push(format!("\"{name}\": {value}"));
    }
    format!("{{{}}}", fields.join(", "))
}

/// A job's options in MessagePack: a map with short strings and small numbers.
fn pack(chance: &mut Chance) -> Vec<u8> {
    let mut pairs: Vec<(&str, Vec<u8>)> = Vec::new();
    let string = |text: &str| [&[0xa0 | text.len() as u8], text.as_bytes()].concat();
    if chance.below(3) == 0 {
        pairs.push(("id", string(chance.pick(&["j1", "j2", "j3", "job:x"]))));
    }
    if chance.below(2) == 0 {
        pairs.push(("name", string(chance.pick(&["mail", "resize", ""]))));
    }
    if chance.below(3) == 0 {
        let delay = (chance.below(6000) as u16).to_be_bytes();
        pairs.push(("delay", vec![0xcd, delay[0], delay[1]]));
    }
    if chance.below(3) == 0 {
        pairs.push(("priority", vec![chance.below(5) as u8]));
    }
    if chance.below(3) == 0 {
        pairs.push(("lifo", vec![0xc2 + chance.below(2) as u8]));
    }
    pairs.push(("attempts", vec![1 + chance.below(3) as u8]));
    let mut packed = vec![0x80 | pairs.len() as u8];
    for (name, value) in pairs {
        packed.extend(string(name));
        packed.extend(value);
    }
    packed
}

fn answers(requests: &[Vec<Vec<u8>>], player: &mut dyn Player) -> Result<Vec<Vec<u8>>, String> {
    let mut stage = Stage::new(player);
    let mut replies = Vec::new();
    for request in requests {
        stage.player.send("a", &encode(request));
        match stage.read("a", Patience::Due) {
            Reading::Frame(frame) => replies.push(frame),
            Reading::End(end, rest) => {
                let end = if matches!(end, Chunk::Closed) {
                    "closed"
                } else {
                    "silence"
                };
                let line = text::command_line(request);
                return Err(format!("{line}: {}, then {end}", text::quote(&rest)));
            }
        }
    }
    Ok(replies)
}

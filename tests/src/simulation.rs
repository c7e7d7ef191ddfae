//! The native engine under random commands, with seeds that are the same each time: what it says twice
//! is the same, what it says of itself fits together, and what it chooses by chance is chosen evenly.
//! Needs no real Redis.

mod members;
mod memory;
mod walk;

pub use members::finds_what_stays;
pub use memory::gives_memory_back;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::generate::{Words, command};
use crate::native::Native;
use crate::play::{Chunk, Patience, Player, Reading, Stage, encode};
use crate::text;

use walk::Walk;

/// Commands in a script, at most.
const COMMANDS: usize = 60;

/// Who says them.
const CLIENTS: [&str; 3] = ["a", "b", "c"];

/// The client that looks.
const WATCH: &str = "watch";

/// What INFO says where nobody waits.
const BLOCKED_NONE: &[u8] = b"\r\nblocked_clients:0\r\n";

/// The databases that random commands name.
const DATABASES: [&str; 4] = ["0", "1", "2", "15"];

/// The families of commands whose scripts are looked into after each command. Programs are not among
/// them: they may still run by then.
const FAMILIES: [&str; 10] = [
    "basics",
    "dump",
    "geo",
    "hashes",
    "hyperloglog",
    "lists",
    "sets",
    "sort",
    "sorted_sets",
    "streams",
];

/// One command of one client, and how much time goes by before it, in milliseconds.
#[derive(Clone, Debug)]
struct Turn {
    client: usize,
    words: Words,
    passing_ms: u64,
}

/// What the random commands of a seed come from.
fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    TestRunner::new_with_rng(Config::default(), rng)
}

/// A script, the same for the same runner.
fn turns(runner: &mut TestRunner, family: &str) -> Result<Vec<Turn>, String> {
    let passing_ms = prop_oneof![4 => Just(0), 2 => Just(1), 1 => 1..200_000_u64];
    let turn = (0..CLIENTS.len(), command(family), passing_ms);
    let turn = turn.prop_map(|(client, words, passing_ms)| Turn {
        client,
        words,
        passing_ms,
    });
    let tree = vec(turn, 1..=COMMANDS).new_tree(runner);
    tree.map(|tree| tree.current())
        .map_err(|reason| reason.to_string())
}

/// Plays scripts of all commands twice: each time all clients are sent the same bytes. Returns how many
/// commands were said.
pub fn repeats(scripts: u32, seed: u64) -> Result<usize, String> {
    let mut runner = runner(seed);
    let mut said = 0;
    for _ in 0..scripts {
        let script = turns(&mut runner, "")?;
        let (once, again) = (transcript(&script)?, transcript(&script)?);
        if let Some(at) = (0..script.len()).find(|at| once.get(*at) != again.get(*at)) {
            return Err(format!(
                "the reply to command {at} is another: {:?}",
                script[at]
            ));
        }
        said += script.len();
    }
    Ok(said)
}

/// What all clients are sent after each turn.
fn transcript(script: &[Turn]) -> Result<Vec<Vec<u8>>, String> {
    let mut native = Native::start(&[])?;
    let sent = script.iter().map(|turn| {
        native.advance(Duration::from_millis(turn.passing_ms));
        native.send(CLIENTS[turn.client], &encode(&turn.words));
        let mut sent = Vec::new();
        for client in CLIENTS {
            if let Chunk::Bytes(bytes) = native.receive(client, Patience::None) {
                sent.extend(bytes);
            }
        }
        sent
    });
    Ok(sent.collect())
}

// ---- what it says of itself --------------------------------------------------------------------

/// When fields of a hash expire, by name: -1 for never.
type Fields = BTreeMap<Vec<u8>, i64>;

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// In milliseconds since the Unix epoch, -1 for never.
    deadline_ms: i64,
    /// Of a hash.
    fields: Option<Fields>,
}

/// All keys, by database.
type Keys = BTreeMap<(&'static str, Vec<u8>), Entry>;

/// Plays scripts, and looks at all keys after each command: what is counted is there, nothing is empty,
/// time takes what is due and nothing else, and SCAN finds what was there throughout. Returns how many
/// commands were said.
pub fn holds_together(scripts: u32, seed: u64) -> Result<usize, String> {
    for_each_script(scripts, seed, watch_script)
}

/// Makes scripts, of one family after the other, and does something with each of them. Returns how many
/// commands they have in all.
fn for_each_script(
    scripts: u32,
    seed: u64,
    each: impl Fn(&[Turn]) -> Result<(), String>,
) -> Result<usize, String> {
    let mut runner = runner(seed);
    let mut said = 0;
    for number in 0..scripts {
        let family = FAMILIES[number as usize % FAMILIES.len()];
        let script = turns(&mut runner, family)?;
        each(&script).map_err(|error| format!("{family}, script {number}: {error}"))?;
        said += script.len();
    }
    Ok(said)
}

fn watch_script(script: &[Turn]) -> Result<(), String> {
    let mut native = Native::start(&[])?;
    let mut keys = Keys::new();
    let mut walk = Walk::default();
    for (number, turn) in script.iter().enumerate() {
        let context = |error| {
            let line = text::command_line(&turn.words);
            format!(
                "at command {number}, {}> {line}: {error}",
                CLIENTS[turn.client]
            )
        };
        // Who waits may have said more, which runs once the wait is over.
        let waits = !ask(&mut native, &["INFO", "clients"])?
            .windows(BLOCKED_NONE.len())
            .any(|line| line == BLOCKED_NONE);
        native.advance(Duration::from_millis(turn.passing_ms));
        let later = look(&mut native).map_err(context)?;
        let expected = at_time(&keys, native.now_ms());
        if later != expected && !waits {
            return Err(context(format!(
                "time took {keys:?} to {later:?}, not {expected:?}"
            )));
        }
        // What has gone by now may be there again after the command.
        walk.look(names_in_db_0(&later));
        native.send(CLIENTS[turn.client], &encode(&turn.words));
        let _ = native.receive(CLIENTS[turn.client], Patience::None);
        keys = look(&mut native).map_err(context)?;
        go_on(&mut walk, &mut native, &keys, &turn.words).map_err(context)?;
    }
    // An image holds all of it.
    let before = ask(&mut native, &["DEBUG", "DIGEST"])?;
    ask(&mut native, &["DEBUG", "RELOAD"])?;
    let after = ask(&mut native, &["DEBUG", "DIGEST"])?;
    if before != after || look(&mut native)? != keys {
        return Err("an image brings back something else".to_owned());
    }
    Ok(())
}

/// The keys that are left at a time, as a naive model has it.
fn at_time(keys: &Keys, now_ms: i64) -> Keys {
    let stays = |deadline_ms: i64| deadline_ms < 0 || deadline_ms > now_ms;
    let mut left = keys.clone();
    left.retain(|_, entry| {
        if let Some(fields) = &mut entry.fields {
            fields.retain(|_, deadline_ms| stays(*deadline_ms));
        }
        stays(entry.deadline_ms)
            && entry
                .fields
                .as_ref()
                .is_none_or(|fields| !fields.is_empty())
    });
    left
}

/// All keys, looked at in several ways that have to agree.
fn look(native: &mut Native) -> Result<Keys, String> {
    let mut keys = Keys::new();
    let info = ask(native, &["INFO", "keyspace"])?;
    let info = String::from_utf8_lossy(&info).into_owned();
    for db in DATABASES {
        ask(native, &["SELECT", db])?;
        let count = integers(&ask(native, &["DBSIZE"])?);
        let listed = strings(&ask(native, &["KEYS", "*"])?);
        let scanned = strings(&ask(native, &["SCAN", "0", "COUNT", "100000"])?);
        let sorted = |names: &[Vec<u8>]| names.iter().cloned().collect::<BTreeSet<_>>();
        let names = sorted(&listed);
        // The first string is the cursor.
        if count != [names.len() as i64]
            || listed.len() != names.len()
            || scanned.len() != names.len() + 1
            || sorted(&scanned[1..]) != names
        {
            return Err(format!(
                "db {db} counts {count:?}, lists {listed:?}, scans {scanned:?}"
            ));
        }
        let (mut expiring, mut with_expiring_fields) = (0, 0);
        for name in names {
            let entry = look_at(native, &name)?;
            expiring += usize::from(entry.deadline_ms >= 0);
            let mut deadlines = entry.fields.iter().flat_map(|fields| fields.values());
            with_expiring_fields += usize::from(deadlines.any(|deadline_ms| *deadline_ms >= 0));
            keys.insert((db, name), entry);
        }
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(&format!("db{db}:")));
        let told = line.unwrap_or("keys=0,expires=0,avg_ttl=0,subexpiry=0");
        let told: Vec<&str> = told
            .split(',')
            .filter(|part| !part.starts_with("avg_ttl"))
            .collect();
        let expected = [
            format!("keys={}", listed.len()),
            format!("expires={expiring}"),
            format!("subexpiry={with_expiring_fields}"),
        ];
        if told != expected {
            return Err(format!(
                "INFO says {told:?} of db {db}, and it is {expected:?}"
            ));
        }
    }
    Ok(keys)
}

fn look_at(native: &mut Native, name: &[u8]) -> Result<Entry, String> {
    let ask_of = |native: &mut Native, command: &str| ask(native, &[command.as_bytes(), name]);
    let kind = ask_of(native, "TYPE")?;
    let length = match kind.as_slice() {
        b"+list\r\n" => "LLEN",
        b"+set\r\n" => "SCARD",
        b"+zset\r\n" => "ZCARD",
        b"+hash\r\n" => "HLEN",
        b"+string\r\n" | b"+stream\r\n" => "EXISTS",
        other => return Err(format!("a key of type {}", text::quote(other))),
    };
    let length = integers(&ask_of(native, length)?);
    if length.first().is_none_or(|length| *length < 1) {
        return Err(format!("{} is empty: {length:?}", text::quote(name)));
    }
    let deadline = integers(&ask_of(native, "PEXPIRETIME")?);
    let mut fields = None;
    if kind == b"+hash\r\n" {
        let names = strings(&ask_of(native, "HKEYS")?);
        let count = names.len().to_string();
        let mut words: Vec<&[u8]> = vec![b"HPEXPIRETIME", name, b"FIELDS", count.as_bytes()];
        words.extend(names.iter().map(Vec::as_slice));
        let mut deadlines = integers(&ask(native, &words)?);
        // The length of the list comes first.
        deadlines.remove(0);
        fields = Some(names.into_iter().zip(deadlines).collect());
    }
    Ok(Entry {
        deadline_ms: deadline.first().copied().unwrap_or(-1),
        fields,
    })
}

fn names_in_db_0(keys: &Keys) -> BTreeSet<Vec<u8>> {
    let of_db_0 = keys.keys().filter(|(db, _)| *db == "0");
    of_db_0.map(|(_, name)| name.clone()).collect()
}

/// One step more of a walk through the keys of database 0, a few at a time while they change.
fn go_on(walk: &mut Walk, native: &mut Native, keys: &Keys, words: &Words) -> Result<(), String> {
    if words
        .iter()
        .any(|word| word.eq_ignore_ascii_case(b"SWAPDB"))
    {
        // Other keys, and the cursor means nothing among them.
        *walk = Walk::default();
    }
    walk.look(names_in_db_0(keys));
    ask(native, &["SELECT", "0"])?;
    let scan = |cursor: &[u8]| ask(native, &[b"SCAN".as_slice(), cursor, b"COUNT", b"1"]);
    walk.go_on(1, scan).map(|_| ())
}

// ---- chance ------------------------------------------------------------------------------------

/// What can be chosen from: how it is made, and how it is chosen from.
const CHOICES: &[(&str, &[&str], &[&str])] = &[
    ("RANDOMKEY", &["SET", "*", "v"], &["RANDOMKEY"]),
    (
        "SRANDMEMBER",
        &["SADD", "key", "*"],
        &["SRANDMEMBER", "key"],
    ),
    (
        "SRANDMEMBER 1",
        &["SADD", "key", "*"],
        &["SRANDMEMBER", "key", "1"],
    ),
    (
        "SRANDMEMBER -3",
        &["SADD", "key", "*"],
        &["SRANDMEMBER", "key", "-3"],
    ),
    (
        "SRANDMEMBER 5",
        &["SADD", "key", "*"],
        &["SRANDMEMBER", "key", "5"],
    ),
    ("SPOP", &["SADD", "key", "*"], &["SPOP", "key"]),
    ("SPOP 3", &["SADD", "key", "*"], &["SPOP", "key", "3"]),
    (
        "HRANDFIELD",
        &["HSET", "key", "*", "v"],
        &["HRANDFIELD", "key"],
    ),
    (
        "HRANDFIELD 5",
        &["HSET", "key", "*", "v"],
        &["HRANDFIELD", "key", "5"],
    ),
    (
        "HRANDFIELD -3",
        &["HSET", "key", "*", "v"],
        &["HRANDFIELD", "key", "-3"],
    ),
    (
        "ZRANDMEMBER",
        &["ZADD", "key", "1", "*"],
        &["ZRANDMEMBER", "key"],
    ),
    (
        "ZRANDMEMBER 5",
        &["ZADD", "key", "1", "*"],
        &["ZRANDMEMBER", "key", "5"],
    ),
    (
        "ZRANDMEMBER -3",
        &["ZADD", "key", "1", "*"],
        &["ZRANDMEMBER", "key", "-3"],
    ),
];

/// How many there are to choose from: a small collection, and one with a table of its own.
const POPULATIONS: [usize; 2] = [20, 700];

/// How often each is chosen, on average.
const OFTEN: usize = 100;

/// Chooses very often, by every command that does, among integers and words, few and many: all are
/// chosen as often as one another. Returns how many choices were made.
pub fn chooses_evenly() -> Result<usize, String> {
    let mut made = 0;
    for (name, add, choose) in CHOICES {
        for population in POPULATIONS {
            for prefix in ["", "word:"] {
                let drawn = draw(population, prefix, add, choose)?;
                let chi = chi_squared(&drawn);
                // As many degrees of freedom, less one; their standard deviation is the root of twice that.
                let freedom = (population - 1) as f64;
                let apart = (chi - freedom).abs() / (2.0 * freedom).sqrt();
                if apart > 5.0 || drawn.values().any(|count| *count == 0) {
                    return Err(format!(
                        "{name} of {population} {prefix:?}: chi squared is {chi:.1}"
                    ));
                }
                made += drawn.values().sum::<usize>();
            }
        }
    }
    Ok(made)
}

/// How often each member is chosen.
fn draw(
    population: usize,
    prefix: &str,
    add: &[&str],
    choose: &[&str],
) -> Result<BTreeMap<Vec<u8>, usize>, String> {
    let mut native = Native::start(&[])?;
    let member = |number: usize| format!("{prefix}{number}");
    let put = |native: &mut Native, member: &str| {
        let words: Vec<&str> = add
            .iter()
            .map(|word| if *word == "*" { member } else { word })
            .collect();
        ask(native, &words)
    };
    let mut drawn = BTreeMap::new();
    for number in 0..population {
        put(&mut native, &member(number))?;
        drawn.insert(member(number).into_bytes(), 0);
    }
    let mut count = 0;
    while count < OFTEN * population {
        let chosen = ask(&mut native, choose)?;
        for name in strings(&chosen) {
            if choose[0] == "SPOP" {
                put(&mut native, &String::from_utf8_lossy(&name))?;
            }
            *drawn
                .get_mut(&name)
                .ok_or("what was never there was chosen")? += 1;
            count += 1;
        }
    }
    Ok(drawn)
}

fn chi_squared(counts: &BTreeMap<Vec<u8>, usize>) -> f64 {
    let mean = counts.values().sum::<usize>() as f64 / counts.len() as f64;
    let part = |count: &usize| (*count as f64 - mean).powi(2) / mean;
    counts.values().map(part).sum()
}

// ---- replies -----------------------------------------------------------------------------------

fn ask<W: AsRef<[u8]>>(native: &mut Native, words: &[W]) -> Result<Vec<u8>, String> {
    native.send(WATCH, &encode(words));
    match Stage::new(native).read(WATCH, Patience::Due) {
        Reading::Frame(reply) if !reply.starts_with(b"-") => Ok(reply),
        Reading::Frame(rest) | Reading::End(_, rest) => {
            let line = text::command_line(words);
            Err(format!("{line} was answered {}", text::quote(&rest)))
        }
    }
}

/// The strings of a reply, however nested.
fn strings(reply: &[u8]) -> Vec<Vec<u8>> {
    let mut strings = Vec::new();
    let mut rest = reply;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (head, after) = rest.split_at(end + 1);
        rest = after;
        if let [b'$', number @ ..] = head
            && let Ok(Ok(length)) =
                std::str::from_utf8(number).map(|number| number.trim_end().parse::<usize>())
            && let Some(string) = rest.get(..length)
        {
            strings.push(string.to_vec());
            rest = rest.get(length + 2..).unwrap_or_default();
        }
    }
    strings
}

/// The integers of a reply, and the lengths of its lists.
fn integers(reply: &[u8]) -> Vec<i64> {
    let lines = reply.split(|byte| *byte == b'\n');
    let number = |line: &[u8]| match line {
        [b':' | b'*', number @ ..] => std::str::from_utf8(number).ok()?.trim_end().parse().ok(),
        _ => None,
    };
    lines.filter_map(number).collect()
}

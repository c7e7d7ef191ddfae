//! SSCAN, HSCAN and ZSCAN while members come and go: through growth and shrinking, from one form to
//! another, and with whatever removes members, one by one or many.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRng;

use super::walk::Walk;
use super::{ask, runner, strings};
use crate::native::Native;
use crate::play::Player as _;

/// Steps of walks through one collection.
const STEPS: usize = 300;

/// A kind of collection, by commands in which `*` stands for a member and `#` for a number.
struct Kind {
    /// Asks for all members, and nothing else.
    all: &'static str,
    /// The first word of a step of a walk, and what follows its cursor.
    scan: (&'static str, &'static [&'static str]),
    /// Every so many strings of a step's reply one is a member.
    every: usize,
    /// The parameters that say how large the smaller forms become.
    limits: &'static [&'static str],
    /// Its forms, as OBJECT ENCODING names them.
    forms: &'static [&'static str],
    /// Makes more of it, or changes what it has.
    grow: &'static [&'static str],
    /// Makes less of it.
    shrink: &'static [&'static str],
}

const SET_LIMITS: &[&str] = &["set-max-intset-entries", "set-max-listpack-entries"];
const SET_FORMS: &[&str] = &["intset", "listpack", "hashtable"];
const HASH_FORMS: &[&str] = &["listpack", "listpackex", "hashtable"];
const GROW_SET: &[&str] = &[
    "SADD key *",
    "SADD key * * * * * * *",
    "SADD key * * * * * * * * * * * * * * * * * * * * * * * * * * * * * *",
    "SMOVE other key *",
];
const SHRINK_SET: &[&str] = &[
    "SREM key *",
    "SREM key * * * * * * * * * * * *",
    "SMOVE key other *",
    "SPOP key",
    "SPOP key #",
];
const GROW_HASH: &[&str] = &[
    "HSET key * v",
    "HSET key * 1 * 2 * 3 * 4 * 5 * 6 * 7 * 8 * 9",
    "HSETNX key * v",
    "HINCRBY key * 1",
    "HSETEX key EX # FIELDS 2 * v * v",
    "HEXPIRE key # FIELDS 1 *",
    "HPERSIST key FIELDS 1 *",
];
const SHRINK_HASH: &[&str] = &[
    "HDEL key *",
    "HDEL key * * * * * * * * * * * *",
    "HGETDEL key FIELDS 3 * * *",
    "HPEXPIRE key 0 FIELDS 2 * *",
    "HPEXPIRE key # FIELDS 3 * * *",
];

const KINDS: [Kind; 4] = [
    Kind {
        all: "SMEMBERS",
        scan: ("SSCAN", &[]),
        every: 1,
        limits: SET_LIMITS,
        forms: SET_FORMS,
        grow: GROW_SET,
        shrink: SHRINK_SET,
    },
    Kind {
        all: "HKEYS",
        scan: ("HSCAN", &[]),
        every: 2,
        limits: &["hash-max-listpack-entries"],
        forms: HASH_FORMS,
        grow: GROW_HASH,
        shrink: SHRINK_HASH,
    },
    Kind {
        all: "HKEYS",
        scan: ("HSCAN", &["NOVALUES"]),
        every: 1,
        limits: &["hash-max-listpack-entries"],
        forms: HASH_FORMS,
        grow: GROW_HASH,
        shrink: SHRINK_HASH,
    },
    Kind {
        all: "ZRANGE",
        scan: ("ZSCAN", &[]),
        every: 2,
        limits: &["zset-max-listpack-entries"],
        forms: &["listpack", "skiplist"],
        grow: &[
            "ZADD key # *",
            "ZADD key # * # * # * # * # * # * # * # * # *",
            "ZADD key XX # *",
            "ZINCRBY key # *",
        ],
        shrink: &[
            "ZREM key *",
            "ZREM key * * * * * * * * * * * *",
            "ZPOPMIN key",
            "ZPOPMAX key #",
            "ZREMRANGEBYRANK key 0 #",
            "ZREMRANGEBYSCORE key # #",
        ],
    },
];

/// Scans collections of every kind while they change, and looks after each command at what is there.
/// Returns how many walks came to their end.
pub fn finds_what_stays(rounds: u32, seed: u64) -> Result<usize, String> {
    let mut rng = runner(seed).new_rng();
    let mut walks = 0;
    for kind in &KINDS {
        // By form: in how many walks of several steps anything stayed.
        let mut met = BTreeMap::new();
        for round in 0..rounds {
            walks += walk_through(kind, &mut rng, &mut met)
                .map_err(|error| format!("{:?}, round {round}: {error}", kind.scan))?;
        }
        let is_met = |form: &&str| met.contains_key(*form);
        if !kind.forms.iter().all(is_met) || met.values().sum::<usize>() < rounds as usize {
            return Err(format!("{:?} met no more than {met:?}", kind.scan));
        }
    }
    Ok(walks)
}

fn walk_through(
    kind: &Kind,
    rng: &mut TestRng,
    met: &mut BTreeMap<String, usize>,
) -> Result<usize, String> {
    let mut native = Native::start(&[])?;
    let mut walk = Walk::default();
    let mut walks = 0;
    let members = [5, 40, 200, 800][rng.random_range(0..4)];
    let prefix = ["", "word:"][rng.random_range(0..2)];
    let mut grows = true;
    for _ in 0..STEPS {
        if rng.random_range(0..20) == 0 {
            let limit = rng.random_range(0..64).to_string();
            for name in kind.limits {
                ask(&mut native, &["CONFIG", "SET", name, &limit])?;
            }
        }
        // For a while it grows, for a while it shrinks.
        if rng.random_range(0..15) == 0 {
            grows = !grows;
        }
        for _ in 0..rng.random_range(0..6) {
            let usual = rng.random_range(0..4) > 0;
            let among = if usual == grows {
                kind.grow
            } else {
                kind.shrink
            };
            let command = among[rng.random_range(0..among.len())];
            let words: Vec<String> = command
                .split(' ')
                .map(|word| match word {
                    "*" if rng.random_range(0..300) == 0 => "long".repeat(100),
                    "*" => format!("{prefix}{}", rng.random_range(0..members)),
                    "#" => rng.random_range(1..=members / 3 * 2).to_string(),
                    word => word.to_owned(),
                })
                .collect();
            // No error is one that matters: the key may be gone.
            let _ = ask(&mut native, &words);
            native.advance(Duration::from_millis(rng.random_range(0..3)));
            walk.look(all(&mut native, kind)?);
        }
        let form = ask(&mut native, &["OBJECT", "ENCODING", "key"])?;
        let count = rng.random_range(1..=20).to_string();
        let scan = |cursor: &[u8]| {
            let (name, options) = kind.scan;
            let mut words = vec![name.as_bytes(), b"key", cursor, b"COUNT", count.as_bytes()];
            words.extend(options.iter().map(|option| option.as_bytes()));
            ask(&mut native, &words)
        };
        if let Some(walked) = walk.go_on(kind.every, scan)? {
            walks += 1;
            for form in strings(&form) {
                let form = String::from_utf8_lossy(&form).into_owned();
                let counts = walked.stayed > 0 && (walked.steps > 1 || form != "hashtable");
                *met.entry(form).or_default() += usize::from(counts);
            }
        }
    }
    Ok(walks)
}

/// All members.
fn all(native: &mut Native, kind: &Kind) -> Result<BTreeSet<Vec<u8>>, String> {
    let words: &[&str] = match kind.all {
        "ZRANGE" => &["ZRANGE", "key", "0", "-1"],
        all => &[all, "key"],
    };
    Ok(strings(&ask(native, words)?).into_iter().collect())
}

//! Fields expire at their time, wherever their hash has gone meanwhile.

use std::collections::BTreeMap;

use super::*;
use crate::value::fields::{HashLimits, Ttl};
use crate::value::hash::Seed;
use crate::value::{Fields, StringValue};

const LIMITS: HashLimits = HashLimits {
    listpack_entries: 4,
    listpack_value: 10,
};

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Sets a field; it expires at that time, or never.
fn set(slot: &mut Slot, name: &str, at_ms: Option<i64>, seed: &Seed) {
    if !matches!(slot.value(), Some(Value::Hash(_))) {
        slot.put(Fields::default());
    }
    let Ok(Some(fields)) = slot.fields_mut() else {
        panic!("the key holds no hash");
    };
    fields.set(name.as_bytes(), b"1", Ttl::Dropped, &LIMITS, seed);
    fields.prepare_for_deadlines();
    if at_ms.is_some()
        && let Some(at) = fields.find(name.as_bytes(), seed)
    {
        fields.set_deadline(at, at_ms);
    }
}

/// A hash as the model has it: when the key expires, and each field.
#[derive(Clone, Default)]
struct Hash {
    expires_at_ms: Option<i64>,
    fields: BTreeMap<&'static str, Option<i64>>,
}

type Model = BTreeMap<(usize, String), Hash>;

fn expire(model: &mut Model, now_ms: i64) {
    for hash in model.values_mut() {
        hash.fields
            .retain(|_, at_ms| at_ms.is_none_or(|at_ms| at_ms > now_ms));
    }
    model.retain(|_, hash| {
        !hash.fields.is_empty() && hash.expires_at_ms.is_none_or(|at_ms| at_ms > now_ms)
    });
}

fn assert_same(keyspace: &Keyspace, model: &Model) {
    for db in 0..2 {
        let hashes = || model.iter().filter(|(key, _)| key.0 == db);
        let expiring = hashes().filter(|(_, hash)| hash.fields.values().any(Option::is_some));
        assert_eq!(keyspace.with_expiring_fields(db), expiring.count());
        assert_eq!(keyspace.len(db), hashes().count());
    }
    for ((db, key), hash) in model {
        let Some(Value::Hash(fields)) = keyspace.value(*db, key.as_bytes()) else {
            panic!("{key} is missing");
        };
        let found: BTreeMap<String, Option<i64>> = fields
            .iter()
            .map(|field| {
                let name = String::from_utf8_lossy(&field.name.bytes()).into_owned();
                (name, field.deadline_ms)
            })
            .collect();
        let wanted = hash.fields.iter();
        assert_eq!(
            found,
            wanted.map(|(name, at)| ((*name).to_owned(), *at)).collect()
        );
    }
    let deadlines = model.values().flat_map(|hash| {
        let fields = hash.fields.values().flatten();
        fields.chain(&hash.expires_at_ms).copied()
    });
    assert_eq!(keyspace.next_deadline_ms(), deadlines.min());
}

#[test]
fn agrees_with_a_naive_model() {
    let mut keyspace = Keyspace::new(2, 7, usize::MAX);
    let seed = keyspace.seed();
    let mut model = Model::new();
    let mut rng = fastrand::Rng::with_seed(11);
    for step in 0..40_000_i64 {
        keyspace.set_now_us(step as u64 * 1000);
        keyspace.expire_due();
        expire(&mut model, step);
        let id = (rng.usize(0..2), format!("key{}", rng.u32(0..40)));
        let (db, key) = (id.0, id.1.as_bytes());
        let at_ms = step + rng.i64(1..60);
        match rng.u32(0..64) {
            0..32 => {
                let name = NAMES[rng.usize(0..8)];
                let at_ms = Some(at_ms).filter(|_| rng.bool());
                set(&mut keyspace.write(db, key), name, at_ms, &seed);
                model.entry(id).or_default().fields.insert(name, at_ms);
            }
            32..48 => {
                let mut slot = keyspace.write(db, key);
                let name = NAMES[rng.usize(0..8)];
                if let Ok(Some(fields)) = slot.fields_mut()
                    && let Some(at) = fields.find(name.as_bytes(), &seed)
                {
                    fields.remove(at);
                }
                // A guard that says so has changed nothing, but must not lose the order either.
                if model
                    .get(&id)
                    .is_some_and(|hash| !hash.fields.contains_key(name))
                {
                    slot.only_laid_out_differently();
                }
                if let Some(hash) = model.get_mut(&id) {
                    hash.fields.remove(name);
                }
            }
            48..52 => {
                keyspace.write(db, key).expire_at_ms(at_ms);
                if let Some(hash) = model.get_mut(&id) {
                    hash.expires_at_ms = Some(at_ms);
                }
            }
            52..56 => {
                let to = (rng.usize(0..2), format!("key{}", rng.u32(0..40)));
                let moved = keyspace.relocate((db, key), (to.0, to.1.as_bytes()), ["", ""]);
                assert_eq!(moved, model.contains_key(&id));
                if let Some(hash) = model.remove(&id) {
                    model.insert(to, hash);
                }
            }
            56..58 => {
                let to = (rng.usize(0..2), format!("key{}", rng.u32(0..40)));
                let copy = keyspace.value(db, key).cloned();
                let copied = model.get(&id).cloned();
                if let (Some(copy), Some(hash)) = (copy, copied) {
                    keyspace.write(to.0, to.1.as_bytes()).put(copy);
                    let expires_at_ms = None;
                    model.insert(
                        to,
                        Hash {
                            expires_at_ms,
                            ..hash
                        },
                    );
                }
            }
            58..60 => {
                // Another type in its place, by either way to write it, and then none.
                let mut slot = keyspace.write(db, key);
                let string = StringValue::new(b"1");
                match slot.value_mut() {
                    Some(value) if rng.bool() => *value = string.into(),
                    _ => slot.put(string),
                }
                drop(slot);
                keyspace.remove(db, key);
                model.remove(&id);
            }
            60..62 => {
                keyspace.remove(db, key);
                model.remove(&id);
            }
            62 => {
                keyspace.swap(0, 1);
                model = std::mem::take(&mut model)
                    .into_iter()
                    .map(|((db, key), hash)| ((1 - db, key), hash))
                    .collect();
            }
            _ if step % 10 == 0 => {
                keyspace.clear(db);
                model.retain(|key, _| key.0 != db);
            }
            _ => {}
        }
        model.retain(|_, hash| !hash.fields.is_empty());
        assert_same(&keyspace, &model);
    }
    assert!(keyspace.stats.expired_fields > 1000);
    assert!(keyspace.stats.expired > 100);
}

/// Late or in time, keys and fields go in the order of their deadlines, and tell so.
#[test]
fn a_late_step_tells_what_steps_in_time_tell() {
    let told = |steps_ms: &[u64]| {
        let mut keyspace = Keyspace::new(1, 7, usize::MAX);
        keyspace.journal.listening = [EventClass::GENERIC, EventClass::HASH, EventClass::EXPIRED]
            .into_iter()
            .fold(EventClass::NONE, |all, class| all | class);
        let seed = keyspace.seed();
        for (key, name, at_ms) in [
            ("h", "a", 10),
            ("h", "b", 10),
            ("h", "c", 30),
            ("i", "a", 20),
            ("i", "b", 40),
            ("j", "a", 25),
        ] {
            set(
                &mut keyspace.write(0, key.as_bytes()),
                name,
                Some(at_ms),
                &seed,
            );
        }
        keyspace.write(0, b"i").expire_at_ms(20);
        for step_ms in steps_ms {
            keyspace.set_now_us(step_ms * 1000);
            keyspace.expire_due();
        }
        let events = keyspace.journal.events.iter().map(|event| {
            let key = String::from_utf8_lossy(&event.key);
            format!("{} {key}", event.name)
        });
        assert_eq!(keyspace.next_deadline_ms(), None);
        events.collect::<Vec<String>>().join(", ")
    };
    let in_time = told(&[10, 20, 25, 30, 40]);
    assert_eq!(
        in_time,
        "hexpired h, hexpired i, expired i, hexpired j, del j, hexpired h, del h"
    );
    assert_eq!(told(&[100]), in_time);
}

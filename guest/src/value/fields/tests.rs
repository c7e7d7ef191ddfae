//! Hashes against naive models, through all three forms.

use std::collections::BTreeSet;

use super::*;

const LIMITS: HashLimits = HashLimits {
    listpack_entries: 20,
    listpack_value: 10,
};

/// A field as the model has it: name, value, deadline.
type Plain = (Vec<u8>, Vec<u8>, Option<i64>);

fn plain(fields: &Fields) -> Vec<Plain> {
    fields
        .iter()
        .map(|field| {
            let (name, value) = (field.name.bytes(), field.value.bytes());
            (name.to_vec(), value.to_vec(), field.deadline_ms)
        })
        .collect()
}

/// Fields in a list, in the order that Redis keeps them in while they are few.
#[derive(Default)]
struct Model(Vec<Plain>);

impl Model {
    fn find(&self, name: &[u8]) -> Option<usize> {
        self.0.iter().position(|field| field.0 == name)
    }

    fn set(&mut self, name: &[u8], value: &[u8], ttl: Ttl) -> bool {
        match self.find(name) {
            Some(at) => {
                self.0[at].1 = value.to_vec();
                if ttl == Ttl::Dropped && self.0[at].2.is_some() {
                    self.set_deadline(at, None);
                }
                false
            }
            None => {
                self.0.push((name.to_vec(), value.to_vec(), None));
                true
            }
        }
    }

    fn set_deadline(&mut self, at: usize, at_ms: Option<i64>) {
        let mut field = self.0.remove(at);
        field.2 = at_ms;
        let place = at_ms.and_then(|at_ms| {
            self.0
                .iter()
                .position(|other| other.2.is_none_or(|other| other >= at_ms))
        });
        self.0.insert(place.unwrap_or(self.0.len()), field);
    }

    fn sorted(&self) -> Vec<Plain> {
        let mut fields = self.0.clone();
        fields.sort();
        fields
    }
}

fn assert_same(fields: &Fields, model: &Model) {
    let mut found = plain(fields);
    if fields.is_table() {
        found.sort();
        assert_eq!(found, model.sorted());
    } else {
        assert_eq!(found, model.0);
    }
    assert_eq!(fields.len(), model.0.len());
    let first = model.0.iter().filter_map(|field| field.2).min();
    assert_eq!(fields.next_deadline_ms(), first);
}

#[test]
fn agrees_with_a_naive_hash() {
    let seed = Seed::new(9);
    let mut rng = fastrand::Rng::with_seed(23);
    let mut met = BTreeSet::new();
    for round in 0..150 {
        let (mut fields, mut model) = (Fields::default(), Model::default());
        let names = if round % 2 == 0 { 15 } else { 60 };
        for _ in 0..300 {
            let name = rng.u32(0..names).to_string().into_bytes();
            let value = match rng.u32(0..8) {
                0 if round % 5 == 4 => vec![b'x'; rng.usize(0..300)],
                0..4 => rng.i32(-9999..99999).to_string().into_bytes(),
                _ => vec![b'y'; rng.usize(0..=10)],
            };
            let found = fields.find(&name, &seed);
            assert_eq!(found.is_some(), model.find(&name).is_some());
            match (rng.u32(0..12), found) {
                (0 | 1, Some(at)) => {
                    fields.remove(at);
                    model.0.retain(|field| field.0 != name);
                }
                (2 | 3, Some(at)) if round % 3 > 0 => {
                    let at_ms = Some(rng.i64(1..60)).filter(|_| rng.u32(0..4) > 0);
                    if at_ms.is_none() && fields.deadline_ms(at).is_none() {
                        continue;
                    }
                    fields.prepare_for_deadlines();
                    if let Some(at) = fields.find(&name, &seed) {
                        fields.set_deadline(at, at_ms);
                    }
                    if let Some(at) = model.find(&name) {
                        model.set_deadline(at, at_ms);
                    }
                }
                (4, Some(at)) => {
                    let done = fields.set_value(at, &value, &LIMITS);
                    assert!(done || !fields.is_table());
                    if done {
                        model.set(&name, &value, Ttl::Kept);
                    }
                }
                (5, _) => {
                    let until_ms = rng.i64(0..20);
                    let is_due = |field: &Plain| field.2.is_some_and(|at_ms| at_ms <= until_ms);
                    let names = model.0.iter().filter(|field| is_due(field));
                    let mut due: Vec<_> = names.map(|field| field.0.clone()).collect();
                    let mut gone = Vec::new();
                    let count = fields.remove_due(until_ms, |name| gone.push(name.to_vec()));
                    gone.sort_unstable();
                    due.sort_unstable();
                    assert_eq!((count, gone), (due.len(), due));
                    model.0.retain(|field| !is_due(field));
                }
                (ttl, _) => {
                    let ttl = if ttl % 2 == 0 {
                        Ttl::Kept
                    } else {
                        Ttl::Dropped
                    };
                    let is_new = fields.set(&name, &value, ttl, &LIMITS, &seed);
                    assert_eq!(is_new, model.set(&name, &value, ttl));
                }
            }
            assert_same(&fields, &model);
            met.insert(fields.encoding());
            for (name, value, deadline_ms) in &model.0 {
                let found = fields.find(name, &seed).map(|at| {
                    let value = fields.value(at).bytes().to_vec();
                    (value, fields.deadline_ms(at))
                });
                assert_eq!(found, Some((value.clone(), *deadline_ms)));
            }
            let copy = fields.clone();
            assert_same(&copy, &model);
        }
    }
    assert_eq!(met.len(), 3);
}

#[test]
fn what_is_about_to_come_decides_the_form() {
    let seed = Seed::new(1);
    let after = |elements: &[&[u8]]| {
        let mut fields = Fields::default();
        fields.prepare_for(elements.iter().copied(), &LIMITS, &seed);
        fields.encoding()
    };
    assert_eq!(after(&[b"a", &[b'x'; 10]]), "listpack");
    assert_eq!(after(&[b"a", &[b'x'; 11]]), "hashtable");
    assert_eq!(after(&[&[b'x'; 11], b"a"]), "hashtable");
    // As many as may be, and one more, though they are all the same.
    assert_eq!(after(&[b"a" as &[u8]; 40]), "listpack");
    assert_eq!(after(&[b"a" as &[u8]; 42]), "hashtable");
}

/// Whatever is there from the first step of a scan to the last is seen, while other fields come and
/// go in between.
#[test]
fn a_scan_sees_what_stays() {
    let seed = Seed::new(1);
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..50 {
        let mut fields = Fields::default();
        let set = |fields: &mut Fields, name: &str| {
            fields.set(name.as_bytes(), b"1", Ttl::Dropped, &LIMITS, &seed);
        };
        let stays: BTreeSet<String> = (0..rng.u32(1..600)).map(|n| format!("stays{n}")).collect();
        for name in &stays {
            set(&mut fields, name);
            set(&mut fields, &format!("{name}-goes"));
        }
        let mut seen = BTreeSet::new();
        let mut cursor = 0;
        loop {
            let (next, step) = fields.scan(cursor, 10);
            for field in step {
                seen.insert(String::from_utf8_lossy(&field.name.bytes()).into_owned());
            }
            for _ in 0..rng.u32(0..20) {
                let name = format!("stays{}-goes", rng.u32(0..600));
                match fields.find(name.as_bytes(), &seed) {
                    Some(at) if rng.bool() => fields.remove(at),
                    _ => set(&mut fields, &name),
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        assert!(stays.is_subset(&seen));
    }
}

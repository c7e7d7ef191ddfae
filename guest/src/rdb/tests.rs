//! What is written is read; what is not well is refused.

use super::*;
use crate::config::Config;
use crate::value::fields::Ttl;
use crate::value::list::End;
use crate::value::stream::{BlockLimits, Group, StreamId, WantedId};
use crate::value::{Fields, List, Set, SortedSet, Stream, StringValue, Value};

fn shapes() -> Shapes {
    Shapes::new(&Config::default(), Seed::new(5), usize::MAX)
}

/// So many entries, the last of them pending to one of two consumers.
fn stream(len: u64) -> Stream {
    let limits = BlockLimits {
        bytes: 4096,
        entries: 100,
    };
    let mut stream = Stream::default();
    for number in 1..=len {
        let id = WantedId::Exactly(StreamId::new(number, 5));
        let words: [&[u8]; 4] = [b"field", b"value", b"f", b"12"];
        let next = stream.entries.next_id(id, 0).expect("a greater id");
        stream.entries.append(next, words.into_iter(), 12, &limits);
    }
    stream.entries.delete(StreamId::new(len / 2, 5));
    let mut group = Group::new(StreamId::new(len, 5), Some(len as i64));
    let pending = [(StreamId::new(len, 5), 1_700_000_000_000, 2)];
    for (name, pending) in [(&b"one"[..], &pending[..]), (b"other", &[])] {
        group
            .restore_consumer(
                name,
                1000,
                (name == b"one").then_some(2000),
                pending.to_vec(),
            )
            .expect("a new consumer");
    }
    stream.groups.insert((*b"group").into(), group);
    stream
        .groups
        .insert((*b"idle").into(), Group::new(StreamId::MIN, None));
    stream
}

/// Values of all types in all layouts.
fn samples() -> Vec<Value> {
    let shapes = shapes();
    let mut samples: Vec<Value> = Vec::new();
    let strings: [&[u8]; 9] = [
        b"",
        b"7",
        b"-300",
        b"70000",
        b"9000000000",
        b"hello",
        b"007",
        &[b'a'; 200],
        b"\x00\xff",
    ];
    samples.extend(strings.map(|bytes| StringValue::new(bytes).into()));
    for len in [1, 60, 600] {
        let mut list = List::default();
        let mut numbers = Set::of_numbers();
        let mut words = Set::packed();
        let mut fields = Fields::default();
        let mut expiring = Fields::default();
        expiring.prepare_for_deadlines();
        let mut scores = SortedSet::default();
        for number in 0..len {
            let text = number.to_string().into_bytes();
            let word = [b"word", &text[..]].concat();
            list.prepare_for(1, text.len(), shapes.list);
            list.push(End::Left, &text);
            numbers.add(&text, &shapes.set, &shapes.seed);
            words.add(&word, &shapes.set, &shapes.seed);
            for fields in [&mut fields, &mut expiring] {
                fields.set(&word, &text, Ttl::Dropped, &shapes.hash, &shapes.seed);
            }
            if number % 3 == 0
                && let Some(at) = expiring.find(&word, &shapes.seed)
            {
                expiring.set_deadline(at, Some(5000 - number));
            }
            let score = f64::from(number as i32) / 4.0;
            scores.put(&word, &shapes.sorted_set, &shapes.seed, |_| Some(score));
        }
        list.prepare_for(1, 9000, shapes.list);
        list.push(End::Right, &[b'l'; 9000]);
        samples.extend([list.into(), numbers.into(), words.into()]);
        samples.extend([fields.into(), expiring.into(), scores.into()]);
        samples.push(stream(len as u64).into());
    }
    samples
}

#[test]
fn what_is_dumped_is_restored() {
    for compression in [false, true] {
        for value in samples() {
            let payload = dump(&value, compression);
            let restored = restore(&payload, &shapes()).expect("a value");
            assert_eq!(restored.encoding(), value.encoding());
            assert_eq!(dump(&restored, compression), payload);
        }
    }
}

/// Random changes of good payloads: nothing panics, and what is taken can be written and read.
#[test]
fn corrupt_payloads_are_refused() {
    let mut rng = fastrand::Rng::with_seed(12);
    let shapes = shapes();
    let payloads: Vec<Vec<u8>> = samples()
        .iter()
        .map(|value| dump(value, value.heap_bytes() % 2 == 0))
        .collect();
    for round in 0..12_000 {
        let mut payload = payloads[round % payloads.len()].clone();
        payload.truncate(payload.len() - 10);
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(0..payload.len().min(60));
            match rng.u8(0..4) {
                0 => payload[at] = rng.u8(..),
                1 => payload[at] ^= 1 << rng.u8(0..8),
                2 => payload.insert(at, rng.u8(..)),
                _ => payload.truncate(at.max(1)),
            }
        }
        if let Ok(value) = read(&payload, &shapes) {
            let again = restore(&dump(&value, false), &shapes);
            assert!(again.is_ok());
        }
    }
}

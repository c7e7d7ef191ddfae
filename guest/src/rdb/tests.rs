//! What is written is read; what is not well is refused.

use super::*;
use crate::config::Config;
use crate::value::list::End;
use crate::value::{List, Set, StringValue, Value};

fn shapes() -> Shapes {
    Shapes::new(&Config::default(), Seed::new(5), usize::MAX)
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
    for len in [1, 100, 3000] {
        let mut list = List::default();
        let mut numbers = Set::of_numbers();
        let mut words = Set::packed();
        for number in 0..len {
            let text = number.to_string().into_bytes();
            list.prepare_for(1, text.len(), shapes.list);
            list.push(End::Left, &text);
            numbers.add(&text, &shapes.set, &shapes.seed);
            words.add(&[b"word", &text[..]].concat(), &shapes.set, &shapes.seed);
        }
        list.prepare_for(1, 9000, shapes.list);
        list.push(End::Right, &[b'l'; 9000]);
        samples.extend([list.into(), numbers.into(), words.into()]);
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
    for round in 0..30_000 {
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
        let mut reader = reader::Reader::new(&payload[1..], shapes.memory_ceiling);
        let Some(kind) = Kind::of(payload[0]) else {
            continue;
        };
        if let Ok(value) = value::read(&mut reader, kind, &shapes) {
            let again = restore(&dump(&value, false), &shapes);
            assert!(again.is_ok());
        }
    }
}

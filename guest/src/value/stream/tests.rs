//! Streams against a naive model, and their blocks against what Redis lays out.

use std::collections::BTreeMap;

use super::block::Block;
use super::*;
use crate::value::Item;
use crate::value::listpack::Listpack;

const LIMITS: BlockLimits = BlockLimits {
    bytes: 4096,
    entries: 100,
};

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

fn append(entries: &mut Entries, id: StreamId, words: &[&str], limits: &BlockLimits) {
    let bytes = words.iter().map(|word| word.len()).sum();
    entries.append(id, words.iter().map(|word| word.as_bytes()), bytes, limits);
}

fn shown(mut cursor: Cursor<'_>) -> Vec<(StreamId, Vec<String>)> {
    let text = |item: Item| String::from_utf8(item.bytes().to_vec()).expect("text");
    let mut shown = Vec::new();
    while let Some(id) = cursor.advance() {
        let mut words = Vec::new();
        // Some are passed over before all of it is read.
        while shown.len() % 3 < 2
            && let Some((field, value)) = cursor.next_field()
        {
            words.extend([text(field), text(value)]);
        }
        assert!(words.is_empty() || words.len() == 2 * cursor.width());
        shown.push((id, words));
    }
    shown
}

/// From the dump of a stream that Redis 8.0.2 made by the same commands.
#[test]
fn a_block_is_laid_out_as_in_redis() {
    let mut entries = Entries::default();
    append(&mut entries, id(5, 1), &["a", "1", "b", "2"], &LIMITS);
    append(&mut entries, id(5, 2), &["a", "x", "b", "-70000"], &LIMITS);
    append(&mut entries, id(6, 0), &["c", "z"], &LIMITS);
    append(&mut entries, id(300, 7), &["a", "5", "b", "6"], &LIMITS);
    append(&mut entries, id(300, 9), &["a", "5"], &LIMITS);
    assert!(entries.delete(id(5, 2)));
    let trimmed = entries.trim(&Trim {
        by: TrimBy::Id(id(6, 0)),
        approximately: false,
        limit: 0,
    });
    assert_eq!(trimmed, 1);
    let (base, block) = entries.blocks().next().expect("a block");
    assert_eq!(base, id(5, 1));
    let elements: Vec<_> = (block.listpack().items())
        .map(|item| String::from_utf8(item.bytes().to_vec()).expect("text"))
        .collect();
    assert_eq!(
        elements.join(" "),
        "3 2 2 a b 0 \
         3 0 0 1 2 5 \
         3 0 1 x -70000 5 \
         0 1 -1 1 c z 6 \
         2 295 6 5 6 5 \
         0 295 8 1 a 5 6"
    );
    assert_eq!(block.listpack().size(), 0x5f);
}

/// Random entries, deletions and trimmings under several limits; all that can be asked is asked of a
/// map of the standard library, too.
#[test]
fn entries_agree_with_a_naive_map() {
    let mut rng = fastrand::Rng::with_seed(41);
    for round in 0..60 {
        let limits = BlockLimits {
            bytes: [4096, 100, 0][round % 3],
            entries: [3, 0, 1, 150][round % 4],
        };
        let mut entries = Entries::default();
        let mut model: BTreeMap<StreamId, Vec<String>> = BTreeMap::new();
        let (mut last, mut added, mut max_deleted) = (StreamId::MIN, 0, StreamId::MIN);
        for _ in 0..400 {
            let most_ms = last.ms + 1;
            let known = |rng: &mut fastrand::Rng| id(rng.u64(0..=most_ms), rng.u64(0..4));
            match rng.u32(0..10) {
                0..=5 => {
                    let wanted = match rng.u32(0..3) {
                        0 => WantedId::Next,
                        1 => WantedId::NextOf(last.ms + rng.u64(0..2)),
                        _ => WantedId::Exactly(known(&mut rng)),
                    };
                    let Some(new) = entries.next_id(wanted, last.ms + rng.u64(0..3)) else {
                        assert!(matches!(wanted, WantedId::Exactly(id) if id <= last));
                        continue;
                    };
                    assert!(new > last);
                    let fields = [["x", "y"], ["x", "7"], ["long-field", ""]][rng.usize(0..3)];
                    let mut words = Vec::new();
                    for field in &fields[..rng.usize(1..=2)] {
                        words.push((*field).to_owned());
                        words.push("v".repeat(rng.usize(0..40)) + &rng.u32(0..300).to_string());
                    }
                    let borrowed: Vec<&str> = words.iter().map(String::as_str).collect();
                    append(&mut entries, new, &borrowed, &limits);
                    model.insert(new, words);
                    (last, added) = (new, added + 1);
                }
                6 | 7 => {
                    let gone = known(&mut rng);
                    let existed = model.remove(&gone).is_some();
                    assert_eq!(entries.delete(gone), existed);
                    if existed {
                        max_deleted = max_deleted.max(gone);
                    }
                }
                8 => {
                    let length = rng.usize(0..30);
                    let trim = Trim {
                        by: TrimBy::Length(length as u64),
                        approximately: rng.bool(),
                        limit: 0,
                    };
                    let removed = entries.trim(&trim);
                    let excess = model.len().saturating_sub(length);
                    assert!(removed as usize == excess || trim.approximately);
                    (0..removed).for_each(|_| drop(model.pop_first()));
                }
                _ => {
                    let oldest = known(&mut rng);
                    let trim = Trim {
                        by: TrimBy::Id(oldest),
                        approximately: rng.bool(),
                        limit: 0,
                    };
                    let removed = entries.trim(&trim);
                    let before = model.range(..oldest).count();
                    assert!(removed as usize == before || trim.approximately);
                    (0..removed).for_each(|_| drop(model.pop_first()));
                }
            }
            let counters = entries.counters();
            assert_eq!(
                (counters.last_id, counters.added, counters.max_deleted_id),
                (last, added, max_deleted)
            );
            assert_eq!(entries.len() as usize, model.len());
            assert_eq!(entries.newest_id(), model.keys().next_back().copied());
            assert_eq!(
                entries.first_id(),
                model.keys().next().copied().unwrap_or_default()
            );
            let (from, to) = (known(&mut rng), known(&mut rng));
            let cut = |met: Vec<(StreamId, Vec<String>)>| -> Vec<(StreamId, Vec<String>)> {
                let cut = |(at, (id, words))| (id, if at % 3 < 2 { words } else { Vec::new() });
                met.into_iter().enumerate().map(cut).collect()
            };
            let mut expected: Vec<(StreamId, Vec<String>)> = model
                .iter()
                .filter(|(id, _)| (from..=to).contains(*id))
                .map(|(id, words)| (*id, words.clone()))
                .collect();
            let forward = entries.range(from, to, Direction::Forward);
            assert_eq!(shown(forward), cut(expected.clone()));
            expected.reverse();
            let backward = entries.range(from, to, Direction::Backward);
            assert_eq!(shown(backward), cut(expected));
        }
        rebuild(&entries);
    }
}

/// What is taken apart and put together again is the same.
fn rebuild(entries: &Entries) {
    let blocks: Vec<_> = entries
        .blocks()
        .map(|(base, block)| {
            let block = Block::from_listpack(block.listpack().clone());
            (base, block.expect("a block as it was"))
        })
        .collect();
    let rebuilt = Entries::from_blocks(blocks, *entries.counters()).expect("blocks as they were");
    assert_eq!(rebuilt.len(), entries.len());
    assert_eq!(rebuilt.first_id(), entries.first_id());
    assert_eq!(rebuilt.newest_id(), entries.newest_id());
    assert_eq!(
        shown(rebuilt.all(Direction::Forward)),
        shown(entries.all(Direction::Forward))
    );
}

#[test]
fn a_block_that_is_none_is_refused() {
    let block = |elements: &[&str]| {
        let pack: Listpack = elements
            .iter()
            .map(|element| Item::Bytes(element.as_bytes()))
            .collect();
        Block::from_listpack(pack).is_some()
    };
    assert!(block(&["1", "0", "1", "f", "0", "2", "0", "0", "v", "4"]));
    assert!(block(&["0", "1", "1", "f", "0", "3", "0", "0", "v", "4"]));
    for wrong in [
        &[][..],
        &["1", "0", "1", "f", "0"],
        &["0", "0", "9", "f", "0"],
        &["0", "0", "-1", "0"],
        &["0", "0", "1", "f", "7"],
        &["2", "0", "1", "f", "0", "2", "0", "0", "v", "4"],
        &["1", "0", "1", "f", "0", "3", "0", "0", "v", "4"],
        &["1", "0", "1", "f", "0", "2", "0", "0", "v", "5"],
        &["1", "0", "1", "f", "0", "4", "0", "0", "v", "4"],
        &["1", "0", "1", "f", "0", "2", "x", "0", "v", "4"],
        &["1", "0", "1", "f", "0", "2", "0", "0", "v"],
        &[
            "1",
            "0",
            "1",
            "f",
            "0",
            "0",
            "0",
            "0",
            "9223372036854775807",
            "f",
            "v",
            "6",
        ],
        &["1", "0", "1", "f", "0", "0", "0", "0", "-1", "f", "v", "6"],
    ] {
        assert!(!block(wrong), "{wrong:?}");
    }
}

/// Random deliveries and acknowledgements: what is pending to the consumers together is what is
/// pending to the group.
#[test]
fn what_is_pending_belongs_to_one_consumer() {
    let mut rng = fastrand::Rng::with_seed(8);
    let mut group = Group::new(StreamId::MIN, Some(0));
    let mut model: BTreeMap<StreamId, String> = BTreeMap::new();
    for step in 0..5000 {
        let name = format!("consumer{}", rng.u32(0..6));
        let entry = id(rng.u64(0..40), 0);
        match rng.u32(0..8) {
            0..=4 => {
                let (consumer, _) = group.enlist(name.as_bytes(), step);
                let pending = Pending {
                    consumer,
                    delivered_ms: step,
                    deliveries: 1,
                };
                group.assign(entry, pending);
                model.insert(entry, name);
            }
            5 | 6 => assert_eq!(group.acknowledge(entry), model.remove(&entry).is_some()),
            _ => {
                if let Some(number) = group.find(name.as_bytes()) {
                    let gone = group.remove_consumer(number);
                    let before = model.len();
                    model.retain(|_, owner| *owner != name);
                    assert_eq!(gone, before - model.len());
                }
            }
        }
        let owners: BTreeMap<StreamId, String> = group
            .pending()
            .map(|(id, pending)| {
                let name = &group.consumer(pending.consumer).name;
                (id, String::from_utf8_lossy(name).into_owned())
            })
            .collect();
        assert_eq!(owners, model);
        let mut together = 0;
        let mut names = Vec::new();
        for consumer in group.consumers() {
            let own = group.pending_to(consumer, StreamId::MIN, StreamId::MAX);
            assert!(
                own.map(|(id, _)| &model[&id])
                    .all(|owner| owner.as_bytes() == &*consumer.name)
            );
            together += consumer.pending.len();
            names.push(consumer.name.clone());
        }
        assert_eq!(together, model.len());
        assert!(names.is_sorted());
    }
}

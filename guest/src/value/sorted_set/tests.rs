//! The sorted set against a plain sorted vector, in both of its forms.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::*;

const LIMITS: SortedSetLimits = SortedSetLimits {
    listpack_entries: 40,
    listpack_value: 10,
};

type Model = Vec<(f64, Vec<u8>)>;

fn sort(model: &mut Model) {
    model.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
}

fn pairs<'a>(items: impl Iterator<Item = Scored<'a>>) -> Model {
    items
        .map(|scored| (scored.score(), scored.member.bytes().to_vec()))
        .collect()
}

fn random_score(rng: &mut fastrand::Rng) -> f64 {
    match rng.u32(0..6) {
        0 => f64::INFINITY,
        1 => rng.f64() * 1e20,
        2 => rng.f64(),
        _ => rng.i32(-5..5).into(),
    }
}

#[test]
fn agrees_with_a_sorted_vector() {
    let seed = Seed::new(9);
    let mut rng = fastrand::Rng::with_seed(23);
    let mut met = BTreeSet::new();
    for round in 0..60 {
        let mut set = SortedSet::default();
        let mut model: Model = Vec::new();
        for _ in 0..300 {
            let member = match rng.u32(0..8) {
                0 if round % 3 == 1 => vec![b'x'; rng.usize(0..10)],
                1 if round % 3 == 2 => vec![b'y'; rng.usize(0..600)],
                2 if round % 3 != 0 => rng.i64(..).to_string().into_bytes(),
                _ => rng.i32(-15..15).to_string().into_bytes(),
            };
            let at = model.iter().position(|other| other.1 == member);
            let old = at.map(|at| model[at].0);
            match rng.u32(0..6) {
                0 => {
                    assert_eq!(set.remove(&member, &seed), at.is_some());
                    if let Some(at) = at {
                        model.remove(at);
                    }
                }
                1 => {
                    let mut ranks = [rng.usize(0..=model.len()), rng.usize(0..=model.len())];
                    ranks.sort_unstable();
                    let ranks = ranks[0]..ranks[1].min(ranks[0] + 3);
                    set.remove_ranks(ranks.clone());
                    model.drain(ranks);
                }
                _ => {
                    let score = random_score(&mut rng);
                    let put = set.put(&member, &LIMITS, &seed, |found| {
                        assert_eq!(found, old);
                        Some(score)
                    });
                    let expected = match old {
                        None => Put::Added,
                        Some(old) if old == score => Put::Nothing,
                        Some(_) => Put::Rescored,
                    };
                    assert_eq!(put, expected);
                    match at {
                        Some(at) => model[at].0 = score,
                        None => model.push((score, member.clone())),
                    }
                    sort(&mut model);
                }
            }
            met.insert(set.encoding());
            assert_eq!(pairs(set.items(End::Lowest)), model);
            let mut backwards = pairs(set.items(End::Highest));
            backwards.reverse();
            assert_eq!(backwards, model);
            assert_eq!(set.len(), model.len());
            let rank = model.iter().position(|other| other.1 == member);
            let found = rank.map(|rank| (rank, model[rank].0));
            assert_eq!(set.rank(&member, &seed), found);
            assert_eq!(set.score(&member, &seed), found.map(|found| found.1));

            let bound = |rng: &mut fastrand::Rng| match rng.u32(0..3) {
                0 => Bound::Unbounded,
                1 => Bound::Included(random_score(rng)),
                _ => Bound::Excluded(random_score(rng)),
            };
            let range = ScoreRange {
                min: bound(&mut rng),
                max: bound(&mut rng),
            };
            let expected: Model = model
                .iter()
                .filter(|(score, _)| range.reaches(*score) && range.within_max(*score))
                .cloned()
                .collect();
            let ranks = set.ranks_by_score(&range);
            assert_eq!(pairs(set.items_at(ranks, End::Lowest)), expected);
            for position in 0..set.len() {
                let scored = set.get(position).expect("there are that many");
                let pair = (scored.score(), scored.member.bytes().to_vec());
                assert!(model.contains(&pair));
            }
            assert!(set.get(set.len()).is_none());
        }
        let copy = SortedSet::from_sorted(set.items(End::Lowest), &LIMITS, &seed);
        assert_eq!(pairs(copy.items(End::Lowest)), model);
        let is_small = model.len() <= 40 && model.iter().all(|(_, member)| member.len() <= 10);
        assert_eq!(copy.is_packed(), is_small);
    }
    assert_eq!(met.len(), 2);
}

#[test]
fn members_of_one_score_are_found_by_their_bytes() {
    let seed = Seed::new(4);
    let mut rng = fastrand::Rng::with_seed(2);
    for size in [0, 1, 30, 300] {
        let mut set = SortedSet::default();
        let mut model: BTreeSet<Vec<u8>> = BTreeSet::new();
        for _ in 0..size {
            let member = rng.u32(0..1000).to_string().into_bytes();
            set.put(&member, &LIMITS, &seed, |_| Some(0.0));
            model.insert(member);
        }
        let names: Vec<Vec<u8>> = (0..40)
            .map(|_| rng.u32(0..1000).to_string().into_bytes())
            .collect();
        let mut bounds = vec![LexBound::Lowest, LexBound::Highest];
        for name in &names {
            bounds.push(LexBound::Included(name));
            bounds.push(LexBound::Excluded(name));
        }
        for _ in 0..300 {
            let range = LexRange {
                min: bounds[rng.usize(0..bounds.len())],
                max: bounds[rng.usize(0..bounds.len())],
            };
            let expected: Vec<Vec<u8>> = model
                .iter()
                .filter(|member| range.reaches(member) && range.within_max(member))
                .cloned()
                .collect();
            for from in [End::Lowest, End::Highest] {
                let ranks = set.ranks_by_lex(&range, from);
                let found: Vec<Vec<u8>> = set
                    .items_at(ranks, End::Lowest)
                    .map(|scored| scored.member.bytes().to_vec())
                    .collect();
                assert_eq!(found, expected, "{range:?}");
            }
        }
    }
}

/// A score of -0 keeps its sign only where it is stored as a double.
#[test]
fn the_smaller_form_knows_no_negative_zero() {
    let seed = Seed::new(1);
    let mut set = SortedSet::default();
    set.put(b"small", &LIMITS, &seed, |_| Some(-0.0));
    let sign = |set: &SortedSet, member: &[u8]| {
        set.score(member, &seed)
            .map(|score| score.is_sign_negative())
    };
    assert_eq!(sign(&set, b"small"), Some(false));
    set.put(b"a member that makes it large", &LIMITS, &seed, |_| {
        Some(-0.0)
    });
    assert_eq!(sign(&set, b"small"), Some(false));
    assert_eq!(sign(&set, b"a member that makes it large"), Some(true));
}

/// Whatever is there from the first step of a scan to the last is seen, while other members come
/// and go in between.
#[test]
fn a_scan_sees_what_stays() {
    let seed = Seed::new(1);
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..50 {
        let mut set = SortedSet::default();
        let stays: BTreeSet<Vec<u8>> = (0..rng.u32(1..600))
            .map(|n| format!("s{n}").into_bytes())
            .collect();
        for member in &stays {
            set.put(member, &LIMITS, &seed, |_| Some(1.0));
            set.put(&[member, &b"-"[..]].concat(), &LIMITS, &seed, |_| Some(2.0));
        }
        let mut seen = BTreeSet::new();
        let mut cursor = 0;
        loop {
            let (next, items) = set.scan(cursor, 10);
            seen.extend(items.map(|scored| scored.member.bytes().to_vec()));
            for _ in 0..rng.u32(0..20) {
                let member = format!("s{}-", rng.u32(0..600)).into_bytes();
                if rng.bool() {
                    set.remove(&member, &seed);
                } else {
                    set.put(&member, &LIMITS, &seed, |_| Some(3.0));
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

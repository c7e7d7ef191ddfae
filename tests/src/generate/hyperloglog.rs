//! HyperLogLogs, at random.

use proptest::prelude::*;
use proptest::sample::select;

use super::{Family, Words, among, one, words};

pub const FAMILY: Family = Family {
    name: "hyperloglog",
    templates: &[
        "PFADD key",
        "PFADD key element element*",
        "PFADD key many",
        "PFADD key many many",
        "PFCOUNT key",
        "PFCOUNT key key key*",
        "PFMERGE key key*",
        "PFDEBUG pfdebug key",
        "GET key",
        "SET key hyperloglog",
        "SETRANGE key hyperloglog_offset value",
    ],
    slot,
};

fn slot(name: &str) -> Option<BoxedStrategy<Words>> {
    Some(match name {
        "element" => prop_oneof![
            (0..300_u32).prop_map(|number| one(number.to_string())),
            words("value"),
        ]
        .boxed(),
        // Enough of them to make runs long, split and join.
        "many" => (any::<u16>(), 1..1500_u32)
            .prop_map(|(from, count)| {
                let from = u32::from(from);
                (from..from + count)
                    .flat_map(|n| one(n.to_string()))
                    .collect()
            })
            .boxed(),
        "pfdebug" => among(&["ENCODING", "DECODE", "GETREG", "TODENSE", "encoding", "FOO"]),
        "hyperloglog" => select(CORRUPT)
            .prop_map(|registers| {
                one([
                    b"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80",
                    registers,
                ]
                .concat())
            })
            .boxed(),
        "hyperloglog_offset" => among(&["0", "4", "8", "15", "16", "17", "18", "20", "12303"]),
        _ => return None,
    })
}

/// What may follow the header; most of it is wrong. A run of which the second byte is missing is not
/// among them: Redis then works with what happens to lie behind the string.
const CORRUPT: &[&[u8]] = &[
    b"",
    b"\x7f\xff",
    b"\x7f\xfe\x80",
    b"\x7f\xfe\x83",
    b"\x7f\xff\x80",
    b"\x80\x80\x80\x80\x7f\xfb",
    b"\x83\x83\x83\x7f\xf3",
    b"\x3f\x3f\x00\x00\x9c\x7f\x7c",
    b"\x00\x80",
];

//! DUMP and RESTORE, at random, and values large enough to be laid out in several ways.

use proptest::prelude::*;
use proptest::sample::select;

use super::{Family, Words, among, one, words};

pub const FAMILY: Family = Family {
    name: "dump",
    templates: &[
        "DUMP key",
        "RESTORE key restore_ttl payload restore_option*",
        "RESTORE-ASKING key restore_ttl payload restore_option*",
        "DEBUG DIGEST-VALUE key",
        "MIGRATE 127.0.0.1 1 migrate_key 0 migrate_timeout migrate_option*",
        "SET key many_bytes",
        "RPUSH key element element*",
        "LPUSH key many",
        "RPUSH key many_bytes element many_bytes",
        "LSET key index many_bytes",
        "LINSERT key AFTER element many_bytes",
        "LREM key int element",
        "LTRIM key index index",
        "SADD key many",
        "SADD key element element*",
        "SREM key many",
        "HSET key element many_bytes element element",
        "HSET key element element",
        "HPEXPIREAT key at_ms FIELDS 1 element",
        "ZADD key float element int element",
        "ZADD key int many_bytes",
        "ZINCRBY key float element",
        "XADD key 9-* element many_bytes",
        "XADD key 9-* element element element element",
        "XGROUP CREATE key group 0 MKSTREAM",
        "XDEL key 9-1",
        "PFADD key element element",
        "CONFIG SET rdbcompression yes",
        "EXPIREAT key 33177117420",
    ],
    slot,
};

fn slot(name: &str) -> Option<BoxedStrategy<Words>> {
    Some(match name {
        "element" => prop_oneof![
            3 => (-300..300_i64).prop_map(|number| one(number.to_string())),
            1 => words("value"),
        ]
        .boxed(),
        "many" => (any::<i16>(), 1..600_i64, select(&["", "member:", "m"][..]))
            .prop_map(|(from, count, prefix)| {
                let from = i64::from(from);
                let numbers = from..from + count;
                numbers.flat_map(|n| one(format!("{prefix}{n}"))).collect()
            })
            .boxed(),
        // What can be compressed, and what cannot.
        "many_bytes" => prop_oneof![
            (any::<u8>(), 0..9000_usize).prop_map(|(byte, len)| one(vec![byte; len])),
            proptest::collection::vec(select(&b"abc "[..]), 0..600).prop_map(one),
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(one),
        ]
        .boxed(),
        "group" => among(&["g", "h"]),
        "restore_ttl" => among(&["0", "100000", "-1", "abc", "33177117420000"]),
        "payload" => select(PAYLOADS).prop_map(one).boxed(),
        "restore_option" => proptest::strategy::Union::new(
            [
                "REPLACE",
                "replace",
                "ABSTTL",
                "IDLETIME int",
                "FREQ int",
                "FOO",
            ]
            .map(words),
        )
        .boxed(),
        "migrate_key" => prop_oneof![words("key"), among(&[""])].boxed(),
        "migrate_timeout" => among(&["10", "0", "-1", "abc"]),
        "migrate_option" => proptest::strategy::Union::new(
            [
                "COPY",
                "REPLACE",
                "AUTH value",
                "AUTH2 value value",
                "KEYS missing",
                "FOO",
            ]
            .map(words),
        )
        .boxed(),
        _ => return None,
    })
}

/// As DUMP answered them, or nearly.
const PAYLOADS: &[&[u8]] = &[
    b"\x00\x05hello\x0c\x00\xa8\x04\xeb\xb6\x9f\x1e\xbeC",
    b"\x00\x05hello\x0c\x00\xa8\x04\xeb\xb6\x9f\x1e\xbeD",
    b"\x00\xc3\x0b!\x03abca\xe0\x12\x02\x01bc\x0c\x00F\x1f\xf8\xcc\xfe\x8euy",
    b"\x00\x05hello",
    b"",
    b"\x63\x05hello\x0c\x00\xa8\x04\xeb\xb6\x9f\x1e\xbeC",
];

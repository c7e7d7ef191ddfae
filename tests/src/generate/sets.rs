//! The set commands, at random, but SPOP: which member it takes is each server's own business.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::{Family, Words, among, words};

pub const FAMILY: Family = Family {
    name: "sets",
    templates: &[
        "SADD key member member*",
        "SADD key member member member member",
        "SADD key number number number number",
        "SREM key member member*",
        "SMOVE key key member",
        "SISMEMBER key member",
        "SMISMEMBER key member member*",
        "SCARD key",
        "SMEMBERS key",
        "SRANDMEMBER key all",
        "SRANDMEMBER key 0",
        "SSCAN key 0 COUNT 1000 sscan_option*",
        "SSCAN key cursor",
        "SINTER key key*",
        "SUNION key key*",
        "SDIFF key key*",
        "SINTERSTORE key key key*",
        "SUNIONSTORE key key key*",
        "SDIFFSTORE key key key*",
        "SINTERCARD 1 key intercard_option?",
        "SINTERCARD 2 key key intercard_option*",
        "SINTERCARD many key key intercard_option?",
        "OBJECT ENCODING key",
        "COPY key key",
    ],
    slot,
};

const MEMBERS: &[&str] = &[
    "a",
    "b",
    "c",
    "1",
    "-1",
    "32767",
    "32768",
    "007",
    "4294967296",
    "",
];

fn slot(name: &str) -> Option<BoxedStrategy<Words>> {
    Some(match name {
        "member" => prop_oneof![8 => among(MEMBERS), 1 => words("value")].boxed(),
        "number" => prop_oneof![
            4 => (-5..15_i64).prop_map(super::number),
            1 => words("int"),
        ]
        .boxed(),
        "all" => among(&["100000", "100000", "0", "abc", ""]),
        "many" => among(&["1", "2", "0", "-1", "9223372036854775807", "abc"]),
        "sscan_option" => {
            Union::new(["MATCH pattern", "COUNT 5000", "NOVALUES", "FOO"].map(words)).boxed()
        }
        "intercard_option" => {
            Union::new(["LIMIT 0", "LIMIT 1", "LIMIT 2", "LIMIT -1", "LIMIT", "FOO"].map(words))
                .boxed()
        }
        _ => return None,
    })
}

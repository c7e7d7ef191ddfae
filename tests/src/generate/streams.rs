//! The stream commands, at random. Ids are few, so that they meet, and never the time: it is not the
//! same for both servers.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::{Family, Words, among, words};

pub const FAMILY: Family = Family {
    name: "streams",
    templates: &[
        "XADD key id_to_add name value",
        "XADD key id_to_add name value",
        "XADD key id_to_add name value",
        "XADD key id_to_add name value name value",
        "XADD key id_to_add x 1 y 2",
        "XADD key id_to_add x 1 y 2",
        "XADD key add_option* id_to_add name value",
        "XADD key trim id_to_add name value",
        "XADD key id_to_add name",
        "XLEN key",
        "XDEL key id id*",
        "XTRIM key trim",
        "XTRIM key trim trim?",
        "XSETID key id set_option*",
        "XRANGE key from to range_option*",
        "XRANGE key - +",
        "XREVRANGE key to from range_option*",
        "XREVRANGE key + -",
        "XREAD read_option* STREAMS key id_known",
        "XREAD read_option* STREAMS key key id_known id_known",
        "XREAD read_option* STREAMS key id_known id_known",
        "XGROUP CREATE key group id_last create_option*",
        "XGROUP CREATE key group id_last MKSTREAM",
        "XGROUP SETID key group id_last setid_option?",
        "XGROUP DESTROY key group",
        "XGROUP CREATECONSUMER key group consumer",
        "XGROUP DELCONSUMER key group consumer",
        "XREADGROUP GROUP group consumer read_option* STREAMS key id_new",
        "XREADGROUP GROUP group consumer STREAMS key >",
        "XREADGROUP GROUP group consumer STREAMS key >",
        "XREADGROUP GROUP group consumer read_option* STREAMS key key id_new id_new",
        "XREADGROUP read_option* STREAMS key id_new",
        "XACK key group id id*",
        "XPENDING key group",
        "XPENDING key group from to some consumer?",
        "XPENDING key group IDLE idle from to some consumer?",
        "XPENDING key group IDLE idle",
        "XCLAIM key group consumer idle id id* claim_option*",
        "XCLAIM key group consumer idle id id* claim_option*",
        "XAUTOCLAIM key group consumer idle from autoclaim_option*",
        "XAUTOCLAIM key group consumer idle from autoclaim_option*",
        "XINFO STREAM key",
        "XINFO STREAM key info_option",
        "XINFO STREAM key FULL COUNT 0",
        "XINFO GROUPS key",
        "XINFO CONSUMERS key group",
        "XINFO HELP",
        "XGROUP HELP",
    ],
    slot,
};

const IDS: &[&str] = &[
    "0-1",
    "1-0",
    "1-1",
    "1-2",
    "2-1",
    "3-0",
    "3-18446744073709551615",
    "4",
    "5-5",
    "6-1",
    "7-1",
    "0",
    "0-0",
    "300-7",
    "33177117420000-3",
    "18446744073709551615-18446744073709551614",
    "18446744073709551615-18446744073709551615",
    "-",
    "+",
    "*",
    "(1-1",
    "abc",
    "",
    "5-",
    "5-*",
    "-5",
    " 6-1",
    "6-1\0",
    "18446744073709551616",
];

fn slot(name: &str) -> Option<BoxedStrategy<Words>> {
    let among_templates = |templates: &[&str]| {
        let options: Vec<_> = templates.iter().map(|template| words(template)).collect();
        Union::new(options).boxed()
    };
    Some(match name {
        "id" => prop_oneof![
            5 => (0..8_u8, 0..4_u8).prop_map(|(ms, seq)| super::one(format!("{ms}-{seq}"))),
            2 => among(IDS),
        ]
        .boxed(),
        "id_to_add" => prop_oneof![
            8 => (0..12_u8, 0..4_u8).prop_map(|(ms, seq)| super::one(format!("{ms}-{seq}"))),
            4 => (0..12_u8).prop_map(|ms| super::one(format!("{ms}-*"))),
            1 => among(&["33177117420000-*", "18446744073709551615-*", "0-0", "", "+", "-", "$"]),
            1 => among(IDS).prop_filter("the time is another for each", |id| id[0] != b"*"),
        ]
        .boxed(),
        "id_known" => prop_oneof![
            3 => words("id"),
            1 => among(&["$", "+", ">", "0"]),
        ]
        .boxed(),
        "id_new" => prop_oneof![
            3 => among(&[">", ">", "0", "0-0"]),
            1 => words("id_known"),
        ]
        .boxed(),
        "id_last" => prop_oneof![
            3 => among(&["0", "0", "$"]),
            1 => words("id"),
        ]
        .boxed(),
        "from" => prop_oneof![
            3 => among(&["-", "0", "0-0", "(0-0", "1", "(1-1"]),
            1 => words("id"),
            1 => words("id").prop_map(|id| super::one([b"(", &*id[0]].concat())),
        ]
        .boxed(),
        "to" => prop_oneof![
            3 => among(&["+", "9", "7-1", "(7-1", "(5"]),
            1 => words("id"),
            1 => words("id").prop_map(|id| super::one([b"(", &*id[0]].concat())),
        ]
        .boxed(),
        "name" => among(&["x", "y", "x", "y", "z", "7", "-300", ""]),
        "some" => among(&["10", "2", "1", "0", "-1", "100", "abc", ""]),
        "group" => among(&["g", "g", "g", "h", ""]),
        "consumer" => among(&["c", "c", "d", "e", "", "\r\n"]),
        // Far from one another: nothing depends on how fast a test runs.
        "idle" => among(&["0", "0", "0", "50000", "-1", "9223372036854775807", "abc"]),
        "trim" => among_templates(&[
            "MAXLEN some",
            "MAXLEN = some",
            "MAXLEN ~ some",
            "MAXLEN ~ some LIMIT some",
            "MINID id",
            "MINID = id",
            "MINID ~ id",
            "MINID ~ id LIMIT some",
            "LIMIT some",
            "FOO",
        ]),
        "add_option" => among_templates(&["NOMKSTREAM", "trim", "MAXLEN some", "nomkstream"]),
        "set_option" => among_templates(&["ENTRIESADDED some", "MAXDELETEDID id", "FOO"]),
        "range_option" => among_templates(&["COUNT some", "COUNT some", "FOO", "COUNT"]),
        "read_option" => among_templates(&["COUNT some", "NOACK", "GROUP group consumer", "FOO"]),
        "create_option" => among_templates(&["MKSTREAM", "ENTRIESREAD some", "FOO"]),
        "setid_option" => among_templates(&["ENTRIESREAD some", "MKSTREAM"]),
        "info_option" => among_templates(&["FULL", "FULL COUNT some", "FULL some", "FOO"]),
        "claim_option" => among_templates(&[
            "IDLE idle",
            "IDLE 100000",
            "TIME at_ms",
            "RETRYCOUNT some",
            "FORCE",
            "FORCE",
            "JUSTID",
            "LASTID id",
            "FOO",
        ]),
        "autoclaim_option" => among_templates(&["COUNT some", "COUNT 1", "JUSTID", "FOO"]),
        _ => return None,
    })
}

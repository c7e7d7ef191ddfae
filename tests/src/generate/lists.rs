//! The list commands, at random.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::{Family, Words, among, words};

pub const FAMILY: Family = Family {
    name: "lists",
    templates: &[
        "RPUSH key element element*",
        "LPUSH key element element*",
        "RPUSH key element element element element element",
        "LPUSHX key element element*",
        "RPUSHX key element element*",
        "LPOP key times?",
        "RPOP key times?",
        "LPOP key times times",
        "LLEN key",
        "LRANGE key index index",
        "LRANGE key 0 -1",
        "LINDEX key index",
        "LSET key index element",
        "LINSERT key side element element",
        "LREM key index element",
        "LTRIM key index index",
        "LPOS key element",
        "LPOS key element pos_option*",
        "LMOVE key key end end",
        "RPOPLPUSH key key",
        "LMPOP many key end mpop_option?",
        "LMPOP 2 key key end mpop_option?",
        "LMPOP many key* end mpop_option*",
        // Nobody may wait in a test: no BLPOP, of which one more word makes a timeout.
        "BLMOVE key key end end timeout_wrong",
        "BRPOPLPUSH key key timeout_wrong",
        "BLMPOP timeout_wrong many key end mpop_option?",
        "OBJECT ENCODING key",
        "COPY key key",
    ],
    slot,
};

const ELEMENTS: &[&str] = &["a", "b", "a", "1", "-1", "127", "128", "70000", "007", ""];

fn slot(name: &str) -> Option<BoxedStrategy<Words>> {
    Some(match name {
        "element" => prop_oneof![
            8 => among(ELEMENTS),
            2 => words("value"),
            1 => among(&["2048", "4100", "9000"]).prop_map(|length| {
                let length = String::from_utf8_lossy(&length[0]).parse().unwrap_or(0);
                super::one(vec![b'e'; length])
            }),
        ]
        .boxed(),
        "times" => among(&["1", "2", "3", "100", "0", "-1", "abc", ""]),
        "many" => among(&["1", "1", "2", "0", "-1", "9223372036854775807", "abc"]),
        "end" => among(&["LEFT", "RIGHT", "left", "LEFT", "UP"]),
        "side" => among(&["BEFORE", "AFTER", "after", "BESIDE"]),
        "pos_option" => {
            Union::new(["RANK index", "COUNT times", "MAXLEN times", "FOO", "RANK 1"].map(words))
                .boxed()
        }
        "mpop_option" => Union::new(["COUNT times", "FOO", "COUNT"].map(words)).boxed(),
        "timeout_wrong" => among(&["-1", "abc", "", "1e400", "nan", "9223372036854775808"]),
        _ => return None,
    })
}

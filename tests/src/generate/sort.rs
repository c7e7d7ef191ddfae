//! SORT, at random.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::{Family, Words, among, words};

pub const FAMILY: Family = Family {
    name: "sort",
    templates: &[
        "SORT key",
        "SORT key sort_option*",
        "SORT key sort_option sort_option sort_option sort_option",
        "SORT key ALPHA sort_option*",
        "SORT_RO key sort_option*",
        "RPUSH key sort_element sort_element sort_element sort_element",
        "SADD key sort_element sort_element sort_element",
        "ZADD sorted 3 sort_element 1 sort_element 2 sort_element",
        "SORT sorted sort_own*",
        "SORT_RO sorted BY nosort sort_own*",
        "OBJECT ENCODING sorted",
        "MSET w_1 sort_element w_2 sort_element w_a sort_element w_b sort_element",
        "HSET h_1 f sort_element g sort_element",
        "HSET h_a f sort_element",
        "SET w_12 sort_element",
        "LRANGE key 0 -1",
    ],
    slot,
};

fn slot(name: &str) -> Option<BoxedStrategy<Words>> {
    Some(match name {
        "sort_element" => among(&[
            "1", "2", "12", "-3", "0.5", "1", "2", "a", "b", "ab", "", "inf", "1e3", "1\0b", "1\0a",
        ]),
        "sort_option" => Union::new(
            [
                "ASC",
                "DESC",
                "ALPHA",
                "LIMIT sort_limit sort_limit",
                "BY sort_pattern",
                "GET sort_pattern",
                "GET #",
                "STORE key",
                "FOO",
            ]
            .map(words),
        )
        .boxed(),
        // Of a sorted set, what weighs the same comes in the order of a hash table.
        "sort_own" => Union::new(
            [
                "ASC",
                "DESC",
                "LIMIT sort_limit sort_limit",
                "BY nosort",
                "GET sort_pattern",
                "STORE key",
            ]
            .map(words),
        )
        .boxed(),
        "sort_limit" => among(&["0", "1", "2", "3", "100", "-1", "-5", "abc"]),
        "sort_pattern" => among(&[
            "w_*", "h_*->f", "h_*->g", "nosort", "*", "h_*->", "w_*\0x", "#", "#x", "w_1",
        ]),
        _ => return None,
    })
}

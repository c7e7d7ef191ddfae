//! The hash commands, at random.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::{Family, Words, among, words};

pub const FAMILY: Family = Family {
    name: "hashes",
    templates: &[
        "HSET key fname fvalue fpair*",
        "HSET key fname fvalue fname fvalue fname fvalue",
        "HMSET key fname fvalue fpair*",
        "HSETNX key fname fvalue",
        "HGET key fname",
        "HMGET key fname fname*",
        "HDEL key fname fname*",
        "HLEN key",
        "HSTRLEN key fname",
        "HKEYS key",
        "HVALS key",
        "HGETALL key",
        "HEXISTS key fname",
        "HINCRBY key fname int",
        "HINCRBYFLOAT key fname float",
        // Without a count only where a word is left out: a word too many could be a count of billions.
        "HRANDFIELD key fcount fwithvalues?",
        "HSCAN key 0 COUNT 1000 fscan_option*",
        "HSCAN key cursor fscan_option*",
        // Whether it is later than another one is told of an absolute deadline only: it would depend
        // on how fast a test runs.
        "HEXPIRE key fttl existence? fnamed",
        "HPEXPIRE key fttl_ms existence? fnamed",
        "HEXPIREAT key fat condition? fnamed",
        "HPEXPIREAT key fat_ms condition? fnamed",
        "HTTL key fnamed",
        "HPTTL key fnamed",
        "HEXPIRETIME key fnamed",
        "HPEXPIRETIME key fnamed",
        "HPERSIST key fnamed",
        "HGETEX key fgetex_option? fnamed",
        "HGETEX key fgetex_option* fnamed",
        "HSETEX key fsetex_option* fset",
        "HGETDEL key fnamed",
    ],
    slot,
};

fn slot(name: &str) -> Option<BoxedStrategy<Words>> {
    let strategy = match name {
        "fname" => {
            let few = among(&["f", "g", "h", "1", "22", "field:5", "", "x"]);
            prop_oneof![12 => few, 1 => words("value")].boxed()
        }
        "fvalue" => {
            // Longer than a listpack takes.
            let long: &[&str] =
                &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"];
            prop_oneof![20 => words("value"), 6 => words("int"), 1 => among(long)].boxed()
        }
        "fpair" => prop_oneof![12 => words("fname fvalue"), 1 => words("fname")].boxed(),
        "fnamed" => prop_oneof![
            6 => words("FIELDS 1 fname"),
            5 => words("FIELDS 2 fname fname"),
            3 => words("fields 3 fname fname fname"),
            1 => words("FIELDS fnumber fname fname"),
            1 => words("FOO 1 fname"),
        ]
        .boxed(),
        "fset" => prop_oneof![
            6 => words("FIELDS 1 fname fvalue"),
            5 => words("FIELDS 2 fname fvalue fname fvalue"),
            1 => words("FIELDS fnumber fname fvalue"),
            1 => words("FIELDS 1 fname"),
        ]
        .boxed(),
        "fnumber" => among(&[
            "0",
            "-1",
            "1",
            "3",
            "abc",
            "2147483648",
            "9223372036854775807",
            "",
        ]),
        "fcount" => among(&[
            "0",
            "1",
            "2",
            "-3",
            "100",
            "1000000",
            "9223372036854775807",
            "-9223372036854775808",
            "abc",
        ]),
        "fwithvalues" => among(&["WITHVALUES", "withvalues", "FOO"]),
        "fscan_option" => {
            Union::new(["MATCH pattern", "NOVALUES", "COUNT count", "TYPE hash"].map(words)).boxed()
        }
        "fttl" => among(&[
            "100",
            "5000",
            "0",
            "-1",
            "abc",
            "9223372036854775807",
            "70368744177",
        ]),
        "fttl_ms" => among(&[
            "100000",
            "5000000",
            "0",
            "-1",
            "abc",
            "9223372036854775807",
            "70368744177663",
        ]),
        "fat" => among(&[
            "33177117420",
            "33177117421",
            "33177117422",
            "70368744177",
            "70368744178",
            "1",
            "0",
            "-1",
            "abc",
        ]),
        "fat_ms" => among(&[
            "33177117420000",
            "33177117420001",
            "33177117420123",
            "70368744177663",
            "70368744177664",
            "1",
            "0",
            "-1",
            "abc",
        ]),
        "fexpiry" => {
            Union::new(["EX fttl", "PX fttl_ms", "EXAT fat", "PXAT fat_ms"].map(words)).boxed()
        }
        "fgetex_option" => {
            prop_oneof![5 => words("fexpiry"), 2 => words("PERSIST"), 1 => words("KEEPTTL")].boxed()
        }
        "fsetex_option" => prop_oneof![
            8 => words("fexpiry"),
            3 => words("KEEPTTL"),
            3 => words("FNX"),
            3 => words("FXX"),
            1 => words("PERSIST"),
        ]
        .boxed(),
        _ => return None,
    };
    Some(strategy)
}

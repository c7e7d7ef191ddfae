//! The sorted set commands, at random.

use proptest::prelude::*;
use proptest::strategy::Union;

use super::{Family, Words, among, words};

pub const FAMILY: Family = Family {
    name: "sorted_sets",
    templates: TEMPLATES,
    slot,
};

/// Members of `lex` keys all have the same score, since what a range of members means elsewhere
/// depends on how a skip list fell out; but not in a listpack, which `short` keys stay in.
const TEMPLATES: &[&str] = &[
    "ZADD key pairs",
    "ZADD key pairs",
    "ZADD key pairs",
    "ZADD key zadd_option* pairs",
    "ZADD key zadd_option* score member",
    "ZADD lex lex_pairs",
    "ZADD lex lex_pairs",
    "ZADD short score short_member score short_member score short_member",
    "SADD key member member member*",
    "ZINCRBY key score member",
    "ZREM key member member*",
    "ZREM lex member member*",
    "ZCARD key",
    "ZSCORE key member",
    "ZMSCORE key member member*",
    "ZRANK key member withscore?",
    "ZREVRANK key member withscore?",
    "ZRANGE key index index zrange_option*",
    "ZRANGE key bound bound BYSCORE zrange_option*",
    "ZRANGE lex lex_bound lex_bound BYLEX zrange_option*",
    "ZRANGE short lex_bound lex_bound BYLEX zrange_option*",
    "ZREVRANGE key index index WITHSCORES",
    "ZREVRANGE key index index zrange_option*",
    "ZRANGEBYSCORE key bound bound limit?",
    "ZRANGEBYSCORE key bound bound zrange_option*",
    "ZREVRANGEBYSCORE key bound bound limit?",
    "ZREVRANGEBYSCORE key bound bound zrange_option*",
    "ZRANGEBYLEX lex lex_bound lex_bound limit?",
    "ZRANGEBYLEX short lex_bound lex_bound limit?",
    "ZREVRANGEBYLEX lex lex_bound lex_bound limit?",
    "ZREVRANGEBYLEX short lex_bound lex_bound limit?",
    "ZRANGESTORE key key index index zrange_option*",
    "ZRANGESTORE key key bound bound BYSCORE zrange_option*",
    "ZRANGESTORE lex lex lex_bound lex_bound BYLEX rev? limit?",
    "ZCOUNT key bound bound",
    "ZLEXCOUNT lex lex_bound lex_bound",
    "ZLEXCOUNT short lex_bound lex_bound",
    "ZREMRANGEBYRANK key index index",
    "ZREMRANGEBYSCORE key bound bound",
    "ZREMRANGEBYLEX lex lex_bound lex_bound",
    "ZREMRANGEBYLEX short lex_bound lex_bound",
    "ZPOPMIN key zcount?",
    "ZPOPMAX key zcount?",
    "ZMPOP sources minmax count_option?",
    "BZMPOP short_timeout sources minmax count_option?",
    "ZUNION sources combining_option*",
    "ZINTER sources combining_option*",
    "ZDIFF sources combining_option*",
    "ZUNIONSTORE key sources combining_option*",
    "ZINTERSTORE key sources combining_option*",
    "ZDIFFSTORE key sources combining_option*",
    "ZINTERCARD sources card_option*",
    "ZRANDMEMBER key",
    "ZRANDMEMBER key random_count random_option*",
    "ZSCAN key 0 zscan_option*",
    "ZSCAN key cursor zscan_option*",
    "OBJECT ENCODING key",
    "OBJECT ENCODING lex",
];

/// Short ones and one that no listpack takes.
const MEMBERS: &[&str] = &[
    "a",
    "b",
    "c",
    "aa",
    "ab",
    "B",
    "1",
    "2",
    "10",
    "-1",
    "007",
    "",
    "foo",
    "a member of more than sixty-four bytes, so that the set gets large.",
];

const SHORT_MEMBERS: &[&str] = &["a", "b", "c", "aa", "ab", "B", "1", "2", "10", "", "foo"];

const SCORES: &[&str] = &[
    "0", "1", "2", "3", "-1", "1.5", "-0", "0.1", "1e5", "1e20", "3.3", "inf", "-inf", "+1", "5",
    "7", "7", "7", "nan", "abc", "0x10", "",
];

const BOUNDS: &[&str] = &[
    "0", "1", "2", "(1", "(2", "3", "-1", "(-1", "1.5", "(1.5", "-inf", "+inf", "(inf", "(-inf",
    "7", "(7", "1e400", "", "(", "0x1", "nan", "abc", "((1", " 1", "+2",
];

const LEX_BOUNDS: &[&str] = &[
    "-", "+", "[a", "(a", "[b", "(b", "[aa", "(ab", "[1", "[10", "(2", "[", "(", "[zzz", "(B", "a",
    "", "-x", "[a", "[foo",
];

fn slot(name: &str) -> Option<BoxedStrategy<Words>> {
    Some(match name {
        "lex" => among(&["lex1", "lex2"]),
        "short" => among(&["short1", "short2"]),
        "member" => among(MEMBERS),
        "short_member" => among(SHORT_MEMBERS),
        "score" => among(SCORES),
        "sane_score" => among(&SCORES[..18]),
        "pairs" => Union::new_weighted(vec![
            (4, words("sane_score member")),
            (
                4,
                words("sane_score member sane_score member sane_score member"),
            ),
            (1, words("score member score member")),
            (1, words("score member score")),
        ])
        .boxed(),
        "lex_pairs" => words("0 member 0 member 0 member 0 member"),
        "zadd_option" => among(&["NX", "XX", "GT", "LT", "CH", "INCR", "gt", "ch", "FOO"]),
        "withscore" => among(&["WITHSCORE", "withscore", "WITHSCORES", "FOO"]),
        "zrange_option" => Union::new(
            [
                "WITHSCORES",
                "REV",
                "BYSCORE",
                "limit",
                "limit",
                "WITHSCORES",
                "FOO",
            ]
            .map(words),
        )
        .boxed(),
        "rev" => words("REV"),
        "bound" => among(BOUNDS),
        "lex_bound" => among(LEX_BOUNDS),
        "limit" => words("LIMIT limit_offset limit_count"),
        "limit_offset" => among(&["0", "0", "1", "2", "-1", "-2", "5", "100", "abc"]),
        "limit_count" => among(&["0", "1", "2", "10", "-1", "-5", "abc"]),
        "zcount" => among(&["0", "1", "2", "10", "-1", "abc"]),
        // BZPOPMIN would wait for ever where a word too many is its timeout.
        "short_timeout" => among(&["0.001", "0.001", "-1", "abc", "1e300"]),
        "minmax" => among(&["MIN", "MAX", "min", "FOO"]),
        "count_option" => Union::new(["COUNT zcount", "COUNT", "FOO"].map(words)).boxed(),
        "sources" => Union::new_weighted(vec![
            (2, words("1 key")),
            (6, words("2 key key")),
            (4, words("3 key key key")),
            (1, words("3 key key")),
            (1, words("0 key")),
            (1, words("abc key")),
        ])
        .boxed(),
        "combining_option" => Union::new(
            [
                "WEIGHTS score",
                "WEIGHTS sane_score sane_score",
                "WEIGHTS score score",
                "WEIGHTS sane_score sane_score sane_score",
                "AGGREGATE aggregation",
                "AGGREGATE aggregation",
                "WITHSCORES",
                "FOO",
            ]
            .map(words),
        )
        .boxed(),
        "aggregation" => among(&["SUM", "MIN", "MAX", "min", "AVG"]),
        "card_option" => {
            Union::new(["LIMIT zcount", "LIMIT", "WITHSCORES", "FOO"].map(words)).boxed()
        }
        "random_count" => among(&[
            "0",
            "1",
            "2",
            "3",
            "100",
            "-1",
            "-3",
            "-9223372036854775808",
            "abc",
        ]),
        "random_option" => among(&["WITHSCORES", "WITHSCORES", "FOO"]),
        "zscan_option" => Union::new(
            [
                "MATCH pattern",
                "COUNT 1000",
                "COUNT count",
                "NOVALUES",
                "FOO",
            ]
            .map(words),
        )
        .boxed(),
        _ => return None,
    })
}

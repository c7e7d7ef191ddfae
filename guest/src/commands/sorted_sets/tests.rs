//! What the sorted set commands answer, count and tell, as Redis 8.0.2 does.

use crate::commands::transcript::check;

#[test]
fn members_tell_what_happened() {
    check(&[
        ("ZADD z 1 a 2 b", ":2", [2, 0, 0], "0:new z, 0:zadd z"),
        ("ZADD z 1 a", ":0", [0, 0, 0], ""),
        ("ZADD z 3 a 4 c", ":1", [2, 0, 0], "0:zadd z"),
        ("ZADD z XX 1 nobody", ":0", [0, 0, 0], ""),
        ("ZADD no XX 1 a", ":0", [0, 0, 0], ""),
        ("ZADD z INCR 1 a", "$1 4", [1, 0, 0], "0:zincr z"),
        ("ZADD z INCR 0 a", "$1 4", [0, 0, 0], ""),
        ("ZADD z NX INCR 1 a", "$-1", [0, 0, 0], ""),
        ("ZINCRBY z 1 d", "$1 1", [1, 0, 0], "0:zincr z"),
        ("ZADD z inf i", ":1", [1, 0, 0], "0:zadd z"),
        (
            "ZINCRBY z -inf i",
            "-ERR resulting score is not a number (NaN)",
            [0, 0, 0],
            "",
        ),
        ("ZREM z a nobody", ":1", [1, 0, 0], "0:zrem z"),
        ("ZREM z nobody", ":0", [0, 0, 0], ""),
        ("ZREM no a", ":0", [0, 0, 0], ""),
        ("ZCARD z", ":4", [0, 1, 0], ""),
        ("ZCARD no", ":0", [0, 0, 1], "0:keymiss no"),
        ("ZSCORE z b", "$1 2", [0, 1, 0], ""),
        ("ZSCORE z nobody", "$-1", [0, 1, 0], ""),
        ("ZMSCORE z b nobody", "*2 $1 2 $-1", [0, 1, 0], ""),
        ("ZMSCORE no b", "*1 $-1", [0, 0, 1], "0:keymiss no"),
        ("ZRANK z b WITHSCORE", "*2 :1 $1 2", [0, 1, 0], ""),
        ("ZREVRANK no b", "$-1", [0, 0, 1], "0:keymiss no"),
        (
            "ZSCAN z 0",
            "*2 $1 0 *8 $1 d $1 1 $1 b $1 2 $1 c $1 4 $1 i $3 inf",
            [0, 1, 0],
            "",
        ),
        ("ZSCAN no 0", "*2 $1 0 *0", [0, 0, 1], "0:keymiss no"),
        ("ZREM z b c d i", ":4", [4, 0, 0], "0:zrem z, 0:del z"),
        ("EXISTS z", ":0", [0, 0, 1], "0:keymiss z"),
        ("SET s v", "+OK", [1, 0, 0], "0:new s, 0:set s"),
        (
            "ZADD s 1 a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 0, 0],
            "",
        ),
        (
            "ZREM s a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 0, 0],
            "",
        ),
        (
            "ZSCORE s a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
        (
            "ZSCAN s 0",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
    ]);
}

#[test]
fn ranges_tell_what_happened() {
    check(&[
        (
            "ZADD z 1 a 2 b 3 c 4 d 5 e",
            ":5",
            [5, 0, 0],
            "0:new z, 0:zadd z",
        ),
        ("ZRANGE z 0 1", "*2 $1 a $1 b", [0, 1, 0], ""),
        ("ZRANGE no 0 1", "*0", [0, 0, 1], "0:keymiss no"),
        (
            "ZRANGEBYSCORE z 2 3 WITHSCORES",
            "*4 $1 b $1 2 $1 c $1 3",
            [0, 1, 0],
            "",
        ),
        (
            "ZRANGE no a b",
            "-ERR value is not an integer or out of range",
            [0, 0, 0],
            "",
        ),
        ("ZCOUNT z 1 2", ":2", [0, 1, 0], ""),
        ("ZLEXCOUNT no - +", ":0", [0, 0, 1], "0:keymiss no"),
        (
            "ZRANGESTORE d z 0 1",
            ":2",
            [1, 1, 0],
            "0:new d, 0:zrangestore d",
        ),
        ("EXPIRE d 100", ":1", [1, 0, 0], "0:expire d"),
        ("ZRANGESTORE d z 1 2", ":2", [1, 1, 0], "0:zrangestore d"),
        ("TTL d", ":-1", [0, 1, 0], ""),
        ("ZRANGESTORE d z 8 9", ":0", [1, 1, 0], "0:del d"),
        ("ZRANGESTORE d z 8 9", ":0", [0, 1, 0], ""),
        ("ZRANGESTORE d no 0 1", ":0", [0, 0, 1], "0:keymiss no"),
        (
            "ZREMRANGEBYRANK z 0 0",
            ":1",
            [1, 0, 0],
            "0:zremrangebyrank z",
        ),
        ("ZREMRANGEBYRANK z 9 9", ":0", [0, 0, 0], ""),
        (
            "ZREMRANGEBYSCORE z 2 3",
            ":2",
            [2, 0, 0],
            "0:zremrangebyscore z",
        ),
        ("ZREMRANGEBYSCORE no 2 3", ":0", [0, 0, 0], ""),
        (
            "ZREMRANGEBYLEX z - +",
            ":2",
            [2, 0, 0],
            "0:zremrangebylex z, 0:del z",
        ),
        ("EXISTS z", ":0", [0, 0, 1], "0:keymiss z"),
        ("SET s v", "+OK", [1, 0, 0], "0:new s, 0:set s"),
        (
            "ZRANGESTORE d s 0 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
        (
            "ZREMRANGEBYRANK s 0 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 0, 0],
            "",
        ),
        (
            "ZCOUNT s 1 2",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
        (
            "ZCOUNT s a 2",
            "-ERR min or max is not a float",
            [0, 0, 0],
            "",
        ),
    ]);
}

#[test]
fn popping_tells_what_happened() {
    check(&[
        (
            "ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g",
            ":7",
            [7, 0, 0],
            "0:new z, 0:zadd z",
        ),
        ("ZPOPMIN z", "*2 $1 a $1 1", [1, 0, 0], "0:zpopmin z"),
        (
            "ZPOPMAX z 2",
            "*4 $1 g $1 7 $1 f $1 6",
            [2, 0, 0],
            "0:zpopmax z",
        ),
        ("ZPOPMIN z 0", "*0", [0, 0, 0], ""),
        ("ZPOPMIN no", "*0", [0, 0, 0], ""),
        ("ZPOPMIN no 2", "*0", [0, 0, 0], ""),
        (
            "ZMPOP 2 no z MIN",
            "*2 $1 z *1 *2 $1 b $1 2",
            [1, 0, 0],
            "0:zpopmin z",
        ),
        ("ZMPOP 1 no MIN", "*-1", [0, 0, 0], ""),
        (
            "BZPOPMIN no z 1",
            "*3 $1 z $1 c $1 3",
            [1, 0, 0],
            "0:zpopmin z",
        ),
        (
            "BZMPOP 1 2 no z MAX",
            "*2 $1 z *1 *2 $1 e $1 5",
            [1, 0, 0],
            "0:zpopmax z",
        ),
        ("ZRANDMEMBER z", "$1 d", [0, 1, 0], ""),
        ("ZRANDMEMBER no", "$-1", [0, 0, 1], "0:keymiss no"),
        ("ZRANDMEMBER z 5", "*1 $1 d", [0, 1, 0], ""),
        ("ZRANDMEMBER no 5", "*0", [0, 0, 1], "0:keymiss no"),
        (
            "ZPOPMAX z 9",
            "*2 $1 d $1 4",
            [1, 0, 0],
            "0:zpopmax z, 0:del z",
        ),
        ("EXISTS z", ":0", [0, 0, 1], "0:keymiss z"),
        ("ZADD z 1 a", ":1", [1, 0, 0], "0:new z, 0:zadd z"),
        (
            "BZPOPMAX z 0",
            "*3 $1 z $1 a $1 1",
            [1, 0, 0],
            "0:zpopmax z, 0:del z",
        ),
        ("SET s v", "+OK", [1, 0, 0], "0:new s, 0:set s"),
        (
            "ZPOPMIN s",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 0, 0],
            "",
        ),
        (
            "ZMPOP 2 no s MIN",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 0, 0],
            "",
        ),
        (
            "BZPOPMIN no s 1",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 0, 0],
            "",
        ),
        (
            "ZRANDMEMBER s",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
    ]);
}

#[test]
fn results_tell_what_happened() {
    check(&[
        ("ZADD a 1 x 2 y", ":2", [2, 0, 0], "0:new a, 0:zadd a"),
        ("ZADD b 3 y 4 z", ":2", [2, 0, 0], "0:new b, 0:zadd b"),
        ("SADD s y w", ":2", [2, 0, 0], "0:new s, 0:sadd s"),
        ("ZUNION 2 a b", "*3 $1 x $1 z $1 y", [0, 2, 0], ""),
        (
            "ZUNION 2 a no WITHSCORES",
            "*4 $1 x $1 1 $1 y $1 2",
            [0, 1, 1],
            "0:keymiss no",
        ),
        (
            "ZUNION 2 a a WITHSCORES",
            "*4 $1 x $1 2 $1 y $1 4",
            [0, 2, 0],
            "",
        ),
        (
            "ZUNION 2 no b FOO",
            "-ERR syntax error",
            [0, 1, 1],
            "0:keymiss no",
        ),
        ("ZINTER 2 a b WITHSCORES", "*2 $1 y $1 5", [0, 2, 0], ""),
        ("ZINTER 2 no a", "*0", [0, 1, 1], "0:keymiss no"),
        ("ZINTERCARD 2 a s", ":1", [0, 2, 0], ""),
        ("ZDIFF 2 a b", "*1 $1 x", [0, 2, 0], ""),
        ("ZDIFF 2 no a", "*0", [0, 1, 1], "0:keymiss no"),
        (
            "ZUNIONSTORE d 2 a b",
            ":3",
            [1, 2, 0],
            "0:new d, 0:zunionstore d",
        ),
        ("EXPIRE d 100", ":1", [1, 0, 0], "0:expire d"),
        ("ZUNIONSTORE d 2 a s", ":3", [1, 2, 0], "0:zunionstore d"),
        ("TTL d", ":-1", [0, 1, 0], ""),
        ("ZINTERSTORE d 2 a b", ":1", [1, 2, 0], "0:zinterstore d"),
        (
            "ZINTERSTORE d 2 a no",
            ":0",
            [1, 1, 1],
            "0:keymiss no, 0:del d",
        ),
        ("ZINTERSTORE d 2 a no", ":0", [0, 1, 1], "0:keymiss no"),
        (
            "ZDIFFSTORE d 2 a b",
            ":1",
            [1, 2, 0],
            "0:new d, 0:zdiffstore d",
        ),
        ("ZDIFFSTORE d 2 a a", ":0", [1, 2, 0], "0:del d"),
        ("SET k v", "+OK", [1, 0, 0], "0:new k, 0:set k"),
        (
            "ZUNIONSTORE d 3 a k no",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 2, 0],
            "",
        ),
        ("ZUNIONSTORE k 1 a", ":2", [1, 1, 0], "0:zunionstore k"),
        (
            "ZDIFFSTORE k 1 no",
            ":0",
            [1, 0, 1],
            "0:keymiss no, 0:del k",
        ),
        ("ZUNION 2 a", "-ERR syntax error", [0, 0, 0], ""),
        (
            "ZUNION 0 a",
            "-ERR at least 1 input key is needed for 'zunion' command",
            [0, 0, 0],
            "",
        ),
    ]);
}

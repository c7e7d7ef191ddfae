//! What the set commands answer, count and tell, as Redis 8.0.2 does.

use crate::commands::transcript::check;

#[test]
fn members_tell_what_happened() {
    check(&[
        ("SADD s a b", ":2", [2, 0, 0], "0:new s, 0:sadd s"),
        ("SADD s a", ":0", [0, 0, 0], ""),
        ("SREM s a no", ":1", [1, 0, 0], "0:srem s"),
        ("SREM s no", ":0", [0, 0, 0], ""),
        (
            "SMOVE s t b",
            ":1",
            [2, 0, 0],
            "0:srem s, 0:del s, 0:new t, 0:sadd t",
        ),
        ("SMOVE s t b", ":0", [0, 0, 0], ""),
        ("SADD s b", ":1", [1, 0, 0], "0:new s, 0:sadd s"),
        ("SMOVE s t b", ":1", [1, 0, 0], "0:srem s, 0:del s"),
        ("SMOVE t t b", ":1", [0, 0, 0], ""),
        ("SISMEMBER t b", ":1", [0, 1, 0], ""),
        ("SMISMEMBER no b", "*1 :0", [0, 0, 1], "0:keymiss no"),
        ("SCARD no", ":0", [0, 0, 1], "0:keymiss no"),
        ("SPOP t", "$1 b", [1, 0, 0], "0:spop t, 0:del t"),
        ("SPOP t", "$-1", [0, 0, 0], ""),
        ("SPOP t 1", "*0", [0, 0, 0], ""),
        ("SADD t 1 2 3", ":3", [3, 0, 0], "0:new t, 0:sadd t"),
        ("SPOP t 0", "*0", [0, 0, 0], ""),
        (
            "SPOP t 9",
            "*3 $1 1 $1 2 $1 3",
            [3, 1, 0],
            "0:spop t, 0:del t",
        ),
        ("SRANDMEMBER t", "$-1", [0, 0, 1], "0:keymiss t"),
        ("SADD t 1 2 3", ":3", [3, 0, 0], "0:new t, 0:sadd t"),
        ("SREM t 3 2 1", ":3", [3, 0, 0], "0:srem t, 0:del t"),
    ]);
}

#[test]
fn results_tell_what_happened() {
    check(&[
        ("SADD s 1 2 3", ":3", [3, 0, 0], "0:new s, 0:sadd s"),
        ("SADD t 2 3 4", ":3", [3, 0, 0], "0:new t, 0:sadd t"),
        ("SINTER s t", "*2 $1 2 $1 3", [0, 2, 0], ""),
        ("SINTER s no", "*0", [0, 1, 1], "0:keymiss no"),
        ("SINTERCARD 2 s t", ":2", [0, 2, 0], ""),
        (
            "SUNION s t no",
            "*4 $1 1 $1 2 $1 3 $1 4",
            [0, 2, 1],
            "0:keymiss no",
        ),
        ("SDIFF s t", "*1 $1 1", [0, 2, 0], ""),
        (
            "SINTERSTORE d s t",
            ":2",
            [1, 2, 0],
            "0:new d, 0:sinterstore d",
        ),
        ("EXPIRE d 100", ":1", [1, 0, 0], "0:expire d"),
        ("SINTERSTORE d s t", ":2", [1, 2, 0], "0:sinterstore d"),
        ("TTL d", ":-1", [0, 1, 0], ""),
        (
            "SINTERSTORE d s no",
            ":0",
            [1, 1, 1],
            "0:keymiss no, 0:del d",
        ),
        ("SINTERSTORE d s no", ":0", [0, 1, 1], "0:keymiss no"),
        (
            "SUNIONSTORE d s t",
            ":4",
            [1, 2, 0],
            "0:new d, 0:sunionstore d",
        ),
        ("SDIFFSTORE d s t", ":1", [1, 2, 0], "0:sdiffstore d"),
        ("SDIFFSTORE d s s", ":0", [1, 2, 0], "0:del d"),
        ("SDIFFSTORE d no s", ":0", [0, 1, 1], "0:keymiss no"),
        ("SET k v", "+OK", [1, 0, 0], "0:new k, 0:set k"),
        (
            "SUNIONSTORE d s k",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 2, 0],
            "",
        ),
        ("SUNIONSTORE k s", ":3", [1, 1, 0], "0:sunionstore k"),
    ]);
}

#[test]
fn a_set_grows_out_of_its_forms() {
    check(&[
        ("SADD e 3 1 2", ":3", [3, 0, 0], "0:new e, 0:sadd e"),
        ("OBJECT ENCODING e", "$6 intset", [0, 1, 0], ""),
        ("SADD e a", ":1", [1, 0, 0], "0:sadd e"),
        ("SMEMBERS e", "*4 $1 1 $1 2 $1 3 $1 a", [0, 1, 0], ""),
        ("OBJECT ENCODING e", "$8 listpack", [0, 1, 0], ""),
        ("SREM e a", ":1", [1, 0, 0], "0:srem e"),
        ("OBJECT ENCODING e", "$8 listpack", [0, 1, 0], ""),
        (
            "SADD e mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm",
            ":1",
            [1, 0, 0],
            "0:sadd e",
        ),
        ("OBJECT ENCODING e", "$9 hashtable", [0, 1, 0], ""),
        (
            "SREM e mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm",
            ":1",
            [1, 0, 0],
            "0:srem e",
        ),
        (
            "SINTERSTORE f e e",
            ":3",
            [1, 2, 0],
            "0:new f, 0:sinterstore f",
        ),
        ("SMEMBERS f", "*3 $1 1 $1 2 $1 3", [0, 1, 0], ""),
        ("OBJECT ENCODING f", "$6 intset", [0, 1, 0], ""),
    ]);
}

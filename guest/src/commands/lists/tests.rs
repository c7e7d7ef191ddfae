//! What the list commands answer, count and tell, as Redis 8.0.2 does.

use super::*;
use crate::commands::transcript::{check, waits};
use crate::keyspace::Keyspace;

#[test]
fn ranges_are_what_lies_within_the_list() {
    let ranges = [
        ((0, -1), (0, 5)),
        ((-2, -1), (3, 2)),
        ((-100, 1), (0, 2)),
        ((2, 100), (2, 3)),
        ((3, 2), (0, 0)),
        ((5, 9), (0, 0)),
        ((0, -6), (0, 0)),
        ((i64::MIN, i64::MAX), (0, 5)),
        ((i64::MAX, i64::MIN), (0, 0)),
    ];
    for ((start, stop), (at, count)) in ranges {
        let (found_at, found) = range(start, stop, 5);
        assert_eq!(found, count, "{start} {stop}");
        assert!(count == 0 || found_at == at, "{start} {stop}");
    }
}

#[test]
fn ends_tell_what_happened() {
    check(&[
        ("RPUSH l a b", ":2", [2, 0, 0], "0:new l, 0:rpush l"),
        ("LPUSH l c", ":3", [1, 0, 0], "0:lpush l"),
        ("LPUSHX no a", ":0", [0, 0, 0], ""),
        ("LPOP l", "$1 c", [1, 0, 0], "0:lpop l"),
        ("RPOP l 2", "*2 $1 b $1 a", [2, 0, 0], "0:rpop l, 0:del l"),
        ("LPOP l", "$-1", [0, 0, 0], ""),
        ("LPOP l 2", "*-1", [0, 0, 0], ""),
        ("RPUSH l a b c", ":3", [3, 0, 0], "0:new l, 0:rpush l"),
        ("LPOP l 0", "*0", [0, 0, 0], ""),
        (
            "RPOPLPUSH l m",
            "$1 c",
            [1, 0, 0],
            "0:new m, 0:lpush m, 0:rpop l",
        ),
        (
            "LMOVE l l LEFT RIGHT",
            "$1 a",
            [1, 0, 0],
            "0:rpush l, 0:lpop l",
        ),
        (
            "LMOVE l m LEFT LEFT",
            "$1 b",
            [1, 0, 0],
            "0:lpush m, 0:lpop l",
        ),
        (
            "RPOPLPUSH l m",
            "$1 a",
            [1, 0, 0],
            "0:lpush m, 0:rpop l, 0:del l",
        ),
        ("RPOPLPUSH l m", "$-1", [0, 0, 0], ""),
        (
            "LMPOP 2 l m RIGHT COUNT 9",
            "*2 $1 m *3 $1 c $1 b $1 a",
            [3, 0, 0],
            "0:rpop m, 0:del m",
        ),
        ("LMPOP 1 m LEFT", "*-1", [0, 0, 0], ""),
    ]);
}

#[test]
fn the_middle_tells_what_happened() {
    check(&[
        ("RPUSH l a b a c", ":4", [4, 0, 0], "0:new l, 0:rpush l"),
        ("LSET l 1 x", "+OK", [1, 0, 0], "0:lset l"),
        ("LSET l 9 x", "-ERR index out of range", [0, 0, 0], ""),
        ("LSET l 4294967296 y", "+OK", [1, 0, 0], "0:lset l"),
        ("LINDEX l 4294967296", "$-1", [0, 1, 0], ""),
        ("LSET no 0 x", "-ERR no such key", [0, 0, 0], ""),
        ("LINSERT l BEFORE x w", ":5", [1, 0, 0], "0:linsert l"),
        ("LINSERT l AFTER no w", ":-1", [0, 0, 0], ""),
        ("LINSERT no AFTER x w", ":0", [0, 0, 0], ""),
        ("LREM l 0 no", ":0", [0, 0, 0], ""),
        ("LREM l -1 a", ":1", [1, 0, 0], "0:lrem l"),
        ("LRANGE l 0 -1", "*4 $1 y $1 w $1 x $1 c", [0, 1, 0], ""),
        ("LTRIM l 0 -1", "+OK", [0, 0, 0], "0:ltrim l"),
        ("LTRIM l 1 2", "+OK", [2, 0, 0], "0:ltrim l"),
        ("LPOS l x", ":1", [0, 1, 0], ""),
        ("LPOS no x", "$-1", [0, 0, 1], "0:keymiss no"),
        ("LLEN no", ":0", [0, 0, 1], "0:keymiss no"),
        ("LREM l 0 w", ":1", [1, 0, 0], "0:lrem l"),
        ("LTRIM l 5 1", "+OK", [1, 0, 0], "0:ltrim l, 0:del l"),
        ("LTRIM l 0 0", "+OK", [0, 0, 0], ""),
    ]);
}

#[test]
fn waiting_commands_do_as_the_others_where_there_is_something() {
    check(&[
        ("RPUSH l a b c d e f", ":6", [6, 0, 0], "0:new l, 0:rpush l"),
        ("BLPOP no l 0", "*2 $1 l $1 a", [1, 0, 0], "0:lpop l"),
        ("BRPOP l no 0", "*2 $1 l $1 f", [1, 0, 0], "0:rpop l"),
        (
            "BLMPOP 0 2 no l LEFT COUNT 2",
            "*2 $1 l *2 $1 b $1 c",
            [2, 0, 0],
            "0:lpop l",
        ),
        (
            "BLMOVE l m LEFT RIGHT 0",
            "$1 d",
            [1, 0, 0],
            "0:new m, 0:rpush m, 0:lpop l",
        ),
        (
            "BRPOPLPUSH l m 0",
            "$1 e",
            [1, 0, 0],
            "0:lpush m, 0:rpop l, 0:del l",
        ),
        ("RPUSH l x", ":1", [1, 0, 0], "0:new l, 0:rpush l"),
        ("BLPOP l 0", "*2 $1 l $1 x", [1, 0, 0], "0:lpop l, 0:del l"),
        ("BLPOP l -1", "-ERR timeout is negative", [0, 0, 0], ""),
        (
            "BLPOP l x",
            "-ERR timeout is not a float or out of range",
            [0, 0, 0],
            "",
        ),
        (
            "BLMPOP x 0 l LEFT",
            "-ERR numkeys should be greater than 0",
            [0, 0, 0],
            "",
        ),
        (
            "BLMPOP x 1 l LEFT",
            "-ERR timeout is not a float or out of range",
            [0, 0, 0],
            "",
        ),
        ("BLMOVE l m UP RIGHT x", "-ERR syntax error", [0, 0, 0], ""),
        (
            "BRPOPLPUSH l m x",
            "-ERR timeout is not a float or out of range",
            [0, 0, 0],
            "",
        ),
        ("SET k v", "+OK", [1, 0, 0], "0:new k, 0:set k"),
        (
            "BLPOP no k m 0",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 0, 0],
            "",
        ),
        (
            "BLMOVE m k LEFT LEFT 0",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 0, 0],
            "",
        ),
    ]);
}

#[test]
fn who_finds_no_element_waits_for_one() {
    let mut keyspace = Keyspace::new(1, 7, usize::MAX);
    keyspace.set_now_us(1_700_000_000_000_000);
    for (command, keys, until_us) in [
        ("BLPOP l m 0", "l m", None),
        ("BRPOP l 0.0001", "l", Some(1_700_000_000_001_000)),
        ("BLMPOP 1.5 2 l m LEFT", "l m", Some(1_700_000_001_500_000)),
        ("BLMOVE l m LEFT RIGHT 0", "l", None),
        ("BRPOPLPUSH l m 2", "l", Some(1_700_000_002_000_000)),
    ] {
        let wait = waits(&mut keyspace, command).expect(command);
        assert_eq!(wait.keys.join(&b' '), keys.as_bytes(), "{command}");
        assert_eq!(wait.until_us, until_us, "{command}");
    }
}

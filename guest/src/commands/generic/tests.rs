//! What the generic commands answer, count and tell, as Redis 8.0.2 does.

use crate::commands::transcript::{answer, check};
use crate::keyspace::Keyspace;

#[test]
fn moving_and_copying_tell_what_happened() {
    check(&[
        ("SET k v", "+OK", [1, 0, 0], "0:new k, 0:set k"),
        ("SET j w", "+OK", [1, 0, 0], "0:new j, 0:set j"),
        (
            "RENAME k j",
            "+OK",
            [1, 0, 0],
            "0:new j, 0:rename_from k, 0:rename_to j",
        ),
        (
            "RENAME j k",
            "+OK",
            [1, 0, 0],
            "0:new k, 0:rename_from j, 0:rename_to k",
        ),
        ("RENAME no k", "-ERR no such key", [0, 0, 0], ""),
        ("RENAME k k", "+OK", [0, 0, 0], ""),
        ("RENAMENX k k", ":0", [0, 0, 0], ""),
        (
            "RENAMENX k z",
            ":1",
            [1, 0, 0],
            "0:new z, 0:rename_from k, 0:rename_to z",
        ),
        ("COPY z j", ":1", [1, 1, 0], "0:new j, 0:copy_to j"),
        ("COPY z j", ":0", [0, 1, 0], ""),
        ("COPY z j REPLACE", ":1", [1, 1, 0], "0:new j, 0:copy_to j"),
        ("COPY no q", ":0", [0, 0, 1], "0:keymiss no"),
        ("COPY z q DB 3", ":1", [1, 1, 0], "3:new q, 3:copy_to q"),
        (
            "MOVE z 3",
            ":1",
            [1, 0, 0],
            "3:new z, 0:move_from z, 3:move_to z",
        ),
        ("MOVE no 3", ":0", [0, 0, 0], ""),
        ("SET z v", "+OK", [1, 0, 0], "0:new z, 0:set z"),
        ("MOVE z 3", ":0", [0, 0, 0], ""),
        ("DEL z z j no", ":2", [2, 0, 0], "0:del z, 0:del j"),
        ("SWAPDB 0 3", "+OK", [1, 0, 0], ""),
        ("SWAPDB 0 0", "+OK", [1, 0, 0], ""),
        ("UNLINK z no", ":1", [1, 0, 0], "0:del z"),
        ("FLUSHALL", "+OK", [1, 0, 0], ""),
        ("FLUSHALL", "+OK", [0, 0, 0], ""),
    ]);
}

#[test]
fn a_deadline_goes_where_its_key_goes() {
    check(&[
        (
            "SET k v PXAT 1800000000000",
            "+OK",
            [1, 0, 0],
            "0:new k, 0:set k, 0:expire k",
        ),
        ("COPY k j", ":1", [1, 1, 0], "0:new j, 0:copy_to j"),
        ("PEXPIRETIME j", ":1800000000000", [0, 1, 0], ""),
        ("SET z v", "+OK", [1, 0, 0], "0:new z, 0:set z"),
        (
            "RENAME k z",
            "+OK",
            [1, 0, 0],
            "0:new z, 0:rename_from k, 0:rename_to z",
        ),
        ("PEXPIRETIME z", ":1800000000000", [0, 1, 0], ""),
        ("SET k v", "+OK", [1, 0, 0], "0:new k, 0:set k"),
        (
            "RENAME k z",
            "+OK",
            [1, 0, 0],
            "0:new z, 0:rename_from k, 0:rename_to z",
        ),
        ("PEXPIRETIME z", ":-1", [0, 1, 0], ""),
    ]);
}

#[test]
fn expiring_tells_what_happened() {
    check(&[
        ("SET k v", "+OK", [1, 0, 0], "0:new k, 0:set k"),
        ("EXPIRE k 100", ":1", [1, 0, 0], "0:expire k"),
        ("EXPIRE no 100", ":0", [0, 0, 0], ""),
        ("EXPIRE k 100 NX", ":0", [0, 0, 0], ""),
        ("PERSIST k", ":1", [1, 0, 0], "0:persist k"),
        ("PERSIST k", ":0", [0, 0, 0], ""),
        ("EXPIRE k -1 GT", ":0", [0, 0, 0], ""),
        ("EXPIRE k -1 LT", ":1", [1, 0, 0], "0:del k"),
        ("PEXPIRE k 100", ":0", [0, 0, 0], ""),
        ("SET k v", "+OK", [1, 0, 0], "0:new k, 0:set k"),
        (
            "PEXPIREAT k 9223372036854775807",
            ":1",
            [1, 0, 0],
            "0:expire k",
        ),
        ("EXPIRETIME k", ":9223372036854776", [0, 1, 0], ""),
        ("PEXPIREAT k 1800000000500", ":1", [1, 0, 0], "0:expire k"),
        ("EXPIRETIME k", ":1800000001", [0, 1, 0], ""),
        ("TTL no", ":-2", [0, 0, 1], "0:keymiss no"),
    ]);
}

#[test]
fn looking_counts_as_redis_counts() {
    check(&[
        ("SET k v", "+OK", [1, 0, 0], "0:new k, 0:set k"),
        ("EXISTS k k no", ":2", [0, 2, 1], "0:keymiss no"),
        ("TOUCH k no k", ":2", [0, 2, 1], "0:keymiss no"),
        ("TYPE k", "+string", [0, 1, 0], ""),
        ("TYPE no", "+none", [0, 0, 1], "0:keymiss no"),
        ("OBJECT ENCODING k", "$6 embstr", [0, 1, 0], ""),
        ("OBJECT ENCODING no", "$-1", [0, 0, 1], ""),
        ("RANDOMKEY", "$1 k", [0, 0, 0], ""),
        ("KEYS *", "*1 $1 k", [0, 0, 0], ""),
        ("SCAN 0", "*2 $1 0 *1 $1 k", [0, 0, 0], ""),
    ]);
}

#[test]
fn a_key_whose_time_is_up_goes_when_somebody_looks() {
    const SET: (&str, &str, [u64; 3], &str) = (
        "SET k v PX 1",
        "+OK",
        [1, 0, 0],
        "0:new k, 0:set k, 0:expire k",
    );
    check(&[
        SET,
        ("DEL k", ":0", [0, 0, 0], "0:expired k"),
        SET,
        ("EXISTS k", ":0", [0, 0, 1], "0:expired k, 0:keymiss k"),
        SET,
        ("RENAME k z", "-ERR no such key", [0, 0, 0], "0:expired k"),
        SET,
        ("OBJECT ENCODING k", "$-1", [0, 0, 1], "0:expired k"),
        SET,
        ("PERSIST k", ":0", [0, 0, 0], "0:expired k"),
        SET,
        ("RANDOMKEY", "$-1", [0, 0, 0], "0:expired k"),
        ("SET z 1", "+OK", [1, 0, 0], "0:new z, 0:set z"),
        SET,
        (
            "RENAME z k",
            "+OK",
            [1, 0, 0],
            "0:expired k, 0:new k, 0:rename_from z, 0:rename_to k",
        ),
        (
            "SET k2 v PX 1",
            "+OK",
            [1, 0, 0],
            "0:new k2, 0:set k2, 0:expire k2",
        ),
        ("KEYS *", "*1 $1 k", [0, 0, 0], ""),
        ("DBSIZE", ":2", [0, 0, 0], ""),
        // Only keys that match are looked at; to compare a type is to look a key up.
        ("SCAN 0 MATCH z*", "*2 $1 0 *0", [0, 0, 0], ""),
        ("SCAN 0 TYPE zset", "*2 $1 0 *0", [0, 1, 1], "0:expired k2"),
        ("DBSIZE", ":1", [0, 0, 0], ""),
    ]);
}

#[test]
fn a_cursor_is_read_as_c_reads_numbers() {
    let mut keyspace = Keyspace::new(1, 7, usize::MAX);
    for taken in [
        "0",
        "00",
        "+0",
        "-0",
        "-05",
        "\t1",
        "0\0x",
        "18446744073709551615",
    ] {
        assert_eq!(
            answer(&mut keyspace, &format!("SCAN {taken}")),
            "*2 $1 0 *0",
            "{taken:?}"
        );
    }
    for refused in [
        "",
        "-5",
        "-1",
        "x",
        "0x0",
        "+-0",
        "1\t",
        "18446744073709551616",
    ] {
        let reply = answer(&mut keyspace, &format!("SCAN {refused}"));
        assert_eq!(reply, "-ERR invalid cursor", "{refused:?}");
    }
}

#[test]
fn scan_sees_every_key_that_stays_while_others_come_and_go() {
    let mut keyspace = Keyspace::new(1, 7, usize::MAX);
    let mut rng = fastrand::Rng::with_seed(7);
    for number in 0..1000 {
        answer(&mut keyspace, &format!("SET stays:{number} v"));
        answer(&mut keyspace, &format!("SET goes:{number} v"));
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut cursor = "0".to_owned();
    loop {
        let reply = answer(&mut keyspace, &format!("SCAN {cursor} COUNT 7"));
        let words: Vec<&str> = reply.split(' ').collect();
        seen.extend(
            words[4..]
                .iter()
                .filter(|word| word.starts_with("stays"))
                .map(|word| word.to_string()),
        );
        cursor = words[2].to_owned();
        if cursor == "0" {
            break;
        }
        for _ in 0..5 {
            let (gone, new) = (rng.u32(0..1000), rng.u32(0..1000));
            answer(&mut keyspace, &format!("DEL goes:{gone}"));
            answer(&mut keyspace, &format!("SET new:{new} v"));
        }
    }
    assert_eq!(seen.len(), 1000);
}

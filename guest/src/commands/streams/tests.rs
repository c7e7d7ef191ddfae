//! What the stream commands answer, count and tell, as Redis 8.0.2 does.

use crate::commands::transcript::{answer, check, waits};
use crate::keyspace::Keyspace;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

const NO_KEY: &str = "-ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may \
                      want to use the MKSTREAM option to create an empty stream automatically.";

#[test]
fn entries_tell_what_happened() {
    check(&[
        ("XADD s 1-1 a b", "$3 1-1", [1, 0, 0], "0:new s, 0:xadd s"),
        ("XADD s 1-* a b", "$3 1-2", [1, 0, 0], "0:xadd s"),
        (
            "XADD s 1-1 a b",
            "-ERR The ID specified in XADD is equal or smaller than the target stream top item",
            [0, 0, 0],
            "",
        ),
        (
            "XADD s 0-0 a b",
            "-ERR The ID specified in XADD must be greater than 0-0",
            [0, 0, 0],
            "",
        ),
        ("XADD no NOMKSTREAM 1-1 a b", "$-1", [0, 0, 0], ""),
        (
            "XADD s MAXLEN 2 2-0 a b",
            "$3 2-0",
            [1, 0, 0],
            "0:xadd s, 0:xtrim s",
        ),
        ("XADD s MAXLEN ~ 1 3-0 a b", "$3 3-0", [1, 0, 0], "0:xadd s"),
        ("XLEN s", ":3", [0, 1, 0], ""),
        ("XLEN no", ":0", [0, 0, 1], "0:keymiss no"),
        (
            "XRANGE s - + COUNT 1",
            "*1 *2 $3 1-2 *2 $1 a $1 b",
            [0, 1, 0],
            "",
        ),
        ("XRANGE no - +", "*0", [0, 0, 1], "0:keymiss no"),
        (
            "XREVRANGE s + - COUNT 1",
            "*1 *2 $3 3-0 *2 $1 a $1 b",
            [0, 1, 0],
            "",
        ),
        ("XDEL s 9-9 2-0", ":1", [1, 0, 0], "0:xdel s"),
        ("XDEL s 2-0", ":0", [0, 0, 0], ""),
        ("XDEL no 1-1", ":0", [0, 0, 0], ""),
        ("XTRIM s MAXLEN 0", ":2", [2, 0, 0], "0:xtrim s"),
        ("XTRIM s MAXLEN 0", ":0", [0, 0, 0], ""),
        ("XTRIM no MAXLEN 0", ":0", [0, 0, 0], ""),
        ("XLEN s", ":0", [0, 1, 0], ""),
        ("XSETID s 9-0", "+OK", [1, 0, 0], "0:xsetid s"),
        ("XSETID no 9-0", "-ERR no such key", [0, 0, 0], ""),
        ("XREAD STREAMS s 0", "*-1", [0, 2, 0], ""),
        (
            "XREAD STREAMS s no s 0 0 0",
            "*-1",
            [0, 4, 2],
            "0:keymiss no, 0:keymiss no",
        ),
        ("SET k v", "+OK", [1, 0, 0], "0:new k, 0:set k"),
        ("XADD k 1-1 a b", WRONG_TYPE, [0, 0, 0], ""),
        ("XLEN k", WRONG_TYPE, [0, 1, 0], ""),
        ("XREAD STREAMS k 0", WRONG_TYPE, [0, 1, 0], ""),
        ("XADD s 10-0 a b", "$4 10-0", [1, 0, 0], "0:xadd s"),
        (
            "XREAD COUNT 1 STREAMS s no $ 0",
            "*-1",
            [0, 2, 2],
            "0:keymiss no, 0:keymiss no",
        ),
        (
            "XREAD COUNT 1 STREAMS s no + 0",
            "*1 *2 $1 s *1 *2 $4 10-0 *2 $1 a $1 b",
            [0, 2, 2],
            "0:keymiss no, 0:keymiss no",
        ),
    ]);
}

#[test]
fn groups_tell_what_happened() {
    check(&[
        ("XGROUP CREATE s g $", NO_KEY, [0, 0, 0], ""),
        (
            "XGROUP CREATE s g $ MKSTREAM",
            "+OK",
            [1, 0, 0],
            "0:new s, 0:xgroup-create s",
        ),
        (
            "XGROUP CREATE s g $",
            "-BUSYGROUP Consumer Group name already exists",
            [0, 0, 0],
            "",
        ),
        ("XADD s 1-1 a b", "$3 1-1", [1, 0, 0], "0:xadd s"),
        ("XADD s 2-1 a b", "$3 2-1", [1, 0, 0], "0:xadd s"),
        ("XADD s 3-1 a b", "$3 3-1", [1, 0, 0], "0:xadd s"),
        (
            "XGROUP CREATECONSUMER s g c",
            ":1",
            [1, 0, 0],
            "0:xgroup-createconsumer s",
        ),
        ("XGROUP CREATECONSUMER s g c", ":0", [0, 0, 0], ""),
        (
            "XREADGROUP GROUP g c COUNT 1 STREAMS s >",
            "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 a $1 b",
            [1, 2, 0],
            "",
        ),
        (
            "XREADGROUP GROUP g d COUNT 1 STREAMS s >",
            "*1 *2 $1 s *1 *2 $3 2-1 *2 $1 a $1 b",
            [2, 2, 0],
            "0:xgroup-createconsumer s",
        ),
        (
            "XREADGROUP GROUP g c STREAMS s 0",
            "*1 *2 $1 s *1 *2 $3 1-1 *2 $1 a $1 b",
            [0, 2, 0],
            "",
        ),
        (
            "XREADGROUP GROUP g e NOACK STREAMS s >",
            "*1 *2 $1 s *1 *2 $3 3-1 *2 $1 a $1 b",
            [2, 2, 0],
            "0:xgroup-createconsumer s",
        ),
        (
            "XREADGROUP GROUP g e NOACK STREAMS s >",
            "*-1",
            [0, 2, 0],
            "",
        ),
        (
            "XREADGROUP GROUP g f STREAMS s 0",
            "*1 *2 $1 s *0",
            [1, 2, 0],
            "0:xgroup-createconsumer s",
        ),
        (
            "XREADGROUP GROUP no f STREAMS s 0",
            "-NOGROUP No such key 's' or consumer group 'no' in XREADGROUP with GROUP option",
            [0, 1, 0],
            "",
        ),
        (
            "XREADGROUP GROUP g f STREAMS no 0",
            "-NOGROUP No such key 'no' or consumer group 'g' in XREADGROUP with GROUP option",
            [0, 0, 1],
            "0:keymiss no",
        ),
        (
            "XPENDING s g",
            "*4 :2 $3 1-1 $3 2-1 *2 *2 $1 c $1 1 *2 $1 d $1 1",
            [0, 1, 0],
            "",
        ),
        (
            "XPENDING no g",
            "-NOGROUP No such key 'no' or consumer group 'g'",
            [0, 0, 1],
            "0:keymiss no",
        ),
        ("XCLAIM s g d 0 1-1 JUSTID", "*1 $3 1-1", [1, 1, 0], ""),
        (
            "XCLAIM s g h 0 9-9",
            "*0",
            [1, 1, 0],
            "0:xgroup-createconsumer s",
        ),
        ("XCLAIM s g h 0 9-9 LASTID 9-9", "*0", [1, 1, 0], ""),
        (
            "XCLAIM s g h 0 3-1 FORCE JUSTID",
            "*1 $3 3-1",
            [1, 1, 0],
            "",
        ),
        ("XDEL s 3-1", ":1", [1, 0, 0], "0:xdel s"),
        ("XCLAIM s g h 0 3-1 2-1 JUSTID", "*1 $3 2-1", [2, 1, 0], ""),
        (
            "XAUTOCLAIM s g i 0 0 COUNT 1 JUSTID",
            "*3 $3 2-1 *1 $3 1-1 *0",
            [2, 1, 0],
            "0:xgroup-createconsumer s",
        ),
        (
            "XAUTOCLAIM no g i 0 0",
            "-NOGROUP No such key 'no' or consumer group 'g'",
            [0, 0, 1],
            "0:keymiss no",
        ),
        ("XACK s g 1-1 2-1 3-1", ":2", [2, 1, 0], ""),
        ("XACK s g 1-1", ":0", [0, 1, 0], ""),
        ("XACK no g 1-1", ":0", [0, 0, 1], "0:keymiss no"),
        ("XGROUP SETID s g 0", "+OK", [1, 0, 0], "0:xgroup-setid s"),
        (
            "XGROUP DELCONSUMER s g c",
            ":0",
            [1, 0, 0],
            "0:xgroup-delconsumer s",
        ),
        ("XGROUP DELCONSUMER s g no", ":0", [0, 0, 0], ""),
        ("XGROUP DESTROY s no", ":0", [0, 0, 0], ""),
        ("XGROUP DESTROY s g", ":1", [1, 0, 0], "0:xgroup-destroy s"),
        ("XGROUP DESTROY no g", NO_KEY, [0, 0, 0], ""),
        ("XINFO GROUPS s", "*0", [0, 1, 0], ""),
        (
            "XINFO GROUPS no",
            "-ERR no such key",
            [0, 0, 1],
            "0:keymiss no",
        ),
    ]);
}

/// As WATCH shows it in Redis 8.0.2: what a group's reading changes is no change of the key, but who
/// waits hears when a group goes.
#[test]
fn groups_are_nothing_that_is_watched() {
    let mut keyspace = Keyspace::new(1, 7, usize::MAX);
    keyspace.set_now_us(1_700_000_000_000_000);
    keyspace.journal.interest.want_all(true);
    for (command, told) in [
        ("XGROUP CREATE s g 0 MKSTREAM", "changed"),
        ("XADD s 1-1 a b", "changed"),
        ("XADD s 2-1 a b", "changed"),
        ("XADD s 2-1 a b", ""),
        ("XGROUP CREATE s h 0", ""),
        ("XGROUP SETID s h 1-1", ""),
        ("XGROUP CREATECONSUMER s g c", ""),
        ("XREADGROUP GROUP g c STREAMS s >", ""),
        ("XREADGROUP GROUP g c STREAMS s 0", ""),
        ("XCLAIM s g d 0 1-1", ""),
        ("XAUTOCLAIM s g c 0 0", ""),
        ("XACK s g 1-1", ""),
        ("XGROUP DELCONSUMER s g d", ""),
        ("XSETID s 10-1", ""),
        ("XDEL s 5-5", ""),
        ("XDEL s 1-1", "changed"),
        ("XTRIM s MAXLEN 5", ""),
        ("XTRIM s MAXLEN 0", "changed"),
        ("XGROUP DESTROY s no", ""),
        ("XGROUP DESTROY s h", "stirred"),
    ] {
        answer(&mut keyspace, command);
        let journal = &mut keyspace.journal;
        let heard = match (journal.changes.len(), journal.stirred.len()) {
            (0, 0) => "",
            (1, 0) => "changed",
            (0, 1) => "stirred",
            _ => "too much",
        };
        assert_eq!(heard, told, "{command}");
        journal.changes.clear();
        journal.stirred.clear();
    }
}

/// What means something else when it is run again is replaced by what it meant.
#[test]
fn a_reader_that_waits_knows_what_it_has_seen() {
    let mut keyspace = Keyspace::new(1, 7, usize::MAX);
    keyspace.set_now_us(1_700_000_000_000_000);
    for command in ["XADD s 5-1 a b", "XGROUP CREATE s g $"] {
        answer(&mut keyspace, command);
    }
    let wait = waits(&mut keyspace, "XREAD BLOCK 1500 STREAMS s no no $ $ +").expect("a wait");
    assert_eq!(
        wait.keys,
        [b"s"[..].into(), b"no"[..].into(), b"no"[..].into()]
    );
    assert_eq!(wait.until_us, Some(1_700_000_001_500_000));
    assert_eq!(
        wait.replaced,
        [(7, b"5-1"[..].into()), (8, b"0-0"[..].into())]
    );
    assert!(!wait.wakes_when_gone);
    let command = "XREADGROUP GROUP g c BLOCK 0 STREAMS s >";
    let wait = waits(&mut keyspace, command).expect("a wait");
    assert_eq!((wait.until_us, wait.replaced.len()), (None, 0));
    assert!(wait.wakes_when_gone);
    assert!(waits(&mut keyspace, "XREAD STREAMS s $").is_none());
    assert!(waits(&mut keyspace, "XREAD BLOCK 0 STREAMS s 5-0").is_none());
}

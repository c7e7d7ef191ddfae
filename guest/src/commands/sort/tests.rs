//! What SORT answers, counts and tells, as Redis 8.0.2 does.

use super::*;
use crate::commands::transcript::check;

#[test]
fn patterns_are_taken_apart() {
    let is_constant = |pattern: &[u8]| matches!(Pattern::new(pattern), Pattern::Constant);
    assert!(is_constant(b"nosort") && is_constant(b"") && is_constant(b"##"));
    assert!(is_constant(b"a\0*"));
    assert!(matches!(Pattern::new(b"#"), Pattern::Element));
    let Pattern::Key { before, after } = Pattern::new(b"a*b->") else {
        panic!("no field is named");
    };
    assert_eq!((before, after), (&b"a"[..], &b"b->"[..]));
    let Pattern::Field {
        before,
        after,
        field,
    } = Pattern::new(b"a->*b*->f->g")
    else {
        panic!("a field is named");
    };
    assert_eq!(
        (before, after, field),
        (&b"a->"[..], &b"b*"[..], &b"f->g"[..])
    );
}

#[test]
fn sorting_tells_what_happened() {
    check(&[
        ("RPUSH l 3 1 2", ":3", [3, 0, 0], "0:new l, 0:rpush l"),
        ("SORT l", "*3 $1 1 $1 2 $1 3", [0, 1, 0], ""),
        ("SORT l DESC LIMIT 0 2", "*2 $1 3 $1 2", [0, 1, 0], ""),
        ("SORT no", "*0", [0, 0, 1], "0:keymiss no"),
        ("SORT no STORE d", ":0", [0, 0, 1], "0:keymiss no"),
        (
            "MSET w1 9 w2 5 w3 7",
            "+OK",
            [3, 0, 0],
            "0:new w1, 0:set w1, 0:new w2, 0:set w2, 0:new w3, 0:set w3",
        ),
        ("SORT l BY w*", "*3 $1 2 $1 3 $1 1", [0, 4, 0], ""),
        (
            "SORT l BY w* GET x* GET #",
            "*6 $-1 $1 2 $-1 $1 3 $-1 $1 1",
            [0, 4, 3],
            "0:keymiss x2, 0:keymiss x3, 0:keymiss x1",
        ),
        ("SORT l STORE d", ":3", [3, 1, 0], "0:new d, 0:sortstore d"),
        ("SORT l BY nosort STORE d", ":3", [3, 1, 0], "0:sortstore d"),
        ("SORT no STORE d", ":0", [1, 0, 1], "0:keymiss no, 0:del d"),
        ("SORT no STORE d", ":0", [0, 0, 1], "0:keymiss no"),
        ("RPUSH l a", ":4", [1, 0, 0], "0:rpush l"),
        (
            "SORT l",
            "-ERR One or more scores can't be converted into double",
            [0, 1, 0],
            "",
        ),
        (
            "SORT l STORE d",
            "-ERR One or more scores can't be converted into double",
            [0, 1, 0],
            "",
        ),
        ("SORT l ALPHA STORE l", ":4", [4, 1, 0], "0:sortstore l"),
        ("SET s x", "+OK", [1, 0, 0], "0:new s, 0:set s"),
        (
            "SORT s",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
        ("SORT s FOO", "-ERR syntax error", [0, 0, 0], ""),
        (
            "SORT l LIMIT a b",
            "-ERR value is not an integer or out of range",
            [0, 0, 0],
            "",
        ),
        ("SORT_RO l STORE d", "-ERR syntax error", [0, 0, 0], ""),
        ("SADD t b a c", ":3", [3, 0, 0], "0:new t, 0:sadd t"),
        (
            "SORT t BY nosort STORE d",
            ":3",
            [3, 1, 0],
            "0:new d, 0:sortstore d",
        ),
        ("EXPIRE d 100", ":1", [1, 0, 0], "0:expire d"),
        ("SORT t ALPHA STORE d", ":3", [3, 1, 0], "0:sortstore d"),
        ("TTL d", ":-1", [0, 1, 0], ""),
    ]);
}

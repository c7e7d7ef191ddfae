//! What the HyperLogLog commands answer, count and tell, as Redis 8.0.2 does.

use crate::commands::transcript::check;

#[test]
fn adding_merging_and_counting_tell_what_happened() {
    check(&[
        ("PFADD h", ":1", [1, 0, 0], "0:new h, 0:pfadd h"),
        ("PFADD h", ":0", [0, 0, 0], ""),
        ("PFADD h a b c", ":1", [3, 0, 0], "0:pfadd h"),
        ("PFADD h a", ":0", [0, 0, 0], ""),
        ("PFCOUNT h", ":3", [1, 1, 0], ""),
        ("PFCOUNT h", ":3", [0, 1, 0], ""),
        ("PFCOUNT no", ":0", [0, 0, 1], "0:keymiss no"),
        ("PFADD g c d", ":1", [3, 0, 0], "0:new g, 0:pfadd g"),
        ("PFCOUNT h g no", ":4", [0, 2, 1], "0:keymiss no"),
        (
            "PFMERGE d h g no",
            "+OK",
            [1, 2, 2],
            "0:keymiss d, 0:keymiss no, 0:new d, 0:pfadd d",
        ),
        ("PFMERGE d", "+OK", [1, 1, 0], "0:pfadd d"),
        (
            "PFMERGE e",
            "+OK",
            [1, 0, 1],
            "0:keymiss e, 0:new e, 0:pfadd e",
        ),
        ("PFDEBUG TODENSE h", ":1", [1, 0, 0], ""),
        ("PFDEBUG TODENSE h", ":0", [0, 0, 0], ""),
        ("PFDEBUG ENCODING h", "+dense", [0, 0, 0], ""),
        (
            "PFDEBUG DECODE g",
            "$32 Z:7292 v:1,1 Z:1143 v:1,1 Z:7947",
            [0, 0, 0],
            "",
        ),
        ("SET s HYLL", "+OK", [1, 0, 0], "0:new s, 0:set s"),
        (
            "PFADD s a",
            "-WRONGTYPE Key is not a valid HyperLogLog string value.",
            [0, 0, 0],
            "",
        ),
        (
            "PFCOUNT s",
            "-WRONGTYPE Key is not a valid HyperLogLog string value.",
            [0, 1, 0],
            "",
        ),
        (
            "PFCOUNT h s",
            "-WRONGTYPE Key is not a valid HyperLogLog string value.",
            [0, 2, 0],
            "",
        ),
        (
            "PFMERGE s h",
            "-WRONGTYPE Key is not a valid HyperLogLog string value.",
            [0, 1, 0],
            "",
        ),
        (
            "PFDEBUG ENCODING s",
            "-WRONGTYPE Key is not a valid HyperLogLog string value.",
            [0, 0, 0],
            "",
        ),
        ("PFDEBUG SIMD ON", "+enabled", [0, 0, 0], ""),
        ("RPUSH l a", ":1", [1, 0, 0], "0:new l, 0:rpush l"),
        (
            "PFADD l a",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 0, 0],
            "",
        ),
        (
            "PFCOUNT l",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 0],
            "",
        ),
        (
            "PFCOUNT no l",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
            [0, 1, 1],
            "0:keymiss no",
        ),
    ]);
}

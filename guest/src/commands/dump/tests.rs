//! What DUMP, RESTORE and MIGRATE answer, count and tell, as Redis 8.0.2 does. What payloads hold is
//! tested in `rdb`.

use crate::commands::transcript::check;

#[test]
fn refusals_tell_what_happened() {
    check(&[
        ("SET a hello", "+OK", [1, 0, 0], "0:new a, 0:set a"),
        ("DUMP no", "$-1", [0, 0, 1], "0:keymiss no"),
        ("SET b 1", "+OK", [1, 0, 0], "0:new b, 0:set b"),
        (
            "RESTORE a 0 x",
            "-BUSYKEY Target key name already exists.",
            [0, 0, 0],
            "",
        ),
        (
            "RESTORE c 0 x",
            "-ERR DUMP payload version or checksum are wrong",
            [0, 0, 0],
            "",
        ),
        (
            "RESTORE c -1 x",
            "-ERR Invalid TTL value, must be >= 0",
            [0, 0, 0],
            "",
        ),
        (
            "RESTORE c x x",
            "-ERR value is not an integer or out of range",
            [0, 0, 0],
            "",
        ),
        ("RESTORE c x x FOO", "-ERR syntax error", [0, 0, 0], ""),
        (
            "RESTORE a 0 x REPLACE",
            "-ERR DUMP payload version or checksum are wrong",
            [0, 0, 0],
            "",
        ),
        ("RESTORE c 0 x IDLETIME", "-ERR syntax error", [0, 0, 0], ""),
        (
            "RESTORE c 0 x IDLETIME -1",
            "-ERR Invalid IDLETIME value, must be >= 0",
            [0, 0, 0],
            "",
        ),
        (
            "RESTORE c 0 x FREQ 256",
            "-ERR Invalid FREQ value, must be >= 0 and <= 255",
            [0, 0, 0],
            "",
        ),
        (
            "RESTORE c 0 x FREQ 1 IDLETIME 2",
            "-ERR syntax error",
            [0, 0, 0],
            "",
        ),
        (
            "MIGRATE 127.0.0.1 1 no 0 10",
            "+NOKEY",
            [0, 0, 1],
            "0:keymiss no",
        ),
        (
            "MIGRATE 127.0.0.1 1 b 0 10",
            "-IOERR error or timeout writing to target instance",
            [0, 1, 0],
            "",
        ),
    ]);
}

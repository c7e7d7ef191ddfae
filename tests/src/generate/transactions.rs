//! Transactions at random: what is queued, what is refused, what was watched.

use super::Family;

pub const FAMILY: Family = Family {
    name: "transactions",
    templates: &[
        "MULTI",
        "MULTI",
        "EXEC",
        "EXEC",
        "DISCARD",
        "WATCH key key*",
        "UNWATCH",
        "GET key",
        "SET key value",
        "INCR key",
        "APPEND key value",
        "DEL key",
        "RENAME key key",
        "SELECT db",
        "SWAPDB db db",
        "FLUSHDB",
        "EXPIRE key ttl",
        "NOSUCH key",
        "CONFIG NOSUCH",
        "ACL WHOAMI",
        "CLIENT GETNAME",
        "CLIENT SETNAME value",
        "CLIENT TRACKINGINFO",
        "CLIENT GETREDIR",
        "UNSUBSCRIBE",
        "PUBLISH key value",
        "PUBSUB NUMPAT",
        "ECHO value",
    ],
    slot: |_| None,
};

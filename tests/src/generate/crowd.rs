//! Random commands of several clients at a time: transactions, messages, commands that wait, and what
//! those look out for. Knows no server.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;

use super::{Family, Words, among, from_template, slot};
use crate::text;

/// How many clients there are.
pub const CLIENTS: usize = 4;

/// How long a command waits that does not wait for ever, in seconds.
pub const MOMENT: &str = "0.02";

/// Who says what, in order; printed as in a conversation.
#[derive(Clone)]
pub struct Crowd(pub Vec<(usize, Words)>);

impl fmt::Debug for Crowd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(client, words)| {
            write!(out, "\n{}> {}", name(*client), text::command_line(words))
        })
    }
}

/// What a client is called.
pub fn name(client: usize) -> &'static str {
    ["a", "b", "c", "d"][client % CLIENTS]
}

/// What stands for the id of each client, which nobody knows before it is there.
pub const ID_OF: [&str; CLIENTS] = ["@a", "@b", "@c", "@d"];

/// No word at all in place of an empty one.
fn spoken(words: Words) -> Words {
    words.into_iter().filter(|word| !word.is_empty()).collect()
}

/// What it adds to the slots; its commands are for several clients only.
pub(super) const FAMILY: Family = Family {
    name: "crowd",
    templates: &[],
    slot: own_slot,
};

fn own_slot(name: &str) -> Option<BoxedStrategy<Words>> {
    Some(match name {
        "lkey" => among(&["l1", "l1", "l2", "l3", "text"]),
        "zkey" => among(&["z1", "z1", "z2", "l1"]),
        "skey" => among(&["s1", "s1", "s2", "text"]),
        "anykey" => among(&["l1", "l2", "z1", "s1", "text", "gone"]),
        "letter" => among(&["x", "y", "z"]),
        "end" => among(&["LEFT", "RIGHT"]),
        // For ever, or for a moment that passes before anybody says anything else.
        "patience" => among(&["0", "0", "0", "0", MOMENT]),
        "stream_patience" => among(&["0", "0", "0", "20"]),
        "small" => among(&["1", "2", "3"]),
        "channel" => among(&["news", "chat"]),
        "db" => among(&["0", "0", "1"]),
        "reply_mode" => among(&["ON", "ON", "SKIP", "OFF"]),
        "minmax" => among(&["MIN", "MAX"]),
        "whom" => among(&[ID_OF[0], ID_OF[1], ID_OF[2], ID_OF[3]]),
        "tracking_mode" => among(&["", "", "OPTIN", "OPTOUT", "NOLOOP", "BCAST"])
            .prop_map(spoken)
            .boxed(),
        "prefix" => among(&["l", "z", "te", ""]),
        "yes" => among(&["YES", "NO"]),
        "how" => among(&["TIMEOUT", "ERROR"]),
        _ => return None,
    })
}

/// How often each is said, and what.
const SAID: &[(u32, &[&str])] = &[
    (
        6,
        &["MULTI", "EXEC", "EXEC", "WATCH anykey anykey", "WATCH lkey"],
    ),
    (
        1,
        &["DISCARD", "UNWATCH", "RESET", "SELECT db", "SWAPDB 0 1"],
    ),
    (
        4,
        &[
            "BLPOP lkey patience",
            "BLPOP lkey lkey patience",
            "BRPOP lkey lkey patience",
            "BLMOVE lkey lkey end end patience",
            "BRPOPLPUSH lkey lkey patience",
            "BLMPOP patience 2 lkey lkey end COUNT small",
            "BZPOPMIN zkey zkey patience",
            "BZPOPMAX zkey patience",
            "BZMPOP patience 2 zkey zkey minmax COUNT small",
            "XREAD BLOCK stream_patience STREAMS skey $",
            "XREAD BLOCK stream_patience STREAMS skey skey $ 0-0",
            "XREADGROUP GROUP g letter BLOCK stream_patience STREAMS skey >",
        ],
    ),
    (
        6,
        &[
            "RPUSH lkey letter",
            "RPUSH lkey letter letter letter",
            "LPUSH lkey letter letter",
            "ZADD zkey small letter",
            "ZADD zkey small x small y",
            "XADD skey 1-* f letter",
            "LMOVE lkey lkey end end",
            "SET text letter",
        ],
    ),
    (
        2,
        &[
            "XGROUP CREATE skey g $ MKSTREAM",
            "XGROUP DESTROY skey g",
            "XACK skey g 1-1",
            "DEL anykey",
            "DEL anykey anykey",
            "UNLINK anykey",
            "RENAME anykey anykey",
            "COPY anykey anykey REPLACE",
            "COPY anykey anykey DB 1 REPLACE",
            "MOVE anykey 1",
            "SORT lkey ALPHA STORE lkey",
            "LPOP lkey small",
            "LRANGE lkey 0 -1",
            "ZPOPMIN zkey",
            "LTRIM lkey 1 1",
            "PEXPIRE anykey 0",
            "PERSIST anykey",
            "INCR text",
            "GET anykey",
            "EXISTS anykey anykey",
            "ZUNIONSTORE zkey 2 zkey zkey",
            "LINSERT lkey BEFORE x letter",
        ],
    ),
    (
        4,
        &[
            "SUBSCRIBE channel",
            "SUBSCRIBE news chat",
            "PSUBSCRIBE n*",
            "SSUBSCRIBE channel",
            "UNSUBSCRIBE channel",
            "UNSUBSCRIBE news chat",
            "PUNSUBSCRIBE n*",
            "SUNSUBSCRIBE channel",
            "PUBLISH channel letter",
            "PUBLISH channel letter",
            "SPUBLISH channel letter",
        ],
    ),
    (
        1,
        &[
            "PSUBSCRIBE __key*__:*",
            "SUBSCRIBE __keyevent@0__:lpush",
            "PUBSUB NUMSUB news chat",
            "PUBSUB NUMPAT",
            "PUBSUB SHARDNUMSUB news",
            "PING",
            "PING letter",
            "CLIENT REPLY reply_mode",
            "FLUSHDB",
            "FLUSHALL",
            "DBSIZE",
            "NOSUCH letter",
            "SET text",
            "BLPOP lkey x",
            "WAIT 0 0",
        ],
    ),
    (
        2,
        &[
            "CLIENT TRACKING ON tracking_mode",
            "CLIENT TRACKING ON tracking_mode tracking_mode",
            "CLIENT TRACKING ON BCAST PREFIX prefix tracking_mode",
            "CLIENT TRACKING ON REDIRECT whom tracking_mode",
            "CLIENT CACHING yes",
            "SUBSCRIBE __redis__:invalidate",
            "GET text",
            "LRANGE lkey 0 -1",
            "ZRANGE zkey 0 -1",
            "EXISTS anykey anykey",
        ],
    ),
    (
        1,
        &[
            "CLIENT TRACKING OFF",
            "CLIENT UNBLOCK whom",
            "CLIENT UNBLOCK whom how",
            "CLIENT UNBLOCK whom how",
            "CLIENT PAUSE 100000 WRITE",
            "CLIENT UNPAUSE",
            "CLIENT UNPAUSE",
            "CLIENT UNPAUSE",
            "CLIENT KILL ID whom",
            "CLIENT KILL ID whom SKIPME no",
            // Not NO-TOUCH: whoever is woken by a key then makes Redis 8.0.2 crash.
            "MONITOR",
        ],
    ),
];

/// 2 to `most` commands, each of one client.
pub fn crowd(most: usize) -> impl Strategy<Value = Crowd> + use<> {
    let said = SAID.iter().flat_map(|(weight, templates)| {
        let each = templates.iter();
        each.map(|template| (*weight, from_template(template)))
    });
    let command = (0..CLIENTS, Union::new_weighted(said.collect::<Vec<_>>()));
    // Now and then a word too many, which MULTI has to notice.
    let command = (command, 0..100_u8, slot("value"));
    let command = command.prop_map(|((client, mut words), fate, more)| {
        if fate == 0 {
            words.extend(more);
        }
        (client, words)
    });
    vec(command, 2..=most).prop_map(Crowd)
}

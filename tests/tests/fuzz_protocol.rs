//! Any bytes, cut anywhere, on any connection: the engine lives on, and how bytes are cut changes
//! no reply.
//!
//! `fuzz/` holds the same for cargo-fuzz, for longer.

use std::fmt;

use petridis_tests::generate::command;
use petridis_tests::native::Native;
use petridis_tests::play::encode;
use petridis_tests::text;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Requests whole, broken and absurd.
const FRAGMENTS: &[&[u8]] = &[
    b"PING\r\n",
    b"\r\n",
    b"\n",
    b"SET a \"quo ted\"\r\n",
    b"ECHO 'x",
    b"GET a b\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*1\r\n",
    b"*2\r\n$4\r\nECHO\r\n",
    b"$3\r\nabc\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$-1\r\n",
    b"*1048577\r\n",
    b"*1\r\n$536870913\r\n",
    b"*99999999999999999999\r\n",
    b"*1\r\nPING\r\n",
    b"*1\r\n:4\r\n",
    b"HELLO 3\r\n",
    b"HELLO 2 SETNAME x\r\n",
    b"CLIENT REPLY OFF\r\n",
    b"CLIENT REPLY SKIP\r\n",
    b"CLIENT REPLY ON\r\n",
    b"CLIENT SETNAME x\r\n",
    b"CONFIG GET max*\r\n",
    b"CONFIG SET maxmemory 1\r\n",
    b"COMMAND INFO get\r\n",
    b"COMMAND GETKEYS MSET a 1 b 2\r\n",
    b"OBJECT HELP\r\n",
    b"RESET\r\n",
    b"QUIT\r\n",
    b"AUTH x\r\n",
    b"\x00\xff\xfe",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
];

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => command("").prop_map(|words| encode(&words)),
        3 => select(FRAGMENTS).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..40),
    ]
}

/// What is sent; printed as text.
#[derive(Clone)]
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&text::quote(&self.0))
    }
}

/// Requests with some bytes changed, removed or added.
fn input() -> impl Strategy<Value = Input> {
    let changes = vec((any::<Index>(), any::<u8>(), 0..3_u8), 0..4);
    (vec(piece(), 1..25), changes).prop_map(|(pieces, changes)| {
        let mut bytes = pieces.concat();
        for (at, byte, change) in changes {
            let at = at.index(bytes.len() + 1);
            match (change, at < bytes.len()) {
                (0, true) => bytes[at] = byte,
                (1, true) => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        Input(bytes)
    })
}

fn cut<'a>(bytes: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places
        .iter()
        .map(|place| place.index(bytes.len() + 1))
        .collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for to in places.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[from..to]);
        from = to;
    }
    pieces
}

fn answer(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
    let mut native = Native::start(&[]).expect("the defaults are in range");
    for piece in pieces {
        native.send_all(&[(0, piece)]);
    }
    native.take(0)
}

/// Where the cuts may matter: replies that tell of buffers, and words of a browser, after which the
/// connection is dropped together with whatever was not sent yet.
fn depends_on_cuts(bytes: &[u8]) -> bool {
    let upper = bytes.to_ascii_uppercase();
    let contains = |word: &[u8]| upper.windows(word.len()).any(|part| part == word);
    [&b"INFO"[..], b"LIST", b"HOST:", b"POST"]
        .into_iter()
        .any(contains)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn how_bytes_are_cut_changes_no_reply(
        Input(bytes) in input(),
        places in vec(any::<Index>(), 0..12),
    ) {
        if depends_on_cuts(&bytes) {
            return Ok(());
        }
        let whole = answer(&[&bytes]);
        let in_pieces = answer(&cut(&bytes, &places));
        let one_by_one = answer(&bytes.chunks(1).collect::<Vec<_>>());
        for (replies, closed) in [in_pieces, one_by_one] {
            prop_assert_eq!(text::quote(&replies), text::quote(&whole.0));
            prop_assert_eq!(closed, whole.1);
        }
    }

    #[test]
    fn any_bytes_on_any_connection_leave_an_engine_that_answers(
        inputs in vec((0..3_u32, input(), vec(any::<Index>(), 0..4)), 1..5),
    ) {
        let mut native = Native::start(&[]).expect("the defaults are in range");
        for (connection, Input(bytes), places) in &inputs {
            for piece in cut(bytes, places) {
                native.send_all(&[(*connection, piece), ((connection + 1) % 3, b"PING\r\n")]);
            }
        }
        native.send_all(&[(9, b"PING\r\n")]);
        prop_assert_eq!(native.take(9), (b"+PONG\r\n".to_vec(), false));
    }
}

//! Any bytes on up to four connections, cut where the bytes say: the engine must not panic.
//!
//! `tests/tests/fuzz_protocol.rs` holds the same, for a moment, in every test run.

#![no_main]

use libfuzzer_sys::fuzz_target;
use petridis_guest::engine::{Engine, Options, Transport};

/// The first byte of a piece says whose it is and how long.
const CONNECTIONS: u8 = 4;

fuzz_target!(|input: &[u8]| {
    let options = Options {
        now_us: 1,
        memory_ceiling: 64 << 20,
        ..Options::default()
    };
    let mut engine = Engine::start(options).expect("the defaults are in range");
    let mut open = [false; CONNECTIONS as usize];
    let mut now_us = 1;
    let mut rest = input;
    while let Some((head, bytes)) = rest.split_first() {
        let connection = u32::from(head % CONNECTIONS);
        let (piece, later) = bytes.split_at(usize::from(head / CONNECTIONS).min(bytes.len()));
        rest = later;
        now_us += 1000;
        let mut batch = engine.begin(now_us);
        let is_open = &mut open[connection as usize];
        if !*is_open {
            let peer = format!("127.0.0.1:{}", 50_000 + connection);
            batch.opened(
                connection,
                Transport::Tcp,
                peer,
                "127.0.0.1:6379".to_owned(),
            );
            *is_open = true;
        }
        batch.received(connection, piece);
        for close in batch.finish().closes {
            open[close.connection as usize] = false;
        }
    }
});

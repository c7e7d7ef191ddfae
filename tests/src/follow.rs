//! What a server tells those that follow it: the stream of changes behind the image of all data.

use crate::native::Native;
use crate::play::{Chunk, Patience, Player, Reading, Stage, encode};
use crate::real::{Real, SKIPPED};
use crate::text;

/// Told once, without anything being changed.
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// Ends what is listened to.
const LAST: [&str; 3] = ["SET", "the last change", "1"];

/// A library whose function tells of half of what it does.
const LIBRARY: &str = "#!lua name=l\nredis.register_function('f', function(keys) \
     redis.set_repl(redis.REPL_NONE) redis.call('SET', keys[1], 'hidden') \
     redis.set_repl(redis.REPL_ALL) return redis.call('SET', keys[2], 'told') end)";

/// Scripts and what is around them, each with something that may be told, or may not.
const REQUESTS: &[&[&str]] = &[
    &["SET", "plain", "1"],
    &[
        "EVAL",
        "redis.call('SET', 'a', 1) return redis.call('SET', 'b', 1)",
        "0",
    ],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_NONE) return redis.call('SET', 'none', 1)",
        "0",
    ],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_AOF) return redis.call('SET', 'aof', 1)",
        "0",
    ],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_REPLICA) return redis.call('SET', 'replica', 1)",
        "0",
    ],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_SLAVE) return redis.call('SET', 'slave', 1)",
        "0",
    ],
    &["EVAL", "return redis.call('SET', 'all again', 1)", "0"],
    &[
        "EVAL",
        "redis.call('SET', 'first', 1) redis.set_repl(redis.REPL_NONE) redis.call('SET', 'second', 1) \
         redis.set_repl(redis.REPL_ALL) return redis.call('SET', 'third', 1)",
        "0",
    ],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_NONE) redis.call('SET', 'hidden', 1) redis.set_repl(redis.REPL_ALL) \
         return redis.call('SET', 'single', 1)",
        "0",
    ],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_NONE) redis.call('SELECT', 3) redis.call('SET', 'elsewhere', 1) \
         redis.set_repl(redis.REPL_ALL) return redis.call('SET', 'told there', 1)",
        "0",
    ],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_NONE) redis.call('PUBLISH', 'channel', 'x') return 1",
        "0",
    ],
    &[
        "EVAL",
        "redis.call('PUBLISH', 'channel', 'x') return 1",
        "0",
    ],
    &[
        "EVAL",
        "redis.call('INCRBYFLOAT', 'f', 1.5) return redis.call('GETDEL', 'f')",
        "0",
    ],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_NONE) redis.call('INCRBYFLOAT', 'f', 1.5) \
         redis.set_repl(redis.REPL_ALL) return redis.call('INCRBYFLOAT', 'f', 1.5)",
        "0",
    ],
    &[
        "EVAL",
        "redis.call('SADD', 's', 'm') return redis.call('SPOP', 's')",
        "0",
    ],
    &[
        "EVAL",
        "redis.call('SET', 'before the error', 1) redis.call('INCR')",
        "0",
    ],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_NONE) redis.call('SET', 'k', 1) error('x')",
        "0",
    ],
    &["EVAL", "redis.set_repl(7)", "0"],
    &[
        "EVAL",
        "pcall(redis.set_repl, redis.REPL_NONE) return redis.call('SET', 'in pcall', 1)",
        "0",
    ],
    &["EVAL", "return redis.call('GET', 'plain')", "0"],
    &[
        "EVAL_RO",
        "redis.set_repl(redis.REPL_NONE) return redis.call('GET', 'plain')",
        "0",
    ],
    &[
        "SCRIPT",
        "LOAD",
        "return redis.call('SET', KEYS[1], ARGV[1])",
    ],
    &[
        "EVALSHA",
        "d8f2fad9f8e86a53d2a6ebd960b33c4972cacc37",
        "1",
        "by digest",
        "1",
    ],
    &["FUNCTION", "LOAD", LIBRARY],
    &["FCALL", "f", "2", "k1", "k2"],
    &["MULTI"],
    &["SET", "in a transaction", "1"],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_NONE) return redis.call('SET', 'hidden', 1)",
        "0",
    ],
    &["EVAL", "return redis.call('SET', 'told', 1)", "0"],
    &["EXEC"],
    &["MULTI"],
    &[
        "EVAL",
        "redis.set_repl(redis.REPL_NONE) return redis.call('SET', 'hidden', 1)",
        "0",
    ],
    &["EXEC"],
    &["FUNCTION", "DELETE", "l"],
    &["SCRIPT", "FLUSH"],
];

/// Compares what followers hear of scripts with what those of a real Redis do. [`SKIPPED`] is the error
/// where there is none.
pub fn run() -> Result<(), String> {
    let config = [("repl-diskless-sync-delay".to_owned(), "0".to_owned())];
    let mut real = Real::start(&config).ok_or(SKIPPED)?;
    let theirs = stream_of(&mut real, REQUESTS)?;
    let ours = stream_of(&mut Native::start(&config)?, REQUESTS)?;
    if ours == theirs {
        return Ok(());
    }
    let lines = |stream: &[u8]| text::quote(stream).replace("\\r\\n*", "\\r\\n\n*");
    Err(format!("real: {}\nours: {}", lines(&theirs), lines(&ours)))
}

/// Runs requests on a server and gives what a follower hears of them.
fn stream_of(player: &mut dyn Player, requests: &[&[&str]]) -> Result<Vec<u8>, String> {
    player.send("follower", &encode(&["SYNC"]));
    let mut heard = Vec::new();
    while image_end(&heard).is_none_or(|end| end > heard.len()) {
        hear(player, &mut heard)?;
    }
    heard.drain(..image_end(&heard).unwrap_or_default());
    for request in requests.iter().chain([&&LAST[..]]) {
        player.send("a", &encode(request));
        if let Reading::End(..) = Stage::new(player).read("a", Patience::Due) {
            return Err(format!("no reply to {request:?}"));
        }
    }
    let last = encode(&LAST);
    while !heard.ends_with(&last) {
        hear(player, &mut heard)?;
        remove_pings(&mut heard);
    }
    Ok(heard)
}

fn hear(player: &mut dyn Player, heard: &mut Vec<u8>) -> Result<(), String> {
    match player.receive("follower", Patience::Due) {
        Chunk::Bytes(bytes) => {
            heard.extend_from_slice(&bytes);
            Ok(())
        }
        Chunk::Closed => Err("the follower is not wanted".to_owned()),
        Chunk::Silence => Err("the stream does not go on".to_owned()),
    }
}

/// Where the image ends, once its length is known: `$` and how long it is, behind empty lines that tell
/// that the server is still at it.
fn image_end(heard: &[u8]) -> Option<usize> {
    let start = heard.iter().position(|byte| *byte == b'$')?;
    let line = heard.iter().skip(start).position(|byte| *byte == b'\n')? + start;
    let length = std::str::from_utf8(&heard[start + 1..line]).ok()?;
    Some(line + 1 + length.trim_end().parse::<usize>().ok()?)
}

fn remove_pings(heard: &mut Vec<u8>) {
    while let Some(at) = heard.windows(PING.len()).position(|window| window == PING) {
        heard.drain(at..at + PING.len());
    }
}

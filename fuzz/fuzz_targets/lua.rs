//! Any bytes as a script, as the code of a library, and as what cjson, cmsgpack and struct decode: each
//! ends in an answer or runs on, and never in a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use petridis_guest::engine::{Engine, Options, Transport};

/// Steps that a script without end is given.
const STEPS: u64 = 3;

/// Decodes its argument in every way, and encodes what came of it.
const DECODERS: &str = "local a = ARGV[1] \
    local function try(f, ...) local ok, v = pcall(f, ...) if ok then return v end end \
    local j = try(cjson.decode, a) if j ~= nil then try(cjson.encode, j) end \
    local m = try(cmsgpack.unpack, a) if m ~= nil then try(cmsgpack.pack, m) end \
    try(cmsgpack.unpack_limit, a, 3, 1) \
    local f = a:sub(1, 8) try(struct.size, f) try(struct.unpack, f, a:sub(9)) try(struct.pack, f, 1, 'x', 2.5) \
    try(string.format, a, 1, 'x', 2.5) try(string.find, a:sub(9), f) try(string.gsub, a:sub(9), f, a) \
    return {j, m}";

fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, input)) = input.split_first() else {
        return;
    };
    let options = Options {
        now_us: 1,
        memory_ceiling: 64 << 20,
        ..Options::default()
    };
    let mut engine = Engine::start(options).expect("the defaults are in range");
    let mut batch = engine.begin(1);
    let here = || "127.0.0.1:6379".to_owned();
    batch.opened(0, Transport::Tcp, here(), here());
    let library = [b"#!lua name=l\n", input].concat();
    batch.received(
        0,
        &match kind % 3 {
            0 => request(&[b"EVAL", input, b"1", b"key", b"arg"]),
            1 => request(&[b"EVAL", DECODERS.as_bytes(), b"0", input]),
            _ => request(&[b"FUNCTION", b"LOAD", &library]),
        },
    );
    let mut wake = batch.finish().wake_at_us;
    for step in 0..STEPS {
        if wake.is_none_or(|wake| wake > 1) {
            break;
        }
        wake = engine.begin(1 + step).finish().wake_at_us;
    }
});

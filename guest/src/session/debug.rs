//! DEBUG: what test suites lean on. Subcommands are told apart here, not in the command table, as in
//! Redis; one that is not here is unknown.

use super::{Call, LogLevel, SessionHandler};
use crate::commands::{Outcome, error, generic, help, options};
use crate::resp::{Aggregate, Args, Protocol, Sink};
use crate::value::list::End;
use crate::value::{Item, StringValue, Value, number};

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[("debug", debug)];

/// DEBUG subcommand [argument ...]
fn debug(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let name = options::c_text(args.at(1));
    match (name.to_ascii_lowercase().as_slice(), args.len()) {
        (b"change-repl-id", 2) => change_repl_id(call),
        (b"dict-resizing" | b"pause-cron", 3) => accept(call),
        (b"error", 3) => error(call, args.at(2)),
        (b"help", 2) => help(call),
        (b"log", 3) => log(call, args.at(2)),
        (b"object", 3) => object(call, args.at(2)),
        (b"populate", 3..=5) => populate(call, args),
        (b"protocol", 3) => protocol(call, args.at(2)),
        (b"quicklist-packed-threshold", 3) => quicklist_packed_threshold(call, args.at(2)),
        (b"replybuffer", 4) => replybuffer(call, args),
        (b"set-active-expire", 3) => set_active_expire(call, args.at(2)),
        (b"sleep", 3) => sleep(call, args.at(2)),
        _ => Err(error::unknown_subcommand_or_arity(name, "debug")),
    }
}

/// DEBUG DICT-RESIZING 0 | 1, DEBUG PAUSE-CRON 0 | 1: there is nothing here that they would stop.
fn accept(call: &mut Call<'_>) -> Outcome {
    call.reply.ok();
    Ok(())
}

/// DEBUG CHANGE-REPL-ID
fn change_repl_id(call: &mut Call<'_>) -> Outcome {
    let rng = &mut call.server.rng;
    call.server.run_id = (0..40).map(|_| rng.digit(16)).collect();
    call.reply.ok();
    Ok(())
}

/// DEBUG ERROR message
fn error(call: &mut Call<'_>, message: &[u8]) -> Outcome {
    // Written as a reply: it is not an error that happened, and none is counted.
    call.reply.error(message);
    Ok(())
}

/// DEBUG LOG message
fn log(call: &mut Call<'_>, message: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(options::c_text(message));
    call.server
        .log(LogLevel::Warning, format!("DEBUG LOG: {text}"));
    call.reply.ok();
    Ok(())
}

/// DEBUG OBJECT key
fn object(call: &mut Call<'_>, key: &[u8]) -> Outcome {
    let db = call.client().db;
    let server = &mut *call.server;
    let now_s = server.keyspace.now_ms() / 1000;
    let Some(entry) = server.keyspace.peek(db, key) else {
        return Err(error::NO_SUCH_KEY);
    };
    let value = entry.value();
    // No address: the same input has to give the same bytes.
    let line = format!(
        "Value at:0x7f0000000000 refcount:{} encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}",
        generic::refcount(value, &server.config),
        value.encoding(),
        serialized_len(value),
        entry.accessed_s() & 0xff_ffff,
        generic::idle_s(entry, now_s),
    );
    call.reply.simple(&line);
    Ok(())
}

/// How long the value would be in an RDB file that is not compressed.
fn serialized_len(value: &Value) -> usize {
    match value {
        Value::String(string) => serialized_string_len(string),
        // Roughly, until the format itself is written.
        Value::List(list) => list.items(End::Left).map(serialized_item_len).sum(),
        Value::Set(set) => set.items().map(serialized_item_len).sum(),
        Value::Hash(_) | Value::SortedSet(_) | Value::Stream(_) => value.heap_bytes(),
    }
}

fn serialized_item_len(item: Item<'_>) -> usize {
    serialized_string_len(&StringValue::plain(&item.bytes()))
}

fn serialized_string_len(string: &StringValue) -> usize {
    // Short digits are stored as a number, whatever the encoding in memory.
    let number = if string.len() <= 11 {
        string.to_i64()
    } else {
        None
    };
    let len = string.len();
    match number {
        Some(-0x80..=0x7f) => 2,
        Some(-0x8000..=0x7fff) => 3,
        Some(-0x8000_0000..=0x7fff_ffff) => 5,
        _ if len < 1 << 6 => 1 + len,
        _ if len < 1 << 14 => 2 + len,
        _ => 5 + len,
    }
}

/// DEBUG POPULATE count [prefix [size]]
fn populate(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let count = options::positive(args.at(2))?;
    let prefix = args.get(3).unwrap_or(b"key");
    let size = args.get(4).map(options::positive).transpose()?.unwrap_or(0);
    let db = call.client().db;
    let keyspace = &mut call.server.keyspace;
    // Redis does not count these keys as changes.
    let dirty = keyspace.journal.dirty;
    let room = usize::try_from(size)
        .unwrap_or(usize::MAX)
        .max(prefix.len())
        .saturating_add(64);
    for number in 0..count {
        if !keyspace.has_room_for(room) {
            keyspace.journal.dirty = dirty;
            return Err(error::OUT_OF_MEMORY);
        }
        let key = [prefix, format!(":{number}").as_bytes()].concat();
        let mut slot = keyspace.write(db, &key);
        if slot.exists() {
            continue;
        }
        let mut value = format!("value:{number}").into_bytes();
        if size > 0 {
            value.resize(size as usize, 0);
        }
        slot.put(StringValue::plain(&value));
    }
    keyspace.journal.dirty = dirty;
    call.reply.ok();
    Ok(())
}

/// DEBUG PROTOCOL string | integer | double | bignum | null | array | set | map | attrib | push |
/// verbatim | true | false
#[expect(clippy::approx_constant, reason = "this number is what Redis answers")]
fn protocol(call: &mut Call<'_>, name: &[u8]) -> Outcome {
    let reply = &mut *call.reply;
    let resp3 = reply.protocol() == Protocol::Resp3;
    match options::c_text(name).to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(3.141),
        b"bignum" => reply.big_number(b"1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => up_to_two(reply, Aggregate::Array),
        b"set" => up_to_two(reply, Aggregate::Set),
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => {
            if resp3 {
                reply.aggregate(Aggregate::Attribute, 1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" if !resp3 => return Err(error::RESP2_UNSUPPORTED),
        b"push" => {
            // Redis holds pushes back until the command is answered, hence this order.
            reply.bulk(b"Some real reply following the push reply");
            reply.aggregate(Aggregate::Push, 2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
        }
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        _ => return Err(error::NO_SUCH_PROTOCOL_TYPE),
    }
    Ok(())
}

fn up_to_two(reply: &mut dyn Sink, kind: Aggregate) {
    reply.aggregate(kind, 3);
    for number in 0..3 {
        reply.integer(number);
    }
}

/// DEBUG QUICKLIST-PACKED-THRESHOLD size
fn quicklist_packed_threshold(call: &mut Call<'_>, size: &[u8]) -> Outcome {
    // Lists are not built of such nodes here; the size is looked at and let go.
    match number::parse_memory(options::c_text(size)) {
        Some(0..0xffff_ffff) => call.reply.ok(),
        _ => return Err(error::PACKED_THRESHOLD_OUT_OF_RANGE),
    }
    Ok(())
}

/// DEBUG REPLYBUFFER PEAK-RESET-TIME NEVER | RESET | milliseconds, DEBUG REPLYBUFFER RESIZING 0 | 1
fn replybuffer(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    // Buffers for replies are not resized by a clock here.
    if options::is(args.at(2), "PEAK-RESET-TIME") {
        if !options::is(args.at(3), "NEVER") && !options::is(args.at(3), "RESET") {
            options::integer(args.at(3))?;
        }
    } else if !options::is(args.at(2), "RESIZING") {
        return Err(error::unknown_subcommand_or_arity(
            options::c_text(args.at(1)),
            "debug",
        ));
    }
    call.reply.ok();
    Ok(())
}

/// DEBUG SET-ACTIVE-EXPIRE 0 | 1
fn set_active_expire(call: &mut Call<'_>, on: &[u8]) -> Outcome {
    // Read as C's atoi reads: what is no number is 0.
    call.server
        .keyspace
        .set_active_expiry(leading_number(on) as i64 != 0);
    call.reply.ok();
    Ok(())
}

/// DEBUG SLEEP seconds
fn sleep(call: &mut Call<'_>, seconds: &[u8]) -> Outcome {
    let duration_us = leading_number(seconds) * 1e6;
    // What is no time to sleep is none in Redis either: negative, or beyond all counting.
    if (1.0..i64::MAX as f64).contains(&duration_us) {
        let until_us = call.server.now_us().saturating_add(duration_us as u64);
        call.server.sleep_until_us(until_us);
    }
    call.reply.ok();
    Ok(())
}

/// The number that a text begins with, as C's strtod finds it; 0 if there is none.
fn leading_number(text: &[u8]) -> f64 {
    let text = text.trim_ascii_start();
    let digits = text
        .iter()
        .take(64)
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let longest = digits.count();
    (1..=longest)
        .rev()
        .find_map(|len| std::str::from_utf8(&text[..len]).ok()?.parse().ok())
        .unwrap_or(0.0)
}

/// DEBUG HELP
fn help(call: &mut Call<'_>) -> Outcome {
    let entries: &[(&str, &[&str])] = &[
        ("CHANGE-REPL-ID", &["Take a new replication id."]),
        ("DICT-RESIZING <0|1>", &["Accepted; changes nothing here."]),
        ("ERROR <string>", &["Answer with an error of these words."]),
        ("LOG <message>", &["Write a line to the log."]),
        (
            "OBJECT <key>",
            &["What is known of a key's value: encoding, size, last access."],
        ),
        ("PAUSE-CRON <0|1>", &["Accepted; changes nothing here."]),
        (
            "POPULATE <count> [<prefix>] [<size>]",
            &[
                "Add <count> strings under key:0, key:1 and so on, leaving those that exist.",
                "They begin with <prefix> instead of key, and are <size> bytes long, if given.",
            ],
        ),
        (
            "PROTOCOL <type>",
            &[
                "Answer with a reply of that type, which is one of: string, integer, double,",
                "bignum, null, array, set, map, attrib, push, verbatim, true, false.",
            ],
        ),
        (
            "QUICKLIST-PACKED-THRESHOLD <size>",
            &["Accepted; changes nothing here."],
        ),
        (
            "REPLYBUFFER <PEAK-RESET-TIME|RESIZING> <value>",
            &["Accepted; changes nothing here."],
        ),
        (
            "SET-ACTIVE-EXPIRE <0|1>",
            &["With 0, keys whose time is up stay until somebody looks at them."],
        ),
        (
            "SLEEP <seconds>",
            &["Answer nobody for that long. Takes fractions."],
        ),
    ];
    help::write(call.reply, "DEBUG", entries);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_ends_where_it_stops_making_sense() {
        let numbers: [(&[u8], f64); 8] = [
            (b"0.5", 0.5),
            (b" 2", 2.0),
            (b"-1e3x", -1000.0),
            (b"1e", 1.0),
            (b"1.2.3", 1.2),
            (b"abc", 0.0),
            (b"nan", 0.0),
            (b"", 0.0),
        ];
        for (text, number) in numbers {
            assert_eq!(
                leading_number(text),
                number,
                "{}",
                String::from_utf8_lossy(text)
            );
        }
    }

    #[test]
    fn serialized_lengths_are_those_of_an_rdb_file() {
        let lengths: [(&[u8], usize); 7] = [
            (b"5", 2),
            (b"300", 3),
            (b"70000", 5),
            (b"9000000000", 11),
            (b"hello", 6),
            (b"abcdefghijklmnopqrstuvwxyz", 27),
            (&[b'x'; 64], 66),
        ];
        for (text, length) in lengths {
            assert_eq!(serialized_len(&StringValue::new(text).into()), length);
        }
    }
}

//! DEBUG: what test suites lean on. Subcommands are told apart here, not in the command table, as in
//! Redis; one that is not here is unknown.

mod digest;
mod reload;
mod tables;

use super::append_only;
use super::buffers::Upkeep;
use super::{Call, LogLevel, SessionHandler};
use crate::commands::{Outcome, error, generic, help, options};
use crate::config::Config;
use crate::rdb;
use crate::resp::{Aggregate, Args, Protocol, Sink, quote};
use crate::value::list::Part;
use crate::value::{List, StringValue, Value, glob, number};

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[("debug", debug)];

/// DEBUG subcommand [argument ...]
fn debug(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let name = options::c_text(args.at(1));
    match (name.to_ascii_lowercase().as_slice(), args.len()) {
        (b"change-repl-id", 2) => change_repl_id(call),
        (b"digest", 2) => digest::digest(call),
        (b"digest-value", 2..) => digest::digest_value(call, args.from(2)),
        (b"aof-flush-sleep" | b"dict-resizing" | b"drop-cluster-packet-filter", 3) => accept(call),
        (b"assert" | b"crash-and-recover" | b"oom" | b"panic" | b"restart" | b"segfault", 2..) => {
            crash(name)
        }
        (b"config-rewrite-force-all", 2) => Err(error::CONFIG_REWRITE_FORCE_ALL),
        (b"error", 3) => error(call, args.at(2)),
        (b"help", 2) => help(call),
        (b"listpack", 3) => layout(call, args.at(2), Shown::Listpack),
        (b"htstats", 3..) => tables::database(call, args),
        (b"htstats-key", 3..) => tables::key(call, args),
        (b"loadaof", 2..) => append_only::load(call),
        (b"log", 3) => log(call, args.at(2)),
        (b"object", 3) => object(call, args.at(2)),
        (b"pause-cron", 3) => pause_cron(call, args.at(2)),
        (b"populate", 3..=5) => populate(call, args),
        (b"protocol", 3) => protocol(call, args.at(2)),
        (b"quicklist", 3..=4) => layout(call, args.at(2), Shown::Quicklist),
        (b"quicklist-packed-threshold", 3) => quicklist_packed_threshold(call, args.at(2)),
        (b"reload", 2..) => reload::reload(call, args.from(2)),
        (b"replybuffer", 4) => replybuffer(call, args),
        (b"set-disable-deny-scripts", 3) => set_disable_deny_scripts(call, args.at(2)),
        (b"stringmatch-test", 2) => stringmatch_test(call),
        (b"set-active-expire", 3) => set_active_expire(call, args.at(2)),
        (b"sleep", 3) => sleep(call, args.at(2)),
        _ => Err(error::unknown_subcommand_or_arity(name, "debug")),
    }
}

/// DEBUG AOF-FLUSH-SLEEP, DEBUG DICT-RESIZING, DEBUG DROP-CLUSTER-PACKET-FILTER: there is nothing here
/// that they would change.
fn accept(call: &mut Call<'_>) -> Outcome {
    call.reply.ok();
    Ok(())
}

/// DEBUG CHANGE-REPL-ID
fn change_repl_id(call: &mut Call<'_>) -> Outcome {
    let rng = &mut call.server.rng;
    call.server.replication_id = (0..40).map(|_| rng.digit(16)).collect();
    call.reply.ok();
    Ok(())
}

/// DEBUG ASSERT, CRASH-AND-RECOVER, OOM, PANIC, RESTART, SEGFAULT: Redis goes down with these, and so
/// does the engine. It is for whoever runs it to put another in its place.
fn crash(name: &[u8]) -> Outcome {
    panic!("DEBUG {} was asked for", String::from_utf8_lossy(name));
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
    let Some(entry) = server.keyspace.kept(db, key) else {
        return Err(error::NO_SUCH_KEY);
    };
    let value = entry.value();
    let nodes = match value {
        Value::List(list) => nodes(list, &server.config),
        _ => String::new(),
    };
    // No address: the same input has to give the same bytes.
    let line = format!(
        "Value at:0x7f0000000000 refcount:{} encoding:{} serializedlength:{} lru:{} lru_seconds_idle:{}{nodes}",
        generic::refcount(value, &server.config),
        value.encoding(),
        rdb::serialized_len(value, server.config.rdbcompression),
        entry.access().raw(),
        generic::idle_s(entry, now_s),
    );
    call.reply.simple(&line);
    Ok(())
}

/// What DEBUG OBJECT says of the nodes of a list that has any.
fn nodes(list: &List, config: &Config) -> String {
    let Some(limit) = list.node_limit() else {
        return String::new();
    };
    let parts = list.parts();
    let nodes = parts.len();
    let bytes: usize = parts
        .map(|part| match part {
            Part::Pack(pack) => pack.size(),
            Part::Plain(element) => element.len(),
        })
        .sum();
    format!(
        " ql_nodes:{nodes} ql_avg_node:{:.2} ql_listpack_max:{limit} ql_compressed:{} \
         ql_uncompressed_size:{bytes}",
        list.len() as f64 / nodes as f64,
        u8::from(config.list_compress_depth != 0),
    )
}

/// A larger value is not shown.
const MOST_SHOWN: usize = 1 << 16;

/// How a value has to be laid out for DEBUG to show it.
#[derive(Clone, Copy)]
enum Shown {
    Listpack,
    Quicklist,
}

/// DEBUG LISTPACK key, DEBUG QUICKLIST key [0 | 1]: to the log, where Redis writes to its terminal.
fn layout(call: &mut Call<'_>, key: &[u8], shown: Shown) -> Outcome {
    let db = call.client().db;
    let Some(entry) = call.server.keyspace.inspect(db, key) else {
        return Err(error::NO_SUCH_KEY);
    };
    let encoding = entry.value().encoding();
    let (is_shown, refused, answer) = match shown {
        Shown::Listpack => (
            matches!(encoding, "listpack" | "listpackex"),
            error::NOT_A_LISTPACK,
            "Listpack structure printed on stdout",
        ),
        Shown::Quicklist => (
            encoding == "quicklist",
            error::NOT_A_QUICKLIST,
            "Quicklist structure printed on stdout",
        ),
    };
    if !is_shown {
        return Err(refused);
    }
    let bytes = entry.value().heap_bytes();
    let text = if bytes <= MOST_SHOWN {
        // As DUMP writes it: for a listpack, byte for byte what it is.
        let mut text = format!("A {encoding} of {bytes} bytes: ");
        quote(&rdb::dump(entry.value(), false), &mut text);
        text
    } else {
        format!("A {encoding} of {bytes} bytes")
    };
    call.server.log(LogLevel::Notice, text);
    call.reply.simple(answer);
    Ok(())
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

/// DEBUG PAUSE-CRON 0 | 1
fn pause_cron(call: &mut Call<'_>, on: &[u8]) -> Outcome {
    let is_paused = leading_number(on) as i64 != 0;
    call.server
        .change_upkeep(|upkeep| upkeep.is_paused = is_paused);
    call.reply.ok();
    Ok(())
}

/// DEBUG REPLYBUFFER PEAK-RESET-TIME NEVER | RESET | milliseconds, DEBUG REPLYBUFFER RESIZING 0 | 1
fn replybuffer(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let value = args.at(3);
    if options::is(args.at(2), "PEAK-RESET-TIME") {
        let peak_reset_us = if options::is(value, "NEVER") {
            None
        } else if options::is(value, "RESET") {
            Upkeep::DEFAULT_PEAK_RESET_US
        } else {
            // Of a time before now Redis makes never, too.
            u64::try_from(options::integer(value)?)
                .ok()
                .map(|ms| ms.saturating_mul(1000))
        };
        call.server
            .change_upkeep(|upkeep| upkeep.peak_reset_us = peak_reset_us);
    } else if options::is(args.at(2), "RESIZING") {
        let resizes_replies = leading_number(value) as i64 != 0;
        call.server
            .change_upkeep(|upkeep| upkeep.resizes_replies = resizes_replies);
    } else {
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

/// DEBUG SET-DISABLE-DENY-SCRIPTS 0 | 1
fn set_disable_deny_scripts(call: &mut Call<'_>, on: &[u8]) -> Outcome {
    call.server.scripts.may_call_all = leading_number(on) as i64 != 0;
    call.reply.ok();
    Ok(())
}

/// DEBUG STRINGMATCH-TEST
fn stringmatch_test(call: &mut Call<'_>) -> Outcome {
    const ROUNDS: usize = 10_000;
    const LETTERS: &[u8] = b"ab*?[]^-\\\x00\xff";
    for _ in 0..ROUNDS {
        let rng = &mut call.server.rng;
        let mut word = || -> Vec<u8> {
            let len = rng.usize(0..24);
            (0..len)
                .map(|_| LETTERS[rng.usize(0..LETTERS.len())])
                .collect()
        };
        let (pattern, text) = (word(), word());
        // That it comes to an end is all that is tested.
        glob::matches(&pattern, &text, false);
    }
    call.reply
        .simple("Apparently Redis did not crash: test passed");
    Ok(())
}

/// DEBUG SLEEP seconds
fn sleep(call: &mut Call<'_>, seconds: &[u8]) -> Outcome {
    let duration_us = leading_number(seconds) * 1e6;
    // What is no time to sleep is none in Redis either: negative, or beyond all counting.
    if (1.0..i64::MAX as f64).contains(&duration_us) {
        call.server.sleep_for_us(duration_us as u64);
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
        (
            "ASSERT, CRASH-AND-RECOVER, OOM, PANIC, RESTART, SEGFAULT",
            &["Go down, for whoever runs this to put another in its place."],
        ),
        ("CHANGE-REPL-ID", &["Take a new replication id."]),
        (
            "DIGEST",
            &["Twenty bytes that tell whether two servers hold the same."],
        ),
        (
            "DIGEST-VALUE <key> [<key> ...]",
            &["The same for each of some keys."],
        ),
        ("DICT-RESIZING <0|1>", &["Accepted; changes nothing here."]),
        ("ERROR <string>", &["Answer with an error of these words."]),
        (
            "HTSTATS <dbid>",
            &["How large the hash tables of a database would be in Redis."],
        ),
        ("HTSTATS-KEY <key>", &["The same of a key's value."]),
        (
            "LISTPACK <key>",
            &["Write to the log how a value in a listpack is laid out."],
        ),
        ("LOADAOF", &["Write all data down and read it again."]),
        ("LOG <message>", &["Write a line to the log."]),
        (
            "OBJECT <key>",
            &["What is known of a key's value: encoding, size, last access."],
        ),
        (
            "PAUSE-CRON <0|1>",
            &["With 1, the buffers of clients are not looked after."],
        ),
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
            "QUICKLIST <key> [<0|1>]",
            &["Write to the log how a list of nodes is laid out."],
        ),
        (
            "QUICKLIST-PACKED-THRESHOLD <size>",
            &["Accepted; changes nothing here."],
        ),
        (
            "RELOAD [option ...]",
            &[
                "Write all data down and read it again. Options:",
                "* MERGE: keys that are there are replaced.",
                "* NOFLUSH: what is there stays.",
                "* NOSAVE: read what was written last.",
            ],
        ),
        (
            "REPLYBUFFER <PEAK-RESET-TIME|RESIZING> <value>",
            &["When reply buffers forget how full they were, and whether they are resized."],
        ),
        (
            "SET-ACTIVE-EXPIRE <0|1>",
            &["With 0, keys whose time is up stay until somebody looks at them."],
        ),
        (
            "SET-DISABLE-DENY-SCRIPTS <0|1>",
            &["With 1, scripts may call commands that are not for scripts."],
        ),
        (
            "STRINGMATCH-TEST",
            &["Match random patterns against random strings."],
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
}

//! For tests: commands run one after the other, each with what it answered, counted and told.

use super::{
    Context, Wait, databases, dump, generic, geo, hashes, hyperloglog, lists, sets, sort,
    sorted_sets, streams, strings, vectors,
};
use crate::config::Config;
use crate::keyspace::{EventClass, Keyspace};
use crate::resp::{OwnedArgs, Wire};

/// Runs commands and compares what each did: its reply, then how many changes, hits and misses
/// it counted, then the events, `db:name key` each. Recorded from Redis 8.0.2.
pub fn check(transcript: &[(&str, &str, [u64; 3], &str)]) {
    let mut keyspace = Keyspace::new(16, 7, usize::MAX);
    keyspace.journal.listening = [
        EventClass::GENERIC,
        EventClass::HASH,
        EventClass::LIST,
        EventClass::SORTED_SET,
        EventClass::STREAM,
        EventClass::SET,
        EventClass::STRING,
        EventClass::EXPIRED,
        EventClass::KEY_MISS,
        EventClass::NEW,
    ]
    .into_iter()
    .fold(EventClass::NONE, |all, class| all | class);
    keyspace.set_now_us(1_700_000_000_000_000);
    keyspace.set_active_expiry(false);
    for (command, reply, counts, events) in transcript {
        // Every command comes 10 ms after the one before.
        keyspace.set_now_us(keyspace.now_us() + 10_000);
        let before = counts_of(&keyspace);
        assert_eq!(answer(&mut keyspace, command), *reply, "{command}");
        let after = counts_of(&keyspace);
        let counted: Vec<u64> = after
            .iter()
            .zip(before)
            .map(|(after, before)| after - before)
            .collect();
        assert_eq!(counted, counts, "changes, hits and misses of {command}");
        let told: Vec<String> = keyspace
            .journal
            .events
            .drain(..)
            .map(|event| {
                format!(
                    "{}:{} {}",
                    event.db,
                    event.name,
                    String::from_utf8_lossy(&event.key)
                )
            })
            .collect();
        assert_eq!(told.join(", "), *events, "events of {command}");
    }
}

fn counts_of(keyspace: &Keyspace) -> [u64; 3] {
    [
        keyspace.journal.dirty,
        keyspace.stats.hits,
        keyspace.stats.misses,
    ]
}

/// The reply without its last line break; those within are shown as blanks.
pub fn answer(keyspace: &mut Keyspace, command: &str) -> String {
    run(keyspace, command, false).0
}

/// What a client waits for that can wait, if the command finds nothing.
pub fn waits(keyspace: &mut Keyspace, command: &str) -> Option<Wait> {
    run(keyspace, command, true).1
}

fn run(keyspace: &mut Keyspace, command: &str, may_wait: bool) -> (String, Option<Wait>) {
    let args: OwnedArgs = command.split(' ').map(str::as_bytes).collect();
    let mut words = command.split(' ').map(str::to_lowercase);
    let mut name = words.next().unwrap_or_default();
    if ["object", "xgroup", "xinfo"].contains(&&*name) {
        name = format!("{name}|{}", words.next().unwrap_or_default());
    }
    let handler = [
        databases::HANDLERS,
        dump::HANDLERS,
        generic::HANDLERS,
        geo::HANDLERS,
        hashes::HANDLERS,
        hyperloglog::HANDLERS,
        lists::HANDLERS,
        sets::HANDLERS,
        sort::HANDLERS,
        sorted_sets::HANDLERS,
        streams::HANDLERS,
        strings::HANDLERS,
        vectors::HANDLERS,
    ]
    .concat()
    .into_iter()
    .find(|(known, _)| *known == name)
    .unwrap_or_else(|| panic!("no handler for {command}"))
    .1;
    let mut wire = Wire::default();
    wire.aim(Default::default(), usize::MAX);
    let mut rng = fastrand::Rng::with_seed(7);
    let config = Config::default();
    let mut ctx = Context {
        keyspace,
        db: 0,
        reply: &mut wire,
        config: &config,
        rng: &mut rng,
        may_wait,
        in_script: false,
        reads_every_key: true,
        wait: None,
    };
    let outcome = handler(&mut ctx, args.as_args());
    let wait = ctx.wait.take();
    let reply = match outcome {
        Ok(()) => String::from_utf8_lossy(&wire.take())
            .trim_end()
            .replace("\r\n", " "),
        Err(error) => format!("-{}", String::from_utf8_lossy(error.text())),
    };
    (reply, wait.map(|wait| *wait))
}

//! Plays every conversation: natively, on the component over TCP, and on request on a real Redis.
//!
//! `PETRIDIS_CONVERSATIONS=real` adds the real one. A word on the command line selects by name, as
//! always. Recording is `converse`'s (`tests/src/bin/converse.rs`).

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use petridis_tests::conversation::{Conversation, Item, What, read_all};
use petridis_tests::dish::Dish;
use petridis_tests::native::Native;
use petridis_tests::play::{Player, check};
use petridis_tests::real::{self, Real};

type Config = [(String, String)];

/// The families that are complete.
const GROUPS: &[&str] = &[
    "string",
    "bitmap",
    "generic",
    "hash",
    "connection",
    "server",
];

/// Commands of those families that come later, and so have no conversation.
const LATER: &[&str] = &[
    "acl",
    "bgrewriteaof",
    "bgsave",
    "client|caching",
    "client|getredir",
    "client|pause",
    "client|tracking",
    "client|trackinginfo",
    "client|unblock",
    "client|unpause",
    "config|rewrite",
    "dump",
    "failover",
    "lastsave",
    "latency",
    "memory",
    "migrate",
    "module",
    "monitor",
    "object|freq",
    // No real server answers it.
    "petridis",
    "psync",
    "replconf",
    "replicaof",
    "restore",
    "restore-asking",
    "role",
    "save",
    "shutdown",
    "slaveof",
    "slowlog",
    "sort",
    "sort_ro",
    "sync",
    "wait",
    "waitaof",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conversations");
    let conversations = match read_all(&root) {
        Ok(conversations) => conversations,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };

    let with_real = env::var_os("PETRIDIS_CONVERSATIONS").is_some_and(|which| which == "real");
    if with_real && real::program().is_none() {
        eprintln!("{}", real::SKIPPED);
    }
    let played = Arc::new(AtomicUsize::new(0));
    let mut trials = vec![Trial::test("every_command_has_a_conversation", {
        let heard = commands_of(&conversations);
        move || every_command_has_a_conversation(&heard)
    })];
    for conversation in conversations {
        let conversation = Arc::new(conversation);
        let trial = |player: &str, start: fn(&Config) -> Result<Box<dyn Player>, String>| {
            let (conversation, played) = (conversation.clone(), played.clone());
            Trial::test(format!("{player}/{}", conversation.name), move || {
                on_a_large_stack(move || play(&conversation, start, &played))
            })
        };
        trials.push(trial("native", |config| {
            Ok(Box::new(Native::start(config)?))
        }));
        trials.push(trial("component", |config| {
            Ok(Box::new(Dish::start(config)?))
        }));
        if with_real && real::program().is_some() {
            trials.push(trial("real", |config| {
                Ok(Box::new(
                    Real::start(config).ok_or("redis-server did not start")?,
                ))
            }));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    eprintln!("{} exchanges played", played.load(Ordering::Relaxed));
    conclusion.exit_code()
}

fn play(
    conversation: &Conversation,
    start: fn(&Config) -> Result<Box<dyn Player>, String>,
    played: &AtomicUsize,
) -> Result<(), Failed> {
    let silent = conversation
        .exchanges()
        .find(|exchange| exchange.heard.is_empty());
    if let Some(exchange) = silent {
        let path = conversation.path.display();
        return Err(format!("{path}:{}: no reply is recorded", exchange.line).into());
    }
    let report = check(conversation, &mut *start(&conversation.config)?);
    played.fetch_add(report.exchanges, Ordering::Relaxed);
    match report.failures.as_slice() {
        [] => Ok(()),
        failures => {
            let count = format!("{} of {} exchanges\n\n", failures.len(), report.exchanges);
            Err((count + &failures.join("\n")).into())
        }
    }
}

/// Every command that the conversations speak, as `get` or `config|get`.
fn commands_of(conversations: &[Conversation]) -> BTreeSet<String> {
    let mut spoken = BTreeSet::new();
    for item in conversations
        .iter()
        .flat_map(|conversation| &conversation.items)
    {
        let Item::Exchange(exchange) = item else {
            continue;
        };
        let Some(What::Command(words)) = exchange.sent.as_ref().map(|sent| &sent.what) else {
            continue;
        };
        let word = |index: usize| {
            let word = words.get(index).map(Vec::as_slice).unwrap_or_default();
            String::from_utf8_lossy(word).to_lowercase()
        };
        spoken.insert(word(0));
        spoken.insert(format!("{}|{}", word(0), word(1)));
    }
    spoken
}

/// A debug build of the engine needs more stack for scripts that are nested as deeply as may be than
/// a thread has by itself. The component has its own, whatever the thread has.
fn on_a_large_stack(
    act: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Result<(), Failed> {
    let thread = std::thread::Builder::new().stack_size(64 << 20);
    let acting = thread.spawn(act)?;
    acting.join().unwrap_or_else(|_| Err("it panicked".into()))
}

fn every_command_has_a_conversation(spoken: &BTreeSet<String>) -> Result<(), Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest/commands.json");
    let table: serde_json::Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let mut missing = Vec::new();
    let mut known = 0;
    for command in table.as_array().ok_or("the table is an array")? {
        let subcommands = command["subcommands"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        for entry in std::iter::once(command).chain(subcommands) {
            let name = entry["name"].as_str().ok_or("a command has a name")?;
            let parent = command["name"].as_str().unwrap_or_default();
            let here = command["group"]
                .as_str()
                .is_some_and(|group| GROUPS.contains(&group));
            if here && !LATER.contains(&parent) && !LATER.contains(&name) {
                known += 1;
                if !spoken.contains(name) {
                    missing.push(name.to_owned());
                }
            }
        }
    }
    match missing.is_empty() && known > 0 {
        true => Ok(()),
        false => Err(format!("of {known} commands, without a conversation: {missing:?}").into()),
    }
}

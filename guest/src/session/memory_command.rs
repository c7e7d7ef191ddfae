//! MEMORY: what the data and the server take. The figures are this server's own: bytes that are
//! allocated here, not those that Redis would allocate.

use super::{Call, Server};
use crate::commands::{Outcome, error, help, options};
use crate::keyspace::Entry;
use crate::resp::{Aggregate, Args, Sink};
use crate::value::{Fields, List, Set, SortedSet, Stream, Value, VectorSet};

crate::session::handlers::attach! {
    "memory|doctor" => doctor,
    "memory|help" => help,
    "memory|malloc-stats" => malloc_stats,
    "memory|purge" => purge,
    "memory|stats" => stats,
    "memory|usage" => usage,
}

/// What a key takes in the index of its database, on average.
const INDEX_BYTES: usize = 8;
/// What a deadline takes.
const DEADLINE_BYTES: usize = 16;

// ---- one key -----------------------------------------------------------------------------------

/// MEMORY USAGE key [SAMPLES count]
fn usage(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let mut at = 3;
    while let Some(option) = args.get(at) {
        match args.get(at + 1) {
            // All is counted, nothing sampled.
            Some(samples) if options::is(option, "SAMPLES") => {
                if options::integer(samples)? < 0 {
                    return Err(error::SYNTAX);
                }
            }
            _ => return Err(error::SYNTAX),
        }
        at += 2;
    }
    let (db, key) = (call.client().db, args.at(2));
    let keyspace = &mut call.server.keyspace;
    let expires = keyspace.deadline_ms(db, key).flatten().is_some();
    match keyspace.peek(db, key) {
        Some(entry) => call.reply.integer(bytes_of(entry, expires) as i64),
        None => call.reply.null(),
    }
    Ok(())
}

/// Bytes that a key takes with all that it holds.
fn bytes_of(entry: &Entry, expires: bool) -> usize {
    let value = entry.value();
    let own = match value {
        Value::String(_) => 0,
        Value::List(_) => size_of::<List>(),
        Value::Set(_) => size_of::<Set>(),
        Value::Hash(_) => size_of::<Fields>(),
        Value::SortedSet(_) => size_of::<SortedSet>(),
        Value::Stream(_) => size_of::<Stream>(),
        Value::Vectors(_) => size_of::<VectorSet>(),
    };
    let deadline = if expires { DEADLINE_BYTES } else { 0 };
    size_of::<Entry>() + INDEX_BYTES + entry.key().len() + own + value.heap_bytes() + deadline
}

// ---- the server --------------------------------------------------------------------------------

/// What the server takes, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Allocated and not freed.
    pub used: u64,
    /// Of linear memory.
    pub resident: u64,
    /// The most that was allocated.
    pub peak: u64,
    /// Allocated at the start.
    pub at_start: u64,
    /// By clients.
    pub clients: u64,
    /// By those of them that are replicas.
    pub replicas: u64,
    /// By all but the data.
    pub overhead: u64,
}

impl Figures {
    /// As things stand, but for so many bytes that the answer itself takes.
    pub fn beside(server: &Server, bytes: usize) -> Self {
        let used = server.used_memory().saturating_sub(bytes as u64);
        let at_start = server.stats.memory_at_start.min(used);
        let clients = server.clients.by_id();
        let replicas = clients.iter().filter(|(_, client)| client.is_replica());
        let replicas = replicas
            .map(|(_, client)| server.figures(client).tot_mem)
            .sum();
        let clients: u64 = clients
            .iter()
            .map(|(_, client)| server.figures(client).tot_mem)
            .sum();
        Figures {
            used,
            resident: crate::memory::resident() as u64
                + crate::memory::held_elsewhere(server.clients.unsent_bytes()),
            peak: server.stats.memory_peak.max(used),
            at_start,
            clients,
            replicas,
            overhead: (at_start + clients).min(used),
        }
    }

    /// As things stand.
    pub fn of(server: &Server) -> Self {
        Self::beside(server, 0)
    }

    /// What the data takes.
    pub fn dataset(&self) -> u64 {
        self.used - self.overhead
    }

    /// Of what was allocated since the start, how much the data takes.
    pub fn dataset_percentage(&self) -> f64 {
        100.0 * ratio(self.dataset(), self.used - self.at_start)
    }

    /// Of the most that was allocated, how much is.
    pub fn peak_percentage(&self) -> f64 {
        100.0 * ratio(self.used, self.peak)
    }

    /// How much of linear memory there is for each byte that is allocated.
    pub fn fragmentation(&self) -> f64 {
        ratio(self.resident, self.used)
    }

    /// Linear memory that is not allocated.
    pub fn slack(&self) -> u64 {
        self.resident.saturating_sub(self.used)
    }
}

/// 0 where the whole is nothing.
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// MEMORY STATS
fn stats(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let figures = Figures::of(call.server);
    let keyspace = &call.server.keyspace;
    let keys: u64 = (0..keyspace.databases())
        .map(|db| keyspace.len(db) as u64)
        .sum();
    let reply = &mut *call.reply;
    let mark = reply.defer();
    let mut fields = Report { reply, written: 0 };
    fields.number("peak.allocated", figures.peak);
    fields.number("total.allocated", figures.used);
    fields.number("startup.allocated", figures.at_start);
    fields.number("replication.backlog", 0);
    fields.number("replica.fullsync.buffer", 0);
    fields.number("clients.slaves", 0);
    fields.number("clients.normal", figures.clients);
    fields.number("cluster.links", 0);
    fields.number("aof.buffer", 0);
    fields.number("lua.caches", 0);
    fields.number("functions.caches", 0);
    fields.number("script.VMs", 0);
    let mut tables = 0;
    for db in (0..keyspace.databases()).filter(|db| keyspace.len(*db) > 0) {
        let main = keyspace.len(db) * (size_of::<Entry>() + INDEX_BYTES);
        let expires = keyspace.expiring(db) * DEADLINE_BYTES;
        tables += main + expires;
        let reply = fields.next(&format!("db.{db}"));
        reply.map(2);
        reply.bulk(b"overhead.hashtable.main");
        reply.integer(main as i64);
        reply.bulk(b"overhead.hashtable.expires");
        reply.integer(expires as i64);
    }
    fields.number("overhead.db.hashtable.lut", tables as u64);
    fields.number("overhead.db.hashtable.rehashing", 0);
    fields.number("overhead.total", figures.overhead);
    fields.number("db.dict.rehashing.count", 0);
    fields.number("keys.count", keys);
    let per_key = (figures.used - figures.at_start).checked_div(keys);
    fields.number("keys.bytes-per-key", per_key.unwrap_or(0));
    fields.number("dataset.bytes", figures.dataset());
    fields.ratio("dataset.percentage", figures.dataset_percentage());
    fields.ratio("peak.percentage", figures.peak_percentage());
    fields.number("allocator.allocated", figures.used);
    fields.number("allocator.active", figures.resident);
    fields.number("allocator.resident", figures.resident);
    fields.number("allocator.muzzy", 0);
    fields.ratio("allocator-fragmentation.ratio", figures.fragmentation());
    fields.number("allocator-fragmentation.bytes", figures.slack());
    fields.ratio("allocator-rss.ratio", 1.0);
    fields.number("allocator-rss.bytes", 0);
    fields.ratio("rss-overhead.ratio", 1.0);
    fields.number("rss-overhead.bytes", 0);
    fields.ratio("fragmentation", figures.fragmentation());
    fields.number("fragmentation.bytes", figures.slack());
    let written = fields.written;
    call.reply.settle(mark, Aggregate::Map, written);
    Ok(())
}

/// A map under way.
struct Report<'a> {
    reply: &'a mut dyn Sink,
    written: usize,
}

impl Report<'_> {
    /// Where the value of the field `name` goes.
    fn next(&mut self, name: &str) -> &mut dyn Sink {
        self.written += 1;
        self.reply.bulk(name.as_bytes());
        self.reply
    }

    fn number(&mut self, name: &str, number: u64) {
        self.next(name).integer(number as i64);
    }

    fn ratio(&mut self, name: &str, ratio: f64) {
        self.next(name).double(ratio);
    }
}

/// MEMORY DOCTOR
fn doctor(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    const LITTLE: u64 = 5 << 20;
    const MUCH: u64 = 10 << 20;
    let figures = Figures::of(call.server);
    if figures.used - figures.at_start < LITTLE {
        call.reply.verbatim("txt", NOTHING_TO_SEE.as_bytes());
        return Ok(());
    }
    let clients = call.server.clients.len() as u64;
    let problems = [
        (ratio(figures.peak, figures.used) > 1.5, PEAK),
        (
            figures.fragmentation() > 1.4 && figures.slack() > MUCH,
            FRAGMENTATION,
        ),
        (
            figures.clients.checked_div(clients).unwrap_or(0) > 200 << 10,
            CLIENTS,
        ),
    ];
    let mut report = String::new();
    for (_, text) in problems.iter().filter(|(found, _)| *found) {
        report.push_str(text);
    }
    if report.is_empty() {
        report.push_str(NO_PROBLEM);
    } else {
        report.insert_str(0, SOME_PROBLEMS);
        report.push_str(FAREWELL);
    }
    call.reply.verbatim("txt", report.as_bytes());
    Ok(())
}

const NOTHING_TO_SEE: &str = "Hi Sam, this instance is empty or is using very little memory, my issues \
                              detector can't be used in these conditions. Please, leave for your mission on \
                              Earth and fill it with some data. The new Sam and I will be back to our \
                              programming as soon as I finished rebooting.\n";
const NO_PROBLEM: &str = "Hi Sam, I can't find any memory issue in your instance. I can only account for \
                          what occurs on this base.\n";
const SOME_PROBLEMS: &str =
    "Sam, I detected a few issues in this Redis instance memory implants:\n\n";
const PEAK: &str = " * Peak memory: at some time this instance has used more than one and a half times what \
                    it uses now. Linear memory does not shrink: it stays as large as it was then.\n\n";
const FRAGMENTATION: &str = " * Slack: linear memory is more than 1.4 times what is allocated in it. This \
                             follows a peak, or many values of many sizes that came and went.\n\n";
const CLIENTS: &str = " * Clients: they take more than 200 kB each on average, most of it requests that are \
                       not complete.\n\n";
const FAREWELL: &str = "I'm here to keep you safe, Sam. I want to help you.\n";

/// MEMORY MALLOC-STATS
fn malloc_stats(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    // What Redis answers without jemalloc.
    let text = "Stats not supported for the current allocator";
    call.reply.bulk(text.as_bytes());
    Ok(())
}

/// MEMORY PURGE
fn purge(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    // Linear memory does not shrink.
    call.reply.ok();
    Ok(())
}

/// MEMORY HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let entries: &[(&str, &[&str])] = &[
        ("DOCTOR", &["Return memory problems reports."]),
        (
            "MALLOC-STATS",
            &["Return internal statistics report from the memory allocator."],
        ),
        (
            "PURGE",
            &["Attempt to purge dirty pages for reclamation by the allocator."],
        ),
        (
            "STATS",
            &["Return information about the memory usage of the server."],
        ),
        (
            "USAGE <key> [SAMPLES <count>]",
            &[
                "Return memory in bytes used by <key> and its value. Nested values are",
                "sampled up to <count> times (default: 5, 0 means sample all).",
            ],
        ),
    ];
    help::write(call.reply, "MEMORY", entries);
    Ok(())
}

//! LATENCY: HISTORY, LATEST, RESET, DOCTOR, GRAPH, HISTOGRAM, HELP, and what they tell of: events that
//! took longer than `latency-monitor-threshold`, and how long the calls of each command took.
//!
//! The events are commands that were told to take time (`DEBUG SLEEP`), and what the host says a step
//! took that did one thing alone: see `timing`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use super::sparkline::{self, Bar};
use super::{Call, Server};
use crate::commands::table::{COMMANDS, CommandSpec, Flags, lookup_full};
use crate::commands::{Outcome, error, help};
use crate::config::Config;
use crate::resp::{Aggregate, Args, Sink};

crate::session::handlers::attach! {
    "latency|doctor" => doctor,
    "latency|graph" => graph,
    "latency|help" => help,
    "latency|histogram" => histogram,
    "latency|history" => history,
    "latency|latest" => latest,
    "latency|reset" => reset,
}

/// How many samples of an event are kept.
const MOST_SAMPLES: usize = 160;

const LINE: &str =
    "--------------------------------------------------------------------------------";

/// The longest that an event took within one second.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at_s: i64,
    ms: u32,
}

/// What is remembered of one kind of event.
#[derive(Debug, Default)]
struct Series {
    /// The newest last.
    samples: VecDeque<Sample>,
    longest_ms: u32,
}

impl Series {
    fn add(&mut self, at_s: i64, ms: u32) {
        self.longest_ms = self.longest_ms.max(ms);
        match self.samples.back_mut() {
            Some(last) if last.at_s == at_s => last.ms = last.ms.max(ms),
            _ => {
                if self.samples.len() == MOST_SAMPLES {
                    self.samples.pop_front();
                }
                self.samples.push_back(Sample { at_s, ms });
            }
        }
    }

    fn range_ms(&self) -> (u32, u32) {
        let all = self.samples.iter().map(|sample| sample.ms);
        (all.clone().min().unwrap_or(0), all.max().unwrap_or(0))
    }

    /// A sentence on it, as the doctor says it.
    fn describe(&self, event: &str, now_s: i64) -> String {
        let count = self.samples.len().max(1) as u64;
        let all = || self.samples.iter().map(|sample| u64::from(sample.ms));
        let mean = all().sum::<u64>() / count;
        let deviation = all().map(|ms| ms.abs_diff(mean)).sum::<u64>() / count;
        let first_s = self.samples.front().map_or(now_s, |sample| sample.at_s);
        let period_s = (now_s - first_s).max(1) as f64 / count as f64;
        format!(
            "{event}: {count} latency spikes (average {mean}ms, mean deviation {deviation}ms, period \
             {period_s:.2} sec). Worst all time event {}ms.",
            self.longest_ms
        )
    }
}

/// Events that took long, by their names.
#[derive(Debug, Default)]
pub struct Latency(BTreeMap<&'static str, Series>);

impl Server {
    /// Notes that a command took long, if it did.
    #[cold]
    pub(super) fn note_latency(&mut self, spec: &CommandSpec, duration_us: u64) {
        let is_fast = spec.flags.contains(Flags::FAST);
        let event = if is_fast { "fast-command" } else { "command" };
        self.note_event(event, duration_us);
    }

    /// Notes that something took long, if it did.
    pub(super) fn note_event(&mut self, event: &'static str, duration_us: u64) {
        let threshold_ms = self.config.latency_monitor_threshold;
        let ms = duration_us / 1000;
        if threshold_ms <= 0 || ms < threshold_ms as u64 {
            return;
        }
        let at_s = self.ends_at_s(duration_us);
        let ms = u32::try_from(ms).unwrap_or(u32::MAX);
        self.latency.0.entry(event).or_default().add(at_s, ms);
    }

    /// When a command is over that takes so long, in seconds since the Unix epoch. Redis looks at the
    /// clock then; here it shows the time at which the command began.
    pub(super) fn ends_at_s(&self, duration_us: u64) -> i64 {
        (self.now_us().saturating_add(duration_us) / 1_000_000) as i64
    }
}

/// LATENCY HISTORY event
fn history(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let Some((_, series)) = find(&call.server.latency, args.at(2)) else {
        call.reply.array(0);
        return Ok(());
    };
    call.reply.array(series.samples.len());
    for sample in &series.samples {
        call.reply.array(2);
        call.reply.integer(sample.at_s);
        call.reply.integer(sample.ms.into());
    }
    Ok(())
}

fn find<'l>(latency: &'l Latency, event: &[u8]) -> Option<(&'static str, &'l Series)> {
    let (name, series) = latency
        .0
        .iter()
        .find(|(name, _)| name.as_bytes() == event)?;
    Some((name, series))
}

/// LATENCY LATEST
fn latest(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let events = &call.server.latency.0;
    call.reply.array(events.len());
    for (event, series) in events {
        let last = series.samples.back();
        call.reply.array(4);
        call.reply.bulk(event.as_bytes());
        call.reply.integer(last.map_or(0, |sample| sample.at_s));
        call.reply
            .integer(last.map_or(0, |sample| sample.ms.into()));
        call.reply.integer(series.longest_ms.into());
    }
    Ok(())
}

/// LATENCY RESET [event [event ...]]
fn reset(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let events = &mut call.server.latency.0;
    let before = events.len();
    let named = args.from(2);
    if named.is_empty() {
        events.clear();
    } else {
        events.retain(|event, _| {
            !named
                .iter()
                .any(|name| name.eq_ignore_ascii_case(event.as_bytes()))
        });
    }
    let forgotten = before - events.len();
    call.reply.integer(forgotten as i64);
    Ok(())
}

/// LATENCY GRAPH event
fn graph(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let now_s = call.server.ends_at_s(0);
    let Some((event, series)) = find(&call.server.latency, args.at(2)) else {
        return Err(error::no_latency_samples(args.at(2)));
    };
    let (low, high) = series.range_ms();
    let longest = series.longest_ms;
    let head =
        format!("{event} - high {high} ms, low {low} ms (all time high {longest} ms)\n{LINE}\n");
    let bars: Vec<Bar> = series
        .samples
        .iter()
        .map(|sample| Bar {
            value: sample.ms,
            label: age((now_s - sample.at_s).max(0)),
        })
        .collect();
    let mut page = head.into_bytes();
    sparkline::draw(&bars, &mut page);
    call.reply.verbatim("txt", &page);
    Ok(())
}

/// So many seconds, roughly.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// LATENCY DOCTOR
fn doctor(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let server = &*call.server;
    let report = report(&server.latency, &server.config, server.ends_at_s(0));
    call.reply.verbatim("txt", report.as_bytes());
    Ok(())
}

/// What the doctor says. Of Redis's advice there is what follows from the events there can be here.
fn report(latency: &Latency, config: &Config, now_s: i64) -> String {
    if latency.0.is_empty() && config.latency_monitor_threshold == 0 {
        return format!("{DISABLED}\n");
    }
    if latency.0.is_empty() {
        return format!("{HEALTHY}\n");
    }
    let mut report = format!("{ILL}\n\n");
    for (number, (event, series)) in latency.0.iter().enumerate() {
        // Writing to a String does not fail.
        let _ = writeln!(report, "{}. {}", number + 1, series.describe(event, now_s));
    }
    report.push_str("\nI have a few advices for you:\n\n");
    let advice = Advice::on(latency);
    if advice.slowlog {
        report_slowlog(&mut report, config);
    }
    let sentences = [
        (advice.slowlog, LOOK_AT_SLOWLOG),
        (advice.scheduler, SCHEDULER),
        (advice.hz && config.hz < 100, HZ),
        (advice.large_objects, LARGE_OBJECTS),
        (advice.mass_eviction, MASS_EVICTION),
    ];
    for (_, sentence) in sentences.iter().filter(|(is_given, _)| *is_given) {
        let _ = writeln!(report, "{sentence}");
    }
    report
}

/// What of the slow log's parameters keeps it from showing the commands that were slow.
fn report_slowlog(report: &mut String, config: &Config) {
    let threshold_us = (config.latency_monitor_threshold as u64).wrapping_mul(1000);
    if config.slowlog_log_slower_than < 0 || config.slowlog_max_len == 0 {
        let _ = writeln!(
            report,
            "- There are latency issues with potentially slow commands you are using. Try to enable \
             the Slow Log Redis feature using the command 'CONFIG SET slowlog-log-slower-than \
             {threshold_us}'. If the Slow log is disabled Redis is not able to log slow commands \
             execution for you."
        );
    } else if config.slowlog_log_slower_than / 1000 > config.latency_monitor_threshold {
        let _ = writeln!(
            report,
            "- Your current Slow Log configuration only logs events that are slower than your \
             configured latency monitor threshold. Please use 'CONFIG SET slowlog-log-slower-than \
             {threshold_us}'."
        );
    }
}

/// What the doctor advises on.
#[derive(Default)]
struct Advice {
    slowlog: bool,
    scheduler: bool,
    hz: bool,
    large_objects: bool,
    mass_eviction: bool,
}

impl Advice {
    fn on(latency: &Latency) -> Self {
        let mut advice = Advice::default();
        for event in latency.0.keys() {
            match *event {
                "command" => (advice.slowlog, advice.large_objects) = (true, true),
                "fast-command" => advice.scheduler = true,
                "expire-cycle" => (advice.hz, advice.large_objects) = (true, true),
                "eviction-cycle" => advice.mass_eviction = true,
                _ => {}
            }
        }
        advice
    }
}

const DISABLED: &str = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis \
    instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable \
    it. If we weren't in a deep space mission I'd suggest to take a look at \
    https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor.";
const HEALTHY: &str = "Dave, no latency spike was observed during the lifetime of this Redis instance, \
    not in the slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and \
    think things over.";
const ILL: &str = "Dave, I have observed latency spikes in this Redis instance. You don't mind talking \
    about it, do you Dave?";
const LOOK_AT_SLOWLOG: &str = "- Check your Slow Log to understand what are the commands you are \
    running which are too slow to execute. Please check https://redis.io/commands/slowlog for more \
    information.";
const SCHEDULER: &str = "- The system is slow to execute Redis code paths not containing system calls. This \
    usually means the system does not provide Redis CPU time to run for long periods. You should try to:\n  \
    1) Lower the system load.\n  \
    2) Use a computer / VM just for Redis if you are running other software in the same system.\n  \
    3) Check if you have a \"noisy neighbour\" problem.\n  \
    4) Check with 'redis-cli --intrinsic-latency 100' what is the intrinsic latency in your system.\n  \
    5) Check if the problem is allocator-related by recompiling Redis with MALLOC=libc, if you are using \
    Jemalloc. However this may create fragmentation problems.";
const HZ: &str = "- In order to make the Redis keys expiring process more incremental, try to set the 'hz' \
    configuration parameter to 100 using 'CONFIG SET hz 100'.";
const MASS_EVICTION: &str = "- Sudden changes to the 'maxmemory' setting via 'CONFIG SET', or allocation of \
    large objects via sets or sorted sets intersections, STORE option of SORT, Redis Cluster large keys \
    migrations (RESTORE command), may create sudden memory pressure forcing the server to block trying to \
    evict keys. ";
const LARGE_OBJECTS: &str = "- Deleting, expiring or evicting (because of maxmemory policy) large \
    objects is a blocking operation. If you have very large objects that are often deleted, expired, \
    or evicted, try to fragment those objects into multiple smaller objects.";

/// LATENCY HISTOGRAM [command [command ...]]
fn histogram(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let mark = call.reply.defer();
    let mut written = 0;
    let named = args.from(2);
    if named.is_empty() {
        for spec in &COMMANDS {
            written += usize::from(write_histogram(call.server, call.reply, spec));
        }
    }
    for spec in named.iter().filter_map(lookup_full) {
        for spec in std::iter::once(spec).chain(spec.subcommands) {
            written += usize::from(write_histogram(call.server, call.reply, spec));
        }
    }
    call.reply.settle(mark, Aggregate::Map, written);
    Ok(())
}

/// False, and nothing written, for a command that was not called yet.
fn write_histogram(server: &Server, reply: &mut dyn Sink, spec: &CommandSpec) -> bool {
    let Some(histogram) = server.stats.latencies(spec.id) else {
        return false;
    };
    reply.bulk(spec.name.as_bytes());
    reply.map(2);
    reply.bulk(b"calls");
    reply.integer(histogram.calls() as i64);
    reply.bulk(b"histogram_usec");
    let levels = histogram.distribution();
    reply.map(levels.len());
    for (us, calls) in levels {
        reply.integer(us as i64);
        reply.integer(calls as i64);
    }
    true
}

/// LATENCY HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let entries: &[(&str, &[&str])] = &[
        (
            "DOCTOR",
            &["Return a human readable latency analysis report."],
        ),
        (
            "GRAPH <event>",
            &["Return an ASCII latency graph for the <event> class."],
        ),
        (
            "HISTORY <event>",
            &["Return time-latency samples for the <event> class."],
        ),
        (
            "LATEST",
            &["Return the latest latency samples for all events."],
        ),
        (
            "RESET [<event> ...]",
            &[
                "Reset latency data of one or more <event> classes.",
                "(default: reset all data for all event classes)",
            ],
        ),
        (
            "HISTOGRAM [COMMAND ...]",
            &[
                "Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
                "If no commands are specified then all histograms are replied.",
            ],
        ),
    ];
    help::write(call.reply, "LATENCY", entries);
    Ok(())
}

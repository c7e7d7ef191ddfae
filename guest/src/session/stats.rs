//! Counters, as INFO shows them and CONFIG RESETSTAT clears them. Knows nothing of what it counts.

use std::collections::{BTreeMap, VecDeque};

use super::histogram::Histogram;
use crate::commands::table::COUNT;

/// How many different error codes are counted; one more, and Redis gives up counting by code.
const MOST_ERRORS: usize = 128;

/// How far back INFO looks to say how much happens per second: Redis's 16 samples, 100 ms apart.
const WINDOW_US: u64 = 1_600_000;
const SAMPLE_EVERY_US: u64 = 100_000;

/// What is counted of one command.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommandCount {
    /// It ran.
    pub calls: u64,
    /// The gate refused it: arity, permission, memory.
    pub rejected: u64,
    /// It ran and answered an error.
    pub failed: u64,
    /// Microseconds that all calls took.
    pub duration_us: u64,
    /// Calls that took no time, as far as `latency-tracking` counts them.
    instants: u64,
}

/// An error's code, and how often it was answered.
pub type ErrorCount = (Box<[u8]>, u64);

/// What is measured per second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// Commands.
    pub commands: f64,
    /// Bytes received.
    pub bytes_in: f64,
    /// Bytes sent.
    pub bytes_out: f64,
    /// Steps.
    pub steps: f64,
    /// Microseconds that a step took on average, of those that are known.
    pub step_us: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at_us: u64,
    commands: u64,
    bytes_in: u64,
    bytes_out: u64,
    steps: u64,
    steps_us: u64,
}

/// All counters since the start, or since CONFIG RESETSTAT.
#[derive(Debug, Default)]
pub struct Stats {
    /// Connections taken or refused.
    pub connections: u64,
    /// Connections refused because of `maxclients`.
    pub refused_connections: u64,
    /// Commands run.
    pub commands: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// How often bytes came from a connection.
    pub reads: u64,
    /// How often bytes went to a connection.
    pub writes: u64,
    /// Steps of the engine.
    pub steps: u64,
    /// Microseconds that they took, those in which commands ran, and the longest one.
    pub steps_us: u64,
    /// See there.
    pub command_steps_us: u64,
    /// See there.
    pub longest_step_us: u64,
    /// Bytes of memory in use at the first step.
    pub memory_at_start: u64,
    /// The most bytes of memory that were in use between two steps.
    pub memory_peak: u64,
    /// Errors answered.
    pub errors: u64,
    /// Clients closed because of `client-query-buffer-limit`.
    pub over_query_limit: u64,
    /// Clients closed because of `client-output-buffer-limit`.
    pub over_output_limit: u64,
    /// Clients closed because of `maxmemory-clients`.
    pub evicted_clients: u64,
    /// Rewrites of an append-only file that were asked for.
    pub append_only_rewrites: u64,
    /// The most commands that ran in one step.
    pub most_commands: u64,
    commands_before: u64,
    by_command: Vec<CommandCount>,
    /// How long calls took, by the id of the command: those that took any time.
    durations: BTreeMap<usize, Histogram>,
    /// By code, sorted.
    by_error: Vec<ErrorCount>,
    too_many_errors: bool,
    samples: VecDeque<Sample>,
    /// When a sample is wanted at the latest: commands ran, and the figures are to be of now.
    tick_us: Option<u64>,
}

impl Stats {
    /// A connection came.
    pub fn connected(&mut self) {
        self.connections += 1;
    }

    /// It was one too many.
    pub fn refused_connection(&mut self) {
        self.refused_connections += 1;
    }

    /// Bytes came from a connection.
    #[inline]
    pub fn received(&mut self, bytes: usize) {
        self.reads += 1;
        self.bytes_in += bytes as u64;
    }

    /// Bytes go to a connection.
    #[inline]
    pub fn sent(&mut self, bytes: usize) {
        self.writes += 1;
        self.bytes_out += bytes as u64;
    }

    /// A step begins.
    #[inline]
    pub fn step(&mut self, now_us: u64) {
        self.steps += 1;
        self.most_commands = self.most_commands.max(self.commands - self.commands_before);
        self.commands_before = self.commands;
        let used = crate::memory::used() as u64;
        self.memory_peak = self.memory_peak.max(used);
        if self.memory_at_start == 0 {
            self.memory_at_start = used;
        }
        self.tick_us = self.tick_us.filter(|at_us| *at_us > now_us);
        if self
            .samples
            .back()
            .is_none_or(|last| now_us >= last.at_us + SAMPLE_EVERY_US)
        {
            self.sample(now_us);
        }
    }

    /// The last step took so long, and commands ran in it or not.
    pub fn step_took(&mut self, took_us: u64, ran_commands: bool) {
        self.steps_us += took_us;
        if ran_commands {
            self.command_steps_us += took_us;
        }
        self.longest_step_us = self.longest_step_us.max(took_us);
    }

    /// Commands ran: a sample is due in a while, whatever happens until then.
    #[inline]
    pub fn tick_after(&mut self, now_us: u64) {
        self.tick_us.get_or_insert(now_us + SAMPLE_EVERY_US);
    }

    /// When a step is wanted to take a sample.
    pub fn next_tick_us(&self) -> Option<u64> {
        self.tick_us
    }

    #[cold]
    fn sample(&mut self, now_us: u64) {
        // The newest sample from before the window stays: what came after it is counted from there.
        while self
            .samples
            .get(1)
            .is_some_and(|second| second.at_us + WINDOW_US <= now_us)
        {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            at_us: now_us,
            commands: self.commands,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            steps: self.steps,
            steps_us: self.steps_us,
        });
    }

    /// A command has run for so long. `tracked` says whether that goes into its histogram.
    #[inline]
    pub fn called(&mut self, id: usize, duration_us: u64, tracked: bool) {
        self.commands += 1;
        let count = self.command(id);
        count.calls += 1;
        if duration_us == 0 {
            count.instants += u64::from(tracked);
        } else {
            self.lasted(id, duration_us, tracked);
        }
    }

    #[cold]
    fn lasted(&mut self, id: usize, duration_us: u64, tracked: bool) {
        self.command(id).duration_us += duration_us;
        if tracked {
            self.durations.entry(id).or_default().record(duration_us, 1);
        }
    }

    /// It turns out that so many calls that seemed to take no time took `each_us`, and `rest_us` in all
    /// beside that.
    pub fn took(&mut self, id: usize, calls: u64, each_us: u64, rest_us: u64, tracked: bool) {
        let count = self.command(id);
        count.duration_us += calls * each_us + rest_us;
        if tracked && each_us > 0 {
            let known = calls.min(count.instants);
            count.instants -= known;
            if known > 0 {
                self.durations.entry(id).or_default().record(each_us, known);
            }
        }
    }

    /// How long the calls of a command took; `None` if it was never called while that was tracked.
    pub fn latencies(&self, id: usize) -> Option<Histogram> {
        let instants = self.by_command.get(id).map_or(0, |count| count.instants);
        let mut latencies = self.durations.get(&id).cloned();
        if instants > 0 {
            latencies.get_or_insert_default().record(0, instants);
        }
        latencies
    }

    /// The gate refused a command.
    pub fn rejected(&mut self, id: usize) {
        self.command(id).rejected += 1;
    }

    /// A command that ran answered an error.
    pub fn failed(&mut self, id: usize) {
        self.command(id).failed += 1;
    }

    #[inline]
    fn command(&mut self, id: usize) -> &mut CommandCount {
        if id >= self.by_command.len() {
            self.by_command.resize(COUNT, CommandCount::default());
        }
        &mut self.by_command[id]
    }

    /// An error was answered. `code` is its first word.
    pub fn error(&mut self, code: &[u8]) {
        self.errors += 1;
        if self.too_many_errors {
            return;
        }
        match self
            .by_error
            .binary_search_by(|(known, _)| (**known).cmp(code))
        {
            Ok(at) => self.by_error[at].1 += 1,
            Err(_) if self.by_error.len() >= MOST_ERRORS => {
                self.by_error = Vec::new();
                self.too_many_errors = true;
            }
            Err(at) => self.by_error.insert(at, (code.into(), 1)),
        }
    }

    /// A client sent more than `client-query-buffer-limit`.
    pub fn over_query_limit(&mut self) {
        self.over_query_limit += 1;
    }

    /// A client left more waiting than `client-output-buffer-limit`.
    pub fn over_output_limit(&mut self) {
        self.over_output_limit += 1;
    }

    /// What is counted of the command with this id, if it was ever asked for.
    pub fn of_command(&self, id: usize) -> Option<CommandCount> {
        let count = self.by_command.get(id).copied()?;
        (count.calls + count.rejected + count.failed > 0).then_some(count)
    }

    /// Errors by code, in order. `None` once there were too many different ones.
    pub fn by_error(&self) -> Option<&[ErrorCount]> {
        (!self.too_many_errors).then_some(&self.by_error)
    }

    /// What happened per second lately.
    pub fn rates(&self, now_us: u64) -> Rates {
        let beyond = self
            .samples
            .iter()
            .rev()
            .find(|sample| sample.at_us + WINDOW_US <= now_us);
        let Some(since) = beyond.or(self.samples.front()) else {
            return Rates::default();
        };
        let seconds = now_us.saturating_sub(since.at_us) as f64 / 1e6;
        if seconds < SAMPLE_EVERY_US as f64 / 1e6 {
            // Too short to say anything.
            return Rates::default();
        }
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
        let steps = self.steps.saturating_sub(since.steps);
        Rates {
            commands: rate(self.commands, since.commands),
            bytes_in: rate(self.bytes_in, since.bytes_in),
            bytes_out: rate(self.bytes_out, since.bytes_out),
            steps: rate(self.steps, since.steps),
            step_us: (self.steps_us.saturating_sub(since.steps_us))
                .checked_div(steps)
                .unwrap_or(0),
        }
    }

    /// CONFIG RESETSTAT: counters begin again, what memory is measured by stays.
    pub fn reset(&mut self) {
        let (memory_at_start, memory_peak) = (self.memory_at_start, self.memory_peak);
        *self = Stats {
            memory_at_start,
            memory_peak,
            ..Stats::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_code_too_many_ends_counting_by_code() {
        let mut stats = Stats::default();
        for number in 0..MOST_ERRORS {
            stats.error(format!("E{number}").as_bytes());
        }
        stats.error(b"E0");
        assert_eq!(stats.by_error().map(<[_]>::len), Some(MOST_ERRORS));
        stats.error(b"ONE-MORE");
        assert!(stats.by_error().is_none());
        assert_eq!(stats.errors, MOST_ERRORS as u64 + 2);
        stats.reset();
        assert_eq!(stats.by_error().map(<[_]>::len), Some(0));
    }

    #[test]
    fn rates_look_back_over_the_window_only() {
        let mut stats = Stats::default();
        for step in 0..100u64 {
            stats.step(step * SAMPLE_EVERY_US);
            stats.called(0, 0, true);
        }
        let now_us = 100 * SAMPLE_EVERY_US;
        assert_eq!(stats.rates(now_us).commands.round(), 10.0);
        assert!(stats.rates(now_us + 100 * WINDOW_US).commands < 0.01);
    }
}

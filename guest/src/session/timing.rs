//! What steps took. The engine looks at no clock: the host tells, when a step begins, how long the one
//! before took. Here is kept what that step did, so that its time can be booked on it.
//!
//! The commands that clients ran in one step have equal shares of its time; what ran inside EXEC or a
//! script has none of its own. Only what a step did alone is taken for the cause if it took long.

use super::{Caller, Connection, Server};
use crate::commands::table::CommandSpec;
use crate::resp::{Args, OwnedArgs};

/// What the step under way did by now, or the last one did.
#[derive(Debug, Default)]
pub struct Timing {
    is_under_way: bool,
    /// The ids of the commands that clients ran, and how many of one came in a row.
    ran: Vec<(usize, u64)>,
    calls: u64,
    /// The first of them.
    first: Option<First>,
    /// What is kept of its request; the room is used again.
    args: OwnedArgs,
    /// Keys and fields that had expired, and keys that had been evicted, before it.
    expired: u64,
    evicted: u64,
    /// How long the script that runs has run in the steps before.
    script_us: u64,
}

#[derive(Clone, Copy, Debug)]
struct First {
    connection: Connection,
    caller: Caller,
    spec: &'static CommandSpec,
}

impl Timing {
    /// What ran by now is not counted any more.
    pub fn forget(&mut self) {
        (self.calls, self.first) = (0, None);
        self.ran.clear();
    }
}

impl Server {
    /// A step begins: it has done nothing yet.
    pub fn begin_timing(&mut self) {
        let keys = &self.keyspace.stats;
        let timing = &mut self.timing;
        timing.forget();
        timing.is_under_way = true;
        timing.expired = keys.expired + keys.expired_fields;
        timing.evicted = keys.evicted;
    }

    /// The step is over.
    pub fn end_timing(&mut self) {
        self.timing.is_under_way = false;
        if self.timing.calls > 0 {
            self.stats.tick_after(self.keyspace.now_us());
        }
    }

    /// A client's command ran.
    #[inline]
    pub(super) fn note_command(
        &mut self,
        connection: Connection,
        caller: Caller,
        spec: &'static CommandSpec,
        args: Args<'_>,
    ) {
        let timing = &mut self.timing;
        if !timing.is_under_way {
            return;
        }
        timing.calls += 1;
        match timing.ran.last_mut() {
            Some((id, calls)) if *id == spec.id => *calls += 1,
            Some(_) => timing.ran.push((spec.id, 1)),
            None => {
                timing.ran.push((spec.id, 1));
                timing.first = Some(First {
                    connection,
                    caller,
                    spec,
                });
                if self.config.slowlog_log_slower_than >= 0 {
                    super::slowlog::keep(spec, args, &mut timing.args);
                }
            }
        }
    }

    /// The step before this one took so long.
    pub fn step_took(&mut self, took_us: u64) {
        if took_us == 0 {
            return;
        }
        let runs_on = self.scripts.run_on();
        let mut timing = std::mem::take(&mut self.timing);
        let ran_commands = timing.calls > 0 || runs_on;
        self.stats.step_took(took_us, ran_commands);
        if runs_on {
            timing.script_us += took_us;
        } else if ran_commands {
            let all_us = took_us + std::mem::take(&mut timing.script_us);
            self.book(&timing, all_us);
        } else {
            self.note_upkeep(&timing, took_us);
        }
        self.timing = timing;
    }

    /// Books the time of a step on its commands.
    fn book(&mut self, timing: &Timing, took_us: u64) {
        let (share_us, mut rest_us) = (took_us / timing.calls, took_us % timing.calls);
        let tracked = self.config.latency_tracking;
        for (id, calls) in &timing.ran {
            self.stats.took(*id, *calls, share_us, rest_us, tracked);
            rest_us = 0;
        }
        if let Some(First {
            connection,
            caller,
            spec,
        }) = timing.first
            && timing.calls == 1
            && self.went(timing) == (0, 0)
        {
            self.note_latency(spec, took_us);
            self.log_slow_step(connection, caller, spec, &timing.args, took_us);
        }
    }

    /// How many keys and fields expired in a step, and how many keys were evicted.
    fn went(&self, timing: &Timing) -> (u64, u64) {
        let keys = &self.keyspace.stats;
        let expired = (keys.expired + keys.expired_fields).saturating_sub(timing.expired);
        (expired, keys.evicted.saturating_sub(timing.evicted))
    }

    /// Notes what a step took in which keys went by themselves, if it took long.
    fn note_upkeep(&mut self, timing: &Timing, took_us: u64) {
        match self.went(timing) {
            (1.., 0) => self.note_event("expire-cycle", took_us),
            (0, 1..) => self.note_event("eviction-cycle", took_us),
            _ => {}
        }
    }
}

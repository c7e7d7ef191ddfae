//! SLOWLOG: GET, LEN, RESET, HELP, and the log itself: commands that were told to take time
//! (`DEBUG SLEEP`), and those of which the host says that the step took long in which nothing else ran.
//! With `slowlog-log-slower-than 0` it logs all.

use std::collections::VecDeque;

use super::redaction::Shown;
use super::{Call, Caller, Connection, Server};
use crate::commands::table::{CommandSpec, Flags};
use crate::commands::{Outcome, error, help};
use crate::resp::{Args, OwnedArgs};
use crate::value::number::parse_i64;

crate::session::handlers::attach! {
    "slowlog|get" => get,
    "slowlog|help" => help,
    "slowlog|len" => len,
    "slowlog|reset" => reset,
}

/// Of a longer request the rest is counted, and of a longer argument too.
const MOST_ARGS: usize = 32;
const MOST_BYTES: usize = 128;

/// A command that took long.
#[derive(Debug)]
struct Entry {
    id: i64,
    at_s: i64,
    duration_us: i64,
    args: OwnedArgs,
    peer: String,
    name: Vec<u8>,
}

/// The commands that took long, the newest first.
#[derive(Debug, Default)]
pub struct SlowLog {
    entries: VecDeque<Entry>,
    next_id: i64,
}

/// Puts what is kept of a request in place of what was there.
pub(super) fn keep(spec: &CommandSpec, args: Args<'_>, kept: &mut OwnedArgs) {
    let whole = if args.len() > MOST_ARGS {
        MOST_ARGS - 1
    } else {
        args.len()
    };
    let shown = Shown::of(spec, args);
    kept.clear();
    for index in 0..whole {
        let arg = shown.at(index);
        match arg.split_at_checked(MOST_BYTES) {
            Some((start, rest)) if !rest.is_empty() => {
                let more = format!("... ({} more bytes)", rest.len());
                kept.push(&[start, more.as_bytes()].concat());
            }
            _ => kept.push(arg),
        }
    }
    if whole < args.len() {
        kept.push(format!("... ({} more arguments)", args.len() - whole).as_bytes());
    }
}

impl Server {
    /// Logs a command, unless it is one of those never logged.
    #[cold]
    pub(super) fn log_slow(
        &mut self,
        connection: Connection,
        caller: Caller,
        spec: &'static CommandSpec,
        args: Args<'_>,
        duration_us: u64,
    ) {
        let mut kept = OwnedArgs::default();
        keep(spec, args, &mut kept);
        self.log_kept(connection, caller, spec, kept, duration_us);
    }

    /// Logs a command that ran alone in the last step, now that it is known how long it took.
    #[cold]
    pub(super) fn log_slow_step(
        &mut self,
        connection: Connection,
        caller: Caller,
        spec: &'static CommandSpec,
        kept: &OwnedArgs,
        duration_us: u64,
    ) {
        let Ok(slower_than) = u64::try_from(self.config.slowlog_log_slower_than) else {
            return;
        };
        if duration_us < slower_than {
            return;
        }
        if slower_than > 0 {
            self.log_kept(connection, caller, spec, kept.clone(), duration_us);
            return;
        }
        // It is logged already.
        let entry = self.slowlog.entries.front_mut();
        if let Some(entry) = entry.filter(|entry| entry.duration_us == 0)
            && entry.args.as_args().iter().eq(kept.as_args().iter())
        {
            entry.duration_us = duration_us as i64;
        }
    }

    fn log_kept(
        &mut self,
        connection: Connection,
        caller: Caller,
        spec: &'static CommandSpec,
        args: OwnedArgs,
        duration_us: u64,
    ) {
        if spec.flags.contains(Flags::SKIP_SLOWLOG) || self.config.slowlog_max_len == 0 {
            return;
        }
        // A script's commands are nobody's.
        let client = self.clients.get(connection);
        let client = client.filter(|_| caller != Caller::Script);
        let (peer, name) = client.map_or_else(Default::default, |client| {
            (client.peer.clone(), client.name.clone())
        });
        let entry = Entry {
            id: self.slowlog.next_id,
            at_s: self.ends_at_s(duration_us),
            duration_us: duration_us as i64,
            args,
            peer,
            name,
        };
        self.slowlog.next_id += 1;
        self.slowlog.entries.push_front(entry);
        self.shorten_slowlog();
    }

    /// Drops what is too old to be kept, unless nothing is logged.
    pub(super) fn shorten_slowlog(&mut self) {
        let most = self.config.slowlog_max_len;
        if self.config.slowlog_log_slower_than >= 0 && most > 0 {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            self.slowlog.entries.truncate(most);
        }
    }
}

/// SLOWLOG GET [count]
fn get(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(error::unknown_subcommand_or_arity(args.at(1), "slowlog"));
    }
    let count = match args.get(2) {
        None => 10,
        Some(count) => parse_i64(count)
            .filter(|count| *count >= -1)
            .ok_or(error::SLOWLOG_COUNT)?,
    };
    let entries = &call.server.slowlog.entries;
    let count = usize::try_from(count).map_or(entries.len(), |count| count.min(entries.len()));
    call.reply.array(count);
    for entry in entries.iter().take(count) {
        call.reply.array(6);
        call.reply.integer(entry.id);
        call.reply.integer(entry.at_s);
        call.reply.integer(entry.duration_us);
        let args = entry.args.as_args();
        call.reply.array(args.len());
        for arg in args.iter() {
            call.reply.bulk(arg);
        }
        call.reply.bulk(entry.peer.as_bytes());
        call.reply.bulk(&entry.name);
    }
    Ok(())
}

/// SLOWLOG LEN
fn len(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let len = call.server.slowlog.entries.len();
    call.reply.integer(len as i64);
    Ok(())
}

/// SLOWLOG RESET
fn reset(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    call.server.slowlog.entries = VecDeque::new();
    call.reply.ok();
    Ok(())
}

/// SLOWLOG HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let entries: &[(&str, &[&str])] = &[
        (
            "GET [<count>]",
            &[
                "Return top <count> entries from the slowlog (default: 10, -1 mean all).",
                "Entries are made of:",
                "id, timestamp, time in microseconds, arguments array, client IP and port,",
                "client name",
            ],
        ),
        ("LEN", &["Return the length of the slowlog."]),
        ("RESET", &["Reset the slowlog."]),
    ];
    help::write(call.reply, "SLOWLOG", entries);
    Ok(())
}

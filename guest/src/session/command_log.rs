//! The log of commands that a test may keep (`PETRIDIS LOG`): who asked for what, and when. Secrets are
//! not in it.

use std::collections::VecDeque;

use super::redaction::Shown;
use super::{Caller, Connection, Server};
use crate::commands::table::CommandSpec;
use crate::resp::{Args, OwnedArgs, Sink};

/// Commands that are kept at most.
const MOST: usize = 100_000;

struct Entry {
    at_us: u64,
    client: u64,
    name: Vec<u8>,
    db: usize,
    args: OwnedArgs,
}

/// The last commands received, oldest first.
pub struct CommandLog {
    entries: VecDeque<Entry>,
    most: usize,
}

impl CommandLog {
    /// One that keeps so many.
    pub fn new(most: usize) -> Self {
        CommandLog {
            entries: VecDeque::new(),
            most: most.min(MOST),
        }
    }

    /// Writes the last of them, newest first: each the time in microseconds, the client's id and name, the
    /// database, and the request.
    pub fn write(&self, reply: &mut dyn Sink, most: usize) {
        let count = self.entries.len().min(most);
        reply.array(count);
        for entry in self.entries.iter().rev().take(count) {
            let args = entry.args.as_args();
            reply.array(5);
            reply.integer(entry.at_us as i64);
            reply.integer(entry.client as i64);
            reply.bulk(&entry.name);
            reply.integer(entry.db as i64);
            reply.array(args.len());
            args.iter().for_each(|arg| reply.bulk(arg));
        }
    }
}

impl Server {
    /// Keeps a command that was received, unless it was part of another one or had run before.
    #[cold]
    pub(super) fn log_command(
        &mut self,
        connection: Connection,
        caller: Caller,
        spec: &CommandSpec,
        args: Args<'_>,
    ) {
        let at_us = self.now_us();
        let (Some(log), Some(client)) = (&mut self.command_log, self.clients.get(connection))
        else {
            return;
        };
        // Its own commands, and those of who only looks, are nobody's.
        let is_own = spec.is_our_own() || client.id == 0;
        if caller != Caller::Client || is_own || log.most == 0 {
            return;
        }
        if log.entries.len() == log.most {
            log.entries.pop_front();
        }
        let shown = Shown::of(spec, args);
        let args = (0..args.len()).map(|index| shown.at(index));
        log.entries.push_back(Entry {
            at_us,
            client: client.id,
            name: client.name.clone(),
            db: client.db,
            args: args.collect(),
        });
    }
}

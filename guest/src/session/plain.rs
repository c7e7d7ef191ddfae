//! Plain runs: requests of a client of whom, and of a server of which, nothing special has to be
//! looked at. Nearly all requests are like that, and come several at once; so what the gate asks of
//! client and server is asked once, and stays answered until something runs that could change it.
//!
//! A way through the gate, not past it: what could be refused, put off, queued or spoiled goes the
//! long way, and what runs is executed by the gate and nobody else.

use super::gate::{self, Command, Done, Standing};
use super::handlers::{self, Handler};
use super::scripting::flags_of;
use super::{Caller, Client, Connection, ReplyMode, Server};
use crate::commands::table::{CommandSpec, Flags, Recall};
use crate::resp::{Args, Wire};

/// Of so many arguments behind the key it is looked whether they name members.
const NAMES: usize = 4;

/// True if members of what the first argument names may be among the others, whatever else is.
#[inline]
fn names_members(spec: &CommandSpec, args: Args<'_>) -> bool {
    spec.flags.contains(Flags::FAST) && spec.first_key == 1 && args.len() > 2
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// It is answered, and nothing follows from it.
    Plainly,
    /// It ran, and something may follow from it.
    WithConsequences,
    /// It did not: it has to go the long way.
    Not,
}

/// Requests of one client, one after the other, and what is still to be booked of them.
#[derive(Default)]
pub struct PlainRun {
    /// What counts of the client; `None` where there is something to look at.
    standing: Option<Standing>,
    commands: u64,
    reply_bytes: u64,
    longest_request: usize,
    last_command: Option<&'static str>,
    recall: Recall,
}

impl PlainRun {
    /// Looks at client and server.
    #[inline]
    pub fn begin(server: &mut Server, connection: Connection) -> Self {
        let is_plain = server.is_plain()
            && server
                .clients
                .get(connection)
                .is_some_and(|client| server.finds_plain(client));
        PlainRun {
            standing: is_plain.then(|| server.standing(connection)),
            ..PlainRun::default()
        }
    }

    /// True if requests can run plainly: then the client has logged in, if it has to.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.standing.is_some()
    }

    /// Looks at the requests that are about to run: where many keys are wanted of many, or many members
    /// of what the first of these keys holds, waiting for each in turn takes longer than all else.
    #[inline]
    pub fn foresee<'a>(&mut self, server: &Server, requests: impl Iterator<Item = Args<'a>>) {
        let Some(standing) = self.standing else {
            return;
        };
        let mut requests = requests.peekable();
        let mut keys = server.keyspace.foresight(standing.db);
        let mut members = requests.peek().and_then(|args| {
            let spec = self.recall.lookup(args.at(0))?;
            let key = names_members(spec, *args).then(|| args.at(1))?;
            let foresight = server.keyspace.foresight_in(standing.db, key)?;
            Some((key, foresight))
        });
        if keys.is_none() && members.is_none() {
            return;
        }
        for args in requests {
            let Some(spec) = self.recall.lookup(args.at(0)) else {
                continue;
            };
            if let Some(keys) = &mut keys {
                for place in spec.fixed_places(args.len()) {
                    args.get(place).inspect(|key| keys.expect(key));
                }
            }
            if let Some((key, members)) = &mut members
                && names_members(spec, args)
                && *key == args.at(1)
            {
                let names = 2..args.len().min(2 + NAMES);
                names.for_each(|place| members.expect(args.at(place)));
            }
        }
        if let Some(keys) = keys {
            keys.look();
        }
        if let Some((_, members)) = members {
            members.look();
        }
    }

    /// Runs a request, if that can be done plainly.
    #[inline]
    pub fn run(
        &mut self,
        server: &mut Server,
        connection: Connection,
        args: Args<'_>,
        wire: &mut Wire,
    ) -> Ran {
        let (Some(standing), Some(spec)) = (self.standing, self.recall.lookup(args.at(0))) else {
            return Ran::Not;
        };
        let Some(handler) = handlers::of(spec) else {
            return Ran::Not;
        };
        let is_special = spec.has_subcommands() || spec.flags.contains(Flags::PROTECTED);
        if is_special || !spec.arity_fits(args.len()) {
            return Ran::Not;
        }
        let request_bytes = args.bytes();
        let flags = flags_of(&server.scripts, spec, args);
        if flags.contains(Flags::DENYOOM) && !gate::has_room(server, standing.db, args) {
            return Ran::Not;
        }
        self.commands += 1;
        self.longest_request = self.longest_request.max(request_bytes);
        self.last_command = Some(spec.name);
        let may_change_it = matches!(handler, Handler::Session(_));
        if may_change_it {
            self.book_with(server, connection, args);
        }
        let start = wire.len();
        let command = Command { spec, handler };
        let by = Caller::Client;
        let done = gate::execute_as(server, connection, standing, by, command, args, wire);
        if matches!(done, Ok(Done::Answered))
            && !may_change_it
            && !server.is_unsettled
            && !wire.overflowed()
        {
            self.reply_bytes += (wire.len() - start) as u64;
            return Ran::Plainly;
        }
        if !may_change_it {
            self.book_with(server, connection, args);
        }
        gate::conclude(server, connection, command, args, wire, start, done);
        Ran::WithConsequences
    }

    /// Books what ran, the request that runs included.
    fn book_with(&mut self, server: &mut Server, connection: Connection, args: Args<'_>) {
        self.book(server, connection);
        let client = server.clients.current(connection);
        (client.request_bytes, client.request_args) = (args.bytes(), args.len());
    }

    /// Books what ran, if the client is still there.
    #[inline]
    pub fn book(&mut self, server: &mut Server, connection: Connection) {
        if self.commands > 0
            && let Some(client) = server.clients.get_mut(connection)
        {
            client.commands += std::mem::take(&mut self.commands);
            client.sending_bytes += std::mem::take(&mut self.reply_bytes);
            client.last_command = self.last_command;
            client.buffers.requested(self.longest_request);
        }
    }
}

impl Server {
    /// True if nothing about the server concerns requests as such.
    #[inline]
    fn is_plain(&self) -> bool {
        self.faults.is_empty()
            && self.pause.is_none()
            && self.cluster.is_none()
            && self.master.is_none()
            && self.config.min_replicas_to_write == 0
            && self.config.maxmemory_clients == 0
            && self.config.client_output_buffer_limit[0].hard_bytes == 0
            && !self.has_limits()
            && !self.scripts.run_on()
            && !self.is_paused()
    }

    /// True if nothing about the client concerns its requests.
    #[inline]
    fn finds_plain(&self, client: &Client) -> bool {
        (client.authenticated || self.acl.is_open())
            && self.acl.is_unrestricted(client.user)
            && client.transaction.is_none()
            && client.tracking.is_none()
            && client.parked.is_none()
            && client.reply_mode == ReplyMode::On
            && !client.hears_messages_only()
            && !client.counts_as_replica()
            && !client.close_after_reply
    }
}

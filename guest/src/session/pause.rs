//! CLIENT PAUSE and UNPAUSE: commands are put off until the pause is over. Knows no queue: that is
//! `waiting`'s.

use super::gate::Command;
use super::scripting::flags_of;
use super::{Call, Caller, Client, Connection, IMPLICIT, Server, SessionHandler};
use crate::commands::table::Flags;
use crate::commands::{Outcome, error, options, wait};
use crate::resp::Args;

pub(super) const HANDLERS: &[(&str, SessionHandler)] =
    &[("client|pause", pause), ("client|unpause", unpause)];

/// A pause that clients asked for.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    /// When it is over, in microseconds since the Unix epoch.
    pub until_us: u64,
    /// Whether only commands that may write are put off.
    pub writes_only: bool,
}

impl Server {
    /// True if a client's command runs that a pause put off: MONITOR does not show it, only what it runs
    /// in turn.
    pub(super) fn runs_late(&self, caller: Caller) -> bool {
        self.late && caller == Caller::Client
    }

    /// True if a pause puts this command off.
    #[cold]
    pub(super) fn must_be_put_off(
        &self,
        connection: Connection,
        command: Command,
        args: Args<'_>,
    ) -> bool {
        let Some(pause) = self.pause else {
            return false;
        };
        // Nobody can wait behind `execute`; and replicas go on.
        let client = self.clients.get(connection);
        if connection == IMPLICIT
            || self.looking == Some(connection)
            || client.is_some_and(Client::counts_as_replica)
        {
            return false;
        }
        let queued = self.flags_of_exec(connection, command.spec);
        let flags = queued.unwrap_or_else(|| flags_of(&self.scripts, command.spec, args));
        !pause.writes_only || flags.contains(Flags::WRITE) || flags.contains(Flags::MAY_REPLICATE)
    }

    /// Ends a pause: what was put off runs once this command is answered.
    pub(super) fn end_pause(&mut self) {
        self.pause = None;
        self.is_unsettled = true;
        self.keyspace.set_expiring(true);
    }
}

/// CLIENT PAUSE timeout [WRITE | ALL]
fn pause(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let writes_only = match args.get(3) {
        None => false,
        Some(mode) if options::is(mode, "WRITE") => true,
        Some(mode) if options::is(mode, "ALL") => false,
        Some(_) => return Err(error::PAUSE_MODE),
    };
    if args.len() > 4 {
        return Err(error::unknown_subcommand_or_arity(args.at(1), "client"));
    }
    let now_us = call.server.now_us();
    let until_us = wait::timeout_ms(args.at(2), (now_us / 1000) as i64)?.unwrap_or(now_us);
    // Several may ask for one: it is only ever made longer, and as strict as the last one wants it.
    let earlier = call.server.pause.map_or(0, |pause| pause.until_us);
    call.server.pause = Some(Pause {
        until_us: until_us.max(earlier),
        writes_only,
    });
    call.server.keyspace.set_expiring(false);
    call.reply.ok();
    Ok(())
}

/// CLIENT UNPAUSE
fn unpause(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    call.server.end_pause();
    call.reply.ok();
    Ok(())
}

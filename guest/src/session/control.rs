//! PETRIDIS: what a test may do to the server that runs it. No Redis has it, so no list of commands
//! shows it. What the engine can't do itself (snapshots, clocks, other servers) it asks the host for, and
//! the client waits until that is answered.

use super::command_log::CommandLog;
use super::{Call, Connection, Output, Server};
use crate::commands::error::CommandError;
use crate::commands::options::{self, is};
use crate::commands::wait::{Awaited, Nothing};
use crate::commands::{Outcome, Wait, help};
use crate::config::Protected;
use crate::resp::Args;

crate::session::handlers::attach! {
    "petridis|clock" => by_the_host,
    "petridis|diff" => by_the_host,
    "petridis|drop" => by_the_host,
    "petridis|dump" => by_the_host,
    "petridis|fault" => super::faults::fault,
    "petridis|fork" => by_the_host,
    "petridis|help" => help,
    "petridis|list" => by_the_host,
    "petridis|log" => log,
    "petridis|restore" => by_the_host,
    "petridis|seed" => seed,
    "petridis|snapshot" => by_the_host,
}

/// The fact by which the host forbids all of it.
const FORBIDDEN: (&str, &str) = ("control", "no");

/// Commands that are kept if nobody says how many.
const KEPT: usize = 1000;

/// Something that only the host can do.
#[derive(Clone, Debug)]
pub struct Control {
    /// Tells it from others.
    pub number: u64,
    /// Who asks for it.
    pub connection: Connection,
    /// The database that is selected.
    pub db: u32,
    /// The request, without the command's name.
    pub args: Vec<Vec<u8>>,
}

/// What was asked of the host.
#[derive(Debug, Default)]
pub struct Controls {
    /// For the host, with the next effects.
    pub asked: Vec<Control>,
    last: u64,
}

impl Controls {
    /// Has numbers go on behind that one.
    pub(super) fn follow(&mut self, number: u64) {
        self.last = self.last.max(number);
    }
}

impl Call<'_> {
    /// Whether the client may do this at all: it is on the same machine, or has shown who it is.
    pub(super) fn may_control(&mut self) -> Outcome {
        if self.server.looking == Some(self.connection) {
            return Ok(());
        }
        if self.server.fact(FORBIDDEN.0) == Some(FORBIDDEN.1) {
            return Err(refuse("ERR PETRIDIS is switched off (--no-control)"));
        }
        // Nobody who has not logged in gets as far as here where somebody has to.
        let has_logged_in = !self.server.acl.is_open();
        if has_logged_in || self.server.is_allowed(self.connection, Protected::Local) {
            return Ok(());
        }
        Err(refuse(
            "ERR PETRIDIS is for clients on the same machine, or with a password",
        ))
    }
}

fn refuse(text: impl Into<Vec<u8>>) -> CommandError {
    CommandError::worded(text)
}

/// PETRIDIS CLOCK | DIFF | DROP | DUMP | FORK | LIST | RESTORE | SNAPSHOT
fn by_the_host(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    call.may_control()?;
    if !call.may_wait {
        return Err(refuse(
            "ERR PETRIDIS can't do this here: only for a connection to a server, outside of \
             transactions and scripts",
        ));
    }
    let controls = &mut call.server.controls;
    controls.last += 1;
    let number = controls.last;
    let control = Control {
        number,
        connection: call.connection,
        db: call.client().db as u32,
        args: args.from(1).iter().map(<[u8]>::to_vec).collect(),
    };
    call.server.controls.asked.push(control);
    call.wait_for(Wait {
        keys: Vec::new(),
        awaited: Awaited::Host(number),
        wakes_when_gone: false,
        until_us: None,
        nothing: Nothing::Null,
        replaced: Vec::new(),
    });
    Ok(())
}

impl Server {
    /// The host has done what a client asked for: `reply` is the answer.
    pub fn controlled(
        &mut self,
        number: u64,
        connection: Connection,
        reply: &[u8],
        out: &mut Output,
    ) {
        let client = self.clients.get(connection);
        let parked = client.and_then(|client| client.parked.as_ref());
        let wait = parked.and_then(|parked| parked.wait());
        if wait.is_none_or(|wait| wait.awaited != Awaited::Host(number)) {
            return;
        }
        self.unpark(connection);
        let start = out.begin(self, Default::default());
        out.wire.raw(reply);
        super::gate::finish(self, connection, &mut out.wire, start);
        out.attribute(self, connection, start);
        self.run_on(connection);
    }
}

/// PETRIDIS SEED number
fn seed(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    call.may_control()?;
    let seed = options::integer(args.at(2))?;
    call.server.rng = fastrand::Rng::with_seed(seed as u64);
    call.reply.ok();
    Ok(())
}

/// PETRIDIS LOG [count | START [count] | STOP]
fn log(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    call.may_control()?;
    let count = |at| args.get(at).map(options::integer).transpose();
    let positive = |count: Option<i64>, default| {
        count.map_or(default, |count| usize::try_from(count).unwrap_or(0))
    };
    match args.get(2) {
        Some(word) if is(word, "START") => {
            let most = positive(count(3)?, KEPT);
            call.server.command_log = Some(Box::new(CommandLog::new(most)));
            call.reply.ok();
        }
        Some(word) if is(word, "STOP") => {
            call.server.command_log = None;
            call.reply.ok();
        }
        _ => {
            let most = positive(count(2)?, usize::MAX);
            match &call.server.command_log {
                Some(log) => log.write(call.reply, most),
                None => call.reply.array(0),
            }
        }
    }
    Ok(())
}

/// PETRIDIS HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    help::write(
        call.reply,
        "PETRIDIS",
        &[
            (
                "CLOCK [ADVANCE <ms> | SET <ms> | FREEZE | RUN]",
                &[
                    "Move the server's clock, put it to a time (milliseconds since 1970), stop it, or",
                    "have it run again. What falls due has happened when this is answered. Alone: tell",
                    "the time.",
                ],
            ),
            (
                "DIFF <name> [<db>]",
                &["Name the keys that were added, changed and removed since a snapshot."],
            ),
            ("DROP <name | url>", &["Forget a snapshot, or end a fork."]),
            (
                "DUMP [<db>]",
                &["Return a database as text, the same for the same data."],
            ),
            (
                "FAULT ADD <ERROR <text> | DELAY <ms> | CLOSE [BEFORE | AFTER] | CUT [<bytes>]>",
                &[
                    "      [COMMAND <name>] [KEY <pattern>] [CLIENT <pattern>] [ID <client-id>]",
                    "      [USER <name>] [TIMES <n>] [SHARE <percent>]",
                    "Have commands that fit fail; returns a number. CLIENT fits the name that a client",
                    "gave itself. Of what is given all has to fit.",
                ],
            ),
            (
                "FAULT LIST | REMOVE <number> | CLEAR",
                &["Look at faults, take them back."],
            ),
            (
                "FORK [<name>]",
                &[
                    "Start a server with the data of a snapshot, or with what is there; returns its URL.",
                ],
            ),
            ("LIST", &["Return the snapshots and forks there are."]),
            (
                "LOG [<count> | START [<count>] | STOP]",
                &["Keep the commands received, newest first: time, client, database, request."],
            ),
            (
                "RESTORE <name> [KEEPCLOCK]",
                &["Go back to a snapshot, and to its time. Connections stay."],
            ),
            (
                "SEED <number>",
                &["From now on all chance comes from this number."],
            ),
            (
                "SNAPSHOT <name>",
                &["Keep all data, parameters, functions, time and chance."],
            ),
        ],
    );
    Ok(())
}

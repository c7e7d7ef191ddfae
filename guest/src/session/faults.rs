//! Faults on order (`PETRIDIS FAULT`): commands that answer an error, answer late, lose their connection.
//! Where none is ordered, the gate asks one question about it.

use super::gate::Command;
use super::waiting::{Parked, Why};
use super::{Call, Connection, Server};
use crate::commands::options::{self, is};
use crate::commands::table::{self, CommandSpec, keys_of};
use crate::commands::wait::{Awaited, Nothing};
use crate::commands::{CommandError, Outcome, Wait, error};
use crate::resp::{Args, Wire};
use crate::value::glob;

/// Faults that may be ordered at a time.
const MOST: usize = 1000;

/// What goes wrong.
#[derive(Clone, Debug)]
enum Action {
    /// This is answered, and the command does not run.
    Error(Box<[u8]>),
    /// It runs so many microseconds later.
    Delay(u64),
    /// The connection is closed and the command does not run.
    CloseBefore,
    /// The connection is closed once it has run, in place of the reply.
    CloseAfter,
    /// So many bytes of the reply are sent, half of them if nothing is said, then the connection is closed.
    Cut(Option<usize>),
}

/// A fault, and which commands have it.
#[derive(Clone, Debug)]
struct Fault {
    number: i64,
    action: Action,
    command: Option<Box<[u8]>>,
    /// A pattern.
    key: Option<Box<[u8]>>,
    /// A pattern for the name that a client gave itself.
    client: Option<Box<[u8]>>,
    client_id: Option<u64>,
    user: Option<Box<[u8]>>,
    /// How often yet.
    times: Option<u64>,
    /// Of a hundred.
    share: u8,
    words: Vec<Box<[u8]>>,
}

/// Whose command it is.
struct Caller<'a> {
    id: u64,
    name: &'a [u8],
    user: &'a [u8],
}

impl Fault {
    fn fits(&self, spec: &CommandSpec, args: Args<'_>, caller: &Caller<'_>) -> bool {
        let is_command = |wanted: &[u8]| {
            let parent = spec.name.split('|').next().unwrap_or(spec.name);
            [spec.name, parent]
                .iter()
                .any(|name| wanted.eq_ignore_ascii_case(name.as_bytes()))
        };
        let has_key = |pattern: &[u8]| {
            let keys = keys_of(spec, args).unwrap_or_default();
            keys.iter().any(|key| {
                let key = args.get(key.index);
                key.is_some_and(|key| glob::matches(pattern, key, false))
            })
        };
        let has_name = |pattern: &[u8]| glob::matches(pattern, caller.name, false);
        self.command.as_deref().is_none_or(is_command)
            && self.client_id.is_none_or(|id| id == caller.id)
            && self.client.as_deref().is_none_or(has_name)
            && self.user.as_deref().is_none_or(|user| user == caller.user)
            && self.key.as_deref().is_none_or(has_key)
    }
}

/// The faults that are ordered.
#[derive(Debug, Default)]
pub struct Faults {
    all: Vec<Fault>,
    last: i64,
    /// Chance of its own, so that a fault changes nothing else that is left to chance.
    rng: Option<fastrand::Rng>,
}

impl Faults {
    /// True if nothing is to go wrong.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Whether a command goes on as if nothing were.
pub(super) enum Course {
    /// It does.
    Runs,
    /// It is put off, or its connection is closed.
    Stopped,
    /// It does not run, and is answered with this.
    Refused(CommandError),
    /// It runs, and this becomes of its reply.
    Spoiled(Spoiled),
}

/// What becomes of a reply.
#[derive(Clone, Copy)]
pub(super) enum Spoiled {
    /// Nothing of it is sent.
    All,
    /// So many bytes are sent, or half of them.
    Cut(Option<usize>),
}

impl Server {
    /// What goes wrong with a command that may run.
    #[cold]
    pub(super) fn meet_fault(
        &mut self,
        connection: Connection,
        command: Command,
        args: Args<'_>,
    ) -> Course {
        let Some(client) = self.clients.get(connection) else {
            return Course::Runs;
        };
        if command.spec.is_our_own() || self.looking == Some(connection) {
            return Course::Runs;
        }
        let caller = Caller {
            id: client.id,
            name: &client.name,
            user: &self.acl.get(client.user).name,
        };
        let Faults { all, rng, .. } = &mut self.faults;
        let seed = || self.rng.clone().u64(..);
        let rng = rng.get_or_insert_with(|| fastrand::Rng::with_seed(seed()));
        let mut meets =
            |fault: &Fault| fault.fits(command.spec, args, &caller) && rng.u8(0..100) < fault.share;
        let Some(at) = all.iter().position(&mut meets) else {
            return Course::Runs;
        };
        let action = all[at].action.clone();
        if let Some(times) = &mut all[at].times {
            *times -= 1;
            if *times == 0 {
                all.remove(at);
            }
        }
        if matches!(action, Action::Error(_) | Action::CloseBefore) {
            // It was received, though it does not run.
            self.log_command(connection, super::Caller::Client, command.spec, args);
        }
        match action {
            Action::Error(text) => Course::Refused(CommandError::worded(text)),
            Action::Delay(delay_us) => {
                let wait = Wait {
                    keys: Vec::new(),
                    awaited: Awaited::Turn,
                    wakes_when_gone: false,
                    until_us: Some(self.now_us().saturating_add(delay_us)),
                    nothing: Nothing::Null,
                    replaced: Vec::new(),
                };
                self.park(connection, Parked::new(command, args, Why::Keys(wait)));
                Course::Stopped
            }
            Action::CloseBefore => {
                self.close(connection, false);
                Course::Stopped
            }
            Action::CloseAfter => Course::Spoiled(Spoiled::All),
            Action::Cut(bytes) => Course::Spoiled(Spoiled::Cut(bytes)),
        }
    }

    /// Spoils the reply of a command that has run.
    #[cold]
    pub(super) fn spoil(
        &mut self,
        connection: Connection,
        spoiled: Spoiled,
        wire: &mut Wire,
        start: usize,
    ) {
        let client = self.clients.get(connection);
        if client.is_none_or(|client| client.parked.is_some()) {
            // There is no reply.
            return;
        }
        match spoiled {
            Spoiled::All => {
                wire.truncate(start);
                self.close(connection, false);
            }
            Spoiled::Cut(bytes) => {
                let length = wire.len() - start;
                wire.truncate(start + bytes.unwrap_or(length / 2).min(length));
                self.close(connection, true);
            }
        }
    }
}

/// PETRIDIS FAULT ADD … | LIST | REMOVE number | CLEAR
pub(super) fn fault(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    call.may_control()?;
    match args.at(2) {
        word if is(word, "ADD") && args.len() > 3 => add(call, args.from(3)),
        word if is(word, "LIST") && args.len() == 3 => {
            list(call);
            Ok(())
        }
        word if is(word, "REMOVE") && args.len() == 4 => remove(call, args.at(3)),
        word if is(word, "CLEAR") && args.len() == 3 => {
            call.server.faults.all.clear();
            call.reply.ok();
            Ok(())
        }
        _ => Err(error::SYNTAX),
    }
}

/// ERROR text | DELAY ms | CLOSE [BEFORE | AFTER] | CUT [bytes], then [COMMAND name] [KEY pattern]
/// [CLIENT pattern] [ID client-id] [USER name] [TIMES n] [SHARE percent]
fn add(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let mut rest = args.iter().peekable();
    let word = rest.next().unwrap_or_default();
    let number = |arg: Option<&[u8]>| options::integer(arg.ok_or(error::SYNTAX)?);
    let unsigned = |arg: Option<&[u8]>| u64::try_from(number(arg)?).map_err(|_| error::SYNTAX);
    let action = if is(word, "ERROR") {
        let text = rest.next().filter(|text| is_one_line(text));
        Action::Error(text.ok_or(error::SYNTAX)?.into())
    } else if is(word, "DELAY") {
        Action::Delay(unsigned(rest.next())?.saturating_mul(1000))
    } else if is(word, "CLOSE") {
        if rest.next_if(|word| is(word, "AFTER")).is_some() {
            Action::CloseAfter
        } else {
            rest.next_if(|word| is(word, "BEFORE"));
            Action::CloseBefore
        }
    } else if is(word, "CUT") {
        let bytes = rest.next_if(|arg| arg.iter().all(u8::is_ascii_digit));
        let bytes = bytes.map(|bytes| unsigned(Some(bytes))).transpose()?;
        Action::Cut(bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)))
    } else {
        return Err(error::SYNTAX);
    };
    let mut fault = Fault {
        number: 0,
        action,
        command: None,
        key: None,
        client: None,
        client_id: None,
        user: None,
        times: None,
        share: 100,
        words: args.iter().map(Into::into).collect(),
    };
    while let Some(option) = rest.next() {
        let value = rest.next();
        let bytes = || value.map(Into::into).ok_or(error::SYNTAX);
        if is(option, "COMMAND") {
            let name = value.ok_or(error::SYNTAX)?;
            if table::lookup_full(name).is_none() {
                // It would never go wrong.
                return Err(error::unknown_command(name, std::iter::empty()));
            }
            fault.command = Some(name.into());
        } else if is(option, "KEY") {
            fault.key = Some(bytes()?);
        } else if is(option, "CLIENT") {
            fault.client = Some(bytes()?);
        } else if is(option, "ID") {
            fault.client_id = Some(unsigned(value)?);
        } else if is(option, "USER") {
            fault.user = Some(bytes()?);
        } else if is(option, "TIMES") {
            fault.times = Some(unsigned(value)?).filter(|times| *times > 0);
            fault.times.ok_or(error::SYNTAX)?;
        } else if is(option, "SHARE") {
            let share = u8::try_from(number(value)?)
                .ok()
                .filter(|share| *share <= 100);
            fault.share = share.ok_or(error::SYNTAX)?;
        } else {
            return Err(error::SYNTAX);
        }
    }
    let faults = &mut call.server.faults;
    if faults.all.len() >= MOST {
        return Err(CommandError::worded("ERR there are too many faults"));
    }
    faults.last += 1;
    fault.number = faults.last;
    let number = faults.last;
    faults.all.push(fault);
    call.reply.integer(number);
    Ok(())
}

fn is_one_line(text: &[u8]) -> bool {
    !text.is_empty() && !text.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
}

fn list(call: &mut Call<'_>) {
    let all = &call.server.faults.all;
    call.reply.array(all.len());
    for fault in all {
        call.reply.array(3);
        call.reply.integer(fault.number);
        call.reply.bulk(&fault.words.join(&b' '));
        match fault.times {
            Some(times) => call.reply.integer(times as i64),
            None => call.reply.null(),
        }
    }
}

fn remove(call: &mut Call<'_>, number: &[u8]) -> Outcome {
    let number = options::integer(number)?;
    let all = &mut call.server.faults.all;
    let before = all.len();
    all.retain(|fault| fault.number != number);
    let removed = all.len() < before;
    call.reply.integer(removed.into());
    Ok(())
}

//! Conversations that outlive the data: what is under way with each connection, written down before the
//! memory is exchanged for an earlier one, and read again in that.
//!
//! What a client keeps is decided here and nowhere else, field by field. A restore changes the data,
//! so who watches a key will not have their EXEC, and who waits for one looks again.

use std::collections::VecDeque;

use super::errands::Errands;
use super::gate::Command;
use super::handlers;
use super::pubsub::Kind;
use super::scripting::flags_of;
use super::tracking::{Mode, Redirect, Tracks};
use super::transactions::{Queued, Transaction};
use super::waiting::{Parked, Why};
use super::{
    Buffers, Client, Connection, IMPLICIT, Input, Mail, ORPHAN, ReplyMode, Server, Transport,
};
use crate::commands::Wait;
use crate::commands::table::{self, COMMANDS, CommandSpec};
use crate::commands::wait::{Awaited, Nothing};
use crate::resp::{Args, OwnedArgs, Protocol};

/// Writes down what one side of an exchange of memories tells the other.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(flag.into());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A number and that many things.
    fn each<T>(&mut self, things: impl ExactSizeIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.number(things.len() as u64);
        things.for_each(|thing| write(self, thing));
    }

    fn args(&mut self, args: Args<'_>) {
        self.each(args.iter(), Self::bytes);
    }
}

/// Reads it again. Both sides are of one build: what can't be read is not there.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == [1])
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn args(&mut self) -> Option<OwnedArgs> {
        let mut args = OwnedArgs::default();
        for _ in 0..self.length()? {
            args.push(self.bytes()?);
        }
        Some(args)
    }
}

/// What a client waits for when the memory is exchanged.
enum Waiting {
    /// Keys or time, for so many more microseconds.
    Keys(Option<u64>),
    /// The end of a pause.
    Postponed,
    /// The end of its script, which has to begin anew.
    Script,
    /// What it asked the host for under this number.
    Host(u64),
}

/// A client, and what others keep for it.
struct Conversation {
    connection: Connection,
    client: Client,
    waiting: Option<(OwnedArgs, Waiting)>,
    user: Vec<u8>,
    subscriptions: Vec<(Kind, Vec<u8>)>,
    tracks: Option<Tracks>,
    transaction: Option<(Vec<OwnedArgs>, bool)>,
    /// It can't go on: what it was in the middle of is lost with the memory.
    ends: bool,
}

impl Server {
    /// Writes down who is connected and what is under way with each.
    pub fn conversations(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.number(self.persistence.images().into());
        let clients = self.clients.by_id();
        let clients = clients
            .into_iter()
            .filter(|(connection, _)| *connection != ORPHAN);
        let clients: Vec<_> = clients.collect();
        writer.each(clients.into_iter(), |writer, (connection, client)| {
            writer.number(connection.into());
            writer.bytes(&self.acl.get(client.user).name);
            write(writer, client, self.now_us());
        });
        writer.0
    }

    /// Forgets who is connected, and takes up the conversations that were written down elsewhere.
    pub fn take_up(&mut self, conversations: &[u8]) {
        for connection in self.clients.connections() {
            self.forget(connection);
        }
        self.forget_what_was_under_way();
        let mut reader = Reader(conversations);
        self.persistence.forget_saving(0);
        let Some(images) = reader.number() else {
            return;
        };
        self.persistence.forget_saving(images as u32);
        let now_us = self.now_us();
        let mut all_tracks = Vec::new();
        for _ in 0..reader.length().unwrap_or(0) {
            let Some(mut conversation) = read(&mut reader, now_us) else {
                break;
            };
            let tracks = conversation.tracks.take();
            all_tracks.extend(tracks.map(|tracks| (conversation.connection, tracks)));
            self.go_on(conversation);
        }
        // One may be told in the place of another.
        for (connection, tracks) in all_tracks {
            if self.clients.get(connection).is_some() {
                self.track_again(connection, tracks);
            }
        }
    }

    /// What the memory was in the middle of concerned others.
    fn forget_what_was_under_way(&mut self) {
        self.asleep_until_us = None;
        self.monitors.clear();
        self.mail = Mail::default();
        self.unblocked.clear();
        self.backlog = VecDeque::new();
        self.soft_limit_check_us = None;
        self.exit = false;
        self.controls.asked.clear();
        self.errands = Errands::default();
        self.closes.clear();
        self.logs.clear();
        self.settings.clear();
        self.is_unsettled = false;
    }

    fn go_on(&mut self, conversation: Conversation) {
        let Conversation {
            connection,
            mut client,
            waiting,
            user,
            subscriptions,
            tracks: _,
            transaction,
            mut ends,
        } = conversation;
        match self.acl.find(&user) {
            Some(id) => client.user = id,
            // Who is deleted is disconnected.
            None => ends = true,
        }
        client.db = client.db.min(self.keyspace.databases() - 1);
        client.transaction = transaction.map(|(queue, is_poisoned)| {
            let mut transaction = Transaction::default();
            for args in queue {
                match command_of(args.as_args()) {
                    Some(command) => {
                        let args = args.as_args();
                        let flags = flags_of(&self.scripts, command.spec, args);
                        transaction.queue(Queued::new(command, args, flags));
                    }
                    None => transaction.poison(),
                }
            }
            if is_poisoned {
                transaction.poison();
            }
            Box::new(transaction)
        });
        let unsent = std::mem::take(&mut client.unsent_bytes);
        if client.is_monitor {
            self.monitors.push(connection);
        }
        if !client.input.pending.is_empty() {
            self.backlog.push_back(connection);
        }
        self.clients.put_back(connection, client);
        self.clients.set_unsent(connection, unsent);
        for (kind, name) in subscriptions {
            self.listen(connection, kind, &name);
        }
        if let Some((args, waiting)) = waiting {
            self.wait_again(connection, &args, waiting);
        }
        self.count_memory(connection);
        if ends {
            self.close(connection, true);
        }
    }

    fn wait_again(&mut self, connection: Connection, args: &OwnedArgs, waiting: Waiting) {
        let args = args.as_args();
        let Some(command) = command_of(args) else {
            return;
        };
        match waiting {
            Waiting::Postponed => {
                self.park(connection, Parked::new(command, args, Why::Postponed));
                self.is_unsettled = true;
            }
            Waiting::Script => {
                let wait = wait_for(Awaited::Turn, Some(self.now_us()));
                self.park(connection, Parked::new(command, args, Why::Keys(wait)));
            }
            Waiting::Host(number) => {
                let wait = wait_for(Awaited::Host(number), None);
                self.park(connection, Parked::new(command, args, Why::Keys(wait)));
                self.controls.follow(number);
            }
            Waiting::Keys(left_us) => {
                // A wait for nothing but to be told to look again. What it is for, the command says then.
                let until_us = left_us.map(|left_us| self.now_us().saturating_add(left_us));
                let wait = wait_for(Awaited::Time, until_us);
                self.park(connection, Parked::new(command, args, Why::Keys(wait)));
                self.nudge(connection);
            }
        }
    }
}

fn wait_for(awaited: Awaited, until_us: Option<u64>) -> Wait {
    Wait {
        keys: Vec::new(),
        awaited,
        wakes_when_gone: false,
        until_us,
        nothing: Nothing::NullArray,
        replaced: Vec::new(),
    }
}

fn write(writer: &mut Writer, client: &Client, now_us: u64) {
    // All of them by name, so that nobody adds one without deciding what becomes of it.
    let Client {
        id,
        peer,
        local,
        transport,
        is_implicit: _,
        protocol,
        db,
        // By its name.
        user: _,
        authenticated,
        name,
        lib_name,
        lib_version,
        no_evict,
        no_touch,
        reply_mode,
        connected_us,
        active_us,
        last_command,
        commands,
        bytes_in,
        bytes_out,
        // Of a request that runs, and none does.
        request_bytes: _,
        request_args: _,
        // Begin anew.
        buffers: _,
        unsent_bytes,
        sending_bytes: _,
        over_soft_limit_since_us: _,
        held_reply,
        close_after_reply: _,
        parked,
        transaction,
        watched,
        is_touched,
        // Who watches anything fails anyway.
        overdue_watches: _,
        // It follows data that is no more. It is cut off, comes back and gets all of what there is.
        replica,
        written_offset: _,
        subscriptions,
        tracking,
        is_monitor,
        input,
    } = client;
    let is_in_script = matches!(
        parked.as_deref(),
        Some(Parked {
            why: Why::RunsOn,
            ..
        })
    );
    writer.number(*id);
    writer.bytes(peer.as_bytes());
    writer.bytes(local.as_bytes());
    writer.number(*transport as u64);
    writer.flag(*protocol == Protocol::Resp3);
    writer.number(*db as u64);
    writer.flag(*authenticated);
    writer.bytes(name);
    writer.bytes(lib_name);
    writer.bytes(lib_version);
    writer.flag(*no_evict);
    writer.flag(*no_touch);
    writer.number(*reply_mode as u64);
    writer.number(now_us.saturating_sub(*connected_us));
    writer.number(now_us.saturating_sub(*active_us));
    writer.bytes(last_command.unwrap_or_default().as_bytes());
    writer.number(*commands);
    writer.number(*bytes_in);
    writer.number(*bytes_out);
    writer.number(*unsent_bytes);
    // What it had of a script's transaction it gets again, or not at all.
    writer.bytes(if is_in_script { &[] } else { held_reply });
    writer.flag(*is_touched || !watched.is_empty());
    writer.flag(replica.is_some() || input.decoder.is_shedding());
    writer.flag(*is_monitor);
    // A request that is not whole yet is parsed from its start again.
    writer.bytes(&input.pending[input.decoder.consumed().min(input.pending.len())..]);
    writer.flag(parked.is_some());
    if let Some(parked) = parked {
        writer.args(parked.args.as_args());
        match &parked.why {
            Why::Postponed => writer.number(0),
            Why::RunsOn => writer.number(3),
            Why::Keys(Wait {
                awaited: Awaited::Host(number),
                ..
            }) => {
                writer.number(2);
                writer.number(*number);
            }
            Why::Keys(wait) => {
                writer.number(1);
                writer.flag(wait.until_us.is_some());
                writer.number(wait.until_us.unwrap_or(0).saturating_sub(now_us));
            }
        }
    }
    writer.flag(transaction.is_some());
    if let Some(transaction) = transaction {
        writer.flag(transaction.is_poisoned());
        let queued: Vec<_> = transaction.queued().map(|(_, args)| args).collect();
        writer.each(queued.into_iter(), Writer::args);
    }
    for kind in Kind::ALL {
        let names = subscriptions.iter().flat_map(|listens| listens.of(kind));
        writer.each(names.collect::<Vec<_>>().into_iter(), Writer::bytes);
    }
    writer.flag(tracking.is_some());
    if let Some(tracks) = tracking {
        writer.number(tracks.mode as u64);
        writer.flag(tracks.redirect.is_some());
        if let Some(redirect) = tracks.redirect {
            writer.number(redirect.id);
            writer.number(redirect.connection().into());
        }
        writer.flag(tracks.no_loop);
        writer.flag(tracks.is_broken);
        writer.flag(tracks.caching);
        writer.each(tracks.prefixes.iter(), |writer, prefix| {
            writer.bytes(prefix)
        });
    }
}

fn read_tracks(reader: &mut Reader<'_>) -> Option<Tracks> {
    Some(Tracks {
        mode: match reader.number()? {
            0 => Mode::Read,
            1 => Mode::OptIn,
            2 => Mode::OptOut,
            _ => Mode::Broadcast,
        },
        redirect: if reader.flag()? {
            let id = reader.number()?;
            Some(Redirect::to(id, reader.number()? as Connection))
        } else {
            None
        },
        no_loop: reader.flag()?,
        is_broken: reader.flag()?,
        caching: reader.flag()?,
        prefixes: {
            let length = reader.length()?;
            let prefixes = (0..length).map(|_| reader.bytes().map(Into::into));
            prefixes.collect::<Option<_>>()?
        },
    })
}

fn read(reader: &mut Reader<'_>, now_us: u64) -> Option<Conversation> {
    let connection = reader.number()? as Connection;
    let user = reader.bytes()?.to_vec();
    let mut client = Client {
        id: reader.number()?,
        peer: reader.text()?,
        local: reader.text()?,
        transport: match reader.number()? {
            0 => Transport::Tcp,
            1 => Transport::Tls,
            _ => Transport::Unix,
        },
        is_implicit: connection == IMPLICIT,
        protocol: if reader.flag()? {
            Protocol::Resp3
        } else {
            Protocol::Resp2
        },
        db: reader.length()?,
        authenticated: reader.flag()?,
        name: reader.bytes()?.to_vec(),
        lib_name: reader.bytes()?.to_vec(),
        lib_version: reader.bytes()?.to_vec(),
        no_evict: reader.flag()?,
        no_touch: reader.flag()?,
        reply_mode: match reader.number()? {
            0 => ReplyMode::On,
            1 => ReplyMode::Off,
            2 => ReplyMode::SkipNext,
            _ => ReplyMode::SkipThis,
        },
        connected_us: now_us.saturating_sub(reader.number()?),
        active_us: now_us.saturating_sub(reader.number()?),
        last_command: known(reader.bytes()?).map(|spec| spec.name),
        commands: reader.number()?,
        bytes_in: reader.number()?,
        bytes_out: reader.number()?,
        unsent_bytes: reader.number()?,
        held_reply: reader.bytes()?.to_vec(),
        is_touched: reader.flag()?,
        buffers: Buffers::new(now_us),
        ..Client::default()
    };
    let ends = reader.flag()?;
    client.is_monitor = reader.flag()?;
    client.input = Input {
        pending: reader.bytes()?.to_vec(),
        ..Input::default()
    };
    let waiting = if reader.flag()? {
        let args = reader.args()?;
        let waiting = match reader.number()? {
            0 => Waiting::Postponed,
            2 => Waiting::Host(reader.number()?),
            3 => Waiting::Script,
            _ => {
                let (ends, left_us) = (reader.flag()?, reader.number()?);
                Waiting::Keys(ends.then_some(left_us))
            }
        };
        Some((args, waiting))
    } else {
        None
    };
    let transaction = if reader.flag()? {
        let is_poisoned = reader.flag()?;
        let length = reader.length()?;
        let queue: Option<Vec<OwnedArgs>> = (0..length).map(|_| reader.args()).collect();
        Some((queue?, is_poisoned))
    } else {
        None
    };
    let mut subscriptions = Vec::new();
    for kind in Kind::ALL {
        for _ in 0..reader.length()? {
            subscriptions.push((kind, reader.bytes()?.to_vec()));
        }
    }
    let tracks = if reader.flag()? {
        Some(read_tracks(reader)?)
    } else {
        None
    };
    Some(Conversation {
        connection,
        client,
        waiting,
        user,
        subscriptions,
        tracks,
        transaction,
        ends,
    })
}

/// The command of a request, which was let in before.
fn command_of(args: Args<'_>) -> Option<Command> {
    let parent = table::lookup(args.get(0)?)?;
    let sub = args.get(1).and_then(|name| parent.subcommand(name));
    let spec = sub.unwrap_or(parent);
    let handler = handlers::of(spec)?;
    Some(Command { spec, handler })
}

/// The command of that full name.
fn known(name: &[u8]) -> Option<&'static CommandSpec> {
    COMMANDS.iter().find(|spec| spec.name.as_bytes() == name)
}

//! What follows a command for others: keyspace events are published, watched keys are touched, who
//! waits is found. Reads the journal that the guards wrote. Knows no command.

use super::{Caller, Connection, ORPHAN, Output, Server};
use crate::commands::options;
use crate::commands::table::{CommandSpec, Flags};
use crate::config::KeyspaceEvents;
use crate::keyspace::{Cause, Change, Event, EventClass};
use crate::resp::Args;

/// Letters of `notify-keyspace-events` and the classes they stand for.
const CLASSES: &[(u8, EventClass)] = &[
    (b'g', EventClass::GENERIC),
    (b'$', EventClass::STRING),
    (b'l', EventClass::LIST),
    (b's', EventClass::SET),
    (b'h', EventClass::HASH),
    (b'z', EventClass::SORTED_SET),
    (b'x', EventClass::EXPIRED),
    (b'e', EventClass::EVICTED),
    (b't', EventClass::STREAM),
    (b'm', EventClass::KEY_MISS),
    (b'n', EventClass::NEW),
];

/// The classes to be told of: none where nothing would be published.
fn listening(events: KeyspaceEvents) -> EventClass {
    if !events.has(b'K') && !events.has(b'E') {
        return EventClass::NONE;
    }
    CLASSES
        .iter()
        .filter(|(letter, _)| events.has(*letter))
        .fold(EventClass::NONE, |all, (_, class)| all | *class)
}

impl Server {
    /// Has the journal tell of the events that `notify-keyspace-events` names.
    pub fn listen_to_events(&mut self) {
        self.keyspace.journal.listening = listening(self.config.notify_keyspace_events);
    }

    /// True if somebody has to be told of the command that just ran.
    #[inline]
    pub(super) fn is_observed(&self) -> bool {
        !self.keyspace.journal.is_empty() || !self.monitors.is_empty() || self.command_log.is_some()
    }

    /// Tells others of a command that just ran, on its own or within another one.
    #[cold]
    pub(super) fn after_command(
        &mut self,
        connection: Connection,
        caller: Caller,
        spec: &'static CommandSpec,
        args: Args<'_>,
    ) {
        // What follows from a command is heard before it is shown.
        self.read_journal(Some(connection));
        let is_hidden =
            spec.flags.contains(Flags::SKIP_MONITOR) || spec.flags.contains(Flags::ADMIN);
        if !self.monitors.is_empty()
            && !is_hidden
            && caller != Caller::Woken
            && !self.runs_late(caller)
        {
            self.feed_monitors(connection, caller, spec, args);
        }
        if self.command_log.is_some() {
            self.log_command(connection, caller, spec, args);
        }
        if matches!(spec.name, "flushall" | "flushdb") && caller == Caller::Client {
            let option = args.get(1);
            let lazily = self.config.lazyfree_lazy_user_flush;
            if !option.map_or(lazily, |option| options::is(option, "ASYNC")) {
                // To Redis this is a command that waits until all is freed, and is answered then.
                self.mail.comes_before_the_reply();
            }
        }
    }

    /// Reads what the guards have written since the last time; `by` is the client whose command made the changes.
    pub(super) fn read_journal(&mut self, by: Option<Connection>) {
        let journal = &mut self.keyspace.journal;
        if journal.is_empty() {
            return;
        }
        self.is_unsettled = true;
        let events = std::mem::take(&mut journal.events);
        let changes = std::mem::take(&mut journal.changes);
        let stirred = std::mem::take(&mut journal.stirred);
        if std::mem::take(&mut journal.flushed) {
            self.invalidate_all();
        }
        for Change { db, key, cause } in &changes {
            self.touch_watched(*db, key, *cause);
            if *cause != Cause::Further || self.is_awaited_when_gone(*db, key) {
                self.waiters.changed(*db, key);
            }
            if !matches!(cause, Cause::Database | Cause::Overdue) {
                self.invalidate(key, *cause, by);
            }
        }
        for event in &events {
            self.publish_event(event);
        }
        for (db, key) in &stirred {
            self.waiters.changed(*db, key);
        }
    }

    fn publish_event(&mut self, event: &Event) {
        let enabled = self.config.notify_keyspace_events;
        if enabled.has(b'K') {
            let channel = [format!("__keyspace@{}__:", event.db).as_bytes(), &event.key].concat();
            self.publish(&channel, event.name.as_bytes());
        }
        if enabled.has(b'E') {
            let channel = format!("__keyevent@{}__:{}", event.db, event.name);
            self.publish(channel.as_bytes(), &event.key);
        }
    }

    /// True if there are commands left from a pause that is over.
    fn is_pause_over(&self) -> bool {
        self.pause.is_none() && self.waiters.has_postponed()
    }

    /// Ends a command for everybody: messages go out, who waits is woken.
    #[cold]
    pub fn settle(&mut self, out: &mut Output) {
        loop {
            self.settle_mail(out);
            if !self.unblocked.is_empty() {
                self.answer_unblocked(out);
            } else if self.tracking.is_too_large() {
                self.shrink_tracking();
            } else if self.waiters.has_ready() {
                self.serve_ready(out);
            } else if self.is_pause_over() {
                self.release_postponed();
            } else if self.waiters.has_nudged() {
                self.serve_nudged(out);
            } else if self.mail.is_empty() && self.keyspace.journal.is_empty() {
                break;
            }
        }
        self.is_unsettled = false;
    }

    /// Posts what is written to others by now.
    pub(super) fn settle_mail(&mut self, out: &mut Output) {
        self.read_journal(None);
        if !self.mail.is_empty() {
            out.post(self);
        }
    }

    /// What falls due at this time: a pause is over, keys go, waits end.
    pub fn fall_due(&mut self, out: &mut Output) {
        if self
            .pause
            .as_ref()
            .is_some_and(|pause| pause.until_us <= self.now_us())
        {
            self.end_pause();
        }
        self.keyspace.expire_due();
        self.propagate_singly();
        self.end_waits(out);
        if self.is_unsettled || !self.keyspace.journal.is_empty() {
            self.settle(out);
        }
    }

    /// Forgets a client and everything that is kept for it elsewhere.
    pub fn forget(&mut self, connection: Connection) -> bool {
        if self.clients.get(connection).is_none() {
            return false;
        }
        self.forget_watches(connection);
        self.forget_subscriptions(connection);
        self.forget_tracking(connection);
        self.monitors.retain(|other| *other != connection);
        self.forget_replica(connection);
        if self.running_script_of() == Some(connection) {
            // It runs on for nobody: what it does is done as a whole.
            self.clients.renumber(connection, ORPHAN);
            self.hand_script_over(ORPHAN);
            return true;
        }
        self.unpark(connection);
        self.clients.remove(connection).is_some()
    }
}

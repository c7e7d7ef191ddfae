//! Conversations: who is connected, what state each connection is in, and the one gate through which
//! every command runs. Home of the commands that are about connections and the server itself.
//! Knows no socket: bytes come from and go to `engine`.

mod acl;
mod append_only;
mod buffers;
mod client;
mod client_command;
mod client_eviction;
mod client_info;
mod cluster;
mod command;
mod command_log;
mod config;
mod connection;
mod control;
mod conversations;
mod debug;
mod errands;
mod events;
mod eviction;
mod faults;
mod gate;

pub mod handlers;
mod histogram;
mod info;
mod latency;
mod limits;
mod lolwut;
mod looking;
mod memory_command;
mod modules;
mod monitor;
mod output;
mod pause;
mod persistence;
mod plain;
mod pubsub;
mod redaction;
mod replica;
mod replication;
mod scripting;
mod shutdown;
mod slowlog;
mod sparkline;
mod stats;
mod timing;
mod tracking;
mod transactions;
mod waiting;

pub use acl::{Acl, FILE_AND_USERS, UserId};
pub use buffers::Buffers;
pub use client::{Client, Clients, IMPLICIT, Input, ORPHAN, ReplyMode, Transport};
pub use command::commands_markdown;
pub use control::Control;
pub use errands::{Errand, Refusal};
pub use gate::run;
pub use output::{Delivery, Output};
pub use persistence::{ImageFile, Persistence, Saved};
pub use plain::{PlainRun, Ran};
pub use scripting::Scripts;
pub use shutdown::Signal;
pub use stats::Stats;

use std::collections::{BTreeMap, VecDeque};

use buffers::Upkeep;
use cluster::Cluster;
use command_log::CommandLog;
use control::Controls;
use errands::Errands;
use eviction::Eviction;
use faults::Faults;
use latency::Latency;
use output::Mail;
use pause::Pause;
use pubsub::PubSub;
use replica::Replicas;
use replication::Master;
use slowlog::SlowLog;
use timing::Timing;
use tracking::Tracking;
use transactions::{DbKey, Interrupted};
use waiting::Waiters;

use crate::commands::table::CommandSpec;
use crate::commands::{CommandError, Outcome, Wait};
use crate::config::Config;
use crate::keyspace::{Keyspace, Telling};
use crate::resp::{Args, Sink};

/// The version of Redis that is answered for.
pub const REDIS_VERSION: &str = "8.0.2";

/// A connection's number, as the host gave it.
pub type Connection = u32;

/// How much a line in the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Of use to who works on the server.
    Debug,
    /// Of use to who looks for a fault.
    Verbose,
    /// What one wants to know.
    Notice,
    /// What one has to know.
    Warning,
}

/// A line for the host's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// What to say, without time and level.
    pub text: String,
}

/// A connection to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// Which.
    pub connection: Connection,
    /// Whether to send what is waiting first.
    pub flush: bool,
}

/// The state that all connections share.
pub struct Server {
    /// The parameters in force.
    pub config: Config,
    /// The data.
    pub keyspace: Keyspace,
    /// Who may do what.
    pub acl: Acl,
    /// Who is connected.
    pub clients: Clients,
    /// Counters.
    pub stats: Stats,
    /// All chance.
    pub rng: fastrand::Rng,
    /// What only the host knows, by INFO's field name.
    pub facts: Vec<(String, String)>,
    /// When the engine started, in microseconds since the Unix epoch.
    pub started_us: u64,
    /// 40 hexadecimal digits, from the seed.
    pub run_id: String,
    /// The same of the stream of changes.
    pub replication_id: String,
    /// What is known of images of the data.
    pub persistence: Persistence,
    /// Until when nothing is answered (`DEBUG SLEEP`), in microseconds since the Unix epoch.
    pub asleep_until_us: Option<u64>,
    /// Microseconds that commands were told to take, since the start.
    pub elapsed_us: u64,
    /// Commands that took long.
    pub slowlog: SlowLog,
    /// Events that took long.
    pub latency: Latency,
    /// What the step under way does, to know what its time was for.
    pub timing: Timing,
    /// `CLIENT PAUSE`, while it lasts.
    pub pause: Option<Pause>,
    /// The command that runs was put off by a pause.
    pub late: bool,
    /// Who waits for what.
    pub waiters: Waiters,
    /// Who watches which key.
    pub watchers: BTreeMap<DbKey, Vec<Connection>>,
    /// Who listens to which channel.
    pub pubsub: PubSub,
    /// Who is told of changes to keys that it has copies of.
    pub tracking: Tracking,
    /// What it is in a cluster, if it is in one.
    pub cluster: Option<Box<Cluster>>,
    /// Who follows the changes of the data.
    pub replicas: Replicas,
    /// Whom this server follows, if it is a replica.
    pub master: Option<Master>,
    /// Who is told of every command.
    pub monitors: Vec<Connection>,
    /// Something is left to do for others once the command that runs is answered.
    pub is_unsettled: bool,
    /// Messages written by the command that runs.
    pub mail: Mail,
    /// Whose waiting the command that runs ends, and with which error.
    pub unblocked: Vec<(Connection, Option<CommandError>)>,
    /// Connections with input that was not run when it came.
    pub backlog: VecDeque<Connection>,
    /// How far it has come to make room for data.
    pub eviction: Eviction,
    /// Bytes that the step itself holds, to write replies in: they are no data.
    pub step_bytes: usize,
    /// There was no room left when the command that runs began.
    pub lacks_memory: bool,
    /// How the buffers of clients are looked after.
    pub upkeep: Upkeep,
    /// When clients over a soft limit on their output are looked for next.
    pub soft_limit_check_us: Option<u64>,
    /// When clients that say nothing are looked for next.
    pub idle_check_us: u64,
    /// Scripts and functions.
    pub scripts: Scripts,
    /// The rest of an EXEC, while a script in it runs on.
    pub interrupted: Option<Interrupted>,
    /// What is to go wrong with commands.
    pub faults: Faults,
    /// The connection through which the host looks in, while it does: nothing that is ordered or forbidden
    /// holds for it.
    pub looking: Option<Connection>,
    /// The commands received, if somebody wants to know.
    pub command_log: Option<Box<CommandLog>>,
    /// What the host is asked to do.
    pub controls: Controls,
    /// What a command needs done outside before it can go on.
    pub errands: Errands,
    /// SHUTDOWN was asked for.
    pub exit: bool,
    /// Connections to close, for the host.
    pub closes: Vec<Close>,
    /// Lines for the host's log.
    pub logs: Vec<LogLine>,
    /// Parameters that changed and that only the host can heed.
    pub settings: Vec<(String, String)>,
}

impl Server {
    /// A server without clients.
    pub fn new(
        config: Config,
        acl: Acl,
        keyspace: Keyspace,
        mut rng: fastrand::Rng,
        facts: Vec<(String, String)>,
    ) -> Self {
        let run_id: String = (0..40).map(|_| rng.digit(16)).collect();
        let cluster = config
            .cluster_enabled
            .then(|| Box::new(Cluster::new(&mut rng)));
        let persistence = Persistence::since(keyspace.now_us());
        Server {
            started_us: keyspace.now_us(),
            master: Master::configured(&config.replicaof),
            config,
            acl,
            tracking: Tracking::new(keyspace.seed()),
            keyspace,
            clients: Clients::default(),
            stats: Stats::default(),
            rng,
            facts,
            // As random as the run's: its digits in the opposite order.
            replication_id: run_id.chars().rev().collect(),
            run_id,
            persistence,
            asleep_until_us: None,
            elapsed_us: 0,
            slowlog: SlowLog::default(),
            latency: Latency::default(),
            timing: Timing::default(),
            pause: None,
            late: false,
            waiters: Waiters::default(),
            watchers: BTreeMap::new(),
            pubsub: PubSub::default(),
            cluster,
            replicas: Replicas::default(),
            monitors: Vec::new(),
            is_unsettled: false,
            mail: Mail::default(),
            unblocked: Vec::new(),
            backlog: VecDeque::new(),
            eviction: Eviction::default(),
            step_bytes: 0,
            lacks_memory: false,
            upkeep: Upkeep::default(),
            soft_limit_check_us: None,
            idle_check_us: 0,
            faults: Faults::default(),
            looking: None,
            command_log: None,
            controls: Controls::default(),
            errands: Errands::default(),
            exit: false,
            closes: Vec::new(),
            logs: Vec::new(),
            scripts: Scripts::default(),
            interrupted: None,
            settings: Vec::new(),
        }
    }

    /// The time, in microseconds since the Unix epoch.
    pub fn now_us(&self) -> u64 {
        self.keyspace.now_us()
    }

    /// What the host told of itself under INFO's name for it.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The port that clients connect to: the host's word, since it may have chosen one.
    pub fn port(&self) -> i32 {
        let told = self.fact("tcp_port").and_then(|port| port.parse().ok());
        told.unwrap_or(match self.config.port {
            0 => self.config.tls_port,
            port => port,
        })
    }

    /// Writes a line to the host's log, if `loglevel` wants it.
    pub fn log(&mut self, level: LogLevel, text: impl Into<String>) {
        // Both are in the order of what matters more; above all is `nothing`.
        if (level as u8) < (self.config.loglevel as u8) {
            return;
        }
        self.logs.push(LogLine {
            level,
            text: text.into(),
        });
    }

    /// Forgets a client and has its connection closed.
    pub fn close(&mut self, connection: Connection, flush: bool) {
        if self.forget(connection) && connection != ORPHAN {
            self.closes.push(Close { connection, flush });
        }
    }

    /// True while nothing is answered.
    pub fn is_paused(&self) -> bool {
        self.asleep_until_us.is_some()
            || self.persistence.is_waited_for()
            || self.errands.are_under_way()
    }

    /// Answers nothing for so long, behind what it sleeps already: input is kept, and the reply of the
    /// command that asked for it is held back.
    pub fn sleep_for_us(&mut self, duration_us: u64) {
        let from_us = self.asleep_until_us.unwrap_or(self.now_us());
        let until_us = from_us.saturating_add(duration_us);
        self.asleep_until_us = Some(until_us);
        if !self.scripts.run_on() {
            // What comes after it in the same transaction comes later; in a script nothing does.
            self.keyspace.set_now_us(until_us);
        }
        self.elapsed_us = self.elapsed_us.saturating_add(duration_us);
    }
}

/// Where a command comes from. The gate asks everybody the same questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client's request.
    Client,
    /// A client's request, once it has waited.
    Woken,
    /// EXEC.
    Transaction,
    /// A script.
    Script,
}

/// What a handler of a session command works on.
pub struct Call<'a> {
    /// Everything shared.
    pub server: &'a mut Server,
    /// Whose command it is.
    pub connection: Connection,
    /// Where the reply goes.
    pub reply: &'a mut dyn Sink,
    /// Where the command comes from.
    pub caller: Caller,
    /// The command's facts.
    pub spec: &'static CommandSpec,
    /// Whether the caller can wait.
    pub may_wait: bool,
    /// Set by a command that has to wait, instead of a reply.
    pub wait: Option<Box<Wait>>,
    /// Set by a command whose script runs on, or that needs the host first: it is to be run again.
    pub runs_on: bool,
}

impl Call<'_> {
    /// The client whose command it is. A client that runs a command is connected.
    pub fn client(&mut self) -> &mut Client {
        self.server.clients.current(self.connection)
    }

    /// Tells who follows the changes of the data this command, though it changes nothing.
    pub fn propagate_anyway(&mut self) {
        let propagation = &mut self.server.keyspace.journal.propagation;
        propagation.set_telling(Telling::Anyway);
    }

    /// Waits, or where nobody can answers that there is nothing.
    pub fn wait_for(&mut self, wait: Wait) {
        if self.may_wait {
            self.wait = Some(Box::new(wait));
        } else {
            wait.nothing.write(self.reply);
        }
    }

    /// True if the command (or one of its subcommands) answers here.
    pub fn is_built(&self, spec: &CommandSpec) -> bool {
        handlers::is_built(spec)
    }
}

/// A command that is about connections or the server.
pub type SessionHandler = fn(&mut Call<'_>, Args<'_>) -> Outcome;

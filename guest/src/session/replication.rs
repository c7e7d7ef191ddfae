//! Replication, as far as a server on its own has any: ROLE, REPLICAOF, WAIT, WAITAOF,
//! FAILOVER. A replica of a master is one whose master is never reached: read only, and its data as
//! old as it says.

use super::{Call, Caller, Connection, LogLevel, Server};
use crate::commands::table::{CommandSpec, Flags};
use crate::commands::wait::{self, Awaited, Nothing};
use crate::commands::{Outcome, Wait, error, options};
use crate::config::ReplicaOf;
use crate::resp::Args;
use crate::value::number::parse_i64;

crate::session::handlers::attach! {
    "failover" => failover,
    "replicaof" => replicaof,
    "role" => role,
    "slaveof" => replicaof,
    "wait" => wait,
    "waitaof" => waitaof,
}

/// Whom a replica follows.
#[derive(Clone, Debug)]
pub struct Master {
    /// The host as it was given.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Server {
    /// True for a replica that takes no writes but its master's.
    pub(super) fn is_read_only(&self) -> bool {
        self.master.is_some() && self.config.replica_read_only
    }

    /// True for a replica that does not answer with data that may be old.
    pub(super) fn is_stale(&self) -> bool {
        self.master.is_some() && !self.config.replica_serve_stale_data
    }

    /// Whether a replica may run a command, or the transaction that EXEC ends, though it may write.
    #[cold]
    pub(super) fn check_read_only(
        &self,
        connection: Connection,
        spec: &CommandSpec,
        flags: Flags,
    ) -> Outcome {
        let flags = self.flags_of_exec(connection, spec).unwrap_or(flags);
        if flags.contains(Flags::WRITE) && self.is_read_only() {
            return Err(error::READ_ONLY);
        }
        Ok(())
    }

    /// Whether a replica may run a command, or the transaction that EXEC ends, on data that is old.
    #[cold]
    pub(super) fn check_stale(
        &self,
        connection: Connection,
        spec: &CommandSpec,
        flags: Flags,
    ) -> Outcome {
        let goes_stale = match self.flags_of_exec(connection, spec) {
            Some(_) => self.all_queued_have(connection, Flags::STALE),
            None => flags.contains(Flags::STALE),
        };
        if self.is_stale() && !goes_stale {
            return Err(error::MASTER_DOWN);
        }
        Ok(())
    }

    /// Whether enough follow for a command, or the transaction that EXEC ends.
    #[cold]
    pub(super) fn check_replicas(
        &self,
        connection: Connection,
        spec: &CommandSpec,
        flags: Flags,
    ) -> Outcome {
        let flags = self.flags_of_exec(connection, spec).unwrap_or(flags);
        if flags.contains(Flags::WRITE) && !self.has_enough_replicas() {
            return Err(error::NOT_ENOUGH_REPLICAS);
        }
        Ok(())
    }

    /// Whether one who counts as a replica may run a command, or the transaction that EXEC ends: it
    /// has no business with keys.
    #[cold]
    pub(super) fn check_follower(
        &self,
        connection: Connection,
        spec: &CommandSpec,
        flags: Flags,
    ) -> Outcome {
        let flags = self.flags_of_exec(connection, spec).unwrap_or(flags);
        let about_keys = [Flags::READONLY, Flags::WRITE, Flags::MAY_REPLICATE];
        if about_keys.into_iter().any(|about| flags.contains(about)) {
            return Err(error::REPLICA_IN_KEYSPACE);
        }
        Ok(())
    }

    /// Follows a master from now on, or none. Its address is what CONFIG GET says.
    pub fn set_master(&mut self, master: Option<Master>) {
        let address = master.as_ref().map_or_else(String::new, |master| {
            format!("{} {}", master.host, master.port)
        });
        self.config.replicaof = ReplicaOf(address.into_bytes().into());
        self.master = master;
    }

    /// Ends the waiting of all clients and disconnects them: what they wait for does not come to a
    /// replica.
    fn disconnect_waiting(&mut self) {
        let waiting: Vec<Connection> = self
            .clients
            .by_id()
            .into_iter()
            .map(|(connection, _)| connection)
            .collect();
        for connection in waiting {
            if self.unblock(connection, Some(error::UNBLOCKED_BY_ROLE)) {
                self.clients.current(connection).close_after_reply = true;
            }
        }
    }
}

impl Master {
    /// The master that `replicaof` names, if any.
    pub fn configured(replicaof: &ReplicaOf) -> Option<Self> {
        let address = String::from_utf8_lossy(&replicaof.0);
        let (host, port) = address.rsplit_once(' ')?;
        Some(Master {
            host: host.to_owned(),
            port: port.parse().ok()?,
        })
    }
}

/// ROLE
fn role(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    match &call.server.master {
        None => {
            let replicas = call.server.describe_replicas();
            call.reply.array(3);
            call.reply.bulk(b"master");
            call.reply.integer(call.server.replicas.offset() as i64);
            call.reply.array(replicas.len());
            for replica in replicas {
                call.reply.array(3);
                call.reply.bulk(replica.address.as_bytes());
                call.reply.bulk_integer(replica.port.into());
                call.reply.bulk_integer(replica.offset as i64);
            }
        }
        Some(master) => {
            call.reply.array(5);
            call.reply.bulk(b"slave");
            call.reply.bulk(master.host.as_bytes());
            call.reply.integer(master.port.into());
            call.reply.bulk(b"connecting");
            call.reply.integer(-1);
        }
    }
    Ok(())
}

/// REPLICAOF host port | NO ONE
fn replicaof(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let (host, port) = (args.at(1), args.at(2));
    if call.server.config.cluster_enabled {
        return Err(error::REPLICAOF_IN_CLUSTER);
    }
    if options::is(host, "NO") && options::is(port, "ONE") {
        if call.server.master.is_some() {
            call.server.set_master(None);
            call.server
                .log(LogLevel::Notice, "MASTER MODE enabled (user request)");
        }
        call.reply.ok();
        return Ok(());
    }
    if call.client().is_monitor {
        return Err(error::NOT_FOR_REPLICAS);
    }
    let port = parse_i64(port)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or(error::INVALID_MASTER_PORT)?;
    let host = String::from_utf8_lossy(host).into_owned();
    let same = |master: &Master| master.host.eq_ignore_ascii_case(&host) && master.port == port;
    if call.server.master.as_ref().is_some_and(same) {
        call.reply
            .simple("OK Already connected to specified master");
        return Ok(());
    }
    call.server.log(
        LogLevel::Warning,
        format!(
            "REPLICAOF {host}:{port}: this server is read only from now on, but it fetches no data"
        ),
    );
    call.server.set_master(Some(Master { host, port }));
    call.server.disconnect_waiting();
    // What they follow is no longer ours to tell.
    call.server.disconnect_replicas();
    call.reply.ok();
    Ok(())
}

fn wait_generic(
    call: &mut Call<'_>,
    until_us: Option<u64>,
    is_there: bool,
    nothing: Nothing,
) -> Outcome {
    if is_there {
        nothing.write(call.reply);
        return Ok(());
    }
    call.wait_for(Wait {
        keys: Vec::new(),
        awaited: Awaited::Time,
        wakes_when_gone: false,
        until_us,
        nothing,
        replaced: Vec::new(),
    });
    Ok(())
}

/// WAIT numreplicas timeout
fn wait(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if call.server.master.is_some() {
        return Err(error::WAIT_ON_A_REPLICA);
    }
    // Redis keeps 32 bits of it.
    let wanted = i64::from(options::integer(args.at(1))? as i32);
    let until_us = wait::timeout_ms(args.at(2), call.server.keyspace.now_ms())?;
    let offset = call.client().written_offset;
    let there = call.server.replicas_at(offset) as i64;
    let asks = there < wanted && call.caller == Caller::Client;
    if asks && !call.server.replicas.is_empty() {
        call.server.ask_for_offsets();
    }
    wait_generic(call, until_us, wanted <= there, Nothing::Number(there))
}

/// WAITAOF numlocal numreplicas timeout
fn waitaof(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let local = options::between(args.at(1), 0, 1)?;
    let replicas = options::positive(args.at(2))? as i32;
    let until_us = wait::timeout_ms(args.at(3), call.server.keyspace.now_ms())?;
    if call.server.master.is_some() {
        return Err(error::WAITAOF_ON_A_REPLICA);
    }
    if local > 0 {
        return Err(error::WAITAOF_WITHOUT_AOF);
    }
    wait_generic(call, until_us, replicas <= 0, Nothing::TwoZeros)
}

/// FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]
fn failover(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if call.server.config.cluster_enabled {
        return Err(error::FAILOVER_IN_CLUSTER);
    }
    let (mut to, mut at) = (false, 1);
    let (mut force, mut timeout) = (false, false);
    while let Some(option) = args.get(at) {
        if options::is(option, "TO") && !to && args.len() > at + 2 {
            options::integer(args.at(at + 2))?;
            to = true;
            at += 3;
        } else if options::is(option, "TIMEOUT") && !timeout && args.len() > at + 1 {
            if options::integer(args.at(at + 1))? <= 0 {
                return Err(error::FAILOVER_TIMEOUT);
            }
            timeout = true;
            at += 2;
        } else if options::is(option, "FORCE") && !force {
            force = true;
            at += 1;
        } else if options::is(option, "ABORT") && args.len() == 2 {
            return Err(error::NO_FAILOVER);
        } else {
            return Err(error::SYNTAX);
        }
    }
    if call.server.master.is_some() {
        return Err(error::FAILOVER_ON_A_REPLICA);
    }
    Err(error::FAILOVER_WITHOUT_REPLICAS)
}

//! Replication, as far as a server on its own has any: ROLE, REPLICAOF, WAIT, WAITAOF,
//! FAILOVER. A replica of a master is one whose master is never reached: read only, and its data as
//! old as it says.

use super::{Call, Caller, LogLevel, Server, SessionHandler};
use crate::commands::table::Flags;
use crate::commands::wait::{self, Awaited, Nothing};
use crate::commands::{CommandError, Outcome, Wait, error, options};
use crate::resp::Args;
use crate::value::number::parse_i64;

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[
    ("failover", failover),
    ("replicaof", replicaof),
    ("role", role),
    ("slaveof", replicaof),
    ("wait", wait),
    ("waitaof", waitaof),
];

/// Whom a replica follows.
#[derive(Clone, Debug)]
pub struct Master {
    /// The host as it was given.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Server {
    /// Whether a replica may run commands with these flags.
    #[cold]
    pub(super) fn check_replica(&self, flags: Flags) -> Outcome {
        if flags.contains(Flags::WRITE) && self.config.replica_read_only {
            return Err(error::READ_ONLY);
        }
        if !self.config.replica_serve_stale_data && !flags.contains(Flags::STALE) {
            return Err(error::MASTER_DOWN);
        }
        Ok(())
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
        if call.server.master.take().is_some() {
            call.server
                .log(LogLevel::Notice, "MASTER MODE enabled (user request)");
        }
        call.reply.ok();
        return Ok(());
    }
    let port = parse_i64(port)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or(error::INVALID_MASTER_PORT)?;
    let host = String::from_utf8_lossy(host).into_owned();
    call.server.log(
        LogLevel::Warning,
        format!(
            "REPLICAOF {host}:{port}: this server is read only from now on, but it fetches no data"
        ),
    );
    call.server.master = Some(Master { host, port });
    // What they follow is no longer ours to tell.
    call.server.disconnect_replicas();
    call.reply.ok();
    Ok(())
}

fn wait_generic(call: &mut Call<'_>, timeout: &[u8], is_there: bool, nothing: Nothing) -> Outcome {
    let now_ms = (call.server.now_us() / 1000) as i64;
    let until_us = wait::timeout_ms(timeout, now_ms)?;
    if call.server.master.is_some() {
        return Err(error::WAIT_ON_A_REPLICA);
    }
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
    let wanted = options::integer(args.at(1))?;
    let offset = call.client().written_offset;
    let there = call.server.replicas_at(offset) as i64;
    let asks = there < wanted && call.caller == Caller::Client;
    if asks && !call.server.replicas.is_empty() {
        call.server.ask_for_offsets();
    }
    wait_generic(call, args.at(2), wanted <= there, Nothing::Number(there))
}

/// WAITAOF numlocal numreplicas timeout
fn waitaof(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let local = options::between(args.at(1), 0, 1)?;
    let replicas = options::positive_or_not_an_integer(args.at(2))?;
    let now_ms = (call.server.now_us() / 1000) as i64;
    wait::timeout_ms(args.at(3), now_ms)?;
    if local > 0 {
        return Err(error::WAITAOF_WITHOUT_AOF);
    }
    wait_generic(call, args.at(3), replicas == 0, Nothing::TwoZeros)
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
            port(args.at(at + 2))?;
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

fn port(arg: &[u8]) -> Result<i64, CommandError> {
    options::between(arg, 0, 65_535).map_err(|_| error::NOT_AN_INTEGER)
}

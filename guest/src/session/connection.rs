//! AUTH, ECHO, HELLO, PING, QUIT, RESET, SELECT: a connection's own state.

use super::acl::{Context, Refusal};
use super::{Call, REDIS_VERSION, SessionHandler, UserId, modules};
use crate::commands::error;
use crate::commands::{Outcome, options};
use crate::resp::{Args, Protocol};

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[
    ("auth", auth),
    ("hello", hello),
    ("quit", quit),
    ("reset", reset),
    ("select", select),
];

/// The commands of this file that change nothing.
pub(super) const QUERIES: &[(&str, SessionHandler)] = &[("echo", echo), ("ping", ping)];

/// AUTH [username] password
fn auth(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let (user, password) = match args.len() {
        2 => {
            if call.server.acl.get(UserId::DEFAULT).needs_no_password {
                return Err(error::NO_PASSWORD_SET);
            }
            (&b"default"[..], args.at(1))
        }
        3 => (args.at(1), args.at(2)),
        _ => return Err(error::SYNTAX),
    };
    log_in(call, args.at(0), user, password)?;
    call.reply.ok();
    Ok(())
}

/// Makes the client a user, or logs under the command's name that it tried.
fn log_in(call: &mut Call<'_>, command: &[u8], name: &[u8], password: &[u8]) -> Outcome {
    let acl = &call.server.acl;
    let user = acl.find(name).filter(|id| acl.get(*id).accepts(password));
    let client = call.client();
    let Some(user) = user else {
        let context = if client.transaction.is_some() {
            Context::Transaction
        } else {
            Context::TopLevel
        };
        let connection = call.connection;
        call.server
            .log_refusal(connection, Refusal::Auth, context, command, name);
        return Err(error::WRONG_PASS);
    };
    client.user = user;
    client.authenticated = true;
    Ok(())
}

/// ECHO message
fn echo(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    call.reply.bulk(args.at(1));
    Ok(())
}

/// HELLO [protover [AUTH username password] [SETNAME clientname]]
fn hello(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let protocol = match args.get(1) {
        None => None,
        Some(version) => Some(match crate::value::number::parse_i64(version) {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(error::UNSUPPORTED_PROTOCOL),
            None => return Err(error::PROTOCOL_NOT_AN_INTEGER),
        }),
    };
    let mut credentials = None;
    let mut name = None;
    let mut at = 2;
    while let Some(option) = args.get(at) {
        match (
            option.to_ascii_lowercase().as_slice(),
            args.get(at + 1),
            args.get(at + 2),
        ) {
            (b"auth", Some(user), Some(password)) => {
                credentials = Some((user, password));
                at += 3;
            }
            (b"setname", Some(given), _) => {
                if !is_presentable(given) {
                    return Err(error::INVALID_CLIENT_NAME);
                }
                name = Some(given);
                at += 2;
            }
            _ => return Err(error::hello_option(option)),
        }
    }
    if let Some((user, password)) = credentials {
        log_in(call, args.at(0), user, password)?;
    }
    // Unlike other commands, it is not enough here that nobody has to log in by now.
    if !call.client().authenticated {
        return Err(error::HELLO_WITHOUT_AUTH);
    }
    if let Some(name) = name {
        call.client().name = name.to_vec();
    }
    if let Some(protocol) = protocol {
        call.client().protocol = protocol;
        call.reply.switch_protocol(protocol);
    }
    let mode: &[u8] = if call.server.config.cluster_enabled {
        b"cluster"
    } else {
        b"standalone"
    };
    let role: &[u8] = if call.server.master.is_some() {
        b"replica"
    } else {
        b"master"
    };
    let client = call.client();
    let (id, speaks) = (client.id as i64, client.protocol);
    let reply = &mut *call.reply;
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(if speaks == Protocol::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(id);
    reply.bulk(b"mode");
    reply.bulk(mode);
    reply.bulk(b"role");
    reply.bulk(role);
    reply.bulk(b"modules");
    modules::write_list(reply);
    Ok(())
}

/// True for a client's name or library: printable, without blanks, as far as C sees it.
pub(super) fn is_presentable(text: &[u8]) -> bool {
    options::c_text(text)
        .iter()
        .all(|byte| (b'!'..=b'~').contains(byte))
}

/// PING [message]
fn ping(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if args.len() <= 2 && call.client().hears_messages_only() {
        // Looks like a message, which is all that such a client reads.
        call.reply.array(2);
        call.reply.bulk(b"pong");
        call.reply.bulk(args.get(1).unwrap_or_default());
        return Ok(());
    }
    match args.len() {
        1 => call.reply.simple("PONG"),
        2 => call.reply.bulk(args.at(1)),
        _ => return Err(error::wrong_arity("ping")),
    }
    Ok(())
}

/// QUIT
fn quit(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    call.reply.ok();
    call.client().close_after_reply = true;
    Ok(())
}

/// RESET
fn reset(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let (open, connection) = (call.server.acl.is_open(), call.connection);
    call.server.stop_tracking(connection);
    call.server.forget_watches(connection);
    call.server.forget_subscriptions(connection);
    call.server.monitors.retain(|other| *other != connection);
    call.client().reset(open);
    call.reply.switch_protocol(Protocol::Resp2);
    call.reply.simple("RESET");
    Ok(())
}

/// SELECT index
fn select(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let db = options::int32(args.at(1))?;
    if call.server.config.cluster_enabled && db != 0 {
        return Err(error::SELECT_IN_CLUSTER);
    }
    match usize::try_from(db) {
        Ok(db) if db < call.server.keyspace.databases() => call.client().db = db,
        _ => return Err(error::DB_OUT_OF_RANGE),
    }
    call.reply.ok();
    Ok(())
}

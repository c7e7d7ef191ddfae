//! CLIENT: ID, GETNAME, SETNAME, SETINFO, INFO, LIST, REPLY, KILL, NO-EVICT, NO-TOUCH, HELP.

use super::client_info::ClientType;
use super::connection::is_presentable;
use super::{Call, Client, Connection, ReplyMode, UserId};
use crate::commands::error::{self, CommandError};
use crate::commands::{Outcome, help, options};
use crate::resp::Args;
use crate::value::number::parse_i64;

crate::session::handlers::attach! {
    "client|getname" => getname,
    "client|help" => help,
    "client|id" => id,
    "client|info" => info,
    "client|kill" => kill,
    "client|list" => list,
    "client|no-evict" => no_evict,
    "client|no-touch" => no_touch,
    "client|reply" => reply,
    "client|setinfo" => setinfo,
    "client|setname" => setname,
    "client|unblock" => unblock,
}

/// CLIENT GETNAME
fn getname(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let name = call.client().name.clone();
    call.reply.bulk_or_null((!name.is_empty()).then_some(&name));
    Ok(())
}

/// CLIENT ID
fn id(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let id = call.client().id as i64;
    call.reply.integer(id);
    Ok(())
}

/// CLIENT SETNAME connection-name
fn setname(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if !is_presentable(args.at(2)) {
        return Err(error::INVALID_CLIENT_NAME);
    }
    call.client().name = args.at(2).to_vec();
    call.reply.ok();
    Ok(())
}

/// CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>
fn setinfo(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let (option, value) = (args.at(2), args.at(3));
    let named = match option.to_ascii_lowercase().as_slice() {
        b"lib-name" => &mut call.client().lib_name,
        b"lib-ver" => &mut call.client().lib_version,
        _ => {
            let text = [b"ERR Unrecognized option '", option, b"'"].concat();
            return Err(CommandError::worded(text));
        }
    };
    if !is_presentable(value) {
        let rest = b" cannot contain spaces, newlines or special characters.";
        return Err(CommandError::worded([b"ERR ", option, &rest[..]].concat()));
    }
    *named = value.to_vec();
    call.reply.ok();
    Ok(())
}

/// CLIENT NO-EVICT <ON | OFF>
fn no_evict(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    call.client().no_evict = on_or_off(args.at(2))?;
    call.reply.ok();
    Ok(())
}

/// CLIENT NO-TOUCH <ON | OFF>
fn no_touch(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    call.client().no_touch = on_or_off(args.at(2))?;
    call.reply.ok();
    Ok(())
}

fn on_or_off(word: &[u8]) -> Result<bool, CommandError> {
    match word.to_ascii_lowercase().as_slice() {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(error::SYNTAX),
    }
}

/// CLIENT REPLY <ON | OFF | SKIP>
fn reply(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    match args.at(2).to_ascii_lowercase().as_slice() {
        b"on" => {
            call.client().reply_mode = ReplyMode::On;
            call.reply.ok();
        }
        b"off" => call.client().reply_mode = ReplyMode::Off,
        // Nothing is left to skip where nothing is answered.
        b"skip" if call.client().reply_mode != ReplyMode::Off => {
            call.client().reply_mode = ReplyMode::SkipNext;
        }
        b"skip" => {}
        _ => return Err(error::SYNTAX),
    }
    Ok(())
}

/// CLIENT INFO
fn info(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let mut line = call.server.describe_client(call.connection);
    line.push(b'\n');
    call.reply.verbatim("txt", &line);
    Ok(())
}

/// CLIENT LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]
fn list(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let option = args.get(2);
    let server = &*call.server;
    let all = server.clients.by_id();
    let listed: Vec<Connection> = match (option, args.len()) {
        (None, _) => all.iter().map(|(connection, _)| *connection).collect(),
        (Some(option), 4) if options::is(option, "TYPE") => {
            let kind = ClientType::parse(args.at(3))?;
            let fitting = all.iter().filter(|(_, client)| client.kind() == kind);
            fitting.map(|(connection, _)| *connection).collect()
        }
        (Some(option), 4..) if options::is(option, "ID") => {
            // In the order asked for, and as often.
            let mut listed = Vec::new();
            for id in args.from(3).iter() {
                let id = parse_i64(id).ok_or(error::INVALID_CLIENT_ID)?;
                let named = all.iter().find(|(_, client)| client.id as i64 == id);
                listed.extend(named.map(|(connection, _)| *connection));
            }
            listed
        }
        _ => return Err(error::SYNTAX),
    };
    let mut lines = Vec::new();
    for connection in listed {
        lines.append(&mut server.describe_client(connection));
        lines.push(b'\n');
    }
    call.reply.verbatim("txt", &lines);
    Ok(())
}

/// Which clients CLIENT KILL means: those that fit everything given.
#[derive(Default)]
struct Filter<'a> {
    id: Option<u64>,
    user: Option<UserId>,
    peer: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    kind: Option<ClientType>,
    max_age_s: Option<u64>,
}

impl Filter<'_> {
    fn fits(&self, client: &Client, now_us: u64) -> bool {
        let age_s = now_us.saturating_sub(client.connected_us) / 1_000_000;
        self.id.is_none_or(|id| id == client.id)
            && self.user.is_none_or(|user| user == client.user)
            && self.peer.is_none_or(|peer| peer == client.peer.as_bytes())
            && self
                .local
                .is_none_or(|local| local == client.local.as_bytes())
            && self.kind.is_none_or(|kind| kind == client.kind())
            && self.max_age_s.is_none_or(|max| age_s >= max)
    }
}

/// CLIENT KILL <ip:port | <[ID id] | [TYPE type] | [USER name] | [ADDR ip:port] | [LADDR ip:port] |
/// [SKIPME YES | NO] | [MAXAGE seconds]> ...>
fn kill(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let now_us = call.server.now_us();
    // The old form names one address, may name the caller's own, and says OK.
    let old_form = args.len() == 3;
    let mut filter = Filter::default();
    let mut skip_self = !old_form;
    if old_form {
        filter.peer = Some(args.at(2));
    } else {
        let mut at = 2;
        while at < args.len() {
            let Some(value) = args.get(at + 1) else {
                return Err(error::SYNTAX);
            };
            match args.at(at).to_ascii_lowercase().as_slice() {
                b"id" => match parse_i64(value) {
                    Some(id @ 1..) => filter.id = Some(id as u64),
                    _ => return Err(error::CLIENT_ID_NOT_POSITIVE),
                },
                b"maxage" => match parse_i64(value) {
                    Some(age @ 1..) => filter.max_age_s = Some(age as u64),
                    None => return Err(error::MAX_AGE_NOT_AN_INTEGER),
                    _ => return Err(error::MAX_AGE_NOT_POSITIVE),
                },
                b"type" => filter.kind = Some(ClientType::parse(value)?),
                b"addr" => filter.peer = Some(value),
                b"laddr" => filter.local = Some(value),
                b"user" => {
                    let user = call.server.acl.find(value);
                    filter.user = Some(user.ok_or_else(|| error::no_such_user(value))?);
                }
                b"skipme" => match value.to_ascii_lowercase().as_slice() {
                    b"yes" => skip_self = true,
                    b"no" => skip_self = false,
                    _ => return Err(error::SYNTAX),
                },
                _ => return Err(error::SYNTAX),
            }
            at += 2;
        }
    }
    let doomed: Vec<Connection> = call
        .server
        .clients
        .by_id()
        .into_iter()
        .filter(|(connection, client)| {
            filter.fits(client, now_us) && !(skip_self && *connection == call.connection)
        })
        .map(|(connection, _)| connection)
        .collect();
    for connection in &doomed {
        if *connection == call.connection {
            call.client().close_after_reply = true;
        } else {
            call.server.close(*connection, false);
        }
    }
    match (old_form, doomed.len()) {
        (true, 0) => return Err(error::NO_SUCH_CLIENT),
        (true, _) => call.reply.ok(),
        (false, killed) => call.reply.integer(killed as i64),
    }
    Ok(())
}

/// CLIENT UNBLOCK client-id [TIMEOUT | ERROR]
fn unblock(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if args.len() > 4 {
        return Err(error::unknown_subcommand_or_arity(args.at(1), "client"));
    }
    let error = match args.get(3) {
        None => None,
        Some(reason) if options::is(reason, "TIMEOUT") => None,
        Some(reason) if options::is(reason, "ERROR") => Some(error::UNBLOCKED_BY_CLIENT),
        Some(_) => return Err(error::UNBLOCK_REASON),
    };
    let id = options::integer(args.at(2))?;
    let named = call
        .server
        .clients
        .by_id()
        .into_iter()
        .find(|(_, client)| client.id as i64 == id)
        .map(|(connection, _)| connection);
    let unblocked = named.is_some_and(|connection| call.server.unblock(connection, error));
    call.reply.integer(unblocked.into());
    Ok(())
}

/// CLIENT HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    help::write(
        call.reply,
        "CLIENT",
        &[
            (
                "CACHING (YES|NO)",
                &["Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes."],
            ),
            (
                "GETREDIR",
                &["Return the client ID we are redirecting to when tracking is enabled."],
            ),
            ("GETNAME", &["Return the name of the current connection."]),
            ("ID", &["Return the ID of the current connection."]),
            (
                "INFO",
                &["Return information about the current client connection."],
            ),
            ("KILL <ip:port>", &["Kill connection made from <ip:port>."]),
            (
                "KILL <option> <value> [<option> <value> [...]]",
                &[
                    "Kill connections. Options are:",
                    "* ADDR (<ip:port>|<unixsocket>:0)",
                    "  Kill connections made from the specified address",
                    "* LADDR (<ip:port>|<unixsocket>:0)",
                    "  Kill connections made to specified local address",
                    "* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
                    "  Kill connections by type.",
                    "* USER <username>",
                    "  Kill connections authenticated by <username>.",
                    "* SKIPME (YES|NO)",
                    "  Skip killing current connection (default: yes).",
                    "* ID <client-id>",
                    "  Kill connections by client id.",
                    "* MAXAGE <maxage>",
                    "  Kill connections older than the specified age.",
                ],
            ),
            (
                "LIST [options ...]",
                &[
                    "Return information about client connections. Options:",
                    "* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
                    "  Return clients of specified type.",
                ],
            ),
            (
                "UNPAUSE",
                &["Stop the current client pause, resuming traffic."],
            ),
            (
                "PAUSE <timeout> [WRITE|ALL]",
                &["Suspend all, or just write, clients for <timeout> milliseconds."],
            ),
            (
                "REPLY (ON|OFF|SKIP)",
                &["Control the replies sent to the current connection."],
            ),
            (
                "SETNAME <name>",
                &["Assign the name <name> to the current connection."],
            ),
            (
                "SETINFO <option> <value>",
                &[
                    "Set client meta attr. Options are:",
                    "* LIB-NAME: the client lib name.",
                    "* LIB-VER: the client lib version.",
                ],
            ),
            (
                "UNBLOCK <clientid> [TIMEOUT|ERROR]",
                &["Unblock the specified blocked client."],
            ),
            (
                "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
                &[
                    "     [OPTIN] [OPTOUT] [NOLOOP]",
                    "Control server assisted client side caching.",
                ],
            ),
            (
                "TRACKINGINFO",
                &["Report tracking status for the current connection."],
            ),
            (
                "NO-EVICT (ON|OFF)",
                &["Protect current client connection from eviction."],
            ),
            (
                "NO-TOUCH (ON|OFF)",
                &["Will not touch LRU/LFU stats when this mode is on."],
            ),
        ],
    );
    Ok(())
}

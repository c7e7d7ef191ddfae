//! MONITOR: clients that are told of every command.

use super::redaction::Shown;
use super::{Call, Caller, Connection, Server, SessionHandler, Transport};
use crate::commands::table::CommandSpec;
use crate::commands::{Outcome, error};
use crate::resp::{Args, quote};

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[("monitor", monitor)];

/// MONITOR
fn monitor(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    if call.caller != Caller::Client {
        // Redis answers this where nobody could read what follows.
        return Err(error::MONITOR_NOT_ALLOWED);
    }
    let connection = call.connection;
    let client = call.client();
    if !client.is_monitor {
        client.is_monitor = true;
        call.server.monitors.push(connection);
        call.reply.ok();
    }
    Ok(())
}

impl Server {
    /// Tells all monitors of a command.
    pub(super) fn feed_monitors(
        &mut self,
        by: Connection,
        caller: Caller,
        spec: &CommandSpec,
        args: Args<'_>,
    ) {
        let Some(client) = self.clients.get(by) else {
            return;
        };
        let now_us = self.now_us();
        let mut line = format!(
            "{}.{:06} [{} ",
            now_us / 1_000_000,
            now_us % 1_000_000,
            client.db
        );
        match (caller, client.transport) {
            (Caller::Script, _) => line.push_str("lua"),
            (_, Transport::Unix) => {
                line.push_str("unix:");
                line.push_str(client.peer.strip_suffix(":0").unwrap_or(&client.peer));
            }
            _ => line.push_str(&client.peer),
        }
        line.push(']');
        let shown = Shown::of(spec, args);
        for index in 0..args.len() {
            line.push(' ');
            quote(shown.at(index), &mut line);
        }
        let monitors = self.monitors.clone();
        for connection in monitors {
            self.send(connection, |sink| sink.simple(&line));
        }
    }
}

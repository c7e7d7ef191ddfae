//! MONITOR: clients that are told of every command.

use super::redaction::Shown;
use super::{Call, Caller, Connection, Server, SessionHandler, Transport};
use crate::commands::table::CommandSpec;
use crate::commands::{Outcome, error};
use crate::resp::Args;

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

/// Writes bytes in quotes, as redis-cli shows them: what is not printable is escaped.
pub(super) fn quote(bytes: &[u8], line: &mut String) {
    use std::fmt::Write as _;
    line.push('"');
    for byte in bytes {
        match byte {
            b'\\' => line.push_str("\\\\"),
            b'"' => line.push_str("\\\""),
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            0x07 => line.push_str("\\a"),
            0x08 => line.push_str("\\b"),
            b' '..=b'~' => line.push(char::from(*byte)),
            // Writing to a String does not fail.
            _ => drop(write!(line, "\\x{byte:02x}")),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_printable_is_escaped() {
        let mut line = String::new();
        quote(b"a\"\\\n\r\t\x07\x08\x00\xff z", &mut line);
        assert_eq!(line, r#""a\"\\\n\r\t\a\b\x00\xff z""#);
    }
}

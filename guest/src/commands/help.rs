//! The shape of every `… HELP` reply.

use crate::resp::Sink;

/// Writes what the subcommands of `command` are: each a usage and the lines that explain it.
pub fn write(reply: &mut dyn Sink, command: &str, entries: &[(&str, &[&str])]) {
    let lines: usize = entries
        .iter()
        .map(|(_, explained)| 1 + explained.len())
        .sum();
    reply.array(lines + 3);
    reply.simple(&format!(
        "{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    ));
    for (usage, explained) in entries {
        reply.simple(usage);
        for line in *explained {
            reply.simple(&format!("    {line}"));
        }
    }
    reply.simple("HELP");
    reply.simple("    Print this help.");
}

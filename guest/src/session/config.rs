//! CONFIG: GET, SET, RESETSTAT, REWRITE, HELP. The parameters themselves are `crate::config`'s;
//! here is what follows from a change.

use super::errands::NO_SUCH_FILE;
use super::{Call, Connection, Errand, LogLevel, Server, Transport};
use crate::commands::{CommandError, Outcome, error, help};
use crate::config::{Changes, Config, Protected};
use crate::resp::Args;

crate::session::handlers::attach! {
    "config|get" => get,
    "config|help" => help,
    "config|resetstat" => resetstat,
    "config|rewrite" => rewrite,
    "config|set" => set,
}

impl Server {
    /// True if a parameter like `enable-debug-command` lets this client do what it guards.
    pub(super) fn is_allowed(&self, connection: Connection, guard: Protected) -> bool {
        match guard {
            Protected::No => false,
            Protected::Yes => true,
            Protected::Local => self.clients.get(connection).is_some_and(|client| {
                client.transport == Transport::Unix
                    || client.peer.starts_with("127.")
                    || client.peer.starts_with("[::1]:")
            }),
        }
    }
}

/// CONFIG GET pattern [pattern ...]
fn get(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let found = call.server.config.matching(args.from(2).iter());
    call.reply.map(found.len());
    for (name, value) in found {
        call.reply.bulk(&name);
        call.reply.bulk(&value);
    }
    Ok(())
}

/// What only the host can heed, and nothing can go wrong with there.
const HOST: [&str; 2] = ["loglevel", "tcp-keepalive"];

/// CONFIG SET parameter value [parameter value ...]
fn set(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if !args.len().is_multiple_of(2) {
        return Err(error::SYNTAX);
    }
    let names = args.from(2).iter().step_by(2);
    let values = args.from(3).iter().step_by(2);
    let given: Vec<(&[u8], &[u8])> = names.zip(values).collect();
    let server = &*call.server;
    let trusted = server.is_allowed(call.connection, server.config.enable_protected_configs);
    let (next, changes) = server
        .config
        .with(&given, trusted)
        .map_err(CommandError::worded)?;
    let for_the_host = next.for_the_host(&changes);
    if !for_the_host.is_empty() {
        match call.take_outcome() {
            None => return call.have_done(Errand::Configure(for_the_host)),
            Some(Ok(_)) => {}
            Some(Err(refusal)) => {
                let about = &refusal.about;
                let line = format!(
                    "Failed applying new configuration. Possibly related to new {about} setting. \
                     Restoring previous settings."
                );
                call.server.log(LogLevel::Warning, line);
                let text = Config::refused_by_the_host(about, &refusal.why);
                return Err(CommandError::worded(text));
            }
        }
    }
    call.server.configure(next, &changes);
    call.reply.ok();
    Ok(())
}

impl Server {
    /// Takes over parameters, and sees to what follows from those that change.
    fn configure(&mut self, next: Config, changes: &Changes) {
        let server = self;
        server.config = next;
        if changes.has("port") || changes.has("tls-port") {
            // What the host told of it was of another.
            server.facts.retain(|(name, _)| name != "tcp_port");
        }
        for name in changes.names().iter().filter(|name| HOST.contains(name)) {
            let value = server.config.get(name).unwrap_or_default();
            let value = String::from_utf8_lossy(&value).into_owned();
            server.settings.push(((*name).to_owned(), value));
        }
        if changes.has("timeout") {
            // Whoever has been silent for too long already is found at the next step.
            server.idle_check_us = server.now_us();
        }
        if changes.has("notify-keyspace-events") {
            server.listen_to_events();
        }
        if changes.has("requirepass") {
            server.acl.set_default_password(&server.config.requirepass);
        }
        if changes.has("tracking-table-max-keys") {
            server.limit_tracking();
        }
        let accesses = [
            "maxmemory-policy",
            "lfu-log-factor",
            "lfu-decay-time",
            "max-keys",
        ];
        if accesses.iter().any(|name| changes.has(name)) {
            server.remember_accesses();
        }
        if changes.has("lazyfree-lazy-expire") || changes.has("lazyfree-lazy-eviction") {
            server.name_removals();
        }
        if changes.has("maxmemory") || changes.has("max-keys") {
            // Once this is answered: as much as goes at once, and the rest in the steps that follow.
            server.eviction.is_under_way = server.has_limits();
        }
        if changes.has("slowlog-max-len") || changes.has("slowlog-log-slower-than") {
            server.shorten_slowlog();
        }
        if changes.has("maxmemory-clients") {
            server.recount_all();
        }
    }
}

/// CONFIG RESETSTAT
fn resetstat(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    call.server.stats.reset();
    call.server.timing.forget();
    call.server.keyspace.stats = Default::default();
    call.server.eviction.reset_stats();
    call.reply.ok();
    Ok(())
}

/// CONFIG REWRITE
fn rewrite(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let file = call.server.fact("config_file").unwrap_or_default();
    if file.is_empty() {
        return Err(error::NO_CONFIG_FILE);
    }
    let path = file.to_owned();
    let is_written = std::mem::take(&mut call.server.errands.rewrites);
    let old = match call.take_outcome() {
        None => return call.have_done(Errand::Read(path)),
        Some(Ok(_)) if is_written => {
            let line = "CONFIG REWRITE executed with success.";
            call.server.log(LogLevel::Notice, line);
            call.reply.ok();
            return Ok(());
        }
        Some(Ok(old)) => old,
        // It is made anew.
        Some(Err(refusal)) if !is_written && refusal.why == NO_SUCH_FILE => Vec::new(),
        Some(Err(refusal)) => {
            let why = &refusal.why;
            call.server
                .log(LogLevel::Warning, format!("CONFIG REWRITE failed: {why}"));
            let text = format!("ERR Rewriting config file: {why}");
            return Err(CommandError::worded(text));
        }
    };
    let server = &mut *call.server;
    let users = if server.config.aclfile.is_empty() {
        let lines = server.describe_users();
        lines.map(|line| line[b"user ".len()..].to_vec()).collect()
    } else {
        Vec::new()
    };
    let bytes = server.config.rewrite(&old, users);
    server.errands.rewrites = true;
    call.have_done(Errand::Write { path, bytes })
}

/// CONFIG HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    help::write(
        call.reply,
        "CONFIG",
        &[
            (
                "GET <pattern>",
                &["Return parameters matching the glob-like <pattern> and their values."],
            ),
            (
                "SET <directive> <value>",
                &["Set the configuration <directive> to <value>."],
            ),
            (
                "RESETSTAT",
                &["Reset statistics reported by the INFO command."],
            ),
            ("REWRITE", &["Rewrite the configuration file."]),
        ],
    );
    Ok(())
}

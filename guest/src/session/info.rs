//! INFO: what the server says of itself, section by section, with the fields of Redis 8.0.2 in its
//! order. A field that only a process can know (its CPU time, its system's memory) comes from the
//! host or is 0; one that would say nothing here is left out.

use std::fmt::Display;
use std::io::Write as _;

use super::memory_command::{Figures, ratio};
use super::pubsub::Kind;
use super::{Call, Client, REDIS_VERSION, Server, SessionHandler};
use crate::commands::Outcome;
use crate::commands::table::COMMANDS;
use crate::config::Percentiles;
use crate::resp::Args;
use crate::value::Value;
use crate::value::number::human_bytes;

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[("info", info)];

type Section = fn(&Server, &mut Page);

/// In the order they are written. The flag says whether a plain INFO has it.
const SECTIONS: [(&str, bool, Section); 16] = [
    ("Server", true, server),
    ("Clients", true, clients),
    ("Memory", true, memory),
    ("Persistence", true, persistence),
    ("Threads", true, threads),
    ("Stats", true, stats),
    ("Replication", true, replication),
    ("CPU", true, cpu),
    ("Modules", true, modules),
    ("Commandstats", false, commandstats),
    ("Errorstats", true, errorstats),
    ("Latencystats", false, latencystats),
    ("Cluster", true, cluster),
    ("Keyspace", true, keyspace),
    ("Keysizes", true, keysizes),
    (DEBUG, false, debug),
];

/// The section that only its name asks for.
const DEBUG: &str = "Debug";

/// INFO [section [section ...]]
fn info(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let asked = |name: &str| {
        args.from(1)
            .iter()
            .any(|word| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    let all = asked("all") || asked("everything");
    let usual = args.len() == 1 || asked("default");
    call.server.scripts.tidy();
    let mut page = Page::default();
    for (name, is_usual, write) in SECTIONS {
        if (all && name != DEBUG) || (usual && is_usual) || asked(name) {
            page.section(name);
            write(call.server, &mut page);
        }
    }
    call.reply.verbatim("txt", &page.0);
    Ok(())
}

/// The lines of the answer.
#[derive(Default)]
struct Page(Vec<u8>);

impl Page {
    fn section(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.extend_from_slice(b"\r\n");
        }
        self.write(format_args!("# {name}\r\n"));
    }

    fn field(&mut self, name: impl Display, value: impl Display) {
        self.write(format_args!("{name}:{value}\r\n"));
    }

    fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(format_args!("{name}_human"), human_bytes(bytes));
    }

    fn zeros(&mut self, names: &[&str]) {
        for name in names {
            self.field(name, 0);
        }
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to memory does not fail.
        let _ = self.0.write_fmt(text);
    }
}

fn server(server: &Server, page: &mut Page) {
    let config = &server.config;
    let now_us = server.now_us();
    let uptime_s = now_us.saturating_sub(server.started_us) / 1_000_000;
    let fact = |name: &str, otherwise: &'static str| -> String {
        server.fact(name).unwrap_or(otherwise).to_owned()
    };
    page.field("redis_version", REDIS_VERSION);
    page.field("redis_git_sha1", fact("redis_git_sha1", "00000000"));
    page.field("redis_git_dirty", fact("redis_git_dirty", "0"));
    page.field("redis_build_id", fact("redis_build_id", "0"));
    let is_cluster = server.cluster.is_some();
    page.field(
        "redis_mode",
        if is_cluster { "cluster" } else { "standalone" },
    );
    page.field("os", fact("os", "WASI"));
    page.field("arch_bits", fact("arch_bits", "64"));
    page.field("monotonic_clock", fact("monotonic_clock", "host"));
    page.field("multiplexing_api", fact("multiplexing_api", "host"));
    page.field("atomicvar_api", fact("atomicvar_api", "none"));
    page.field("gcc_version", fact("gcc_version", "0.0.0"));
    page.field("process_id", fact("process_id", "0"));
    page.field("process_supervised", fact("process_supervised", "no"));
    page.field("run_id", &server.run_id);
    page.field("tcp_port", server.port());
    page.field("server_time_usec", now_us);
    page.field("uptime_in_seconds", uptime_s);
    page.field("uptime_in_days", uptime_s / (24 * 60 * 60));
    page.field("hz", config.hz);
    page.field("configured_hz", config.hz);
    page.field("lru_clock", (now_us / 1_000_000) & 0xff_ffff);
    page.field("executable", fact("executable", ""));
    page.field("config_file", fact("config_file", ""));
    page.field("io_threads_active", 0);
    // Each kind has its number, whether the others are there or not.
    let addresses: String = String::from_utf8_lossy(&config.bind.0)
        .split_whitespace()
        .map(|address| format!(",bind={address}"))
        .collect();
    let on_port = |page: &mut Page, listener, name, port| {
        if port != 0 {
            page.field(listener, format_args!("name={name}{addresses},port={port}"));
        }
    };
    on_port(page, "listener0", "tcp", config.port);
    if !config.unixsocket.is_empty() {
        let path = String::from_utf8_lossy(&config.unixsocket);
        page.field("listener1", format_args!("name=unix,bind={path}"));
    }
    on_port(page, "listener2", "tls", config.tls_port);
}

fn clients(server: &Server, page: &mut Page) {
    let all = server.clients.by_id();
    let figures = all.iter().map(|(_, client)| server.figures(client));
    let (waiting_in, waiting_out) = figures.fold((0, 0), |(most_in, most_out), figures| {
        (figures.input().max(most_in), figures.omem.max(most_out))
    });
    page.field(
        "connected_clients",
        server.clients.len() - server.replicas.len(),
    );
    page.field("cluster_connections", 0);
    page.field("maxclients", server.config.maxclients);
    page.field("client_recent_max_input_buffer", waiting_in);
    page.field("client_recent_max_output_buffer", waiting_out);
    let count = |fits: fn(&Client) -> bool| all.iter().filter(|(_, client)| fits(client)).count();
    let waiters = &server.waiters;
    page.field("blocked_clients", waiters.len());
    page.field("tracking_clients", server.tracking.clients());
    page.field(
        "pubsub_clients",
        count(|client| client.subscriptions.is_some()),
    );
    page.field(
        "watching_clients",
        count(|client| !client.watched.is_empty()),
    );
    page.field("clients_in_timeout_table", waiters.with_timeout());
    page.field("total_watched_keys", server.watchers.len());
    page.field("total_blocking_keys", waiters.keys());
    page.field(
        "total_blocking_keys_on_nokey",
        server.keys_awaited_when_gone(),
    );
}

fn memory(server: &Server, page: &mut Page) {
    let figures = Figures::beside(server, page.0.capacity());
    let (used, resident, peak) = (figures.used, figures.resident, figures.peak);
    page.bytes("used_memory", used);
    page.bytes("used_memory_rss", resident);
    page.bytes("used_memory_peak", peak);
    page.field(
        "used_memory_peak_perc",
        format_args!("{:.2}%", figures.peak_percentage()),
    );
    page.field("used_memory_overhead", figures.overhead);
    page.field("used_memory_startup", figures.at_start);
    page.field("used_memory_dataset", figures.dataset());
    page.field(
        "used_memory_dataset_perc",
        format_args!("{:.2}%", figures.dataset_percentage()),
    );
    page.field("allocator_allocated", used);
    page.field("allocator_active", resident);
    page.field("allocator_resident", resident);
    page.field("allocator_muzzy", 0);
    page.bytes(
        "total_system_memory",
        server.keyspace.memory_ceiling() as u64,
    );
    let scripts = server.scripts.figures();
    // What is not there for functions; on a real server, the machine of scripts.
    let function_bytes = scripts.function_bytes.min(scripts.machine_bytes);
    let script_bytes = scripts.machine_bytes - function_bytes;
    page.bytes("used_memory_lua", script_bytes);
    page.field("used_memory_vm_eval", script_bytes);
    page.field("used_memory_scripts_eval", scripts.script_bytes);
    page.field("number_of_cached_scripts", scripts.scripts);
    page.field("number_of_functions", scripts.functions);
    page.field("number_of_libraries", scripts.libraries);
    page.field("used_memory_vm_functions", function_bytes);
    page.bytes("used_memory_vm_total", scripts.machine_bytes);
    page.field("used_memory_functions", scripts.library_bytes);
    page.bytes(
        "used_memory_scripts",
        scripts.script_bytes + scripts.library_bytes,
    );
    page.bytes("maxmemory", server.config.maxmemory);
    page.field("maxmemory_policy", server.config.maxmemory_policy.name());
    let slack = figures.slack();
    page.field(
        "allocator_frag_ratio",
        format_args!("{:.2}", figures.fragmentation()),
    );
    page.field("allocator_frag_bytes", slack);
    page.field("allocator_rss_ratio", "1.00");
    page.field("allocator_rss_bytes", 0);
    page.field("rss_overhead_ratio", "1.00");
    page.field("rss_overhead_bytes", 0);
    page.field(
        "mem_fragmentation_ratio",
        format_args!("{:.2}", figures.fragmentation()),
    );
    page.field("mem_fragmentation_bytes", slack);
    let for_replicas = server.bytes_for_replicas();
    page.field("mem_not_counted_for_evict", for_replicas);
    page.field("mem_replication_backlog", 0);
    page.field("mem_total_replication_buffers", for_replicas);
    page.field("mem_replica_full_sync_buffer", 0);
    page.field("mem_clients_slaves", figures.replicas);
    page.field("mem_clients_normal", figures.clients - figures.replicas);
    page.zeros(&["mem_cluster_links", "mem_aof_buffer"]);
    page.field("mem_allocator", "dlmalloc");
    page.zeros(&[
        "mem_overhead_db_hashtable_rehashing",
        "active_defrag_running",
        "lazyfree_pending_objects",
    ]);
    page.field("lazyfreed_objects", server.keyspace.stats.freed_lazily);
}

fn persistence(server: &Server, page: &mut Page) {
    page.zeros(&[
        "loading",
        "async_loading",
        "current_cow_peak",
        "current_cow_size",
        "current_cow_size_age",
    ]);
    page.field("current_fork_perc", "0.00");
    page.zeros(&["current_save_keys_processed", "current_save_keys_total"]);
    page.field("rdb_changes_since_last_save", server.keyspace.journal.dirty);
    let images = &server.persistence;
    let since_us = images.background_since_us();
    page.field("rdb_bgsave_in_progress", u8::from(since_us.is_some()));
    page.field("rdb_last_save_time", images.saved_us / 1_000_000);
    page.field(
        "rdb_last_bgsave_status",
        if images.failed { "err" } else { "ok" },
    );
    let seconds = |seconds: Option<u64>| seconds.map_or(-1, |seconds| seconds as i64);
    page.field("rdb_last_bgsave_time_sec", seconds(images.took_s));
    page.field(
        "rdb_current_bgsave_time_sec",
        seconds(since_us.map(|since_us| (server.now_us() - since_us) / 1_000_000)),
    );
    page.field("rdb_saves", images.saves);
    page.field("rdb_last_cow_size", 0);
    page.field("rdb_last_load_keys_expired", images.loaded_expired);
    page.field("rdb_last_load_keys_loaded", images.loaded);
    // `appendonly yes` is taken, but nothing is written: a sandbox has no files.
    page.zeros(&[
        "aof_enabled",
        "aof_rewrite_in_progress",
        "aof_rewrite_scheduled",
    ]);
    page.field("aof_last_rewrite_time_sec", -1);
    page.field("aof_current_rewrite_time_sec", -1);
    page.field("aof_last_bgrewrite_status", "ok");
    page.field("aof_rewrites", server.stats.append_only_rewrites);
    page.field("aof_rewrites_consecutive_failures", 0);
    page.field("aof_last_write_status", "ok");
    page.zeros(&[
        "aof_last_cow_size",
        "module_fork_in_progress",
        "module_fork_last_cow_size",
    ]);
}

fn threads(server: &Server, page: &mut Page) {
    let (clients, stats) = (server.clients.len(), &server.stats);
    page.field(
        "io_thread_0",
        format_args!(
            "clients={clients},reads={},writes={}",
            stats.reads, stats.writes
        ),
    );
}

fn stats(server: &Server, page: &mut Page) {
    let stats = &server.stats;
    let keys = &server.keyspace.stats;
    let rates = stats.rates(server.now_us());
    page.field("total_connections_received", stats.connections);
    page.field("total_commands_processed", stats.commands);
    page.field("instantaneous_ops_per_sec", rates.commands as u64);
    page.field("total_net_input_bytes", stats.bytes_in);
    page.field("total_net_output_bytes", stats.bytes_out);
    page.field("total_net_repl_input_bytes", 0);
    page.field("total_net_repl_output_bytes", server.replicas.bytes_out);
    page.field(
        "instantaneous_input_kbps",
        format_args!("{:.2}", rates.bytes_in / 1024.0),
    );
    page.field(
        "instantaneous_output_kbps",
        format_args!("{:.2}", rates.bytes_out / 1024.0),
    );
    page.field("instantaneous_input_repl_kbps", "0.00");
    page.field("instantaneous_output_repl_kbps", "0.00");
    page.field("rejected_connections", stats.refused_connections);
    page.field("sync_full", server.replicas.full_syncs);
    page.field("sync_partial_ok", 0);
    page.field("sync_partial_err", server.replicas.refused_partial_syncs);
    page.field("expired_subkeys", keys.expired_fields);
    page.field("expired_keys", keys.expired);
    page.field("expired_stale_perc", "0.00");
    page.zeros(&[
        "expired_time_cap_reached_count",
        "expire_cycle_cpu_milliseconds",
    ]);
    let (over_ms, over_now_ms) = server.eviction.over_ms(server.now_us());
    page.field("evicted_keys", keys.evicted);
    page.field("evicted_clients", stats.evicted_clients);
    page.field("evicted_scripts", server.scripts.figures().evicted);
    page.field("total_eviction_exceeded_time", over_ms);
    page.field("current_eviction_exceeded_time", over_now_ms);
    page.field("keyspace_hits", keys.hits);
    page.field("keyspace_misses", keys.misses);
    page.field("pubsub_channels", server.pubsub.len(Kind::Channel));
    page.field("pubsub_patterns", server.pubsub.len(Kind::Pattern));
    page.field("pubsubshard_channels", server.pubsub.len(Kind::Shard));
    page.zeros(&[
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
    ]);
    page.field("tracking_total_keys", server.tracking.keys());
    page.field("tracking_total_items", server.tracking.items());
    page.field("tracking_total_prefixes", server.tracking.prefixes());
    page.field("unexpected_error_replies", 0);
    page.field("total_error_replies", stats.errors);
    page.field("dump_payload_sanitizations", 0);
    page.field("total_reads_processed", stats.reads);
    page.field("total_writes_processed", stats.writes);
    page.zeros(&[
        "io_threaded_reads_processed",
        "io_threaded_writes_processed",
    ]);
    page.field(
        "client_query_buffer_limit_disconnections",
        stats.over_query_limit,
    );
    page.field(
        "client_output_buffer_limit_disconnections",
        stats.over_output_limit,
    );
    page.zeros(&["reply_buffer_shrinks", "reply_buffer_expands"]);
    page.field("eventloop_cycles", stats.steps);
    page.field("eventloop_duration_sum", stats.steps_us);
    page.field("eventloop_duration_cmd_sum", stats.command_steps_us);
    page.field("instantaneous_eventloop_cycles_per_sec", rates.steps as u64);
    page.field("instantaneous_eventloop_duration_usec", rates.step_us);
    let refusals = &server.acl.log.refusals;
    page.field("acl_access_denied_auth", refusals.auth);
    page.field("acl_access_denied_cmd", refusals.commands);
    page.field("acl_access_denied_key", refusals.keys);
    page.field("acl_access_denied_channel", refusals.channels);
}

fn replication(server: &Server, page: &mut Page) {
    let (config, replicas) = (&server.config, &server.replicas);
    match &server.master {
        None => page.field("role", "master"),
        Some(master) => {
            page.field("role", "slave");
            page.field("master_host", &master.host);
            page.field("master_port", master.port);
            page.field("master_link_status", "down");
            page.field("master_last_io_seconds_ago", -1);
            page.field("master_sync_in_progress", 0);
            page.field("slave_read_repl_offset", replicas.offset());
            page.field("slave_repl_offset", replicas.offset());
            page.zeros(&[
                "replica_full_sync_buffer_size",
                "replica_full_sync_buffer_peak",
            ]);
            page.field("master_link_down_since_seconds", -1);
            page.field("slave_priority", config.replica_priority);
            page.field("slave_read_only", u8::from(config.replica_read_only));
            page.field("replica_announced", u8::from(config.replica_announced));
        }
    }
    page.field("connected_slaves", replicas.len());
    if let Some(good) = server.good_replicas() {
        page.field("min_slaves_good_slaves", good);
    }
    for (number, replica) in server.describe_replicas().iter().enumerate() {
        page.field(
            format_args!("slave{number}"),
            format_args!(
                "ip={},port={},state=online,offset={},lag={}",
                replica.address, replica.port, replica.offset, replica.lag_s
            ),
        );
    }
    page.field("master_failover_state", "no-failover");
    page.field("master_replid", &server.replication_id);
    page.field("master_replid2", "0".repeat(40));
    page.field("master_repl_offset", replicas.offset());
    page.field("second_repl_offset", -1);
    // What was sent is not kept: the backlog is as long as the stream, and empty.
    page.field("repl_backlog_active", u8::from(replicas.began().is_some()));
    page.field("repl_backlog_size", config.repl_backlog_size);
    page.field(
        "repl_backlog_first_byte_offset",
        replicas.began().map_or(0, |_| replicas.offset() + 1),
    );
    page.field("repl_backlog_histlen", 0);
}

fn cpu(_: &Server, page: &mut Page) {
    for name in [
        "used_cpu_sys",
        "used_cpu_user",
        "used_cpu_sys_children",
        "used_cpu_user_children",
        "used_cpu_sys_main_thread",
        "used_cpu_user_main_thread",
    ] {
        page.field(name, "0.000000");
    }
}

/// Redis 8.0 comes with one.
fn modules(_: &Server, page: &mut Page) {
    page.field(
        "module",
        "name=vectorset,ver=1,api=1,filters=0,usedby=[],using=[],\
         options=[handle-io-errors|handle-repl-async-load]",
    );
}

fn commandstats(server: &Server, page: &mut Page) {
    for command in &COMMANDS {
        if let Some(count) = server.stats.of_command(command.id) {
            page.field(
                format_args!("cmdstat_{}", command.name),
                format_args!(
                    "calls={},usec={},usec_per_call={:.2},rejected_calls={},failed_calls={}",
                    count.calls,
                    count.duration_us,
                    ratio(count.duration_us, count.calls),
                    count.rejected,
                    count.failed
                ),
            );
        }
    }
}

fn errorstats(server: &Server, page: &mut Page) {
    let Some(errors) = server.stats.by_error() else {
        page.field("errorstat_ERRORSTATS_DISABLED", "count=1");
        return;
    };
    for (code, count) in errors {
        page.0.extend_from_slice(b"errorstat_");
        // What would be taken for a separator is not shown.
        page.0.extend(code.iter().map(|byte| {
            if b"#:\r\n".contains(byte) {
                b'_'
            } else {
                *byte
            }
        }));
        page.write(format_args!(":count={count}\r\n"));
    }
}

fn latencystats(server: &Server, page: &mut Page) {
    if !server.config.latency_tracking {
        return;
    }
    let percentiles = &server.config.latency_tracking_info_percentiles;
    for command in &COMMANDS {
        let Some(histogram) = server.stats.latencies(command.id) else {
            continue;
        };
        let shown: Vec<String> = percentiles
            .0
            .iter()
            .map(|p| {
                let us = histogram.at_percentile(*p) as f64 / 1000.0;
                format!("p{}={us:.3}", Percentiles::label(*p))
            })
            .collect();
        page.field(
            format_args!("latency_percentiles_usec_{}", command.name),
            shown.join(","),
        );
    }
}

fn cluster(server: &Server, page: &mut Page) {
    page.field("cluster_enabled", u8::from(server.cluster.is_some()));
}

fn keyspace(server: &Server, page: &mut Page) {
    for db in 0..server.keyspace.databases() {
        let (keys, expires) = (server.keyspace.len(db), server.keyspace.expiring(db));
        if keys > 0 {
            let ttl_ms = server.keyspace.average_ttl_ms(db);
            let hashes = server.keyspace.with_expiring_fields(db);
            page.field(
                format_args!("db{db}"),
                format_args!("keys={keys},expires={expires},avg_ttl={ttl_ms},subexpiry={hashes}"),
            );
        }
    }
}

fn debug(server: &Server, page: &mut Page) {
    let stats = &server.stats;
    page.field("eventloop_duration_aof_sum", 0);
    // Where no command runs, something fell due.
    page.field(
        "eventloop_duration_cron_sum",
        stats.steps_us - stats.command_steps_us,
    );
    page.field("eventloop_duration_max", stats.longest_step_us);
    page.field("eventloop_cmd_per_cycle_max", stats.most_commands);
    page.zeros(&[
        "allocator_allocated_lua",
        "allocator_active_lua",
        "allocator_resident_lua",
        "allocator_frag_bytes_lua",
    ]);
}

/// How many keys there are of each size, by powers of two.
fn keysizes(server: &Server, page: &mut Page) {
    // In the order of Redis's own numbers for its types. Streams are not measured there either.
    const MEASURES: [&str; 5] = [
        "strings_sizes",
        "lists_items",
        "sets_items",
        "zsets_items",
        "hashes_items",
    ];
    for db in 0..server.keyspace.databases() {
        if server.keyspace.len(db) == 0 {
            continue;
        }
        let mut counts = [[0u64; 65]; MEASURES.len()];
        for entry in server.keyspace.entries(db) {
            let (measure, size) = match entry.value() {
                Value::String(string) => (0, string.len() as u64),
                Value::List(list) => (1, list.len() as u64),
                Value::Set(set) => (2, set.len() as u64),
                Value::SortedSet(set) => (3, set.len() as u64),
                Value::Hash(fields) => (4, fields.len() as u64),
                Value::Stream(_) | Value::Vectors(_) => continue,
            };
            counts[measure][(u64::BITS - size.leading_zeros()) as usize] += 1;
        }
        for (measure, counts) in MEASURES.iter().zip(counts) {
            let shown: Vec<String> = counts
                .iter()
                .enumerate()
                .filter(|(_, count)| **count > 0)
                .map(|(bin, count)| format!("{}={count}", bin_label(bin)))
                .collect();
            if !shown.is_empty() {
                page.field(format_args!("db{db}_distrib_{measure}"), shown.join(","));
            }
        }
    }
}

/// The smallest size in a bin: 0, 1, 2, 4 … 512, 1K … 512K, 1M …
fn bin_label(bin: usize) -> String {
    match bin.checked_sub(1) {
        None => "0".to_owned(),
        Some(power) => {
            let unit = ["", "K", "M", "G", "T", "P", "E"][power / 10];
            format!("{}{unit}", 1u64 << (power % 10))
        }
    }
}

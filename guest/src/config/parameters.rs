//! The table of all parameters: names, flags, ranges and defaults of Redis 8.0.2. The struct, its
//! default, and everything CONFIG does come from it.

use std::borrow::Cow;

use super::choices::{
    AppendFsync, DisklessLoad, EndpointType, LogLevel, MaxmemoryPolicy, OomScoreAdj,
    PropagationError, Protected, PubsubDefault, SanitizePayload, ShutdownOptions, Supervised,
    SyslogFacility, TlsAuthClients,
};
use super::kinds::{
    Check, KeyspaceEvents, Kind, Line, OnlyNo, OutputLimit, Percentiles, Range, Refusal, ReplicaOf,
    SavePoint, SavePoints, Text, Unit, Words, anything, aof_file_name, aof_folder_name, host_name,
    locale, node_name, rdb_file_name, title_template,
};

/// What may be done with a parameter.
#[derive(Clone, Copy)]
pub(super) struct Flags {
    /// Only redis.conf and the command line set it.
    pub immutable: bool,
    /// Its value must not be shown.
    pub sensitive: bool,
    /// CONFIG GET shows it only under its whole name.
    pub hidden: bool,
    /// Needs `enable-protected-configs`.
    pub protected: bool,
    /// Its value is several words.
    pub many_words: bool,
    /// Redis does not have it: CONFIG GET shows it among others only once it is set.
    pub own: bool,
}

/// What follows when CONFIG SET has given a parameter another value.
#[derive(Clone, Copy)]
pub(super) enum Effect {
    None,
    BoundHz,
    BoundBacklog,
    Tls,
    /// Only the host can heed it; what is answered if it does not say why it can't.
    Host(&'static str),
}

pub(super) const NO_TLS: &str = "Unable to update TLS configuration. Check server logs.";
const NO_PORT: &str = "Unable to listen on this port. Check server logs.";
const NO_ADDRESS: &str = "Failed to bind to specified addresses.";
const NO_CLIENTS: &str =
    "The operating system is not able to handle the specified number of clients";
const NO_DEFRAG: &str = "Active defragmentation cannot be enabled: it requires a Redis server compiled \
                         with a modified Jemalloc like the one shipped by default with the Redis \
                         source distribution";

/// One line of the table.
pub(super) struct Parameter {
    pub name: &'static str,
    /// An older name.
    pub alias: Option<&'static str>,
    pub flags: Flags,
    pub effect: Effect,
    field: Field,
}

const INT: i128 = i32::MAX as i128;
const UINT: i128 = u32::MAX as i128;
const LONG: i128 = i64::MAX as i128;
const ULONG: i128 = u64::MAX as i128;

const fn number(min: i128, max: i128) -> Range {
    Range {
        min,
        max,
        unit: Unit::Plain,
    }
}

const fn memory(min: i128, max: i128) -> Range {
    Range {
        min,
        max,
        unit: Unit::Memory,
    }
}

const fn text(text: &'static str) -> Text {
    Cow::Borrowed(text.as_bytes())
}

const ANYTHING: Check = anything;

const fn limit(hard_bytes: u64, soft_bytes: u64, soft_seconds: u64) -> OutputLimit {
    OutputLimit {
        hard_bytes,
        soft_bytes,
        soft_seconds,
    }
}

const SAVE: &[SavePoint] = &[
    SavePoint {
        seconds: 3600,
        changes: 1,
    },
    SavePoint {
        seconds: 300,
        changes: 100,
    },
    SavePoint {
        seconds: 60,
        changes: 10000,
    },
];

const MIB: u64 = 1 << 20;

macro_rules! or_none {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

macro_rules! or_unit {
    () => {
        ()
    };
    ($value:expr) => {
        $value
    };
}

macro_rules! or_no_effect {
    () => {
        Effect::None
    };
    ($value:expr) => {
        $value
    };
}

/// `"name" | "older-name" [flags] => field: Type = default, rule, then Effect;`
macro_rules! parameters {
    ($($name:literal $(| $alias:literal)? $([$($flag:ident)*])? => $field:ident: $kind:ty = $default:expr
        $(, in $rule:expr)? $(, then $effect:expr)?;)*) => {
        /// Every parameter's value. A field is named as its parameter, with underscores.
        #[derive(Clone, Debug)]
        pub struct Config {
            $(#[doc = concat!("`", $name, "`")] pub $field: $kind,)*
        }

        impl Config {
            const DEFAULT: Config = Config { $($field: $default,)* };
        }

        /// Each field. Functions of their own for each parameter would have to be known to every instance.
        #[derive(Clone, Copy)]
        #[expect(non_camel_case_types, reason = "they are named as the fields are")]
        enum Field {
            $($field,)*
        }

        impl Parameter {
            /// Gives it the value that the words say, or leaves it.
            pub fn assign(&self, config: &mut Config, words: &[&[u8]]) -> Result<(), Refusal> {
                match self.field {
                    $(Field::$field => {
                        const RULE: <$kind as Kind>::Rule = or_unit!($($rule)?);
                        config.$field.assign(words, &RULE)
                    })*
                }
            }

            /// Prints its value as CONFIG GET does.
            pub fn print(&self, config: &Config, out: &mut Vec<u8>) {
                match self.field {
                    $(Field::$field => {
                        const RULE: <$kind as Kind>::Rule = or_unit!($($rule)?);
                        config.$field.print(&RULE, out);
                    })*
                }
            }

            /// What CONFIG REWRITE writes of it.
            pub fn lines(&self, config: &Config) -> Vec<Line> {
                match self.field {
                    $(Field::$field => {
                        const RULE: <$kind as Kind>::Rule = or_unit!($($rule)?);
                        config.$field.lines(&Config::DEFAULT.$field, &RULE)
                    })*
                }
            }
        }

        pub(super) static PARAMETERS: &[Parameter] = &[$(Parameter {
            name: $name,
            alias: or_none!($($alias)?),
            flags: Flags {
                $($($flag: true,)*)?
                ..Flags { immutable: false, sensitive: false, hidden: false, protected: false, many_words: false, own: false }
            },
            effect: or_no_effect!($($effect)?),
            field: Field::$field,
        },)*];
    };
}

impl Default for Config {
    fn default() -> Self {
        Config::DEFAULT
    }
}

parameters! {
    // Connections
    "port" => port: i32 = 6379, in number(0, 65535), then Effect::Host(NO_PORT);
    "bind" [many_words] => bind: Words = Words(text("* -::*")), in (16, "Too many bind addresses specified."), then Effect::Host(NO_ADDRESS);
    "bind-source-addr" => bind_source_addr: Text = text(""), in ANYTHING;
    "unixsocket" [immutable] => unixsocket: Text = text(""), in ANYTHING;
    "unixsocketperm" [immutable] => unixsocketperm: u32 = 0, in Range { min: 0, max: 0o777, unit: Unit::Octal };
    "tcp-backlog" [immutable] => tcp_backlog: i32 = 511, in number(0, INT);
    "tcp-keepalive" => tcp_keepalive: i32 = 300, in number(0, INT);
    "timeout" => timeout_s: u32 = 0, in number(0, INT);
    "maxclients" => maxclients: u32 = 10000, in number(1, UINT), then Effect::Host(NO_CLIENTS);
    "max-new-connections-per-cycle" => max_new_connections_per_cycle: u32 = 10, in number(1, 1000);
    "max-new-tls-connections-per-cycle" => max_new_tls_connections_per_cycle: u32 = 1, in number(1, 1000);
    "socket-mark-id" [immutable] => socket_mark_id: u32 = 0, in number(0, UINT);
    "protected-mode" => protected_mode: bool = true;
    "proto-max-bulk-len" => proto_max_bulk_len: i64 = 512 * MIB as i64, in memory(1 << 20, LONG);
    "client-query-buffer-limit" => client_query_buffer_limit: u64 = 1024 * MIB, in memory(1 << 20, LONG);
    "client-output-buffer-limit" [many_words] => client_output_buffer_limit: [OutputLimit; 3] = [limit(0, 0, 0), limit(256 * MIB, 64 * MIB, 60), limit(32 * MIB, 8 * MIB, 60)];
    "maxmemory-clients" => maxmemory_clients: i64 = 0, in Range { min: -100, max: LONG, unit: Unit::MemoryOrPercent };
    "tracking-table-max-keys" => tracking_table_max_keys: u64 = 1_000_000, in number(0, LONG);

    // Who may do what
    "requirepass" [sensitive] => requirepass: Vec<u8> = Vec::new();
    "aclfile" [immutable] => aclfile: Text = text(""), in ANYTHING;
    "acllog-max-len" => acllog_max_len: u64 = 128, in number(0, LONG);
    "acl-pubsub-default" => acl_pubsub_default: PubsubDefault = PubsubDefault::ResetChannels;
    "enable-protected-configs" [immutable] => enable_protected_configs: Protected = Protected::No;
    // A server for tests: what Redis keeps from strangers, its users here need.
    "enable-debug-command" [immutable] => enable_debug_command: Protected = Protected::Yes;
    "enable-module-command" [immutable] => enable_module_command: Protected = Protected::No;

    // Keys, values and memory
    "databases" [immutable] => databases: usize = 16, in number(1, INT);
    "maxmemory" => maxmemory: u64 = 0, in memory(0, ULONG);
    "maxmemory-policy" => maxmemory_policy: MaxmemoryPolicy = MaxmemoryPolicy::NoEviction;
    "maxmemory-samples" => maxmemory_samples: i32 = 5, in number(1, 64);
    "maxmemory-eviction-tenacity" => maxmemory_eviction_tenacity: i32 = 10, in number(0, 100);
    "max-keys" [own] => max_keys: u64 = 0, in number(0, LONG);
    "lfu-log-factor" => lfu_log_factor: i32 = 10, in number(0, INT);
    "lfu-decay-time" => lfu_decay_time: i32 = 1, in number(0, INT);
    "active-expire-effort" => active_expire_effort: i32 = 1, in number(1, 10);
    "notify-keyspace-events" => notify_keyspace_events: KeyspaceEvents = KeyspaceEvents::NONE;
    "hash-max-listpack-entries" | "hash-max-ziplist-entries" => hash_max_listpack_entries: u64 = 512, in number(0, LONG);
    "hash-max-listpack-value" | "hash-max-ziplist-value" => hash_max_listpack_value: u64 = 64, in memory(0, LONG);
    "list-max-listpack-size" | "list-max-ziplist-size" => list_max_listpack_size: i32 = -2, in number(i32::MIN as i128, INT);
    "list-compress-depth" => list_compress_depth: i32 = 0, in number(0, INT);
    "set-max-intset-entries" => set_max_intset_entries: u64 = 512, in number(0, LONG);
    "set-max-listpack-entries" => set_max_listpack_entries: u64 = 128, in number(0, LONG);
    "set-max-listpack-value" => set_max_listpack_value: u64 = 64, in number(0, LONG);
    "zset-max-listpack-entries" | "zset-max-ziplist-entries" => zset_max_listpack_entries: u64 = 128, in number(0, LONG);
    "zset-max-listpack-value" | "zset-max-ziplist-value" => zset_max_listpack_value: u64 = 64, in memory(0, LONG);
    "hll-sparse-max-bytes" => hll_sparse_max_bytes: u64 = 3000, in memory(0, LONG);
    "stream-node-max-bytes" => stream_node_max_bytes: u64 = 4096, in memory(0, LONG);
    "stream-node-max-entries" => stream_node_max_entries: i64 = 100, in number(0, LONG);
    "sanitize-dump-payload" => sanitize_dump_payload: SanitizePayload = SanitizePayload::No;
    "lazyfree-lazy-eviction" => lazyfree_lazy_eviction: bool = false;
    "lazyfree-lazy-expire" => lazyfree_lazy_expire: bool = false;
    "lazyfree-lazy-server-del" => lazyfree_lazy_server_del: bool = false;
    "lazyfree-lazy-user-del" => lazyfree_lazy_user_del: bool = false;
    "lazyfree-lazy-user-flush" => lazyfree_lazy_user_flush: bool = false;

    // Scripts, slow commands, latency
    "busy-reply-threshold" | "lua-time-limit" => busy_reply_threshold: i64 = 5000, in number(0, LONG);
    "slowlog-log-slower-than" => slowlog_log_slower_than: i64 = 10000, in number(-1, LONG);
    "slowlog-max-len" => slowlog_max_len: u64 = 128, in number(0, LONG);
    "latency-monitor-threshold" => latency_monitor_threshold: i64 = 0, in number(0, LONG);
    "latency-tracking" => latency_tracking: bool = true;
    "latency-tracking-info-percentiles" [many_words] => latency_tracking_info_percentiles: Percentiles = Percentiles(Cow::Borrowed(&[50.0, 99.0, 99.9]));

    // The server
    "hz" => hz: i32 = 10, in number(0, INT), then Effect::BoundHz;
    "dynamic-hz" => dynamic_hz: bool = true;
    "activerehashing" => activerehashing: bool = true;
    "io-threads" [immutable] => io_threads: i32 = 1, in number(1, 128);
    "loglevel" => loglevel: LogLevel = LogLevel::Notice;
    "logfile" [immutable] => logfile: Text = text(""), in ANYTHING;
    "hide-user-data-from-log" => hide_user_data_from_log: bool = false;
    "syslog-enabled" [immutable] => syslog_enabled: bool = false;
    "syslog-ident" [immutable] => syslog_ident: Text = text("redis"), in ANYTHING;
    "syslog-facility" [immutable] => syslog_facility: SyslogFacility = SyslogFacility::Local0;
    "always-show-logo" [immutable] => always_show_logo: bool = false;
    "daemonize" [immutable] => daemonize: bool = false;
    "supervised" [immutable] => supervised: Supervised = Supervised::No;
    "pidfile" [immutable] => pidfile: Text = text(""), in ANYTHING;
    "set-proc-title" [immutable] => set_proc_title: bool = true;
    "proc-title-template" => proc_title_template: Text = text("{title} {listen-addr} {server-mode}"), in title_template;
    "locale-collate" => locale_collate: Text = text(""), in locale;
    "ignore-warnings" => ignore_warnings: Text = text(""), in ANYTHING;
    "shutdown-timeout" => shutdown_timeout: i32 = 10, in number(0, INT);
    "shutdown-on-sigint" [many_words] => shutdown_on_sigint: ShutdownOptions = ShutdownOptions::DEFAULT;
    "shutdown-on-sigterm" [many_words] => shutdown_on_sigterm: ShutdownOptions = ShutdownOptions::DEFAULT;
    "crash-log-enabled" => crash_log_enabled: bool = true;
    "crash-memcheck-enabled" => crash_memcheck_enabled: bool = true;
    "use-exit-on-panic" [hidden] => use_exit_on_panic: bool = false;
    "watchdog-period" [hidden] => watchdog_period: i32 = 0, in number(0, INT);
    "disable-thp" [immutable] => disable_thp: bool = true;
    "jemalloc-bg-thread" => jemalloc_bg_thread: bool = true;
    "oom-score-adj" => oom_score_adj: OomScoreAdj = OomScoreAdj::No;
    "oom-score-adj-values" [many_words] => oom_score_adj_values: [i32; 3] = [0, 200, 800];
    "server-cpulist" | "server_cpulist" [immutable] => server_cpulist: Text = text(""), in ANYTHING;
    "bio-cpulist" | "bio_cpulist" [immutable] => bio_cpulist: Text = text(""), in ANYTHING;
    "aof-rewrite-cpulist" | "aof_rewrite_cpulist" [immutable] => aof_rewrite_cpulist: Text = text(""), in ANYTHING;
    "bgsave-cpulist" | "bgsave_cpulist" [immutable] => bgsave_cpulist: Text = text(""), in ANYTHING;
    "activedefrag" => activedefrag: OnlyNo = OnlyNo, in NO_DEFRAG;
    "active-defrag-cycle-min" => active_defrag_cycle_min: i32 = 1, in number(1, 99);
    "active-defrag-cycle-max" => active_defrag_cycle_max: i32 = 25, in number(1, 99);
    "active-defrag-threshold-lower" => active_defrag_threshold_lower: i32 = 10, in number(0, 1000);
    "active-defrag-threshold-upper" => active_defrag_threshold_upper: i32 = 100, in number(0, 1000);
    "active-defrag-ignore-bytes" => active_defrag_ignore_bytes: u64 = 100 * MIB, in memory(1, LONG);
    "active-defrag-max-scan-fields" => active_defrag_max_scan_fields: u64 = 1000, in number(1, LONG);

    // Files
    "dir" [protected] => dir: Text = text(""), in ANYTHING;
    "dbfilename" [protected] => dbfilename: Text = text("dump.rdb"), in rdb_file_name;
    "save" [many_words] => save: SavePoints = SavePoints(Cow::Borrowed(SAVE));
    "stop-writes-on-bgsave-error" => stop_writes_on_bgsave_error: bool = true;
    "rdbcompression" => rdbcompression: bool = true;
    "rdbchecksum" [immutable] => rdbchecksum: bool = true;
    "rdb-del-sync-files" => rdb_del_sync_files: bool = false;
    "rdb-save-incremental-fsync" => rdb_save_incremental_fsync: bool = true;
    "rdb-key-save-delay" [hidden] => rdb_key_save_delay: i32 = 0, in number(i32::MIN as i128, INT);
    "key-load-delay" [hidden] => key_load_delay: i32 = 0, in number(i32::MIN as i128, INT);
    "loading-process-events-interval-bytes" [hidden] => loading_process_events_interval_bytes: i64 = 512 * 1024, in number(1024, INT);
    "appendonly" => appendonly: bool = false;
    "appendfilename" [immutable] => appendfilename: Text = text("appendonly.aof"), in aof_file_name;
    "appenddirname" [immutable] => appenddirname: Text = text("appendonlydir"), in aof_folder_name;
    "appendfsync" => appendfsync: AppendFsync = AppendFsync::Everysec;
    "no-appendfsync-on-rewrite" => no_appendfsync_on_rewrite: bool = false;
    "auto-aof-rewrite-percentage" => auto_aof_rewrite_percentage: i32 = 100, in number(0, INT);
    "auto-aof-rewrite-min-size" => auto_aof_rewrite_min_size: i64 = 64 * MIB as i64, in memory(0, LONG);
    "aof-load-truncated" => aof_load_truncated: bool = true;
    "aof-use-rdb-preamble" => aof_use_rdb_preamble: bool = true;
    "aof-timestamp-enabled" => aof_timestamp_enabled: bool = false;
    "aof-rewrite-incremental-fsync" => aof_rewrite_incremental_fsync: bool = true;
    "aof-disable-auto-gc" [hidden] => aof_disable_auto_gc: bool = false;

    // Replication
    "replicaof" | "slaveof" [immutable many_words] => replicaof: ReplicaOf = ReplicaOf(text(""));
    "masteruser" [sensitive] => masteruser: Text = text(""), in ANYTHING;
    "masterauth" [sensitive] => masterauth: Vec<u8> = Vec::new();
    "replica-serve-stale-data" | "slave-serve-stale-data" => replica_serve_stale_data: bool = true;
    "replica-read-only" | "slave-read-only" => replica_read_only: bool = true;
    "replica-lazy-flush" | "slave-lazy-flush" => replica_lazy_flush: bool = false;
    "replica-ignore-maxmemory" | "slave-ignore-maxmemory" => replica_ignore_maxmemory: bool = true;
    "replica-ignore-disk-write-errors" => replica_ignore_disk_write_errors: bool = false;
    "replica-full-sync-buffer-limit" => replica_full_sync_buffer_limit: u64 = 0, in memory(0, LONG);
    "replica-priority" | "slave-priority" => replica_priority: i32 = 100, in number(0, INT);
    "replica-announced" => replica_announced: bool = true;
    "replica-announce-ip" | "slave-announce-ip" => replica_announce_ip: Text = text(""), in ANYTHING;
    "replica-announce-port" | "slave-announce-port" => replica_announce_port: i32 = 0, in number(0, 65535);
    "repl-timeout" => repl_timeout: i32 = 60, in number(1, INT);
    "repl-ping-replica-period" | "repl-ping-slave-period" => repl_ping_replica_period: i32 = 10, in number(1, INT);
    "repl-backlog-size" => repl_backlog_size: i64 = MIB as i64, in memory(1, LONG), then Effect::BoundBacklog;
    "repl-backlog-ttl" => repl_backlog_ttl: i64 = 3600, in number(0, LONG);
    "repl-disable-tcp-nodelay" => repl_disable_tcp_nodelay: bool = false;
    "repl-diskless-sync" => repl_diskless_sync: bool = true;
    "repl-diskless-sync-delay" => repl_diskless_sync_delay: i32 = 5, in number(0, INT);
    "repl-diskless-sync-max-replicas" => repl_diskless_sync_max_replicas: i32 = 0, in number(0, INT);
    "repl-diskless-load" => repl_diskless_load: DisklessLoad = DisklessLoad::Disabled;
    "min-replicas-to-write" | "min-slaves-to-write" => min_replicas_to_write: i32 = 0, in number(0, INT);
    "min-replicas-max-lag" | "min-slaves-max-lag" => min_replicas_max_lag: i32 = 10, in number(0, INT);
    "propagation-error-behavior" => propagation_error_behavior: PropagationError = PropagationError::Ignore;

    // Cluster
    "cluster-enabled" [immutable] => cluster_enabled: bool = false;
    "cluster-config-file" [immutable] => cluster_config_file: Text = text("nodes.conf"), in ANYTHING;
    "cluster-port" [immutable] => cluster_port: i32 = 0, in number(0, 65535);
    "cluster-node-timeout" => cluster_node_timeout: i64 = 15000, in number(0, LONG);
    "cluster-ping-interval" [hidden] => cluster_ping_interval: i64 = 0, in number(0, LONG);
    "cluster-announce-ip" => cluster_announce_ip: Text = text(""), in ANYTHING;
    "cluster-announce-hostname" => cluster_announce_hostname: Text = text(""), in host_name;
    "cluster-announce-human-nodename" => cluster_announce_human_nodename: Text = text(""), in node_name;
    "cluster-announce-port" => cluster_announce_port: i32 = 0, in number(0, 65535);
    "cluster-announce-bus-port" => cluster_announce_bus_port: i32 = 0, in number(0, 65535);
    "cluster-announce-tls-port" => cluster_announce_tls_port: i32 = 0, in number(0, 65535);
    "cluster-preferred-endpoint-type" => cluster_preferred_endpoint_type: EndpointType = EndpointType::Ip;
    "cluster-require-full-coverage" => cluster_require_full_coverage: bool = true;
    "cluster-allow-reads-when-down" => cluster_allow_reads_when_down: bool = false;
    "cluster-allow-pubsubshard-when-down" => cluster_allow_pubsubshard_when_down: bool = true;
    "cluster-allow-replica-migration" => cluster_allow_replica_migration: bool = true;
    "cluster-migration-barrier" => cluster_migration_barrier: i32 = 1, in number(0, INT);
    "cluster-replica-no-failover" | "cluster-slave-no-failover" => cluster_replica_no_failover: bool = false;
    "cluster-replica-validity-factor" | "cluster-slave-validity-factor" => cluster_replica_validity_factor: i32 = 10, in number(0, INT);
    "cluster-link-sendbuf-limit" => cluster_link_sendbuf_limit: u64 = 0, in memory(0, ULONG);
    "cluster-compatibility-sample-ratio" => cluster_compatibility_sample_ratio: i32 = 0, in number(0, 100);

    // TLS
    "tls-port" => tls_port: i32 = 0, in number(0, 65535), then Effect::Host(NO_TLS);
    "tls-cluster" => tls_cluster: bool = false, then Effect::Tls;
    "tls-replication" => tls_replication: bool = false, then Effect::Tls;
    "tls-auth-clients" => tls_auth_clients: TlsAuthClients = TlsAuthClients::Yes, then Effect::Tls;
    "tls-prefer-server-ciphers" => tls_prefer_server_ciphers: bool = false, then Effect::Tls;
    "tls-session-caching" => tls_session_caching: bool = true, then Effect::Tls;
    "tls-session-cache-size" => tls_session_cache_size: i32 = 20 * 1024, in number(0, INT), then Effect::Tls;
    "tls-session-cache-timeout" => tls_session_cache_timeout: i32 = 300, in number(0, INT), then Effect::Tls;
    "tls-cert-file" => tls_cert_file: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-key-file" => tls_key_file: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-key-file-pass" [sensitive] => tls_key_file_pass: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-client-cert-file" => tls_client_cert_file: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-client-key-file" => tls_client_key_file: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-client-key-file-pass" [sensitive] => tls_client_key_file_pass: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-dh-params-file" => tls_dh_params_file: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-ca-cert-file" => tls_ca_cert_file: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-ca-cert-dir" => tls_ca_cert_dir: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-protocols" => tls_protocols: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-ciphers" => tls_ciphers: Text = text(""), in ANYTHING, then Effect::Tls;
    "tls-ciphersuites" => tls_ciphersuites: Text = text(""), in ANYTHING, then Effect::Tls;
}

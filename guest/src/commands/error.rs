//! What commands answer when they refuse: every text in one place, as Redis 8.0 words it.

use std::borrow::Cow;

use super::options::c_text;

/// An error as it goes to the client, its code first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError(Cow<'static, [u8]>);

impl CommandError {
    const fn fixed(text: &'static str) -> Self {
        CommandError(Cow::Borrowed(text.as_bytes()))
    }

    /// An error whose words depend on the request.
    pub fn worded(text: impl Into<Vec<u8>>) -> Self {
        CommandError(Cow::Owned(text.into()))
    }

    /// The bytes behind the `-`.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// The first word, by which INFO's errorstats counts.
    pub fn code(&self) -> &[u8] {
        self.0
            .split(|byte| *byte == b' ')
            .next()
            .unwrap_or_default()
    }
}

macro_rules! errors {
    ($($name:ident = $text:literal;)*) => {
        $(#[doc = concat!("`", $text, "`")] pub const $name: CommandError = CommandError::fixed($text);)*
    };
}

errors! {
    SYNTAX = "ERR syntax error";
    NO_COPY_OF_MODULES = "ERR not supported for this module key";
    INVALID_VECTOR = "ERR invalid vector specification";
    INVALID_VECTOR_OPTION = "ERR invalid option after element";
    INVALID_EF = "ERR invalid EF";
    INVALID_M = "ERR invalid M";
    INVALID_VECTOR_COUNT = "ERR invalid COUNT";
    INVALID_EPSILON = "ERR invalid EPSILON";
    INVALID_FILTER_EF = "ERR invalid FILTER-EF";
    OTHER_QUANTIZATION = "ERR asked quantization mismatch with existing vector set";
    OTHER_M = "ERR asked M value mismatch with existing vector set";
    NO_PROJECTION = "ERR cannot add projection to existing set without projection";
    NO_SUCH_ELEMENT = "ERR element not found in set";
    NO_VECTOR_SET = "ERR key does not exist";
    VSIM_SYNTAX = "ERR syntax error in VSIM command";
    INVALID_OPTION = "ERR invalid option";
    VECTOR_COUNT = "ERR COUNT value is not an integer";
    NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL.";
    NOT_BUSY = "NOTBUSY No scripts in execution right now.";
    UNKILLABLE = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";
    BUSY_SCRIPT = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    BUSY_FUNCTION = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    NEGATIVE_KEY_COUNT = "ERR Number of keys can't be negative";
    KEY_COUNT_TOO_LARGE = "ERR Number of keys can't be greater than number of args";
    BAD_KEY_COUNT = "ERR Bad number of keys provided";
    FUNCTION_NOT_FOUND = "ERR Function not found";
    LIBRARY_NOT_FOUND = "ERR Library not found";
    LIBRARY_NAME_MISSING = "ERR library name argument was not given";
    RESTORE_POLICY = "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.";
    SCRIPT_DEBUG_MODE = "ERR Use SCRIPT DEBUG YES/SYNC/NO";
    NO_SCRIPT_DEBUGGER = "ERR Petridis has no debugger for scripts: run them without SCRIPT DEBUG";
    NOT_ON_A_CLUSTER = "ERR Can not run script on cluster, 'no-cluster' flag is set.";
    SCRIPT_ON_STALE_REPLICA = "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is not set on the script.";
    SCRIPT_ON_REPLICA = "READONLY Can not run script with write flag on readonly replica";
    WRITE_FLAG_IN_READ_ONLY = "ERR Can not execute a script with write flag using *_ro command.";
    SCRIPT_WITHOUT_MEMORY = "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'";
    UNKNOWN_IN_SCRIPT = "ERR Unknown Redis command called from script";
    ARITY_IN_SCRIPT = "ERR Wrong number of args calling Redis command from script";
    NOT_FROM_SCRIPT = "ERR This Redis command is not allowed from script";
    STALE_IN_SCRIPT = "ERR Can not execute the command on a stale replica";
    WRITE_IN_READ_ONLY_SCRIPT = "ERR Write commands are not allowed from read-only scripts.";
    CROSS_SLOT_IN_SCRIPT = "ERR Script attempted to access keys that do not hash to the same slot";
    SLOT_NOT_SERVED_IN_SCRIPT = "ERR Script attempted to access a slot not served";
    CLUSTER_DOWN_IN_SCRIPT = "ERR Script attempted to execute a command while the cluster is down";
    CLUSTER_READ_ONLY_IN_SCRIPT = "ERR Script attempted to execute a write command while the cluster is down and readonly";
    NOT_AN_INTEGER = "ERR value is not an integer or out of range";
    NOT_A_FLOAT = "ERR value is not a valid float";
    OUT_OF_RANGE = "ERR value is out of range";
    OUT_OF_RANGE_POSITIVE = "ERR value is out of range, must be positive";
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    NO_SUCH_KEY = "ERR no such key";
    SAME_OBJECT = "ERR source and destination objects are the same";
    DB_OUT_OF_RANGE = "ERR DB index is out of range";
    INVALID_DB = "ERR invalid DB index";
    OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
    NO_AUTH = "NOAUTH Authentication required.";
    NO_PASSWORD_SET = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";
    WRONG_PASS = "WRONGPASS invalid username-password pair or user is disabled.";
    UNSUPPORTED_PROTOCOL = "NOPROTO unsupported protocol version";
    PROTOCOL_NOT_AN_INTEGER = "ERR Protocol version is not an integer or out of range";
    HELLO_WITHOUT_AUTH = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
    INVALID_CLIENT_NAME = "ERR Client names cannot contain spaces, newlines or special characters.";
    NO_SUCH_CLIENT = "ERR No such client";
    INVALID_CLIENT_ID = "ERR Invalid client ID";
    CLIENT_ID_NOT_POSITIVE = "ERR client-id should be greater than 0";
    MAX_AGE_NOT_AN_INTEGER = "ERR maxage is not an integer or out of range";
    MAX_AGE_NOT_POSITIVE = "ERR maxage should be greater than 0";
    MAX_CLIENTS = "ERR max number of clients reached";
    NO_SHUTDOWN = "ERR No shutdown in progress.";
    INVALID_CURSOR = "ERR invalid cursor";
    NOVALUES_WITHOUT_HASH = "ERR NOVALUES option can only be used in HSCAN";
    INVALID_FIRST_DB = "ERR invalid first DB index";
    INVALID_SECOND_DB = "ERR invalid second DB index";
    IS_LFU = "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    NOT_LFU = "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    DEBUG_NOT_ALLOWED = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.";
    NO_SUCH_PROTOCOL_TYPE = "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";
    RESP2_UNSUPPORTED = "ERR RESP2 is not supported by this command";
    PACKED_THRESHOLD_OUT_OF_RANGE = "ERR argument must be a memory value bigger than 1 and smaller than 4gb";
    OFFSET_OUT_OF_RANGE = "ERR offset is out of range";
    STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    INCREMENT_OVERFLOW = "ERR increment or decrement would overflow";
    DECREMENT_OVERFLOW = "ERR decrement would overflow";
    INCREMENT_NOT_FINITE = "ERR increment would produce NaN or Infinity";
    NX_WITH_OTHERS = "ERR NX and XX, GT or LT options at the same time are not compatible";
    GT_WITH_LT = "ERR GT and LT options at the same time are not compatible";
    BIT_OFFSET_OUT_OF_RANGE = "ERR bit offset is not an integer or out of range";
    NOT_A_BIT = "ERR bit is not an integer or out of range";
    BIT_IS_NOT_1_OR_0 = "ERR The bit argument must be 1 or 0.";
    BITOP_NOT_OF_SEVERAL = "ERR BITOP NOT must be called with a single source key.";
    BITFIELD_TYPE = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
    BITFIELD_OVERFLOW = "ERR Invalid OVERFLOW type specified";
    BITFIELD_RO_WRITES = "ERR BITFIELD_RO only supports the GET subcommand";
    NO_CONFIG_FILE = "ERR The server is running without a config file";
    LCS_NOT_STRINGS = "ERR The specified keys must contain string values";
    LCS_LEN_AND_IDX = "ERR If you want both the length and indexes, please just use IDX.";
    LCS_TABLE_TOO_LARGE = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
    LCS_OUT_OF_MEMORY = "ERR Insufficient memory, failed allocating transient memory for LCS";
    INVALID_COMMAND = "ERR Invalid command specified";
    INVALID_COMMAND_ARITY = "ERR Invalid number of arguments specified for command";
    INVALID_COMMAND_ARGUMENTS = "ERR Invalid arguments specified for command";
    INDEX_OUT_OF_RANGE = "ERR index out of range";
    RANK_IS_ZERO = "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
    COUNT_IS_NEGATIVE = "ERR COUNT can't be negative";
    MAXLEN_IS_NEGATIVE = "ERR MAXLEN can't be negative";
    LIMIT_IS_NEGATIVE = "ERR LIMIT can't be negative";
    NUMKEYS_NOT_POSITIVE = "ERR numkeys should be greater than 0";
    COUNT_NOT_POSITIVE = "ERR count should be greater than 0";
    MORE_KEYS_THAN_ARGUMENTS = "ERR Number of keys can't be greater than number of args";
    NOT_IN_A_TRANSACTION = "ERR Command not allowed inside a transaction";
    MULTI_NESTED = "ERR MULTI calls can not be nested";
    EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
    DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
    WATCH_INSIDE_MULTI = "ERR WATCH inside MULTI is not allowed";
    EXEC_ABORTED = "EXECABORT Transaction discarded because of previous errors.";
    SSUBSCRIBE_NOT_ALLOWED = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client";
    MONITOR_NOT_ALLOWED = "ERR MONITOR isn't allowed for DENY BLOCKING client";
    PAUSE_MODE = "ERR CLIENT PAUSE mode must be WRITE or ALL";
    UNBLOCK_REASON = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
    UNBLOCKED_BY_CLIENT = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
    READ_ONLY = "READONLY You can't write against a read only replica.";
    MASTER_DOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
    INVALID_MASTER_PORT = "ERR Invalid master port";
    REPLICAOF_IN_CLUSTER = "ERR REPLICAOF not allowed in cluster mode.";
    WAIT_ON_A_REPLICA = "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.";
    WAITAOF_ON_A_REPLICA = "ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.";
    WAITAOF_WITHOUT_AOF = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    FAILOVER_IN_CLUSTER = "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.";
    FAILOVER_TIMEOUT = "ERR FAILOVER timeout must be greater than 0";
    NO_FAILOVER = "ERR No failover in progress.";
    FAILOVER_ON_A_REPLICA = "ERR FAILOVER is not valid when server is a replica.";
    FAILOVER_WITHOUT_REPLICAS = "ERR FAILOVER requires connected replicas.";
    MODULE_NOT_ALLOWED = "ERR MODULE command not allowed. If the enable-module-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.";
    MODULE_NOT_LOADED = "ERR Error loading the extension. Please check the server logs.";
    MODULE_STAYS = "ERR Error unloading module: the module can't be unloaded";
    NO_SUCH_MODULE = "ERR Error unloading module: no such module with that name";
    NO_RDB_FILTER = "ERR Missing rdb-filter-only values";
    NOT_FOR_REPLICAS = "ERR Command is not valid when client is a replica.";
    UNBLOCKED_BY_ROLE = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
    TIMEOUT_NOT_A_FLOAT = "ERR timeout is not a float or out of range";
    TIMEOUT_NOT_AN_INTEGER = "ERR timeout is not an integer or out of range";
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
    TIMEOUT_OUT_OF_RANGE = "ERR timeout is out of range";
    HASH_VALUE_NOT_AN_INTEGER = "ERR hash value is not an integer";
    HASH_VALUE_NOT_A_FLOAT = "ERR hash value is not a float";
    NOT_FINITE = "ERR value is NaN or Infinity";
    FIELDS_MISSING = "ERR Mandatory argument FIELDS is missing or not at the right position";
    NUMFIELDS_NOT_POSITIVE = "ERR Number of fields must be a positive integer";
    NUMFIELDS_NOT_ABOVE_0 = "ERR Parameter `numFields` should be greater than 0";
    NUMFIELDS_INVALID = "ERR invalid number of fields";
    NUMFIELDS_MISMATCH = "ERR The `numfields` parameter must match the number of arguments";
    EXPIRE_NEGATIVE = "ERR invalid expire time, must be >= 0";
    HSETEX_EXPIRIES = "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
    HSETEX_CONDITIONS = "ERR Only one of FXX or FNX arguments can be specified";
    INVALID_STREAM_ID = "ERR Invalid stream ID specified as stream command argument";
    INVALID_RANGE_START = "ERR invalid start ID for the interval";
    INVALID_RANGE_END = "ERR invalid end ID for the interval";
    XADD_ID_IS_ZERO = "ERR The ID specified in XADD must be greater than 0-0";
    XADD_ID_TOO_SMALL = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    STREAM_EXHAUSTED = "ERR The stream has exhausted the last possible ID, unable to add more items";
    STREAM_ENTRY_TOO_LARGE = "ERR Elements are too large to be stored";
    MAXLEN_WITH_MINID = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
    TRIM_MAXLEN_NEGATIVE = "ERR The MAXLEN argument must be >= 0.";
    TRIM_LIMIT_NEGATIVE = "ERR The LIMIT argument must be >= 0.";
    LIMIT_WITHOUT_TRIM = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
    LIMIT_WITHOUT_APPROXIMATION = "ERR syntax error, LIMIT cannot be used without the special ~ option";
    XTRIM_WITHOUT_STRATEGY = "ERR syntax error, XTRIM must be called with a trimming strategy";
    XSETID_ENTRIES_ADDED_NEGATIVE = "ERR entries_added must be positive";
    XSETID_BELOW_GIVEN_DELETED = "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id";
    XSETID_BELOW_DELETED = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    XSETID_BELOW_TOP = "ERR The ID specified in XSETID is smaller than the target stream top item";
    XSETID_ENTRIES_ADDED_TOO_FEW = "ERR The entries_added specified in XSETID is smaller than the target stream length";
    XREAD_WITH_GROUP = "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.";
    XREAD_WITH_NOACK = "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.";
    XREAD_WITH_NEW_ID = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.";
    XREADGROUP_WITHOUT_GROUP = "ERR Missing GROUP option for XREADGROUP";
    XREADGROUP_WITH_LAST_ID = "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.";
    XREADGROUP_WITH_LAST_ENTRY = "ERR The + ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The + ID would just return an empty result set.";
    XREAD_UNBALANCED = "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be specified.";
    XREADGROUP_UNBALANCED = "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' must be specified.";
    XGROUP_ENTRIES_READ_NEGATIVE = "ERR value for ENTRIESREAD must be positive or -1";
    XGROUP_WITHOUT_KEY = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.";
    GROUP_EXISTS = "BUSYGROUP Consumer Group name already exists";
    XCLAIM_MIN_IDLE = "ERR Invalid min-idle-time argument for XCLAIM";
    XCLAIM_IDLE = "ERR Invalid IDLE option argument for XCLAIM";
    XCLAIM_TIME = "ERR Invalid TIME option argument for XCLAIM";
    XCLAIM_RETRYCOUNT = "ERR Invalid RETRYCOUNT option argument for XCLAIM";
    XAUTOCLAIM_MIN_IDLE = "ERR Invalid min-idle-time argument for XAUTOCLAIM";
    XAUTOCLAIM_COUNT = "ERR COUNT must be > 0";
    XAUTOCLAIM_COUNT_TOO_HIGH = "ERR Insufficient memory, failed allocating transient memory, COUNT too high.";
    NO_MASTER_LINK = "NOMASTERLINK Can't SYNC while not connected with my master";
    NOT_ENOUGH_REPLICAS = "NOREPLICAS Not enough good replicas to write.";
    REPLICA_IN_KEYSPACE = "ERR Replica can't interact with the keyspace";
    CLUSTER_DISABLED = "ERR This instance has cluster support disabled";
    CLUSTER_DOWN = "CLUSTERDOWN The cluster is down";
    CLUSTER_READ_ONLY = "CLUSTERDOWN The cluster is down and only accepts read commands";
    SLOT_NOT_SERVED = "CLUSTERDOWN Hash slot not served";
    CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot";
    SELECT_IN_CLUSTER = "ERR SELECT is not allowed in cluster mode";
    SWAPDB_IN_CLUSTER = "ERR SWAPDB is not allowed in cluster mode";
    MOVE_IN_CLUSTER = "ERR MOVE is not allowed in cluster mode";
    SORT_BY_IN_CLUSTER = "ERR BY option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.";
    SORT_GET_IN_CLUSTER = "ERR GET option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.";
    SORT_BY_DENIED = "ERR BY option of SORT denied due to insufficient ACL permissions.";
    SORT_GET_DENIED = "ERR GET option of SORT denied due to insufficient ACL permissions.";
    INVALID_SLOT = "ERR Invalid slot";
    INVALID_SLOT_OR_COUNT = "ERR Invalid slot or number of keys";
    INVALID_OR_OUT_OF_RANGE_SLOT = "ERR Invalid or out of range slot";
    FLUSHSLOTS_WITH_KEYS = "ERR DB must be empty to perform CLUSTER FLUSHSLOTS.";
    RESET_WITH_KEYS = "ERR CLUSTER RESET can't be called with master nodes containing keys";
    SETSLOT_ACTION = "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP";
    CONFIG_EPOCH_NOT_ZERO = "ERR Node config epoch is already non-zero";
    CANNOT_FORGET_MYSELF = "ERR I tried hard but I can't forget myself...";
    CANNOT_REPLICATE_MYSELF = "ERR Can't replicate myself";
    FAILOVER_ON_A_MASTER = "ERR You should send CLUSTER FAILOVER to a replica";
    CONFIG_REWRITE_FORCE_ALL = "ERR CONFIG-REWRITE-FORCE-ALL failed: Bad address";
    DEBUG_DB_OUT_OF_RANGE = "ERR Out of range database";
    NOT_A_HASH_TABLE = "ERR The value stored at the specified key is not represented using an hash table";
    SLOWLOG_COUNT = "ERR count should be greater than or equal to -1";
    NO_KEY_ARGUMENTS = "ERR The command has no key arguments";
    DEFAULT_USER_STAYS = "ERR The 'default' user cannot be removed";
    BLANKS_IN_USERNAME = "ERR Usernames can't contain spaces or null characters";
    NO_ACL_FILE = "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.";
    CANNOT_SAVE_USERS = "ERR There was an error trying to save the ACLs. Please check the server logs for more information";
    GENPASS_BITS = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096";
    ONE_REDIRECT = "ERR A client can only redirect to a single other client";
    NO_CLIENT_TO_REDIRECT_TO = "ERR The client ID you want redirect to does not exist";
    PREFIX_WITHOUT_BCAST = "ERR PREFIX option requires BCAST mode to be enabled";
    BCAST_SWITCHED = "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
    BCAST_WITH_OPT = "ERR OPTIN and OPTOUT are not compatible with BCAST";
    OPTIN_WITH_OPTOUT = "ERR You can't specify both OPTIN mode and OPTOUT mode";
    OPT_SWITCHED = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.";
    CACHING_WITHOUT_TRACKING = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled";
    CACHING_YES_WITHOUT_OPTIN = "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.";
    CACHING_NO_WITHOUT_OPTOUT = "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.";
    NOT_A_HYPERLOGLOG = "WRONGTYPE Key is not a valid HyperLogLog string value.";
    CORRUPT_HYPERLOGLOG = "INVALIDOBJ Corrupted HLL object detected";
    HYPERLOGLOG_NOT_SPARSE = "ERR HLL encoding is not sparse";
    SPECIFIED_KEY_MISSING = "ERR The specified key does not exist";
    KEY_IS_BUSY = "BUSYKEY Target key name already exists.";
    BAD_DATA_FORMAT = "ERR Bad data format";
    PAYLOAD_FOOTER = "ERR DUMP payload version or checksum are wrong";
    TTL_IS_NEGATIVE = "ERR Invalid TTL value, must be >= 0";
    IDLETIME_IS_NEGATIVE = "ERR Invalid IDLETIME value, must be >= 0";
    FREQ_OUT_OF_RANGE = "ERR Invalid FREQ value, must be >= 0 and <= 255";
    KEY_BESIDE_KEYS = "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string";
    NO_CONNECTION_TO_TARGET = "IOERR error or timeout writing to target instance";
    CANNOT_SAVE = "ERR";
    SAVE_IN_PROGRESS = "ERR Background save already in progress";
    CANNOT_SHUT_DOWN = "ERR Errors trying to SHUTDOWN. Check logs.";
    RELOAD_OPTION = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
    RELOAD_FAILED = "ERR Error trying to load the RDB dump, check server logs.";
    SORT_NOT_A_DOUBLE = "ERR One or more scores can't be converted into double";
    LOADAOF_FAILED = "ERR Error trying to load the AOF files, check server logs.";
    NOT_A_LISTPACK = "ERR Not a listpack encoded object.";
    NOT_A_QUICKLIST = "ERR Not a quicklist encoded object.";
    NOT_ON_OR_OFF = "ERR Argument must be ON or OFF";
    XX_WITH_NX = "ERR XX and NX options at the same time are not compatible";
    GT_LT_WITH_NX = "ERR GT, LT, and/or NX options at the same time are not compatible";
    INCR_OF_SEVERAL = "ERR INCR option supports a single increment-element pair";
    SCORE_IS_NAN = "ERR resulting score is not a number (NaN)";
    SCORE_BOUND = "ERR min or max is not a float";
    LEX_BOUND = "ERR min or max not valid string range item";
    LIMIT_BY_RANK = "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
    WITHSCORES_BY_LEX = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";
    WEIGHT_NOT_A_FLOAT = "ERR weight value is not a float";
    RADIUS_NOT_A_NUMBER = "ERR need numeric radius";
    RADIUS_IS_NEGATIVE = "ERR radius cannot be negative";
    WIDTH_NOT_A_NUMBER = "ERR need numeric width";
    HEIGHT_NOT_A_NUMBER = "ERR need numeric height";
    BOX_IS_NEGATIVE = "ERR height or width cannot be negative";
    UNKNOWN_UNIT = "ERR unsupported unit provided. please use M, KM, FT, MI";
    MEMBER_WITHOUT_PLACE = "ERR could not decode requested zset member";
    GEO_COUNT_NOT_POSITIVE = "ERR COUNT must be > 0";
    ANY_WITHOUT_COUNT = "ERR the ANY argument requires COUNT argument";
    GEORADIUS_STORE_WITH = "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
    GEOSEARCHSTORE_WITH = "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
}

/// `NOPERM User x has no permissions to run the 'get' command`
pub fn no_permission(reason: &[u8]) -> CommandError {
    CommandError::worded([b"NOPERM ", reason].concat())
}

/// `NOPERM ACLs rules changed between the moment ...`
pub fn no_permission_any_more(reason: &str) -> CommandError {
    CommandError::worded(format!(
        "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC \
         call. This command is no longer allowed for the following reason: {reason}"
    ))
}

/// `ERR ACL failure in script: No permissions to access a key`
pub fn no_permission_in_script(reason: &[u8]) -> CommandError {
    CommandError::worded([b"ERR ACL failure in script: ", reason].concat())
}

/// `ERR Error in ACL SETUSER modifier '+x': Unknown command or category name in ACL`
pub fn acl_rule(rule: &[u8], reason: &str) -> CommandError {
    let text = b"ERR Error in ACL SETUSER modifier '";
    CommandError::worded([text, c_text(rule), b"': ", reason.as_bytes()].concat())
}

/// `ERR Unmatched parenthesis in acl selector starting at '(x'.`
pub fn unmatched_parenthesis(start: &[u8]) -> CommandError {
    let text = b"ERR Unmatched parenthesis in acl selector starting at '";
    CommandError::worded([text, c_text(start), b"'."].concat())
}

/// `ERR Unknown category 'x'`
pub fn unknown_category(name: &[u8]) -> CommandError {
    let name = c_text(name);
    let name = &name[..name.len().min(MAX_QUOTED)];
    CommandError::worded([b"ERR Unknown category '", name, b"'"].concat())
}

/// `ERR User 'x' not found`
pub fn user_not_found(name: &[u8]) -> CommandError {
    CommandError::worded([b"ERR User '", c_text(name), b"' not found"].concat())
}

/// `ERR Command 'x' not found`
pub fn command_not_found(name: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Command '", c_text(name), b"' not found"].concat())
}

/// `ERR Prefix 'x' overlaps with an existing prefix 'xy'. ...`
pub fn prefix_overlaps(prefix: &[u8], which: &str, other: &[u8]) -> CommandError {
    let text = [
        b"ERR Prefix '",
        c_text(prefix),
        b"' overlaps with ",
        which.as_bytes(),
        b" prefix '",
        c_text(other),
        b"'. Prefixes for a single client must not overlap.",
    ];
    CommandError::worded(text.concat())
}

/// `ERR Unknown node x`
pub fn unknown_node(id: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Unknown node ", c_text(id)].concat())
}

/// `ERR I don't know about node x`
pub fn node_not_known(id: &[u8]) -> CommandError {
    CommandError::worded([b"ERR I don't know about node ", c_text(id)].concat())
}

/// `ERR I'm not the owner of hash slot 1`
pub fn not_owner_of_slot(slot: u16) -> CommandError {
    CommandError::worded(format!("ERR I'm not the owner of hash slot {slot}"))
}

/// `ERR I'm already the owner of hash slot 1`
pub fn owner_of_slot(slot: u16) -> CommandError {
    CommandError::worded(format!("ERR I'm already the owner of hash slot {slot}"))
}

/// `ERR Slot 1 is already busy`, `ERR Slot 1 is already unassigned`
pub fn slot_is(slot: u16, owned: bool) -> CommandError {
    let is = if owned { "busy" } else { "unassigned" };
    CommandError::worded(format!("ERR Slot {slot} is already {is}"))
}

/// `ERR Slot 1 specified multiple times`
pub fn slot_twice(slot: u16) -> CommandError {
    CommandError::worded(format!("ERR Slot {slot} specified multiple times"))
}

/// `ERR start slot number 5 is greater than end slot number 1`
pub fn slots_backwards(first: u16, last: u16) -> CommandError {
    CommandError::worded(format!(
        "ERR start slot number {first} is greater than end slot number {last}"
    ))
}

/// `ERR Invalid config epoch specified: -1`
pub fn invalid_config_epoch(epoch: i64) -> CommandError {
    CommandError::worded(format!("ERR Invalid config epoch specified: {epoch}"))
}

/// `ERR Invalid base port specified: x`
pub fn invalid_base_port(port: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Invalid base port specified: ", c_text(port)].concat())
}

/// `ERR Invalid bus port specified: x`
pub fn invalid_bus_port(port: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Invalid bus port specified: ", c_text(port)].concat())
}

/// `ERR Invalid node address specified: x:1`
pub fn invalid_node_address(host: &[u8], port: &[u8]) -> CommandError {
    let text = b"ERR Invalid node address specified: ";
    CommandError::worded([text, c_text(host), b":", c_text(port)].concat())
}

/// `ERR No samples available for event 'x'`
pub fn no_latency_samples(event: &[u8]) -> CommandError {
    let text = b"ERR No samples available for event '";
    CommandError::worded([text, c_text(event), b"'"].concat())
}

/// `ERR REPLCONF ip-address provided by replica instance is too long: 300 bytes`
pub fn replica_address_too_long(bytes: usize) -> CommandError {
    CommandError::worded(format!(
        "ERR REPLCONF ip-address provided by replica instance is too long: {bytes} bytes"
    ))
}

/// `ERR Unrecognized REPLCONF option: x`
pub fn replconf_option(option: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Unrecognized REPLCONF option: ", c_text(option)].concat())
}

/// `ERR Unsupported rdb-filter-only option: x`
pub fn rdb_filter(option: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Unsupported rdb-filter-only option: ", option].concat())
}

/// `ERR Unrecognized RDB client id: 1`
pub fn rdb_client_id(id: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Unrecognized RDB client id: ", c_text(id)].concat())
}

/// `EXECABORT Transaction discarded because of: OOM command not allowed ...`
pub fn discarded_because(reason: &[u8]) -> CommandError {
    let text = b"EXECABORT Transaction discarded because of: ";
    // The code that all errors have which say none.
    let reason = reason.strip_prefix(b"ERR ").unwrap_or(reason);
    CommandError::worded([text, reason].concat())
}

/// `ERR Can't execute 'get': only (P|S)SUBSCRIBE / ...`
pub fn only_while_subscribed(command: &str) -> CommandError {
    CommandError::worded(format!(
        "ERR Can't execute '{command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
         are allowed in this context"
    ))
}

/// `ERR invalid expire time in 'set' command`
pub fn invalid_expire(command: &str) -> CommandError {
    CommandError::worded(format!("ERR invalid expire time in '{command}' command"))
}

/// `ERR Syntax error in HELLO option 'X'`
pub fn hello_option(option: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Syntax error in HELLO option '", option, b"'"].concat())
}

/// `ERR Unknown client type 'x'`
pub fn unknown_client_type(name: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Unknown client type '", name, b"'"].concat())
}

/// `ERR No such user 'x'`
pub fn no_such_user(name: &[u8]) -> CommandError {
    CommandError::worded([b"ERR No such user '", name, b"'"].concat())
}

/// `ERR unknown subcommand 'x'. Try CONFIG HELP.`
pub fn unknown_subcommand(given: &[u8], command: &str) -> CommandError {
    let given = c_text(given);
    let given = &given[..given.len().min(MAX_QUOTED)];
    let help = format!("'. Try {} HELP.", command.to_ascii_uppercase());
    CommandError::worded([b"ERR unknown subcommand '", given, help.as_bytes()].concat())
}

/// A command in a script that uses keys of several slots.
pub fn cross_slot_command(name: &str) -> CommandError {
    let text = format!(
        "ERR Command '{name}' in script attempted to access keys that don't hash to the same slot"
    );
    CommandError::worded(text)
}

/// `ERR unknown subcommand or wrong number of arguments for 'x'. Try DEBUG HELP.`
pub fn unknown_subcommand_or_arity(given: &[u8], command: &str) -> CommandError {
    let given = c_text(given);
    let given = &given[..given.len().min(MAX_QUOTED)];
    let help = format!("'. Try {} HELP.", command.to_ascii_uppercase());
    let text = b"ERR unknown subcommand or wrong number of arguments for '";
    CommandError::worded([text, given, help.as_bytes()].concat())
}

/// An unknown command's name and its arguments are quoted up to this length.
const MAX_QUOTED: usize = 128;

/// `ERR unknown command 'x', with args beginning with: 'a' 'b' `
pub fn unknown_command<'a>(name: &[u8], args: impl Iterator<Item = &'a [u8]>) -> CommandError {
    let name = c_text(&name[..name.len().min(MAX_QUOTED)]);
    let mut quoted = Vec::new();
    for arg in args {
        if quoted.len() >= MAX_QUOTED {
            break;
        }
        let room = MAX_QUOTED - quoted.len();
        quoted.push(b'\'');
        quoted.extend_from_slice(c_text(&arg[..arg.len().min(room)]));
        quoted.extend_from_slice(b"' ");
    }
    let text = [
        b"ERR unknown command '",
        name,
        b"', with args beginning with: ",
        &quoted,
    ]
    .concat();
    CommandError::worded(text)
}

/// `NOGROUP No such consumer group 'g' for key name 'k'`
pub fn no_group(group: &[u8], key: &[u8]) -> CommandError {
    no_such(&[b"consumer group '", group, b"' for key name '", key, b"'"])
}

/// `NOGROUP No such key 'k' or consumer group 'g'`
pub fn no_key_or_group(key: &[u8], group: &[u8]) -> CommandError {
    no_such(&[b"key '", key, b"' or consumer group '", group, b"'"])
}

/// `NOGROUP No such key 'k' or consumer group 'g' in XREADGROUP with GROUP option`
pub fn no_group_to_read(key: &[u8], group: &[u8]) -> CommandError {
    let option = b"' in XREADGROUP with GROUP option";
    no_such(&[b"key '", key, b"' or consumer group '", group, option])
}

fn no_such(words: &[&[u8]]) -> CommandError {
    let mut text = b"NOGROUP No such ".to_vec();
    words.iter().for_each(|word| text.extend(c_text(word)));
    CommandError::worded(text)
}

/// `ERR Unrecognized XCLAIM option 'x'`
pub fn unknown_xclaim_option(option: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Unrecognized XCLAIM option '", c_text(option), b"'"].concat())
}

/// `ERR value is out of range, value must between 1 and 10`
pub fn not_between(least: i64, most: i64) -> CommandError {
    CommandError::worded(format!(
        "ERR value is out of range, value must between {least} and {most}"
    ))
}

/// `ERR Unknown PFDEBUG subcommand 'x'`
pub fn unknown_pfdebug(given: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Unknown PFDEBUG subcommand '", c_text(given), b"'"].concat())
}

/// `ERR TESTFAILED Too big error. card:10 abserr:2`
pub fn self_test_failed(reason: &str) -> CommandError {
    CommandError::worded(format!("ERR TESTFAILED {reason}"))
}

/// `ERR Unsupported option X`
pub fn unsupported_option(option: &[u8]) -> CommandError {
    CommandError::worded([b"ERR Unsupported option ", option].concat())
}

/// `ERR unknown argument: X`
pub fn unknown_argument(given: &[u8]) -> CommandError {
    CommandError::worded([b"ERR unknown argument: ", c_text(given)].concat())
}

/// `ERR wrong number of arguments for 'get' command`
pub fn wrong_arity(command: &str) -> CommandError {
    CommandError::worded(format!(
        "ERR wrong number of arguments for '{command}' command"
    ))
}

/// `ERR Vector dimension mismatch - got 2 but set has 3`
pub fn other_dimensions(got: usize, has: usize) -> CommandError {
    CommandError::worded(format!(
        "ERR Vector dimension mismatch - got {got} but set has {has}"
    ))
}

/// `ERR syntax error in FILTER expression near: .x ==`
pub fn malformed_filter(text: &[u8]) -> CommandError {
    let text = String::from_utf8_lossy(text);
    CommandError::worded(format!(
        "ERR syntax error in FILTER expression near: {text}"
    ))
}

/// `ERR at least 1 input key is needed for 'zunion' command`
pub fn no_input_key(command: &str) -> CommandError {
    CommandError::worded(format!(
        "ERR at least 1 input key is needed for '{command}' command"
    ))
}

/// `ERR invalid longitude,latitude pair 181.000000,0.000000`
pub fn invalid_place(longitude: f64, latitude: f64) -> CommandError {
    CommandError::worded(format!(
        "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
    ))
}

/// `ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH`
pub fn no_center(command: &[u8]) -> CommandError {
    let text = b"ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ";
    CommandError::worded([&text[..], c_text(command)].concat())
}

/// `ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH`
pub fn no_shape(command: &[u8]) -> CommandError {
    let text = b"ERR exactly one of BYRADIUS and BYBOX can be specified for ";
    CommandError::worded([&text[..], c_text(command)].concat())
}

impl From<crate::value::WrongType> for CommandError {
    fn from(_: crate::value::WrongType) -> Self {
        WRONG_TYPE
    }
}

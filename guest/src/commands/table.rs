//! The facts of every command of Redis 8.0: one static table, made by `build.rs` from
//! `commands.json`. Nothing of it is parsed or allocated when an instance starts. Knows no handler:
//! what is built and what is not is the session's to say.

mod keys;
mod name_hash;

use name_hash::Digest;

pub use keys::{KeyRef, KeysError, keys_of, places_of};

include!(concat!(env!("OUT_DIR"), "/commands.rs"));

/// What Redis says of one command or subcommand.
#[derive(Debug)]
pub struct CommandSpec {
    /// The place in [`COMMANDS`].
    pub id: usize,
    /// The name as Redis writes it: `get`, `config|get`.
    pub name: &'static str,
    /// How many arguments it takes, the name included; negative for "at least that many".
    pub arity: i32,
    /// What it does and where it may run.
    pub flags: Flags,
    /// The ACL categories it belongs to.
    pub categories: Categories,
    /// The index of the first key, 0 if there is none at a fixed place.
    pub first_key: i32,
    /// The index of the last key, from the end if negative.
    pub last_key: i32,
    /// From one key to the next.
    pub step: i32,
    /// Where the keys are, in full.
    pub key_specs: &'static [KeySpec],
    /// Hints for proxies and clients.
    pub tips: &'static [&'static str],
    /// The family it belongs to.
    pub group: Group,
    /// The module it comes from.
    pub module: Option<&'static str>,
    /// The version of Redis that brought it.
    pub since: Option<&'static str>,
    /// `deprecated`, `syscmd`.
    pub doc_flags: &'static [&'static str],
    /// The version of Redis that deprecated it.
    pub deprecated_since: Option<&'static str>,
    /// What to use instead, in Markdown.
    pub replaced_by: Option<&'static str>,
    /// The grammar of its arguments.
    pub arguments: &'static [Argument],
    /// What it is divided into, if it is.
    pub subcommands: &'static [CommandSpec],
}

impl CommandSpec {
    /// True for PETRIDIS, which no Redis has: no list tells of it.
    #[inline]
    pub fn is_our_own(&self) -> bool {
        self.module == Some("petridis")
    }

    /// True for a command such as CONFIG, which does nothing of itself.
    #[inline]
    pub fn has_subcommands(&self) -> bool {
        !self.subcommands.is_empty()
    }

    /// The subcommand of that name, in either case.
    #[inline]
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static CommandSpec> {
        let own = self.name.len() + 1;
        self.subcommands.iter().find(|sub| {
            sub.name.len() == own + name.len()
                && sub.name.as_bytes()[own..].eq_ignore_ascii_case(name)
        })
    }

    /// Whether a request of `argc` arguments, the name included, has as many as the command takes.
    #[inline]
    pub fn arity_fits(&self, argc: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        if self.arity < 0 {
            argc >= wanted
        } else {
            argc == wanted
        }
    }

    /// Where the keys are in a request of `argc` arguments, if they are at a fixed place.
    #[inline]
    pub fn fixed_places(&self, argc: usize) -> impl Iterator<Item = usize> + use<> {
        let last = if self.last_key < 0 {
            argc as i32 + self.last_key
        } else {
            self.last_key
        };
        let places = match self.first_key {
            0 => 0..0,
            first => first..last + 1,
        };
        places
            .step_by(self.step.max(1) as usize)
            .map(|place| place as usize)
    }

    /// The name without the parent's: `get` of `config|get`.
    #[inline]
    pub fn own_name(&self) -> &'static str {
        match self.name.split_once('|') {
            Some((_, own)) => own,
            None => self.name,
        }
    }

    /// True if a request can name keys.
    pub fn has_keys(&self) -> bool {
        self.key_specs
            .iter()
            .any(|spec| !spec.flags.contains(KeyFlags::NOT_KEY))
    }
}

/// What is compared of each name that can be looked up.
static DIGESTS: [Digest; PARENTS] = {
    let mut digests = [Digest::of(b""); PARENTS];
    let mut id = 0;
    while id < PARENTS {
        digests[id] = Digest::of(COMMANDS[id].name.as_bytes());
        id += 1;
    }
    digests
};

/// The command of that name, in either case; no subcommand.
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static CommandSpec> {
    let digest = Digest::of(name);
    let mut slot = digest.slot(MULTIPLIER);
    loop {
        let id = (SLOTS[slot] as usize).checked_sub(1)?;
        if DIGESTS[id] == digest {
            let spec = &COMMANDS[id];
            if name.len() <= Digest::WHOLE || spec.name.as_bytes().eq_ignore_ascii_case(name) {
                return Some(spec);
            }
        }
        slot = (slot + 1) % SLOTS.len();
    }
}

/// Looks commands up, and remembers the last one: requests that come together mostly name the same.
#[derive(Clone, Copy, Default)]
pub struct Recall(Option<(Digest, &'static CommandSpec)>);

impl Recall {
    /// As [`lookup`].
    #[inline]
    pub fn lookup(&mut self, name: &[u8]) -> Option<&'static CommandSpec> {
        let digest = Digest::of(name);
        match self.0 {
            Some((last, spec)) if last == digest && name.len() <= Digest::WHOLE => Some(spec),
            _ => {
                let spec = lookup(name)?;
                self.0 = Some((digest, spec));
                Some(spec)
            }
        }
    }
}

/// The command or subcommand of that full name, as COMMAND INFO takes it: `get`, `config|get`.
pub fn lookup_full(name: &[u8]) -> Option<&'static CommandSpec> {
    match name.iter().position(|byte| *byte == b'|') {
        None => lookup(name),
        Some(bar) => lookup(&name[..bar])?.subcommand(&name[bar + 1..]),
    }
}

/// The families, as COMMAND DOCS names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Group {
    Generic,
    String,
    List,
    Set,
    SortedSet,
    Hash,
    Pubsub,
    Transactions,
    Connection,
    Server,
    Scripting,
    Hyperloglog,
    Cluster,
    Geo,
    Stream,
    Bitmap,
    Module,
}

impl Group {
    /// The name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Group::Generic => "generic",
            Group::String => "string",
            Group::List => "list",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Hash => "hash",
            Group::Pubsub => "pubsub",
            Group::Transactions => "transactions",
            Group::Connection => "connection",
            Group::Server => "server",
            Group::Scripting => "scripting",
            Group::Hyperloglog => "hyperloglog",
            Group::Cluster => "cluster",
            Group::Geo => "geo",
            Group::Stream => "stream",
            Group::Bitmap => "bitmap",
            Group::Module => "module",
        }
    }
}

/// Where some of a command's keys are.
#[derive(Debug)]
pub struct KeySpec {
    /// What Redis remarks on it.
    pub notes: Option<&'static str>,
    /// What is done with these keys.
    pub flags: KeyFlags,
    /// Where to begin.
    pub begin: BeginSearch,
    /// How to go on from there.
    pub find: FindKeys,
}

/// Where the search for keys begins.
#[derive(Debug)]
pub enum BeginSearch {
    /// At that argument.
    Index(i32),
    /// Behind a keyword, looked for from `start_from` on; from there backwards if that is negative,
    /// which counts from the end.
    Keyword {
        /// The word, in either case.
        keyword: &'static str,
        /// Where to look for it first.
        start_from: i32,
    },
    /// Only the command itself can tell.
    Unknown,
}

/// Which arguments are keys, from where the search began.
#[derive(Debug)]
pub enum FindKeys {
    /// Up to a last one.
    Range {
        /// Relative to the first; from the end of the request if negative.
        last_key: i32,
        /// From one key to the next.
        step: i32,
        /// With a `last_key` of -1: keys are one part in so many of the remaining arguments.
        limit: i32,
    },
    /// As many as an argument says.
    KeyNum {
        /// Where the number is, relative to the beginning.
        index: i32,
        /// Where the first key is, relative to the beginning.
        first_key: i32,
        /// From one key to the next.
        step: i32,
    },
    /// Only the command itself can tell.
    Unknown,
}

/// One argument in a command's grammar.
#[derive(Debug)]
pub struct Argument {
    /// Its name in the grammar.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgumentKind,
    /// What documentation shows for it.
    pub display_text: Option<&'static str>,
    /// For a key: which key spec it falls under.
    pub key_spec: Option<u8>,
    /// The literal in front of it. It can be the empty string.
    pub token: Option<&'static str>,
    /// The version of Redis that brought it.
    pub since: Option<&'static str>,
    /// The version of Redis that deprecated it.
    pub deprecated_since: Option<&'static str>,
    /// How often it comes.
    pub flags: ArgumentFlags,
    /// What a block consists of, or what one of is taken.
    pub arguments: &'static [Argument],
}

/// What an argument is, as COMMAND DOCS names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ArgumentKind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    PureToken,
    Oneof,
    Block,
}

impl ArgumentKind {
    /// The name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            ArgumentKind::String => "string",
            ArgumentKind::Integer => "integer",
            ArgumentKind::Double => "double",
            ArgumentKind::Key => "key",
            ArgumentKind::Pattern => "pattern",
            ArgumentKind::UnixTime => "unix-time",
            ArgumentKind::PureToken => "pure-token",
            ArgumentKind::Oneof => "oneof",
            ArgumentKind::Block => "block",
        }
    }
}

/// A set of names out of a fixed list, in the list's order, which is the order Redis answers in.
/// What is `hidden` is no part of an answer.
macro_rules! names {
    (
        $(#[$doc:meta])*
        $set:ident($bits:ty) { $($constant:ident = $name:literal,)* }
        $(hidden { $($hidden:ident = $hidden_name:literal,)* })?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $set($bits);

        const _: () = {
            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            enum Bit { $($constant,)* $($($hidden,)*)? }

            impl $set {
                $(#[doc = concat!("`", $name, "`")] pub const $constant: Self = $set(1 << Bit::$constant as u32);)*
                $($(#[doc = concat!("`", $hidden_name, "`, which Redis tells nobody")]
                    pub const $hidden: Self = $set(1 << Bit::$hidden as u32);)*)?
            }
        };

        impl std::ops::BitOr for $set {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                $set(self.0 | other.0)
            }
        }

        impl $set {
            /// The names that can be answered, in order.
            pub const NAMES: &[&str] = &[$($name),*];
            const ALL: &[&str] = &[$($name,)* $($($hidden_name,)*)?];

            /// The set of these names. A name out of order or not in the list stops the build.
            const fn of(names: &[&str]) -> Self {
                let (mut bits, mut next, mut at) = (0, 0, 0);
                while at < names.len() {
                    while !same(Self::ALL[next], names[at]) {
                        next += 1;
                    }
                    bits |= 1 << next;
                    next += 1;
                    at += 1;
                }
                $set(bits)
            }

            /// True if all of `other` is in here.
            #[inline]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The set without what is in `other`.
            pub const fn without(self, other: Self) -> Self {
                $set(self.0 & !other.0)
            }

            /// The names in here that can be answered, in Redis's order.
            pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
                Self::NAMES.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name)
            }
        }
    };
}

const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

names! {
    /// What a command does and where it may run.
    Flags(u32) {
        WRITE = "write",
        READONLY = "readonly",
        DENYOOM = "denyoom",
        MODULE = "module",
        ADMIN = "admin",
        PUBSUB = "pubsub",
        NOSCRIPT = "noscript",
        BLOCKING = "blocking",
        LOADING = "loading",
        STALE = "stale",
        SKIP_MONITOR = "skip_monitor",
        SKIP_SLOWLOG = "skip_slowlog",
        ASKING = "asking",
        FAST = "fast",
        NO_AUTH = "no_auth",
        NO_MANDATORY_KEYS = "no_mandatory_keys",
        NO_ASYNC_LOADING = "no_async_loading",
        NO_MULTI = "no_multi",
        MOVABLEKEYS = "movablekeys",
        ALLOW_BUSY = "allow_busy",
    }
    hidden {
        MAY_REPLICATE = "may_replicate",
        PROTECTED = "protected",
        TOUCHES_ARBITRARY_KEYS = "touches_arbitrary_keys",
        RUNS_IN_MULTI = "runs_in_multi",
        RUNS_WHILE_SUBSCRIBED = "runs_while_subscribed",
    }
}

names! {
    /// ACL categories, with the `@` in front.
    Categories(u32) {
        KEYSPACE = "@keyspace",
        READ = "@read",
        WRITE = "@write",
        SET = "@set",
        SORTEDSET = "@sortedset",
        LIST = "@list",
        HASH = "@hash",
        STRING = "@string",
        BITMAP = "@bitmap",
        HYPERLOGLOG = "@hyperloglog",
        GEO = "@geo",
        STREAM = "@stream",
        PUBSUB = "@pubsub",
        ADMIN = "@admin",
        FAST = "@fast",
        SLOW = "@slow",
        BLOCKING = "@blocking",
        DANGEROUS = "@dangerous",
        CONNECTION = "@connection",
        TRANSACTION = "@transaction",
        SCRIPTING = "@scripting",
    }
}

impl Categories {
    /// The category of that name, without the `@` and in either case.
    pub fn named(name: &[u8]) -> Option<Self> {
        let bit = Self::NAMES
            .iter()
            .position(|known| known.as_bytes()[1..].eq_ignore_ascii_case(name))?;
        Some(Categories(1 << bit))
    }
}

names! {
    /// What a command does with a key: how (`RO RW OW RM`), and to which end.
    KeyFlags(u16) {
        RO = "RO",
        RW = "RW",
        OW = "OW",
        RM = "RM",
        ACCESS = "access",
        UPDATE = "update",
        INSERT = "insert",
        DELETE = "delete",
        NOT_KEY = "not_key",
        INCOMPLETE = "incomplete",
        VARIABLE_FLAGS = "variable_flags",
    }
}

names! {
    /// How often an argument comes.
    ArgumentFlags(u8) {
        OPTIONAL = "optional",
        MULTIPLE = "multiple",
        MULTIPLE_TOKEN = "multiple_token",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedArgs;

    #[test]
    fn every_command_is_found_by_its_name_in_either_case() {
        for (id, spec) in COMMANDS.iter().enumerate() {
            assert_eq!(spec.id, id);
            for name in [
                spec.name.to_ascii_uppercase(),
                spec.name.to_ascii_lowercase(),
            ] {
                let found = lookup_full(name.as_bytes()).map(|found| found.id);
                assert_eq!(found, Some(id), "{name}");
            }
        }
        assert_eq!(
            COMMANDS[..PARENTS]
                .iter()
                .filter(|spec| spec.name.contains('|'))
                .count(),
            0
        );
    }

    #[test]
    fn no_other_name_is_found() {
        for name in [
            "",
            "g",
            "gett",
            "config|get",
            "bitfield\x7fro",
            "geo",
            "georadiusbymember-ro",
            "v\u{e4}dd",
        ] {
            assert!(lookup(name.as_bytes()).is_none(), "{name:?}");
        }
        for name in ["get|", "config|", "config|x", "config|get|x", "|get"] {
            assert!(lookup_full(name.as_bytes()).is_none(), "{name:?}");
        }
    }

    #[test]
    fn names_are_in_redis_order() {
        let client_kill = lookup_full(b"client|kill").expect("it is in the table");
        let flags: Vec<_> = client_kill.flags.names().collect();
        assert_eq!(flags, ["admin", "noscript", "loading", "stale"]);
        let debug = lookup(b"debug").expect("it is in the table");
        assert!(debug.flags.contains(Flags::PROTECTED));
        assert!(debug.flags.names().all(|name| name != "protected"));
    }

    /// `request` as words; `expected` as index and flags, as GETKEYSANDFLAGS of Redis 8.0 tells them.
    fn check_keys(request: &str, expected: Result<&str, KeysError>) {
        let args: OwnedArgs = request.split(' ').map(str::as_bytes).collect();
        let args = args.as_args();
        let spec = lookup(args.at(0)).expect("it is in the table");
        let spec = args
            .get(1)
            .and_then(|sub| spec.subcommand(sub))
            .unwrap_or(spec);
        let found = keys_of(spec, args).map(|keys| {
            let words = |key: &KeyRef| {
                std::iter::once(key.index.to_string())
                    .chain(key.flags.names().map(str::to_owned))
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            keys.iter().map(words).collect::<Vec<_>>().join(", ")
        });
        assert_eq!(found, expected.map(str::to_owned), "{request}");
    }

    #[test]
    fn keys_are_where_the_specs_say() {
        check_keys("get k", Ok("1 RO access"));
        check_keys("mset a 1 b 2", Ok("1 OW update, 3 OW update"));
        check_keys("xgroup create k g $", Ok("2 RW insert"));
        check_keys(
            "eval s 2 a b c",
            Ok("3 RW access update, 4 RW access update"),
        );
        check_keys("eval s 0 a", Ok(""));
        check_keys("zunionstore d 1 a", Ok("1 OW update, 3 RO access"));
        check_keys("ping", Err(KeysError::NoKeyArguments));
        check_keys("spublish c m", Err(KeysError::NoKeyArguments));
        check_keys("lmpop 3 a LEFT", Err(KeysError::InvalidArguments));
    }

    #[test]
    fn keys_are_where_only_the_command_knows() {
        check_keys("set k v", Ok("1 OW update"));
        check_keys("set k v ex 1 GET", Ok("1 RW access update"));
        check_keys("bitfield k get u8 0 overflow sat", Ok("1 RO access"));
        check_keys(
            "bitfield k get u8 0 incrby u8 0 1",
            Ok("1 RW access update"),
        );
        check_keys(
            "sort k by store get store store a store b",
            Ok("1 RO access, 9 OW update"),
        );
        check_keys(
            "georadius k 1 2 3 m store a storedist b",
            Ok("1 RO access, 9 OW update"),
        );
        check_keys(
            "xread count streams streams a b 0 0",
            Ok("4 RO access, 5 RO access"),
        );
        check_keys("xread streams a b 0", Err(KeysError::InvalidArguments));
        check_keys("migrate h 1 k 0 9 copy", Ok("3 RW access delete"));
        check_keys(
            "migrate h 1  0 9 auth keys keys a b",
            Ok("9 RW access delete, 10 RW access delete"),
        );
        check_keys("zinterstore d 2x a b", Ok("3, 4, 1"));
    }
}

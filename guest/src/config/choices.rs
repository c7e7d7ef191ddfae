//! Parameters whose value is one of several words, or some of them.

use super::kinds::{Kind, Refusal, before_nul};

macro_rules! choices {
    ($($(#[$doc:meta])* $kind:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal $(| $other:literal)*,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $kind {
            $($(#[$variant_doc])* #[doc = concat!("`", $word, "`")] $variant,)*
        }

        impl $kind {
            /// The word for it in redis.conf.
            pub fn name(self) -> &'static str {
                match self { $($kind::$variant => $word,)* }
            }
        }

        impl Kind for $kind {
            type Rule = ();

            fn assign(&mut self, words: &[&[u8]], _: &()) -> Result<(), Refusal> {
                let names = [$(($word, $kind::$variant), $(($other, $kind::$variant),)*)*];
                if let [word] = words
                    && let Some((_, choice)) =
                        names.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(before_nul(word)))
                {
                    *self = *choice;
                    return Ok(());
                }
                Err(one_of(&names.map(|(name, _)| name)))
            }

            fn print(&self, _: &(), out: &mut Vec<u8>) {
                out.extend_from_slice(self.name().as_bytes());
            }
        }
    )*};
}

fn one_of(names: &[&str]) -> Refusal {
    format!(
        "argument(s) must be one of the following: {}",
        names.join(", ")
    )
    .into()
}

choices! {
    /// What goes when memory is full.
    MaxmemoryPolicy {
        VolatileLru = "volatile-lru",
        VolatileLfu = "volatile-lfu",
        VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl",
        AllkeysLru = "allkeys-lru",
        AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random",
        NoEviction = "noeviction",
    }
    /// Who may use what is dangerous.
    Protected {
        No = "no",
        Yes = "yes",
        Local = "local",
    }
    /// How much goes to the log.
    LogLevel {
        Debug = "debug",
        Verbose = "verbose",
        Notice = "notice",
        Warning = "warning",
        Nothing = "nothing",
    }
    /// When the append-only file is synced.
    AppendFsync {
        Everysec = "everysec",
        Always = "always",
        No = "no",
    }
    /// The channels of a new ACL user.
    PubsubDefault {
        AllChannels = "allchannels",
        ResetChannels = "resetchannels",
    }
    /// Whose RESTORE payloads are looked into.
    SanitizePayload {
        No = "no",
        Yes = "yes",
        Clients = "clients",
    }
    /// Who watches over the process.
    Supervised {
        Upstart = "upstart",
        Systemd = "systemd",
        Auto = "auto",
        No = "no",
    }
    /// The system log's facility.
    SyslogFacility {
        User = "user",
        Local0 = "local0",
        Local1 = "local1",
        Local2 = "local2",
        Local3 = "local3",
        Local4 = "local4",
        Local5 = "local5",
        Local6 = "local6",
        Local7 = "local7",
    }
    /// How a replica loads what it is sent.
    DisklessLoad {
        Disabled = "disabled",
        OnEmptyDb = "on-empty-db",
        Swapdb = "swapdb",
    }
    /// Whether TLS clients have to show a certificate.
    TlsAuthClients {
        No = "no",
        Yes = "yes",
        Optional = "optional",
    }
    /// How the process offers itself to the out-of-memory killer.
    OomScoreAdj {
        No = "no",
        Relative = "yes" | "relative",
        Absolute = "absolute",
    }
    /// By what a cluster node is called.
    EndpointType {
        Ip = "ip",
        Hostname = "hostname",
        Unknown = "unknown-endpoint",
    }
    /// What an error in a replicated command does.
    PropagationError {
        Ignore = "ignore",
        Panic = "panic",
        PanicOnReplicas = "panic-on-replicas",
    }
}

/// How a signal shuts down: any of several words together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownOptions(u8);

impl ShutdownOptions {
    pub(super) const DEFAULT: ShutdownOptions = ShutdownOptions(0);

    /// Whether data is saved: always, never, or where there are save points.
    pub fn save(self) -> Option<bool> {
        match self.0 & 3 {
            1 => Some(true),
            2 => Some(false),
            _ => None,
        }
    }

    /// Whether the server ends even if saving fails.
    pub fn is_forced(self) -> bool {
        self.0 & 8 != 0
    }
}

const SHUTDOWN_WORDS: [(&str, u8); 5] = [
    ("default", 0),
    ("save", 1),
    ("nosave", 2),
    ("now", 4),
    ("force", 8),
];

impl Kind for ShutdownOptions {
    type Rule = ();

    fn assign(&mut self, words: &[&[u8]], _: &()) -> Result<(), Refusal> {
        let mut options = 0;
        for word in words {
            match SHUTDOWN_WORDS
                .iter()
                .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word))
            {
                Some((_, option)) => options |= option,
                None => return Err(one_of(&SHUTDOWN_WORDS.map(|(name, _)| name))),
            }
        }
        if words.is_empty() {
            return Err(one_of(&SHUTDOWN_WORDS.map(|(name, _)| name)));
        }
        if options & 3 == 3 {
            return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
        }
        *self = ShutdownOptions(options);
        Ok(())
    }

    fn print(&self, _: &(), out: &mut Vec<u8>) {
        let names: Vec<&str> = SHUTDOWN_WORDS
            .iter()
            .filter(|(_, option)| {
                if self.0 == 0 {
                    *option == 0
                } else {
                    self.0 & option != 0
                }
            })
            .map(|(name, _)| *name)
            .collect();
        out.extend_from_slice(names.join(" ").as_bytes());
    }
}

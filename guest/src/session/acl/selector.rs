//! What one selector of a user allows: commands, keys, channels. Knows the words of no rule
//! (`rules`) and how none is printed (`describe`).

use crate::commands::table::{COMMANDS, COUNT, Categories, CommandSpec, KeyFlags};
use crate::config::PubsubDefault;
use crate::resp::Args;
use crate::value::glob;

/// A set of commands and subcommands, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct CommandSet([u64; COUNT.div_ceil(64)]);

impl CommandSet {
    const ALL: CommandSet = {
        let mut words = [u64::MAX; COUNT.div_ceil(64)];
        if !COUNT.is_multiple_of(64) {
            words[COUNT / 64] = (1 << (COUNT % 64)) - 1;
        }
        CommandSet(words)
    };

    #[inline]
    fn contains(&self, id: usize) -> bool {
        self.0[id / 64] & 1 << (id % 64) != 0
    }

    fn set(&mut self, id: usize, on: bool) {
        let bit = 1 << (id % 64);
        if on {
            self.0[id / 64] |= bit;
        } else {
            self.0[id / 64] &= !bit;
        }
    }
}

/// What is allowed of something that has names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed<P> {
    /// Anything.
    All,
    /// What fits one of these, in the order they were given.
    Some(Vec<P>),
}

impl<P> Default for Allowed<P> {
    fn default() -> Self {
        Allowed::Some(Vec::new())
    }
}

/// What may be done with a key, or is about to be. Neither is possible: EXISTS does not look into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// What it holds gets known.
    pub reads: bool,
    /// What it holds changes.
    pub writes: bool,
}

impl Access {
    /// Reading and writing.
    pub const FULL: Access = Access {
        reads: true,
        writes: true,
    };
    /// Reading alone.
    pub const READ: Access = Access {
        reads: true,
        writes: false,
    };

    /// What a command does with a key.
    pub fn needed(flags: KeyFlags) -> Self {
        let writes = [KeyFlags::INSERT, KeyFlags::DELETE, KeyFlags::UPDATE];
        Access {
            reads: flags.contains(KeyFlags::ACCESS),
            writes: writes.into_iter().any(|write| flags.contains(write)),
        }
    }

    fn includes(self, needed: Access) -> bool {
        self.reads >= needed.reads && self.writes >= needed.writes
    }
}

/// Keys that may be named, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPattern {
    /// Which keys.
    pub pattern: Box<[u8]>,
    /// What may be done with them.
    pub access: Access,
}

/// A rule about commands, kept to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRule {
    /// `+` or `-`.
    pub allows: bool,
    /// What stands behind it, in lower case: `get`, `config|get`, `@read`, `select|0`.
    pub what: Box<[u8]>,
}

/// What is allowed together: a command with these keys and these channels.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    commands: CommandSet,
    /// The rules begin with everything allowed; else with nothing.
    pub begins_with_all: bool,
    /// What followed that, in order.
    pub rules: Vec<CommandRule>,
    /// Commands that are allowed with this first argument only, which may be in either case.
    first_arguments: Vec<(usize, Box<[u8]>)>,
    /// The keys.
    pub keys: Allowed<KeyPattern>,
    /// The channels.
    pub channels: Allowed<Box<[u8]>>,
}

impl Selector {
    /// Allows nothing, but channels where `acl-pubsub-default` says so.
    pub fn new(default: PubsubDefault) -> Self {
        Selector {
            channels: match default {
                PubsubDefault::AllChannels => Allowed::All,
                PubsubDefault::ResetChannels => Allowed::default(),
            },
            ..Selector::default()
        }
    }

    /// `+@all` or `-@all`: whatever was said of commands is forgotten.
    pub fn begin_with(&mut self, all: bool) {
        self.commands = if all {
            CommandSet::ALL
        } else {
            CommandSet::default()
        };
        self.begins_with_all = all;
        self.rules.clear();
        self.first_arguments.clear();
    }

    /// Allows or forbids a command, and all subcommands it has.
    pub fn set_command(&mut self, spec: &CommandSpec, allowed: bool) {
        self.commands.set(spec.id, allowed);
        self.first_arguments.retain(|(id, _)| *id != spec.id);
        for sub in spec.subcommands {
            self.commands.set(sub.id, allowed);
        }
    }

    /// Allows or forbids all commands of a category.
    pub fn set_category(&mut self, category: Categories, allowed: bool) {
        let members = COMMANDS
            .iter()
            .filter(|spec| spec.categories.contains(category));
        for spec in members {
            self.set_command(spec, allowed);
        }
    }

    /// Allows a command with one first argument.
    pub fn allow_first_argument(&mut self, spec: &CommandSpec, argument: &[u8]) {
        let is_known = self
            .first_arguments
            .iter()
            .any(|(id, known)| *id == spec.id && known.eq_ignore_ascii_case(argument));
        if !is_known {
            self.first_arguments.push((spec.id, argument.into()));
        }
    }

    /// Keeps a rule to be printed, in place of those it makes pointless: the same thing, or a part of
    /// it.
    pub fn record(&mut self, what: &[u8], allows: bool) {
        let what = what.to_ascii_lowercase().into_boxed_slice();
        self.rules.retain(|rule| {
            let rest = rule.what.strip_prefix(&*what);
            !matches!(rest, Some([] | [b'|', ..]))
        });
        self.rules.push(CommandRule { allows, what });
    }

    /// True if everything is allowed.
    pub fn is_unrestricted(&self) -> bool {
        self.commands == CommandSet::ALL
            && self.keys == Allowed::All
            && self.channels == Allowed::All
    }

    /// True if a request of this command is allowed, whatever keys and channels it names.
    pub fn allows_command(&self, spec: &CommandSpec, args: Args<'_>) -> bool {
        self.commands.contains(spec.id)
            || self.first_arguments.iter().any(|(id, wanted)| {
                let first = args.get(1).map(crate::commands::options::c_text);
                *id == spec.id && first.is_some_and(|first| first.eq_ignore_ascii_case(wanted))
            })
    }

    /// True if this may be done with that key.
    pub fn allows_key(&self, key: &[u8], needed: Access) -> bool {
        match &self.keys {
            Allowed::All => true,
            Allowed::Some(patterns) => patterns.iter().any(|allowed| {
                allowed.access.includes(needed) && glob::matches(&allowed.pattern, key, false)
            }),
        }
    }

    /// True if this may be done with any key.
    pub fn allows_every_key(&self, needed: Access) -> bool {
        match &self.keys {
            Allowed::All => true,
            Allowed::Some(patterns) => patterns
                .iter()
                .any(|allowed| allowed.access.includes(needed) && *allowed.pattern == *b"*"),
        }
    }

    /// True if that channel may be named; a pattern of channels only as it was given.
    pub fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        match &self.channels {
            Allowed::All => true,
            Allowed::Some(patterns) => patterns
                .iter()
                .any(|pattern| fits_channel(pattern, channel, is_pattern)),
        }
    }
}

/// True if a channel, or a pattern of channels, is what `allowed` allows.
pub fn fits_channel(allowed: &[u8], channel: &[u8], is_pattern: bool) -> bool {
    if is_pattern {
        allowed == channel
    } else {
        glob::matches(allowed, channel, false)
    }
}

//! Whether a user may run a request, and what becomes of the refusal: an error, a line in the log,
//! a count.

use super::UserId;
use super::log::{Context, Refusal};
use super::selector::{Access, Allowed, Selector};
use super::user::User;
use crate::commands::table::{self, CommandSpec, Flags, KeyRef};
use crate::commands::{Outcome, error};
use crate::resp::Args;
use crate::session::{Caller, Connection, Server};

/// What of a request is not allowed. Of several reasons the last in this order is told, and of keys
/// or channels the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    /// The command.
    Command,
    /// The argument at this index, a key.
    Key(usize),
    /// The argument at this index, a channel or a pattern of channels.
    Channel(usize),
}

impl User {
    /// Whether one of the selectors allows all of a request, its arity checked.
    pub fn check(&self, spec: &CommandSpec, args: Args<'_>) -> Result<(), Denied> {
        let mut worst = Denied::Command;
        let mut keys = None;
        for selector in self.all_selectors() {
            match selector.check(spec, args, &mut keys) {
                Ok(()) => return Ok(()),
                Err(denied) => worst = worst.max(denied),
            }
        }
        Err(worst)
    }

    /// True if one selector that allows the request lets every key be read.
    pub fn reads_every_key(&self, spec: &CommandSpec, args: Args<'_>) -> bool {
        self.all_selectors().any(|selector| {
            selector.allows_every_key(Access::READ) && selector.check(spec, args, &mut None).is_ok()
        })
    }
}

impl Selector {
    /// `keys` is what the request names, once somebody has looked.
    fn check(
        &self,
        spec: &CommandSpec,
        args: Args<'_>,
        keys: &mut Option<Vec<KeyRef>>,
    ) -> Result<(), Denied> {
        if !spec.flags.contains(Flags::NO_AUTH) && !self.allows_command(spec, args) {
            return Err(Denied::Command);
        }
        if self.keys != Allowed::All && spec.has_keys() {
            // A request whose keys can't be made out will be refused for that.
            let keys = keys.get_or_insert_with(|| table::keys_of(spec, args).unwrap_or_default());
            for key in keys {
                if !self.allows_key(args.at(key.index), Access::needed(key.flags)) {
                    return Err(Denied::Key(key.index));
                }
            }
        }
        if let Some((channels, are_patterns)) = channels_of(spec, args) {
            for (index, channel) in channels.iter().enumerate() {
                if !self.allows_channel(channel, are_patterns) {
                    return Err(Denied::Channel(index + 1));
                }
            }
        }
        Ok(())
    }
}

/// The channels that a request publishes to or subscribes to, which follow its name, and whether they
/// are patterns.
fn channels_of<'a>(spec: &CommandSpec, args: Args<'a>) -> Option<(Args<'a>, bool)> {
    match spec.name {
        "publish" | "spublish" => Some((args.range(1..2), false)),
        "subscribe" | "ssubscribe" => Some((args.from(1), false)),
        "psubscribe" => Some((args.from(1), true)),
        _ => None,
    }
}

impl Server {
    /// Whether a client may run a request, its arity checked: one cheap test for who may do
    /// everything. A refusal is counted and goes into the log.
    #[inline]
    pub fn check_permission(
        &mut self,
        connection: Connection,
        caller: Caller,
        spec: &'static CommandSpec,
        args: Args<'_>,
    ) -> Outcome {
        let user = self.clients.current(connection).user;
        if self.acl.is_unrestricted(user) || self.looking == Some(connection) {
            return Ok(());
        }
        self.check_user(connection, caller, spec, args)
    }

    #[cold]
    fn check_user(
        &mut self,
        connection: Connection,
        caller: Caller,
        spec: &'static CommandSpec,
        args: Args<'_>,
    ) -> Outcome {
        let client = self.clients.current(connection);
        let in_transaction = client.transaction.is_some();
        let user = self.acl.get(client.user);
        let Err(denied) = user.check(spec, args) else {
            return Ok(());
        };
        let name = user.name.clone();
        let context = match caller {
            Caller::Script => Context::Script,
            _ if in_transaction => Context::Transaction,
            _ => Context::TopLevel,
        };
        let (reason, object) = match denied {
            Denied::Command => (Refusal::Command, spec.name.as_bytes()),
            Denied::Key(index) => (Refusal::Key, args.at(index)),
            Denied::Channel(index) => (Refusal::Channel, args.at(index)),
        };
        self.log_refusal(connection, reason, context, object, &name);
        Err(match caller {
            Caller::Client | Caller::Woken => {
                error::no_permission(&reason_for(denied, &name, spec))
            }
            Caller::Transaction => error::no_permission_any_more(reason_in_transaction(denied)),
            Caller::Script => error::no_permission_in_script(&reason_for(denied, &name, spec)),
        })
    }

    /// Whether a client may run a request, its arity checked: for who only wants to know
    /// (`redis.acl_check_cmd`).
    pub fn may_run(&mut self, connection: Connection, spec: &CommandSpec, args: Args<'_>) -> bool {
        let user = self.clients.current(connection).user;
        self.acl.is_unrestricted(user) || self.acl.get(user).check(spec, args).is_ok()
    }

    /// Whether a user's request, which may run, may read any key besides those that it names. SORT
    /// alone asks, for BY and GET.
    #[cold]
    pub fn reads_every_key(&self, user: UserId, spec: &CommandSpec, args: Args<'_>) -> bool {
        !spec.name.starts_with("sort") || self.acl.get(user).reads_every_key(spec, args)
    }
}

/// Which command, but not which key or channel: that would be to name what others have.
fn reason_for(denied: Denied, user: &[u8], spec: &CommandSpec) -> Vec<u8> {
    match denied {
        Denied::Command => no_command(user, spec),
        Denied::Key(_) => b"No permissions to access a key".to_vec(),
        Denied::Channel(_) => b"No permissions to access a channel".to_vec(),
    }
}

fn no_command(user: &[u8], spec: &CommandSpec) -> Vec<u8> {
    let rest = format!(" has no permissions to run the '{}' command", spec.name);
    [b"User ", user, rest.as_bytes()].concat()
}

/// What ACL DRYRUN answers: in full, for who may ask that.
pub fn reason_in_full(denied: Denied, user: &[u8], spec: &CommandSpec, args: Args<'_>) -> Vec<u8> {
    let (named, kind) = match denied {
        Denied::Command => return no_command(user, spec),
        Denied::Key(index) => (args.at(index), &b"' key"[..]),
        Denied::Channel(index) => (args.at(index), &b"' channel"[..]),
    };
    let text: &[u8] = b" has no permissions to access the '";
    [b"User ", user, text, named, kind].concat()
}

fn reason_in_transaction(denied: Denied) -> &'static str {
    match denied {
        Denied::Command => "no permission to execute the command or subcommand",
        Denied::Key(_) => "no permission to touch the specified keys",
        Denied::Channel(_) => "no permission to access one of the channels used as arguments",
    }
}

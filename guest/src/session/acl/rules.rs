//! The rules by which a user is described: `on`, `>password`, `+get`, `~key*`, `(+set ~other*)`.
//! Owns their words and what each does to a user; knows neither clients nor who else there is.
//!
//! Redis reads a rule as a C string, but for passwords and patterns: what follows a NUL in it is not
//! seen.

use std::borrow::Cow;

use super::password::PasswordHash;
use super::selector::{Access, Allowed, KeyPattern, Selector};
use super::user::User;
use crate::commands::options::{c_text, is};
use crate::commands::table::{self, Categories};
use crate::config::PubsubDefault;
use crate::resp::split_words;

/// Why a rule is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// No such command or category.
    UnknownCommand,
    /// No rule at all.
    Syntax,
    /// A pattern of keys where all are allowed already.
    KeysAfterAll,
    /// A pattern of channels where all are allowed already.
    ChannelsAfterAll,
    /// The password to be removed is none of the user's.
    NoSuchPassword,
    /// Not the hash of a password.
    BadHash,
    /// `+config|get|dir`
    FirstArgumentOfSubcommand,
}

impl RuleError {
    /// The sentence that says so.
    pub fn text(self) -> &'static str {
        match self {
            RuleError::UnknownCommand => "Unknown command or category name in ACL",
            RuleError::Syntax => "Syntax error",
            RuleError::KeysAfterAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does \
                 not have any effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            RuleError::ChannelsAfterAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and \
                 does not have any effect. Try 'resetchannels' to start with an empty list of channels"
            }
            RuleError::NoSuchPassword => {
                "The password you are trying to remove from the user does not exist"
            }
            RuleError::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase \
                 hexadecimal characters"
            }
            RuleError::FirstArgumentOfSubcommand => {
                "Allowing first-arg of a subcommand is not supported"
            }
        }
    }
}

/// True for what can't be in a name or a pattern: it could not be told apart once printed.
pub fn has_blanks(text: &[u8]) -> bool {
    text.iter()
        .any(|byte| matches!(byte, 0 | b' ' | b'\t'..=b'\r'))
}

/// Arguments as rules: a selector may be spread over several of them.
///
/// # Errors
/// The argument that opens a parenthesis which none closes.
pub fn merge_selectors<'a>(
    args: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Cow<'a, [u8]>>, &'a [u8]> {
    let mut rules = Vec::new();
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    for arg in args {
        match &mut open {
            None if arg.starts_with(b"(") && !arg.ends_with(b")") => {
                open = Some((arg, arg.to_vec()));
            }
            None => rules.push(Cow::Borrowed(arg)),
            Some((_, selector)) => {
                selector.push(b' ');
                selector.extend_from_slice(c_text(arg));
                if arg.ends_with(b")") {
                    rules.push(Cow::Owned(std::mem::take(selector)));
                    open = None;
                }
            }
        }
    }
    match open {
        None => Ok(rules),
        Some((start, _)) => Err(start),
    }
}

impl User {
    /// Applies one rule. Refused, it may have changed the user all the same: try it on a copy.
    pub fn apply(&mut self, rule: &[u8], default: PubsubDefault) -> Result<(), RuleError> {
        match rule {
            [] => {}
            [b'>', password @ ..] => self.add_password(PasswordHash::of(password)),
            [b'#', digits @ ..] => {
                self.add_password(PasswordHash::parse(digits).ok_or(RuleError::BadHash)?);
            }
            [b'<', password @ ..] => self.remove_password(&PasswordHash::of(password))?,
            [b'!', digits @ ..] => {
                self.remove_password(&PasswordHash::parse(digits).ok_or(RuleError::BadHash)?)?;
            }
            [b'(', inside @ .., b')'] => self.add_selector(inside, default)?,
            _ if is(rule, "ON") => self.is_on = true,
            _ if is(rule, "OFF") => self.is_on = false,
            _ if is(rule, "SKIP-SANITIZE-PAYLOAD") => self.sanitizes = false,
            _ if is(rule, "SANITIZE-PAYLOAD") => self.sanitizes = true,
            _ if is(rule, "NOPASS") => {
                self.needs_no_password = true;
                self.passwords.clear();
            }
            _ if is(rule, "RESETPASS") => {
                self.needs_no_password = false;
                self.passwords.clear();
            }
            _ if is(rule, "CLEARSELECTORS") => self.selectors.clear(),
            _ if is(rule, "RESET") => *self = User::new(&self.name, default),
            _ => self.root.apply(rule)?,
        }
        Ok(())
    }

    fn add_password(&mut self, hash: PasswordHash) {
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
        self.needs_no_password = false;
    }

    fn remove_password(&mut self, hash: &PasswordHash) -> Result<(), RuleError> {
        let at = self.passwords.iter().position(|known| known.is(hash));
        self.passwords.remove(at.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    fn add_selector(&mut self, inside: &[u8], default: PubsubDefault) -> Result<(), RuleError> {
        let mut selector = Selector::new(default);
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        // What can't be split has no rules: to Redis that is a selector too.
        if split_words(inside, &mut bytes, |start, end| spans.push(start..end)).is_some() {
            for span in spans {
                selector.apply(&bytes[span])?;
            }
        }
        self.selectors.push(selector);
        Ok(())
    }
}

impl Selector {
    /// Applies one rule about commands, keys or channels.
    fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        match rule {
            _ if is(rule, "ALLKEYS") || is(rule, "~*") => self.keys = Allowed::All,
            _ if is(rule, "RESETKEYS") => self.keys = Allowed::default(),
            _ if is(rule, "ALLCHANNELS") || is(rule, "&*") => self.channels = Allowed::All,
            _ if is(rule, "RESETCHANNELS") => self.channels = Allowed::default(),
            _ if is(rule, "ALLCOMMANDS") || is(rule, "+@ALL") => self.begin_with(true),
            _ if is(rule, "NOCOMMANDS") || is(rule, "-@ALL") => self.begin_with(false),
            [b'~', pattern @ ..] => self.add_keys(pattern, Access::FULL)?,
            [b'%', rest @ ..] => {
                // Whether all keys are allowed is looked at first, whatever follows.
                self.patterns_of_keys()?;
                let (access, pattern) = split_access(rest)?;
                self.add_keys(pattern, access)?;
            }
            [b'&', pattern @ ..] => self.add_channels(pattern)?,
            [sign @ (b'+' | b'-'), b'@', category @ ..] => {
                let category = c_text(category);
                let members = Categories::named(category).ok_or(RuleError::UnknownCommand)?;
                let allowed = *sign == b'+';
                self.set_category(members, allowed);
                self.record(&[b"@", category].concat(), allowed);
            }
            [b'+', command @ ..] => self.allow(c_text(command))?,
            [b'-', command @ ..] => {
                let spec = table::lookup_full(c_text(command));
                let spec = spec.ok_or(RuleError::UnknownCommand)?;
                self.set_command(spec, false);
                self.record(spec.name.as_bytes(), false);
            }
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    /// `+get`, `+config|get`, and `+select|0`: a command with one first argument.
    fn allow(&mut self, command: &[u8]) -> Result<(), RuleError> {
        let Some(bar) = command.iter().rposition(|byte| *byte == b'|') else {
            let spec = table::lookup(command).ok_or(RuleError::UnknownCommand)?;
            self.set_command(spec, true);
            self.record(spec.name.as_bytes(), true);
            return Ok(());
        };
        let (name, argument) = (&command[..bar], &command[bar + 1..]);
        let spec = table::lookup_full(name).ok_or(RuleError::UnknownCommand)?;
        if name.contains(&b'|') {
            return Err(RuleError::FirstArgumentOfSubcommand);
        }
        if argument.is_empty() {
            return Err(RuleError::Syntax);
        }
        if spec.has_subcommands() {
            let sub = spec.subcommand(argument);
            self.set_command(sub.ok_or(RuleError::UnknownCommand)?, true);
        } else {
            self.allow_first_argument(spec, argument);
        }
        self.record(command, true);
        Ok(())
    }

    fn patterns_of_keys(&mut self) -> Result<&mut Vec<KeyPattern>, RuleError> {
        match &mut self.keys {
            Allowed::All => Err(RuleError::KeysAfterAll),
            Allowed::Some(patterns) => Ok(patterns),
        }
    }

    fn add_keys(&mut self, pattern: &[u8], access: Access) -> Result<(), RuleError> {
        let patterns = self.patterns_of_keys()?;
        if has_blanks(pattern) {
            return Err(RuleError::Syntax);
        }
        match patterns.iter_mut().find(|known| *known.pattern == *pattern) {
            Some(known) => {
                known.access.reads |= access.reads;
                known.access.writes |= access.writes;
            }
            None => patterns.push(KeyPattern {
                pattern: pattern.into(),
                access,
            }),
        }
        Ok(())
    }

    fn add_channels(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        let Allowed::Some(patterns) = &mut self.channels else {
            return Err(RuleError::ChannelsAfterAll);
        };
        if has_blanks(pattern) {
            return Err(RuleError::Syntax);
        }
        if !patterns.iter().any(|known| **known == *pattern) {
            patterns.push(pattern.into());
        }
        Ok(())
    }
}

/// What stands between `%` and the pattern: `R~`, `W~` or `RW~`. Without a `~` the pattern is empty.
fn split_access(rest: &[u8]) -> Result<(Access, &[u8]), RuleError> {
    let mut access = Access::default();
    for (at, byte) in rest.iter().enumerate() {
        match byte.to_ascii_uppercase() {
            b'R' if !access.reads => access.reads = true,
            b'W' if !access.writes => access.writes = true,
            b'~' if access != Access::default() => return Ok((access, &rest[at + 1..])),
            _ => return Err(RuleError::Syntax),
        }
    }
    if access == Access::default() {
        return Err(RuleError::Syntax);
    }
    Ok((access, &[]))
}

impl User {
    /// `reset`, but the channels: what the default user begins with.
    pub(super) fn allow_everything(&mut self) {
        self.is_on = true;
        self.needs_no_password = true;
        self.root.begin_with(true);
        self.root.keys = Allowed::All;
        self.root.channels = Allowed::All;
    }
}

//! Who may do what: the users, by name, and which of them each client is. Knows no socket and no
//! command but ACL's own.
//!
//! A client keeps the id of its user, so that a rule that changes holds at once. Whoever removes a
//! user sees to it that no client keeps its id.

mod check;
mod commands;
mod describe;
mod file;
mod listeners;
mod log;
mod password;
mod rules;
mod selector;
#[cfg(test)]
mod tests;
mod user;

use std::collections::BTreeMap;

use super::{LogLevel, Server};
use crate::config::{Config, PubsubDefault};
use crate::resp::split_words;
use rules::RuleError;
pub use user::User;

pub(super) use commands::HANDLERS;
pub use file::FILE_AND_USERS;
pub(super) use log::{Context, Refusal};

/// One of the users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserId(u32);

impl UserId {
    /// The user that every client is before it logs in. It is always there.
    pub const DEFAULT: UserId = UserId(0);
}

/// A user, and what has to be known of it for every command.
#[derive(Debug)]
struct Known {
    user: User,
    is_unrestricted: bool,
}

impl Known {
    fn new(user: User) -> Self {
        Known {
            is_unrestricted: user.is_unrestricted(),
            user,
        }
    }
}

/// All users, and what was refused to them.
#[derive(Debug)]
pub struct Acl {
    /// By id; `None` for one that is free again.
    users: Vec<Option<Known>>,
    names: BTreeMap<Box<[u8]>, UserId>,
    /// The default user is on and needs no password: nobody has to log in.
    is_open: bool,
    /// All users may do everything.
    restricts_nobody: bool,
    /// What was refused lately.
    pub log: log::Log,
}

impl Default for Acl {
    /// The default user alone, who may do everything.
    fn default() -> Self {
        let mut acl = Acl {
            users: Vec::new(),
            names: BTreeMap::new(),
            is_open: true,
            restricts_nobody: true,
            log: log::Log::default(),
        };
        let mut user = User::new(b"default", PubsubDefault::AllChannels);
        user.allow_everything();
        acl.put(user);
        acl
    }
}

impl Acl {
    /// The users of a server that starts: `requirepass` is the default user's password, and each of
    /// `lines` is what redis.conf says behind `user`.
    ///
    /// # Errors
    /// A sentence about the first line that is wrong.
    pub fn start(config: &Config, lines: &[&str]) -> Result<Self, String> {
        let mut acl = Acl::default();
        if !config.requirepass.is_empty() {
            acl.set_default_password(&config.requirepass);
        }
        let mut seen: Vec<Box<[u8]>> = Vec::new();
        for line in lines {
            let fail = |text: &str| format!("'user {line}': {text}");
            let user = user_of_line(line, config.acl_pubsub_default).map_err(|text| fail(&text))?;
            if seen.contains(&user.name) {
                return Err(fail(
                    "Duplicate user found. A user can only be defined once in config files",
                ));
            }
            seen.push(user.name.clone());
            acl.put(user);
        }
        Ok(acl)
    }

    /// The users of a server that starts with a file of users. `requirepass` counts for nothing then.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn start_with_file(config: &Config, file: &[u8]) -> Result<Self, String> {
        let mut acl = Acl::default();
        let users = file::read(file, &config.aclfile, config.acl_pubsub_default);
        for user in users.map_err(|errors| String::from_utf8_lossy(&errors).into_owned())? {
            acl.put(user);
        }
        Ok(acl)
    }

    /// True if nobody has to log in.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// True if the user may do everything.
    #[inline]
    pub fn is_unrestricted(&self, id: UserId) -> bool {
        self.restricts_nobody
            || matches!(self.users.get(id.0 as usize), Some(Some(known)) if known.is_unrestricted)
    }

    /// The user with this id, which somebody still keeps: so it is there.
    pub fn get(&self, id: UserId) -> &User {
        match self.users.get(id.0 as usize) {
            Some(Some(known)) => &known.user,
            _ => unreachable!("the user {id:?} is gone, and somebody kept its id"),
        }
    }

    /// The user of that name.
    pub fn find(&self, name: &[u8]) -> Option<UserId> {
        self.names.get(name).copied()
    }

    /// All users, in the order of their names.
    pub fn users(&self) -> impl ExactSizeIterator<Item = &User> {
        self.names.values().map(|id| self.get(*id))
    }

    /// Takes a user in, or in place of the one of its name; whoever is that user is it still.
    pub fn put(&mut self, user: User) {
        let id = self.find(&user.name).unwrap_or_else(|| {
            let free = self.users.iter().position(Option::is_none);
            let id = UserId(free.unwrap_or(self.users.len()) as u32);
            if free.is_none() {
                self.users.push(None);
            }
            self.names.insert(user.name.clone(), id);
            id
        });
        if id == UserId::DEFAULT {
            self.is_open = user.is_on && user.needs_no_password;
        }
        self.users[id.0 as usize] = Some(Known::new(user));
        self.look_for_restrictions();
    }

    fn look_for_restrictions(&mut self) {
        let mut users = self.users.iter().flatten();
        self.restricts_nobody = users.all(|known| known.is_unrestricted);
    }

    /// `requirepass`: the default user's only password, or none needed where it is empty.
    pub fn set_default_password(&mut self, password: &[u8]) {
        let mut user = self.get(UserId::DEFAULT).clone();
        user.set_only_password(password);
        self.put(user);
    }

    /// Removes a user that no client is any more.
    fn remove(&mut self, id: UserId) {
        if let Some(Some(known)) = self.users.get(id.0 as usize) {
            self.names.remove(&known.user.name);
            self.users[id.0 as usize] = None;
            self.look_for_restrictions();
        }
    }
}

impl Server {
    /// Says in the log which users of the configuration nobody can log in as: it may be a mistake.
    pub fn warn_of_disabled_users(&mut self) {
        let disabled = self.acl.users().filter(|user| !user.is_on);
        let names: Vec<String> = disabled
            .map(|user| String::from_utf8_lossy(&user.name).into_owned())
            .collect();
        for name in names {
            self.log(
                LogLevel::Notice,
                format!(
                    "The user '{name}' is disabled (there is no 'on' modifier in the user \
                     description). Make sure this is not a configuration error."
                ),
            );
        }
    }
}

/// The user that a line of redis.conf describes, `user` taken off.
fn user_of_line(line: &str, default: PubsubDefault) -> Result<User, String> {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    split_words(line.as_bytes(), &mut bytes, |start, end| {
        spans.push(start..end);
    })
    .ok_or("Unbalanced quotes in configuration line")?;
    let mut words = spans.into_iter().map(|span| &bytes[span]);
    let name = words.next().ok_or("wrong number of arguments")?;
    if rules::has_blanks(name) {
        return Err("Spaces not allowed in ACL usernames".to_owned());
    }
    let mut user = User::new(name, default);
    let shown = |rule: &[u8]| String::from_utf8_lossy(rule).into_owned();
    let merged = rules::merge_selectors(words).map_err(|start| {
        format!(
            "Unmatched parenthesis in acl selector starting at '{}'.",
            shown(start)
        )
    })?;
    for rule in merged {
        user.apply(&rule, default).map_err(|refused: RuleError| {
            format!(
                "Error in user declaration '{}': {}",
                shown(&rule),
                refused.text()
            )
        })?;
    }
    Ok(user)
}

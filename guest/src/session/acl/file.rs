//! The file of users that `aclfile` names: each line is a user, as ACL LIST prints it. Its bytes come
//! from the host and go there.

use super::rules::{RuleError, has_blanks, merge_selectors};
use super::{User, UserId};
use crate::commands::options::c_text;
use crate::config::PubsubDefault;
use crate::session::{Connection, Server};

/// Why a server does not start.
pub const FILE_AND_USERS: &str = "Configuring Redis with users defined in redis.conf and at the same \
                                  setting an ACL file path is invalid. This setup is very likely to \
                                  lead to configuration errors and security holes, please define either \
                                  an ACL file or declare users directly in your redis.conf, but not both.";

const NOTHING_CHANGED: &[u8] =
    b"WARNING: ACL errors detected, no change to the previously active ACL \
                                 rules was performed";

/// The users of a file, the default user among them.
///
/// # Errors
/// Everything that is wrong with it. `name` is the file's, to be shown.
pub(super) fn read(file: &[u8], name: &[u8], default: PubsubDefault) -> Result<Vec<User>, Vec<u8>> {
    let mut found = Found {
        name,
        default,
        users: Vec::new(),
        errors: Vec::new(),
    };
    // Redis reads lines as C strings, ends included: behind a NUL, the end of the line is not seen either.
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    let seen: Vec<u8> = lines.flat_map(c_text).copied().collect();
    for (index, line) in seen.split(|byte| *byte == b'\n').enumerate() {
        let line = trim(line, b" \t\r\n");
        if !line.is_empty() {
            found.add(index + 1, line);
        }
    }
    if !found.errors.is_empty() {
        found.errors.extend_from_slice(NOTHING_CHANGED);
        return Err(found.errors);
    }
    if !found.users.iter().any(|user| *user.name == *b"default") {
        let mut user = User::new(b"default", PubsubDefault::AllChannels);
        user.allow_everything();
        found.users.push(user);
    }
    Ok(found.users)
}

fn trim<'a>(mut text: &'a [u8], blanks: &[u8]) -> &'a [u8] {
    while let [first, rest @ ..] = text
        && blanks.contains(first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && blanks.contains(last)
    {
        text = rest;
    }
    text
}

/// What is known of a file by now.
struct Found<'a> {
    name: &'a [u8],
    default: PubsubDefault,
    users: Vec<User>,
    errors: Vec<u8>,
}

impl Found<'_> {
    /// Adds the user of a line, or says what is wrong with it.
    fn add(&mut self, number: usize, line: &[u8]) {
        // No quotes here: one blank separates, two hold an empty word between them.
        let mut words = line.split(|byte| *byte == b' ');
        let (Some(b"user"), Some(user)) = (words.next(), words.next()) else {
            return self.refuse(
                b"",
                number,
                &[b" should start with user keyword followed by the username. "],
            );
        };
        if has_blanks(user) {
            let rest: [&[u8]; 3] = [b": username '", user, b"' contains invalid characters. "];
            return self.refuse(b"'", number, &rest);
        }
        if self.users.iter().any(|known| *known.name == *user) {
            self.errors.extend_from_slice(b"WARNING: Duplicate user '");
            self.errors.extend_from_slice(user);
            self.errors
                .extend_from_slice(format!("' found on line {number}. ").as_bytes());
            return;
        }
        let mut user = User::new(user, self.default);
        match merge_selectors(words) {
            Err(_) => {
                // A real Redis ends here, by accident.
                self.refuse(
                    b"",
                    number,
                    &[b": Unmatched parenthesis in selector definition."],
                );
            }
            Ok(rules) => {
                let mut is_refused = false;
                for rule in rules {
                    let rule = trim(&rule, b"\t\r\n");
                    let Err(refused) = user.apply(rule, self.default) else {
                        continue;
                    };
                    let text = refused.text().as_bytes();
                    if refused == RuleError::UnknownCommand {
                        let rest: [&[u8]; 5] = [
                            b": Error in applying operation '",
                            rule,
                            b"': ",
                            text,
                            b". ",
                        ];
                        self.refuse(b"", number, &rest);
                    } else if !std::mem::replace(&mut is_refused, true) {
                        // The first of them only: others may come of it.
                        self.refuse(b"", number, &[b": ", text, b". "]);
                    }
                }
            }
        }
        self.users.push(user);
    }

    fn refuse(&mut self, before: &[u8], number: usize, rest: &[&[u8]]) {
        self.errors.extend_from_slice(before);
        self.errors.extend_from_slice(self.name);
        self.errors
            .extend_from_slice(format!(":{number}").as_bytes());
        rest.iter()
            .for_each(|part| self.errors.extend_from_slice(part));
    }
}

impl Server {
    /// Where the file of users is, if there is one.
    pub(super) fn path_of_users(&self) -> Option<String> {
        let (name, dir) = (&self.config.aclfile, &self.config.dir);
        let name = String::from_utf8_lossy(name);
        let dir = String::from_utf8_lossy(dir);
        if name.is_empty() {
            return None;
        }
        let is_whole = name.starts_with('/') || dir.is_empty();
        Some(if is_whole {
            name.into_owned()
        } else {
            format!("{dir}/{name}")
        })
    }

    /// Puts these users in place of those there are. Clients whose user is gone, or may no longer
    /// listen to what it listens to, are disconnected.
    pub(super) fn exchange_users(&mut self, users: Vec<User>, by: Connection) {
        let known = self.acl.users();
        let gone: Vec<Box<[u8]>> = known
            .filter(|old| !users.iter().any(|user| user.name == old.name))
            .map(|old| old.name.clone())
            .collect();
        for name in gone {
            self.delete_user(&name, by);
        }
        for user in users {
            let known: Option<UserId> = self.acl.find(&user.name);
            if let Some(id) = known {
                self.disconnect_listeners(id, &user, by);
            }
            self.acl.put(user);
        }
    }

    /// All users as lines of such a file, in the order of their names.
    pub(in crate::session) fn describe_users(&self) -> impl Iterator<Item = Vec<u8>> {
        self.acl.users().map(|user| {
            let mut line = b"user ".to_vec();
            line.extend_from_slice(&user.name);
            line.push(b' ');
            user.describe(&mut line);
            line
        })
    }
}

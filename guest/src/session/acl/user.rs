//! One user: how to log in as it, and what it may do then.

use super::password::PasswordHash;
use super::selector::Selector;
use crate::config::PubsubDefault;

/// A user. What it may do is what any one of its selectors allows.
#[derive(Clone, Debug)]
pub struct User {
    /// Its name: no blanks in it.
    pub name: Box<[u8]>,
    /// `on`: one can log in.
    pub is_on: bool,
    /// `nopass`: with whatever password.
    pub needs_no_password: bool,
    /// `sanitize-payload`: what it RESTOREs is looked at closely.
    pub sanitizes: bool,
    /// The passwords it can log in with.
    pub passwords: Vec<PasswordHash>,
    /// What was said outside of any parentheses.
    pub root: Selector,
    /// What was said in parentheses, each for itself.
    pub selectors: Vec<Selector>,
}

impl User {
    /// A user that can't log in and may do nothing.
    pub fn new(name: &[u8], default: PubsubDefault) -> Self {
        User {
            name: name.into(),
            is_on: false,
            needs_no_password: false,
            sanitizes: true,
            passwords: Vec::new(),
            root: Selector::new(default),
            selectors: Vec::new(),
        }
    }

    /// All selectors, the one without parentheses first.
    pub fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }

    /// True if it may do everything.
    pub fn is_unrestricted(&self) -> bool {
        self.all_selectors().any(Selector::is_unrestricted)
    }

    /// True if one can log in as this user with that password.
    pub fn accepts(&self, password: &[u8]) -> bool {
        if !self.is_on || self.needs_no_password {
            return self.is_on;
        }
        let given = PasswordHash::of(password);
        self.passwords.iter().any(|known| known.is(&given))
    }

    /// Makes this the only password, or lets any do where it is empty: `requirepass`.
    pub fn set_only_password(&mut self, password: &[u8]) {
        self.passwords.clear();
        self.needs_no_password = password.is_empty();
        if !password.is_empty() {
            self.passwords.push(PasswordHash::of(password));
        }
    }

    /// The words for what it is, in the order of ACL LIST and ACL GETUSER.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> + Clone {
        [
            Some(if self.is_on { "on" } else { "off" }),
            self.needs_no_password.then_some("nopass"),
            Some(if self.sanitizes {
                "sanitize-payload"
            } else {
                "skip-sanitize-payload"
            }),
        ]
        .into_iter()
        .flatten()
    }
}

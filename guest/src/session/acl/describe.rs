//! Users as rules that would make them again: what ACL LIST and ACL GETUSER print.

use super::selector::{Access, Allowed, Selector};
use super::user::User;

impl User {
    /// All its rules, as in ACL LIST.
    pub fn describe(&self, out: &mut Vec<u8>) {
        for flag in self.flags() {
            out.extend_from_slice(flag.as_bytes());
            out.push(b' ');
        }
        for password in &self.passwords {
            out.push(b'#');
            out.extend_from_slice(&password.digits());
            out.push(b' ');
        }
        self.root.describe(out);
        for selector in &self.selectors {
            out.extend_from_slice(b" (");
            selector.describe(out);
            out.push(b')');
        }
    }
}

impl Selector {
    fn describe(&self, out: &mut Vec<u8>) {
        let start = out.len();
        self.describe_keys(out);
        if out.len() > start {
            out.push(b' ');
        }
        if let Allowed::Some(patterns) = &self.channels {
            out.extend_from_slice(b"resetchannels ");
            if !patterns.is_empty() {
                self.describe_channels(out);
                out.push(b' ');
            }
        } else {
            out.extend_from_slice(b"&* ");
        }
        self.describe_commands(out);
    }

    /// The keys it allows.
    pub fn describe_keys(&self, out: &mut Vec<u8>) {
        match &self.keys {
            Allowed::All => out.extend_from_slice(b"~*"),
            Allowed::Some(patterns) => join(patterns, out, |allowed, out| {
                out.extend_from_slice(match allowed.access {
                    Access::FULL => &b"~"[..],
                    Access::READ => b"%R~",
                    _ => b"%W~",
                });
                out.extend_from_slice(&allowed.pattern);
            }),
        }
    }

    /// The channels it allows.
    pub fn describe_channels(&self, out: &mut Vec<u8>) {
        match &self.channels {
            Allowed::All => out.extend_from_slice(b"&*"),
            Allowed::Some(patterns) => join(patterns, out, |pattern, out| {
                out.push(b'&');
                out.extend_from_slice(pattern);
            }),
        }
    }

    /// The commands it allows: all or none, and what was said from there on.
    pub fn describe_commands(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.begins_with_all {
            b"+@all"
        } else {
            b"-@all"
        });
        for rule in &self.rules {
            out.extend_from_slice(if rule.allows { b" +" } else { b" -" });
            out.extend_from_slice(&rule.what);
        }
    }
}

/// Writes items with blanks between them.
fn join<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write(item, out);
    }
}

//! What must not be shown of a request, in the slow log or to who watches: passwords, users, secrets.

use crate::commands::options::is;
use crate::commands::table::CommandSpec;
use crate::config::Config;
use crate::resp::Args;

/// What stands in its place.
const REDACTED: &[u8] = b"(redacted)";

/// A request as it may be shown.
pub(super) struct Shown<'a> {
    args: Args<'a>,
    /// Indexes of what may not, in order.
    secret: Vec<usize>,
}

impl<'a> Shown<'a> {
    pub(super) fn of(spec: &CommandSpec, args: Args<'a>) -> Self {
        let secret = match spec.name {
            "auth" if args.len() <= 3 => (1..args.len()).collect(),
            "hello" => behind_options(args, 2, &[("AUTH", 2, true), ("SETNAME", 1, false)]),
            "migrate" => behind_options(
                args,
                6,
                &[
                    ("COPY", 0, false),
                    ("REPLACE", 0, false),
                    ("AUTH", 1, true),
                    ("AUTH2", 2, true),
                ],
            ),
            "acl|setuser" | "acl|deluser" | "acl|getuser" => (2..args.len()).collect(),
            "config|set" => (3..args.len())
                .step_by(2)
                .filter(|value| Config::is_sensitive(args.at(value - 1)))
                .collect(),
            _ => Vec::new(),
        };
        Shown { args, secret }
    }

    pub(super) fn at(&self, index: usize) -> &'a [u8] {
        if self.secret.binary_search(&index).is_ok() {
            REDACTED
        } else {
            self.args.at(index)
        }
    }
}

/// The indexes of the arguments of those options that are secret. An option has a name and a number
/// of arguments; what is none ends the search.
fn behind_options(args: Args<'_>, from: usize, options: &[(&str, usize, bool)]) -> Vec<usize> {
    let (mut secret, mut at) = (Vec::new(), from);
    while let Some(option) = args.get(at) {
        let known = options.iter().find(|(name, ..)| is(option, name));
        let Some((_, arguments, is_secret)) = known else {
            break;
        };
        let next = at + 1 + arguments;
        if next > args.len() {
            break;
        }
        if *is_secret {
            secret.extend(at + 1..next);
        }
        at = next;
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::table;
    use crate::resp::OwnedArgs;

    fn check(request: &str, expected: &str) {
        let args: OwnedArgs = request.split(' ').map(str::as_bytes).collect();
        let args = args.as_args();
        let spec = table::lookup(args.at(0)).expect("it is in the table");
        let spec = args
            .get(1)
            .and_then(|sub| spec.subcommand(sub))
            .unwrap_or(spec);
        let shown = Shown::of(spec, args);
        let words: Vec<&[u8]> = (0..args.len()).map(|index| shown.at(index)).collect();
        assert_eq!(
            String::from_utf8_lossy(&words.join(&b' ')),
            expected,
            "{request}"
        );
    }

    #[test]
    fn passwords_are_not_shown() {
        check("get auth", "get auth");
        check("auth p", "auth (redacted)");
        check("auth u p", "auth (redacted) (redacted)");
        check("auth u p x", "auth u p x");
        check(
            "hello 3 SetName auth auth u p",
            "hello 3 SetName auth auth (redacted) (redacted)",
        );
        check("hello 3 auth u", "hello 3 auth u");
        check(
            "migrate h 1 k 0 9 copy auth p keys auth a",
            "migrate h 1 k 0 9 copy auth (redacted) keys auth a",
        );
        check(
            "migrate h 1 k 0 9 auth2 u p",
            "migrate h 1 k 0 9 auth2 (redacted) (redacted)",
        );
        check(
            "acl setuser u on >p",
            "acl setuser (redacted) (redacted) (redacted)",
        );
        check(
            "config set maxmemory 1 requirepass p",
            "config set maxmemory 1 requirepass (redacted)",
        );
    }
}

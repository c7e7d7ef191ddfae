//! What must not be shown of a request, in the slow log or to who watches: passwords, users, secrets.

use crate::commands::options;
use crate::commands::table::CommandSpec;
use crate::config::Config;
use crate::resp::Args;

/// What stands in its place.
pub(super) const REDACTED: &[u8] = b"(redacted)";

/// The argument of a request as it may be shown.
pub(super) fn shown<'a>(spec: &CommandSpec, args: Args<'a>, index: usize) -> &'a [u8] {
    if is_secret(spec, args, index) {
        REDACTED
    } else {
        args.at(index)
    }
}

fn is_secret(spec: &CommandSpec, args: Args<'_>, index: usize) -> bool {
    let follows = |word, distance| {
        index
            .checked_sub(distance)
            .is_some_and(|at| args.get(at).is_some_and(|arg| options::is(arg, word)))
    };
    match spec.name {
        "auth" => index > 0 && args.len() <= 3,
        "hello" => index > 2 && (follows("AUTH", 1) || follows("AUTH", 2)),
        "acl|setuser" | "acl|deluser" | "acl|getuser" => index > 1,
        "config|set" => index > 2 && index % 2 == 1 && Config::is_sensitive(args.at(index - 1)),
        "migrate" => {
            index > 6 && (follows("AUTH", 1) || follows("AUTH2", 1) || follows("AUTH2", 2))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::table::lookup_full;
    use crate::resp::OwnedArgs;

    #[test]
    fn secrets_are_not_shown() {
        for (name, request, expected) in [
            ("get", "get key", "get key"),
            ("auth", "auth secret", "auth (redacted)"),
            ("auth", "auth a b", "auth (redacted) (redacted)"),
            ("auth", "auth a b c", "auth a b c"),
            (
                "hello",
                "hello 3 auth a b setname x",
                "hello 3 auth (redacted) (redacted) setname x",
            ),
            (
                "config|set",
                "config set requirepass x hz 10",
                "config set requirepass (redacted) hz 10",
            ),
            (
                "acl|setuser",
                "acl setuser a on",
                "acl setuser (redacted) (redacted)",
            ),
            (
                "migrate",
                "migrate h 1 k 0 9 AUTH x",
                "migrate h 1 k 0 9 AUTH (redacted)",
            ),
            (
                "migrate",
                "migrate h 1 k 0 9 AUTH2 u x",
                "migrate h 1 k 0 9 AUTH2 (redacted) (redacted)",
            ),
        ] {
            let args: OwnedArgs = request.split(' ').map(str::as_bytes).collect();
            let args = args.as_args();
            let spec = lookup_full(name.as_bytes()).expect("it is in the table");
            let words: Vec<&[u8]> = (0..args.len()).map(|at| shown(spec, args, at)).collect();
            assert_eq!(String::from_utf8_lossy(&words.join(&b' ')), expected);
        }
    }
}

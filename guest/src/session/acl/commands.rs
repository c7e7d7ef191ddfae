//! ACL: users are made, shown and deleted, and what was refused to them is told.

use super::file;
use super::log::Log;
use super::rules::{has_blanks, merge_selectors};
use super::selector::Selector;
use super::{User, check};
use crate::commands::CommandError;
use crate::commands::options::{c_text, integer, is};
use crate::commands::table::{COMMANDS, Categories, PARENTS};
use crate::commands::{Outcome, error, help};
use crate::resp::{Aggregate, Args, Sink};
use crate::session::{Call, Errand, LogLevel, handlers};

crate::session::handlers::attach! {
    "acl|cat" => cat,
    "acl|deluser" => deluser,
    "acl|dryrun" => dryrun,
    "acl|genpass" => genpass,
    "acl|getuser" => getuser,
    "acl|help" => help,
    "acl|list" => list,
    "acl|load" => load,
    "acl|log" => log,
    "acl|save" => save,
    "acl|setuser" => setuser,
    "acl|users" => users,
    "acl|whoami" => whoami,
}

/// ACL CAT [category]
fn cat(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(error::unknown_subcommand_or_arity(args.at(1), "acl"));
    }
    let Some(name) = args.get(2) else {
        call.reply.array(Categories::NAMES.len());
        for name in Categories::NAMES {
            call.reply.bulk(&name.as_bytes()[1..]);
        }
        return Ok(());
    };
    let category = Categories::named(c_text(name)).ok_or_else(|| error::unknown_category(name))?;
    let mark = call.reply.defer();
    let mut len = 0;
    let each_with_its_own = COMMANDS[..PARENTS]
        .iter()
        .flat_map(|spec| std::iter::once(spec).chain(spec.subcommands));
    for spec in each_with_its_own {
        if spec.categories.contains(category) && handlers::is_built(spec) && !spec.is_our_own() {
            call.reply.bulk(spec.name.as_bytes());
            len += 1;
        }
    }
    call.reply.settle(mark, Aggregate::Array, len);
    Ok(())
}

/// ACL DELUSER username [username ...]
fn deluser(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let names = args.from(2);
    if names.iter().any(|name| c_text(name) == b"default") {
        return Err(error::DEFAULT_USER_STAYS);
    }
    let mut deleted = 0;
    for name in names.iter() {
        deleted += i64::from(call.server.delete_user(name, call.connection));
    }
    call.reply.integer(deleted);
    Ok(())
}

/// ACL DRYRUN username command [arg [arg ...]]
fn dryrun(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let id = call.server.acl.find(args.at(2));
    let id = id.ok_or_else(|| error::user_not_found(args.at(2)))?;
    let request = args.from(3);
    let spec =
        handlers::named_by(request).ok_or_else(|| error::command_not_found(request.at(0)))?;
    if !spec.arity_fits(request.len()) {
        return Err(error::wrong_arity(spec.name));
    }
    let user = call.server.acl.get(id);
    match user.check(spec, request) {
        Ok(()) => call.reply.ok(),
        Err(denied) => {
            let reason = check::reason_in_full(denied, &user.name, spec, request);
            call.reply.bulk(&reason);
        }
    }
    Ok(())
}

/// The most bits that ACL GENPASS gives.
const MOST_BITS: i64 = 4096;

/// ACL GENPASS [bits]
fn genpass(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(error::unknown_subcommand_or_arity(args.at(1), "acl"));
    }
    let bits = args.get(2).map_or(Ok(256), integer)?;
    if !(1..=MOST_BITS).contains(&bits) {
        return Err(error::GENPASS_BITS);
    }
    let rng = &mut call.server.rng;
    let digits: String = (0..(bits + 3) / 4).map(|_| rng.digit(16)).collect();
    call.reply.bulk(digits.as_bytes());
    Ok(())
}

/// ACL GETUSER username
fn getuser(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let reply = &mut *call.reply;
    let Some(id) = call.server.acl.find(args.at(2)) else {
        reply.null();
        return Ok(());
    };
    let user = call.server.acl.get(id);
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.passwords.len());
    for password in &user.passwords {
        reply.bulk(&password.digits());
    }
    write_selector(&user.root, reply);
    reply.bulk(b"selectors");
    reply.array(user.selectors.len());
    for selector in &user.selectors {
        reply.map(3);
        write_selector(selector, reply);
    }
    Ok(())
}

/// Three fields of a map.
fn write_selector(selector: &Selector, reply: &mut dyn Sink) {
    let mut text = Vec::new();
    let mut field = |name: &str, describe: fn(&Selector, &mut Vec<u8>)| {
        text.clear();
        describe(selector, &mut text);
        reply.bulk(name.as_bytes());
        reply.bulk(&text);
    };
    field("commands", Selector::describe_commands);
    field("keys", Selector::describe_keys);
    field("channels", Selector::describe_channels);
}

/// ACL LIST
fn list(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    call.reply.array(call.server.acl.users().len());
    let lines = call.server.describe_users();
    lines.for_each(|line| call.reply.bulk(&line));
    Ok(())
}

/// ACL LOAD
fn load(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let Some(path) = call.server.path_of_users() else {
        return Err(error::NO_ACL_FILE);
    };
    let Some(file) = call.take_outcome() else {
        return call.have_done(Errand::Read(path));
    };
    let config = &call.server.config;
    let name = &config.aclfile;
    let file = file.map_err(|refusal| {
        let name = String::from_utf8_lossy(name);
        let why = refusal.why;
        CommandError::worded(format!(
            "ERR Error loading ACLs, opening file '{name}': {why}"
        ))
    })?;
    let users = file::read(&file, name, config.acl_pubsub_default)
        .map_err(|errors| CommandError::worded([b"ERR ", errors.as_slice()].concat()))?;
    call.server.exchange_users(users, call.connection);
    call.reply.ok();
    Ok(())
}

/// ACL SAVE
fn save(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let Some(path) = call.server.path_of_users() else {
        return Err(error::NO_ACL_FILE);
    };
    match call.take_outcome() {
        None => {
            let mut bytes = Vec::new();
            for line in call.server.describe_users() {
                bytes.extend_from_slice(&line);
                bytes.push(b'\n');
            }
            call.have_done(Errand::Write { path, bytes })
        }
        Some(Err(refusal)) => {
            let why = format!("Writing ACL file for ACL SAVE: {}", refusal.why);
            call.server.log(LogLevel::Warning, why);
            Err(error::CANNOT_SAVE_USERS)
        }
        Some(Ok(_)) => {
            call.reply.ok();
            Ok(())
        }
    }
}

/// ACL LOG [count | RESET]
fn log(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if args.len() > 3 {
        return Err(error::unknown_subcommand_or_arity(args.at(1), "acl"));
    }
    let log: &mut Log = &mut call.server.acl.log;
    let count = match args.get(2) {
        None => 10,
        Some(word) if is(word, "RESET") => {
            log.clear();
            call.reply.ok();
            return Ok(());
        }
        Some(count) => usize::try_from(integer(count)?).unwrap_or(0),
    };
    let now_ms = call.server.keyspace.now_us() / 1000;
    call.server.acl.log.write(count, now_ms, call.reply);
    Ok(())
}

/// ACL SETUSER username [rule [rule ...]]
fn setuser(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let name = args.at(2);
    if has_blanks(name) {
        return Err(error::BLANKS_IN_USERNAME);
    }
    let rules = merge_selectors(args.from(3).iter()).map_err(error::unmatched_parenthesis)?;
    if !call
        .server
        .keyspace
        .has_room_for(RULE_OVERHEAD * args.len() + 2 * args.bytes())
    {
        return Err(error::OUT_OF_MEMORY);
    }
    let default = call.server.config.acl_pubsub_default;
    let acl = &call.server.acl;
    let id = acl.find(name);
    let mut user = id.map_or_else(|| User::new(name, default), |id| acl.get(id).clone());
    // All of the rules, or none.
    for rule in rules {
        user.apply(&rule, default)
            .map_err(|refused| error::acl_rule(&rule, refused.text()))?;
    }
    if let Some(id) = id {
        call.server.disconnect_listeners(id, &user, call.connection);
    }
    call.server.acl.put(user);
    call.reply.ok();
    Ok(())
}

/// What a rule may take beside its bytes: a selector, at most.
const RULE_OVERHEAD: usize = 512;

/// ACL USERS
fn users(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let users = call.server.acl.users();
    call.reply.array(users.len());
    users.for_each(|user| call.reply.bulk(&user.name));
    Ok(())
}

/// ACL WHOAMI
fn whoami(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let user = call.client().user;
    call.reply.bulk(&call.server.acl.get(user).name);
    Ok(())
}

/// ACL HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    help::write(
        call.reply,
        "ACL",
        &[
            (
                "CAT [<category>]",
                &[
                    "List all commands that belong to <category>, or all command categories",
                    "when no category is specified.",
                ],
            ),
            (
                "DELUSER <username> [<username> ...]",
                &["Delete a list of users."],
            ),
            (
                "DRYRUN <username> <command> [<arg> ...]",
                &[
                    "Returns whether the user can execute the given command without executing the command.",
                ],
            ),
            ("GETUSER <username>", &["Get the user's details."]),
            (
                "GENPASS [<bits>]",
                &[
                    "Generate a secure 256-bit user password. The optional `bits` argument can",
                    "be used to specify a different size.",
                ],
            ),
            ("LIST", &["Show users details in config file format."]),
            ("LOAD", &["Reload users from the ACL file."]),
            ("LOG [<count> | RESET]", &["Show the ACL log entries."]),
            ("SAVE", &["Save the current config to the ACL file."]),
            (
                "SETUSER <username> <attribute> [<attribute> ...]",
                &["Create or modify a user with the specified attributes."],
            ),
            ("USERS", &["List all the registered usernames."]),
            ("WHOAMI", &["Return the current connection username."]),
        ],
    );
    Ok(())
}

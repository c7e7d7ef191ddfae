//! COMMAND: what the server says of its own commands, and the same as a page of the documentation.
//! Works from the table alone; a command without a handler is not spoken of.

use std::fmt::Write as _;

use super::{Call, handlers};
use crate::commands::error;
use crate::commands::table::{
    self, Argument, BeginSearch, COMMANDS, Categories, CommandSpec, FindKeys, Group, KeyRef,
    KeySpec, KeysError, PARENTS,
};
use crate::commands::{Outcome, help};
use crate::resp::{Aggregate, Args, Sink};
use crate::value::glob;

crate::session::handlers::attach! {
    "command" => info,
    "command|count" => count,
    "command|docs" => docs,
    "command|getkeys" => getkeys,
    "command|getkeysandflags" => getkeysandflags,
    "command|help" => help,
    "command|info" => info,
    "command|list" => list,
}

/// The commands there are, without subcommands.
fn built() -> impl Iterator<Item = &'static CommandSpec> + Clone {
    COMMANDS[..PARENTS]
        .iter()
        // What no Redis has is not told of, but to who asks for it by name.
        .filter(|spec| handlers::is_built(spec) && !spec.is_our_own())
}

/// The subcommands there are.
fn built_in(parent: &CommandSpec) -> impl Iterator<Item = &'static CommandSpec> + Clone + use<> {
    parent
        .subcommands
        .iter()
        .filter(|sub| handlers::is_built(sub))
}

/// The command or subcommand of that full name, if there is one.
fn find(name: &[u8]) -> Option<&'static CommandSpec> {
    table::lookup_full(name).filter(|spec| handlers::is_built(spec))
}

/// COMMAND COUNT
fn count(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    call.reply.integer(built().count() as i64);
    Ok(())
}

/// What COMMAND LIST is narrowed down to.
enum Filter<'a> {
    Module(&'a [u8]),
    /// `None` for a category that does not exist, to which nothing belongs.
    Category(Option<Categories>),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(args: Args<'a>) -> Result<Option<Self>, error::CommandError> {
        if args.is_empty() {
            return Ok(None);
        }
        if args.len() != 3 || !args.at(0).eq_ignore_ascii_case(b"filterby") {
            return Err(error::SYNTAX);
        }
        let value = args.at(2);
        match args.at(1).to_ascii_lowercase().as_slice() {
            b"module" => Ok(Some(Filter::Module(value))),
            b"aclcat" => Ok(Some(Filter::Category(Categories::named(value)))),
            b"pattern" => Ok(Some(Filter::Pattern(value))),
            _ => Err(error::SYNTAX),
        }
    }

    fn lets_through(&self, spec: &CommandSpec) -> bool {
        match self {
            Filter::Module(name) => spec
                .module
                .is_some_and(|module| module.as_bytes().eq_ignore_ascii_case(name)),
            Filter::Category(category) => {
                category.is_some_and(|category| spec.categories.contains(category))
            }
            Filter::Pattern(pattern) => glob::matches(pattern, spec.name.as_bytes(), true),
        }
    }
}

/// COMMAND LIST [FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]
fn list(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let filter = Filter::parse(args.from(2))?;
    let mark = call.reply.defer();
    let mut len = 0;
    for spec in built().flat_map(|spec| std::iter::once(spec).chain(built_in(spec))) {
        if filter
            .as_ref()
            .is_none_or(|filter| filter.lets_through(spec))
        {
            call.reply.bulk(spec.name.as_bytes());
            len += 1;
        }
    }
    call.reply.settle(mark, Aggregate::Array, len);
    Ok(())
}

/// COMMAND, COMMAND INFO [command-name ...]
fn info(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let names = args.from(2);
    if names.is_empty() {
        call.reply.array(built().count());
        built().for_each(|spec| write_info(call.reply, spec));
        return Ok(());
    }
    call.reply.array(names.len());
    for name in names.iter() {
        match find(name) {
            Some(spec) => write_info(call.reply, spec),
            None => call.reply.null(),
        }
    }
    Ok(())
}

fn write_info(reply: &mut dyn Sink, spec: &CommandSpec) {
    reply.array(10);
    reply.bulk(spec.name.as_bytes());
    reply.integer(spec.arity.into());
    write_names(reply, spec.flags.names());
    reply.integer(spec.first_key.into());
    reply.integer(spec.last_key.into());
    reply.integer(spec.step.into());
    write_names(reply, spec.categories.names());
    reply.set(spec.tips.len());
    for tip in spec.tips {
        reply.bulk(tip.as_bytes());
    }
    reply.set(spec.key_specs.len());
    for key_spec in spec.key_specs {
        write_key_spec(reply, key_spec);
    }
    // Redis answers an array of subcommands, but an empty set where there are none.
    match built_in(spec).count() {
        0 => reply.set(0),
        subcommands => reply.array(subcommands),
    }
    built_in(spec).for_each(|sub| write_info(reply, sub));
}

fn write_names(reply: &mut dyn Sink, names: impl Iterator<Item = &'static str> + Clone) {
    reply.set(names.clone().count());
    names.for_each(|name| reply.simple(name));
}

fn write_key_spec(reply: &mut dyn Sink, spec: &KeySpec) {
    reply.map(3 + usize::from(spec.notes.is_some()));
    if let Some(notes) = spec.notes {
        write_field(reply, "notes", notes);
    }
    reply.bulk(b"flags");
    write_names(reply, spec.flags.names());
    reply.bulk(b"begin_search");
    match &spec.begin {
        BeginSearch::Index(index) => write_typed(reply, "index", &[("index", *index)]),
        BeginSearch::Keyword {
            keyword,
            start_from,
        } => {
            write_type(reply, "keyword", 2);
            write_field(reply, "keyword", keyword);
            write_number(reply, "startfrom", *start_from);
        }
        BeginSearch::Unknown => write_typed(reply, "unknown", &[]),
    }
    reply.bulk(b"find_keys");
    match spec.find {
        FindKeys::Range {
            last_key,
            step,
            limit,
        } => {
            write_typed(
                reply,
                "range",
                &[("lastkey", last_key), ("keystep", step), ("limit", limit)],
            );
        }
        FindKeys::KeyNum {
            index,
            first_key,
            step,
        } => {
            let numbers = [
                ("keynumidx", index),
                ("firstkey", first_key),
                ("keystep", step),
            ];
            write_typed(reply, "keynum", &numbers);
        }
        FindKeys::Unknown => write_typed(reply, "unknown", &[]),
    }
}

/// A type and what numbers it is made of.
fn write_typed(reply: &mut dyn Sink, kind: &str, numbers: &[(&str, i32)]) {
    write_type(reply, kind, numbers.len());
    for (name, number) in numbers {
        write_number(reply, name, *number);
    }
}

/// A type and the head of its spec, the fields of which follow.
fn write_type(reply: &mut dyn Sink, kind: &str, fields: usize) {
    reply.map(2);
    write_field(reply, "type", kind);
    reply.bulk(b"spec");
    reply.map(fields);
}

fn write_field(reply: &mut dyn Sink, name: &str, text: &str) {
    reply.bulk(name.as_bytes());
    reply.bulk(text.as_bytes());
}

fn write_number(reply: &mut dyn Sink, name: &str, number: i32) {
    reply.bulk(name.as_bytes());
    reply.integer(number.into());
}

/// COMMAND DOCS [command-name ...]
///
/// Without the summaries, the histories and the words on complexity: those are Redis's prose, and
/// the table holds facts.
fn docs(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let names = args.from(2);
    if names.is_empty() {
        write_docs_of(call.reply, built());
    } else {
        write_docs_of(call.reply, names.iter().filter_map(find));
    }
    Ok(())
}

/// A map from names to documentation. A name asked for twice is in it twice, as in Redis.
fn write_docs_of(reply: &mut dyn Sink, specs: impl Iterator<Item = &'static CommandSpec> + Clone) {
    reply.map(specs.clone().count());
    for spec in specs {
        reply.bulk(spec.name.as_bytes());
        write_docs(reply, spec);
    }
}

fn write_docs(reply: &mut dyn Sink, spec: &CommandSpec) {
    let mark = reply.defer();
    let mut fields = Fields { reply, written: 0 };
    fields.text("since", spec.since);
    fields.text("group", Some(spec.group.name()));
    fields.text("module", spec.module);
    if !spec.doc_flags.is_empty() {
        write_names(fields.next("doc_flags"), spec.doc_flags.iter().copied());
    }
    fields.text("deprecated_since", spec.deprecated_since);
    fields.text("replaced_by", spec.replaced_by);
    if !spec.arguments.is_empty() {
        write_arguments(fields.next("arguments"), spec.arguments);
    }
    if built_in(spec).next().is_some() {
        write_docs_of(fields.next("subcommands"), built_in(spec));
    }
    let written = fields.written;
    reply.settle(mark, Aggregate::Map, written);
}

fn write_arguments(reply: &mut dyn Sink, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        write_argument(reply, argument);
    }
}

fn write_argument(reply: &mut dyn Sink, argument: &Argument) {
    let mark = reply.defer();
    let mut fields = Fields { reply, written: 0 };
    fields.text("name", Some(argument.name));
    fields.text("type", Some(argument.kind.name()));
    fields.text("display_text", argument.display_text);
    if let Some(key_spec) = argument.key_spec {
        fields.next("key_spec_index").integer(key_spec.into());
    }
    fields.text("token", argument.token);
    fields.text("since", argument.since);
    fields.text("deprecated_since", argument.deprecated_since);
    if argument.flags.names().next().is_some() {
        write_names(fields.next("flags"), argument.flags.names());
    }
    if !argument.arguments.is_empty() {
        write_arguments(fields.next("arguments"), argument.arguments);
    }
    let written = fields.written;
    reply.settle(mark, Aggregate::Map, written);
}

/// A map under way, of fields that are left out where there is nothing to say.
struct Fields<'a> {
    reply: &'a mut dyn Sink,
    written: usize,
}

impl Fields<'_> {
    /// Where the value of the field `name` goes.
    fn next(&mut self, name: &str) -> &mut dyn Sink {
        self.written += 1;
        self.reply.bulk(name.as_bytes());
        self.reply
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.next(name).bulk(text.as_bytes());
        }
    }
}

/// COMMAND GETKEYS command [arg ...]
fn getkeys(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let request = args.from(2);
    let keys = keys_of_request(request)?;
    call.reply.array(keys.len());
    for key in keys {
        call.reply.bulk(request.at(key.index));
    }
    Ok(())
}

/// COMMAND GETKEYSANDFLAGS command [arg ...]
fn getkeysandflags(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let request = args.from(2);
    let keys = keys_of_request(request)?;
    call.reply.array(keys.len());
    for key in keys {
        call.reply.array(2);
        call.reply.bulk(request.at(key.index));
        write_names(call.reply, key.flags.names());
    }
    Ok(())
}

/// The keys of the request that follows COMMAND GETKEYS.
fn keys_of_request(request: Args<'_>) -> Result<Vec<KeyRef>, error::CommandError> {
    let spec = handlers::named_by(request).ok_or(error::INVALID_COMMAND)?;
    // In this order: a command without keys is told so whatever its arguments.
    if !spec.has_keys() {
        return Err(error::NO_KEY_ARGUMENTS);
    }
    if !spec.arity_fits(request.len()) {
        return Err(error::INVALID_COMMAND_ARITY);
    }
    table::keys_of(spec, request).map_err(|refused| match refused {
        KeysError::NoKeyArguments => error::NO_KEY_ARGUMENTS,
        KeysError::InvalidArguments => error::INVALID_COMMAND_ARGUMENTS,
    })
}

/// COMMAND HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    const SEVERAL: &str = "Return details about multiple Redis commands.";
    const ALL: [&str; 2] = [
        "If no command names are given, documentation details for all",
        "commands are returned.",
    ];
    help::write(
        call.reply,
        "COMMAND",
        &[
            (
                "(no subcommand)",
                &["Return details about all Redis commands."],
            ),
            (
                "COUNT",
                &["Return the total number of commands in this Redis server."],
            ),
            (
                "LIST",
                &["Return a list of all commands in this Redis server."],
            ),
            ("INFO [<command-name> ...]", &[SEVERAL, ALL[0], ALL[1]]),
            (
                "DOCS [<command-name> ...]",
                &[
                    "Return documentation details about multiple Redis commands.",
                    ALL[0],
                    ALL[1],
                ],
            ),
            (
                "GETKEYS <full-command>",
                &["Return the keys from a full Redis command."],
            ),
            (
                "GETKEYSANDFLAGS <full-command>",
                &["Return the keys and the access flags from a full Redis command."],
            ),
        ],
    );
    Ok(())
}

/// The page `docs/commands.md`: every command of Redis 8.0 by family, and whether it is built.
pub fn commands_markdown() -> String {
    const TITLES: [(Group, &str); 17] = [
        (Group::String, "Strings"),
        (Group::Bitmap, "Bitmaps"),
        (Group::Generic, "Keys"),
        (Group::List, "Lists"),
        (Group::Set, "Sets"),
        (Group::Hash, "Hashes"),
        (Group::SortedSet, "Sorted sets"),
        (Group::Geo, "Geospatial indexes"),
        (Group::Hyperloglog, "HyperLogLogs"),
        (Group::Stream, "Streams"),
        (Group::Pubsub, "Publish and subscribe"),
        (Group::Transactions, "Transactions"),
        (Group::Scripting, "Scripts and functions"),
        (Group::Connection, "Connections"),
        (Group::Server, "Server"),
        (Group::Cluster, "Cluster"),
        (Group::Module, "Vector sets"),
    ];
    // A container that does nothing of itself is no command to count: its subcommands are.
    let is_command = |spec: &CommandSpec| !spec.has_subcommands() || handlers::of(spec).is_some();
    let all = || {
        let of_redis = COMMANDS.iter().filter(|spec| !spec.is_our_own());
        of_redis.filter(|spec| is_command(spec))
    };
    let status = |spec: &CommandSpec| {
        if handlers::is_built(spec) {
            "built"
        } else {
            "not yet"
        }
    };
    let mut page = format!(
        "# Commands\n\n\
         The commands of Redis {}, subcommands included, and which of them are built: {} of {}. A \
         command that is not built yet answers as an unknown command does.\n\n\
         Generated from `guest/commands.json` and the handlers; not to be edited.\n",
        super::REDIS_VERSION,
        all().filter(|spec| handlers::is_built(spec)).count(),
        all().count(),
    );
    for (group, title) in TITLES {
        let _ = write!(
            page,
            "\n## {title}\n\n| Command | Since | Status |\n|---|---|---|\n"
        );
        let mut specs: Vec<_> = all().filter(|spec| spec.group == group).collect();
        specs.sort_by_key(|spec| spec.name.to_ascii_lowercase());
        for spec in specs {
            let name = spec.name.to_ascii_uppercase().replace('|', " ");
            // Redis does not say it of its modules; this one came with 8.0.
            let since = spec.since.unwrap_or("8.0.0");
            let _ = writeln!(page, "| {name} | {since} | {} |", status(spec));
        }
    }
    page
}

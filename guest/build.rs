//! Turns `commands.json` into the static command table: `$OUT_DIR/commands.rs`, included by
//! `src/commands/table.rs`, where the types are. Knows no command by name; what it does not
//! understand stops the build.

#[path = "src/commands/table/name_hash.rs"]
mod name_hash;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use name_hash::{Digest, SLOTS};
use serde_json::Value;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=commands.json");
    println!("cargo::rerun-if-changed=src/commands/table/name_hash.rs");
    let text = fs::read_to_string("commands.json").expect("guest/commands.json can be read");
    let commands: Vec<Value> =
        serde_json::from_str(&text).expect("guest/commands.json is a JSON array");
    let generated = Generator::default().generate(&commands);
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("commands.rs"), generated).expect("OUT_DIR can be written");
}

/// Lists that commands have in common are written once.
#[derive(Default)]
struct Generator {
    statics: String,
    known: BTreeMap<String, String>,
}

impl Generator {
    fn generate(mut self, commands: &[Value]) -> String {
        let mut specs = String::new();
        // Parents first; then, parent by parent, what belongs to them.
        let mut next = commands.len();
        for (id, command) in commands.iter().enumerate() {
            let subcommands = list(command, "subcommands").len();
            let range = if subcommands == 0 {
                0..0
            } else {
                next..next + subcommands
            };
            next += subcommands;
            specs += &self.spec(id, command, range);
        }
        let subcommands = commands
            .iter()
            .flat_map(|command| list(command, "subcommands"));
        for (id, command) in (commands.len()..).zip(subcommands) {
            specs += &self.spec(id, command, 0..0);
        }
        let names: Vec<&str> = commands
            .iter()
            .map(|command| text(command, "name"))
            .collect();
        let (multiplier, slots) = spread(&names);
        format!(
            "/// How many commands there are, subcommands included.\n\
             pub const COUNT: usize = {next};\n\
             /// How many of them are no subcommand: the first ones.\n\
             pub const PARENTS: usize = {};\n\
             /// Every command of Redis 8.0, by id: parents first, then the subcommands.\n\
             pub static COMMANDS: [CommandSpec; COUNT] = [\n{specs}];\n\
             const MULTIPLIER: u64 = {multiplier:#x};\n\
             static SLOTS: [u16; {SLOTS}] = {slots:?};\n{}",
            commands.len(),
            self.statics,
        )
    }

    fn spec(&mut self, id: usize, command: &Value, subcommands: std::ops::Range<usize>) -> String {
        let mut flags = strings(command, "flags");
        flags.extend(strings(command, "hidden_flags"));
        let key_specs = list(command, "key_specs").iter().map(key_spec).collect();
        let tips = strings(command, "tips")
            .iter()
            .map(|tip| format!("{tip:?}"))
            .collect();
        let doc_flags = strings(command, "doc_flags")
            .iter()
            .map(|flag| format!("{flag:?}"))
            .collect();
        let key_specs = self.list("KeySpec", key_specs);
        let tips = self.list("&str", tips);
        let doc_flags = self.list("&str", doc_flags);
        let arguments = self.arguments(command);
        let group: String = text(command, "group").split('-').map(capitalised).collect();
        format!(
            "CommandSpec {{ id: {id}, name: {:?}, arity: {}, flags: Flags::of(&{flags:?}), \
             categories: Categories::of(&{:?}), first_key: {}, last_key: {}, step: {}, \
             key_specs: {key_specs}, tips: {tips}, group: Group::{group}, module: {:?}, since: {:?}, \
             doc_flags: {doc_flags}, deprecated_since: {:?}, replaced_by: {:?}, arguments: {arguments}, \
             subcommands: {} }},\n",
            text(command, "name"),
            number(command, "arity"),
            strings(command, "acl_categories"),
            number(command, "first_key"),
            number(command, "last_key"),
            number(command, "step"),
            optional(command, "module"),
            optional(command, "since"),
            optional(command, "deprecated_since"),
            optional(command, "replaced_by"),
            if subcommands.is_empty() {
                "&[]".to_owned()
            } else {
                format!(
                    "COMMANDS.split_at({}).1.split_at({}).0",
                    subcommands.start,
                    subcommands.len()
                )
            },
        )
    }

    fn arguments(&mut self, parent: &Value) -> String {
        let arguments = list(parent, "arguments")
            .iter()
            .map(|argument| self.argument(argument))
            .collect();
        self.list("Argument", arguments)
    }

    fn argument(&mut self, argument: &Value) -> String {
        let kind: String = text(argument, "type").split('-').map(capitalised).collect();
        format!(
            "Argument {{ name: {:?}, kind: ArgumentKind::{kind}, display_text: {:?}, key_spec: {:?}, \
             token: {:?}, since: {:?}, deprecated_since: {:?}, flags: ArgumentFlags::of(&{:?}), \
             arguments: {} }}",
            text(argument, "name"),
            optional(argument, "display_text"),
            argument.get("key_spec_index").and_then(Value::as_u64),
            optional(argument, "token"),
            optional(argument, "since"),
            optional(argument, "deprecated_since"),
            strings(argument, "flags"),
            self.arguments(argument),
        )
    }

    /// An expression for a list with these items.
    fn list(&mut self, kind: &str, items: Vec<String>) -> String {
        if items.is_empty() {
            return "&[]".to_owned();
        }
        let body = format!("[{kind}; {}] = [{}]", items.len(), items.join(", "));
        if let Some(name) = self.known.get(&body) {
            return format!("&{name}");
        }
        let name = format!("LIST_{}", self.known.len());
        writeln!(self.statics, "static {name}: {body};").expect("a String takes everything");
        self.known.insert(body, name.clone());
        format!("&{name}")
    }
}

fn key_spec(spec: &Value) -> String {
    let (begin, find) = (&spec["begin_search"], &spec["find_keys"]);
    let (begin_spec, find_spec) = (&begin["spec"], &find["spec"]);
    let begin = match text(begin, "type") {
        "index" => format!("Index({})", number(begin_spec, "index")),
        "keyword" => format!(
            "Keyword {{ keyword: {:?}, start_from: {} }}",
            text(begin_spec, "keyword"),
            number(begin_spec, "startfrom"),
        ),
        "unknown" => "Unknown".to_owned(),
        other => panic!("a key spec begins its search in an unknown way: {other}"),
    };
    let find = match text(find, "type") {
        "range" => format!(
            "Range {{ last_key: {}, step: {}, limit: {} }}",
            number(find_spec, "lastkey"),
            number(find_spec, "keystep"),
            number(find_spec, "limit"),
        ),
        "keynum" => format!(
            "KeyNum {{ index: {}, first_key: {}, step: {} }}",
            number(find_spec, "keynumidx"),
            number(find_spec, "firstkey"),
            number(find_spec, "keystep"),
        ),
        "unknown" => "Unknown".to_owned(),
        other => panic!("a key spec finds its keys in an unknown way: {other}"),
    };
    format!(
        "KeySpec {{ notes: {:?}, flags: KeyFlags::of(&{:?}), begin: BeginSearch::{begin}, \
         find: FindKeys::{find} }}",
        optional(spec, "notes"),
        strings(spec, "flags"),
    )
}

/// Gives every name a slot, its own or the next free one, and tries multipliers until hardly any name
/// is away from its own. A slot holds the id plus one; zero is empty.
fn spread(names: &[&str]) -> (u64, Vec<u16>) {
    let mut best: Option<(usize, u64, Vec<u16>)> = None;
    // Odd numbers without a pattern: a Weyl sequence.
    let multipliers = (1..20_000u64).map(|round| round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for multiplier in multipliers {
        let mut slots = vec![0u16; SLOTS];
        let mut steps = 0;
        for (id, name) in names.iter().enumerate() {
            let mut slot = Digest::of(name.as_bytes()).slot(multiplier);
            while slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
                steps += 1;
            }
            slots[slot] = id as u16 + 1;
        }
        if best.as_ref().is_none_or(|(least, ..)| steps < *least) {
            best = Some((steps, multiplier, slots));
        }
    }
    let (_, multiplier, slots) = best.expect("some multipliers were tried");
    (multiplier, slots)
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

fn list<'a>(from: &'a Value, field: &str) -> &'a [Value] {
    from.get(field).map_or(&[], |value| {
        value
            .as_array()
            .unwrap_or_else(|| panic!("{field} is a list"))
    })
}

fn strings<'a>(from: &'a Value, field: &str) -> Vec<&'a str> {
    list(from, field)
        .iter()
        .map(|value| {
            value
                .as_str()
                .unwrap_or_else(|| panic!("{field} is a list of strings"))
        })
        .collect()
}

fn optional<'a>(from: &'a Value, field: &str) -> Option<&'a str> {
    from.get(field).map(|value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{field} is a string"))
    })
}

fn text<'a>(from: &'a Value, field: &str) -> &'a str {
    optional(from, field).unwrap_or_else(|| panic!("{field} is missing in {from}"))
}

fn number(from: &Value, field: &str) -> i64 {
    from[field]
        .as_i64()
        .unwrap_or_else(|| panic!("{field} is a number in {from}"))
}

//! What holds for all source files, checked by the tests themselves.

use std::fs;
use std::path::{Path, PathBuf};

/// A file longer than this holds more than one idea.
const LINES: usize = 900;

/// The only files that may speak of raw memory, and say why.
const UNSAFE: [&str; 3] = [
    "host/src/image.rs",
    "host/src/memory.rs",
    "guest/src/component.rs",
];

/// The guest's layers, each knowing only itself and those before it. Small modules that everybody
/// may know come first.
const LAYERS: [&[&str]; 8] = [
    &["memory", "resp", "value", "config"],
    &["keyspace"],
    &["rdb"],
    &["commands"],
    &["lua"],
    &["session"],
    &["engine"],
    &["component"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every source file: its path from the workspace's root, and its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["guest", "host", "tests", "fuzz"] {
        collect(&root(), Path::new(folder), &mut found);
    }
    assert!(found.len() > 20, "{} files", found.len());
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else {
        return;
    };
    for entry in entries {
        let entry = entry.expect("a folder can be read");
        let path = folder.join(entry.file_name());
        if root.join(&path).is_dir() {
            if !path.ends_with("target") {
                collect(root, &path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(root.join(&path)).expect("source is UTF-8");
            found.push((path.to_string_lossy().replace('\\', "/"), text));
        }
    }
}

fn assert_none(what: &str, offenders: &[String]) {
    assert!(
        offenders.is_empty(),
        "{what}:\n  {}",
        offenders.join("\n  ")
    );
}

#[test]
fn every_file_says_what_it_owns() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|file| file.0)
        .collect();
    assert_none("files without a //! header", &silent);
}

#[test]
fn no_file_is_longer_than_one_idea() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| text.lines().count() > LINES)
        .map(|(path, text)| format!("{path}: {} lines", text.lines().count()))
        .collect();
    assert_none(&format!("files of more than {LINES} lines"), &long);
}

#[test]
fn raw_memory_is_spoken_of_in_two_files() {
    let mut offenders = Vec::new();
    for (path, text) in sources() {
        // This file has the word in its own text.
        if UNSAFE.contains(&path.as_str()) || path == "tests/tests/tidy.rs" {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == "unsafe")
            {
                offenders.push(format!("{path}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    assert_none("raw memory elsewhere", &offenders);
}

#[test]
fn the_guests_layers_import_only_downwards() {
    let layer_of = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut offenders = Vec::new();
    let mut imports = 0;
    for (path, text) in sources() {
        let Some(inside) = path.strip_prefix("guest/src/") else {
            continue;
        };
        let module = inside.split(['/', '.']).next().unwrap_or_default();
        if module == "lib" {
            continue;
        }
        let Some(own) = layer_of(module) else {
            offenders.push(format!("{path}: {module} is in no layer"));
            continue;
        };
        // What tests import is no dependency of the layer.
        let text = text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            for named in line.split("crate::").skip(1) {
                let named: String = named
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                imports += 1;
                if layer_of(&named).is_some_and(|theirs| theirs > own) {
                    offenders.push(format!("{path}:{}: {}", index + 1, line.trim()));
                }
            }
        }
    }
    assert!(imports > 50, "{imports} imports");
    assert_none("layers that look up", &offenders);
}

/// `UPDATE=1` writes it anew.
/// Of several programs in a workspace, `cargo run` takes none unless it is told.
#[test]
fn the_readmes_cargo_run_runs_the_server() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect(path);
    assert!(read("README.md").contains("\ncargo run --release "));
    assert!(read("host/Cargo.toml").contains("\ndefault-run = \"petridis\"\n"));
    for other in ["guest/Cargo.toml", "tests/Cargo.toml"] {
        assert!(!read(other).contains("default-run"), "{other}");
    }
}

#[test]
fn the_list_of_commands_is_fresh() {
    let path = root().join("docs/commands.md");
    let fresh = petridis_guest::commands_markdown();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &fresh).expect("docs/ is there");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == fresh,
        "docs/commands.md is stale: run the tests with UPDATE=1"
    );
}

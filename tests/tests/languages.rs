//! Clients in other languages, as people use them: redis-py and ioredis (`tests/clients/`). Skipped
//! aloud where the language or the package cannot be had.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use petridis::blocking::Server;

/// Where packages are installed, once for all runs.
fn folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(language)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(name)
}

/// Whether a command ran and went well.
fn goes_well(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// A Python that has redis-py.
fn python() -> Option<PathBuf> {
    let folder = folder("python");
    let python = folder.join("bin/python");
    let has_package = || goes_well(Command::new(&python).args(["-c", "import redis"]));
    let installs = || {
        goes_well(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && goes_well(Command::new(&python).args(["-m", "pip", "install", "redis==8.*"]))
    };
    (has_package() || installs()).then_some(python)
}

/// A folder with ioredis.
fn ioredis() -> Option<PathBuf> {
    let folder = folder("node");
    if folder.join("node_modules/ioredis").exists() {
        return Some(folder);
    }
    std::fs::create_dir_all(&folder).ok()?;
    let package = folder.join("package.json");
    std::fs::write(package, "{\"private\": true}\n").ok()?;
    let installed = goes_well(
        Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "ioredis@5"])
            .current_dir(&folder),
    );
    installed.then_some(folder)
}

fn check(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines().filter(|line| line.starts_with("skipped")) {
        eprintln!("{line}");
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
}

#[test]
fn redis_py() {
    let Some(python) = python() else {
        eprintln!("skipped: no Python with redis-py, and none can be installed");
        return;
    };
    let server = Server::start().expect("a server starts");
    let output = Command::new(python)
        .arg(script("redis_py.py"))
        .arg(server.port().to_string())
        .output();
    check(&output.expect("it runs"));
}

#[test]
fn node_with_ioredis() {
    let Some(folder) = ioredis() else {
        eprintln!("skipped: no Node with ioredis, and none can be installed");
        return;
    };
    let server = Server::start().expect("a server starts");
    let output = Command::new("node")
        .arg(script("ioredis.mjs"))
        .arg(server.port().to_string())
        .arg(folder)
        .output();
    check(&output.expect("it runs"));
}

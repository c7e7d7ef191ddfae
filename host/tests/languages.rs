//! Clients in other languages, as people use them: redis-py and ioredis (`tests/clients/`), and tests
//! that are run by `petridis run` (`tests/examples/`). Skipped aloud where the language or a package
//! cannot be had.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use petridis::blocking::Server;

/// A Python that has redis-py and pytest, made once for all tests.
static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let folder = installed("python");
    let python = folder.join("bin/python");
    let packages = ["redis==8.*", "pytest>=8,<10", "pytest-xdist==3.*"];
    let has_packages =
        || goes_well(Command::new(&python).args(["-c", "import redis, pytest, xdist"]));
    let installs = || {
        goes_well(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && goes_well(
                Command::new(&python)
                    .args(["-m", "pip", "install"])
                    .args(packages),
            )
    };
    (has_packages() || installs()).then_some(python)
});

/// A folder with ioredis.
static NODE: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let folder = installed("node");
    if folder.join("node_modules/ioredis").exists() {
        return Some(folder);
    }
    fs::create_dir_all(&folder).ok()?;
    let package = folder.join("package.json");
    fs::write(package, "{\"private\": true}\n").ok()?;
    let installs = goes_well(
        Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "ioredis@5"])
            .current_dir(&folder),
    );
    installs.then_some(folder)
});

/// Where packages are installed, once for all runs.
fn installed(language: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(language)
}

/// What is written in those languages.
fn written(path: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    tests.join(path)
}

/// Whether a command ran and went well.
fn goes_well(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn python() -> Option<&'static Path> {
    if PYTHON.is_none() {
        eprintln!("skipped: no Python with redis-py and pytest, and none can be installed");
    }
    PYTHON.as_deref()
}

fn node() -> Option<&'static Path> {
    if NODE.is_none() {
        eprintln!("skipped: no Node with ioredis, and none can be installed");
    }
    NODE.as_deref()
}

/// What was printed, by a command that has to go well.
fn printed(output: io::Result<Output>) -> String {
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in text.lines().filter(|line| line.starts_with("skipped")) {
        eprintln!("{line}");
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    text
}

/// What a command in a folder prints, with a server beside it.
fn run_in<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_petridis"))
        .arg("run")
        .args(arguments)
        .current_dir(folder)
        // Nothing is left between the sources.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output();
    printed(output)
}

#[test]
fn redis_py() {
    let Some(python) = python() else { return };
    let server = Server::start().expect("a server starts");
    let output = Command::new(python)
        .arg(written("clients/redis_py.py"))
        .arg(server.port().to_string())
        .output();
    printed(output);
}

#[test]
fn node_with_ioredis() {
    let Some(folder) = node() else { return };
    let server = Server::start().expect("a server starts");
    let output = Command::new("node")
        .arg(written("clients/ioredis.mjs"))
        .arg(server.port().to_string())
        .arg(folder)
        .output();
    printed(output);
}

#[test]
fn examples_for_pytest() {
    let Some(python) = python() else { return };
    let pytest = |more: &[&str]| {
        let command = [OsStr::new("--"), python.as_os_str()];
        let flags = ["-m", "pytest", "-p", "no:cacheprovider"];
        let flags = flags.iter().chain(more).map(OsStr::new);
        run_in(
            &written("examples/python"),
            command.into_iter().chain(flags),
        )
    };
    for more in [&[][..], &["-n", "2"]] {
        let text = pytest(more);
        assert!(text.contains(" 8 passed in "), "{text}");
    }
}

#[test]
fn examples_for_node() {
    let Some(folder) = node() else { return };
    // Packages are looked for in the folders above.
    let copy = folder.join("examples");
    let _ = fs::remove_dir_all(&copy);
    fs::create_dir(&copy).expect("a folder");
    for file in fs::read_dir(written("examples/node")).expect("it is there") {
        let file = file.expect("it can be read");
        if file.path().is_file() {
            fs::copy(file.path(), copy.join(file.file_name())).expect("copied");
        }
    }
    let command = ["--", "node", "--test", "--test-reporter", "tap"];
    let text = run_in(&copy, ["--load", "fixtures.txt"].iter().chain(&command));
    assert!(text.contains("\n# pass 10\n"), "{text}");
}

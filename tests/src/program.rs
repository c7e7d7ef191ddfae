//! The `petridis` program as a process: building it, starting it, ending it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

/// The program: the file that `PETRIDIS_PROGRAM` names, or else one that is built here, with the
/// profile of this test and into the same folder.
///
/// Cargo offers a program's path only to tests of its own package.
pub fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| match std::env::var_os("PETRIDIS_PROGRAM") {
        Some(path) => path.into(),
        None => build(),
    })
}

fn build() -> PathBuf {
    // …/target/debug/deps/name-of-a-test
    let test = std::env::current_exe().expect("a test is a file");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("it lies in the target folder");
    let target = profile.parent().expect("it lies in the target folder");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    // As `cargo run` builds it, so that the two share what they build.
    cargo
        .current_dir(root)
        .args(["build", "--quiet", "--bin", "petridis", "--target-dir"]);
    cargo.arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.status().expect("cargo runs");
    assert!(built.success(), "the program does not build");
    profile.join(format!("petridis{}", std::env::consts::EXE_SUFFIX))
}

/// A command that runs the program.
pub fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(path());
    command.args(arguments);
    command
}

/// A running server that said that it is ready. It is killed when dropped.
pub struct Program {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    /// What it printed on standard output up to the last line that says that it is ready.
    pub greeting: Vec<String>,
}

impl Program {
    /// Starts it and waits until it is ready on as many transports.
    pub fn start<A: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = A>,
        transports: usize,
    ) -> Self {
        let mut child = command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("its output is a pipe")).lines();
        let mut greeting = Vec::new();
        let mut ready = 0;
        while ready < transports {
            let line = output
                .next()
                .expect("it says that it is ready")
                .expect("in UTF-8");
            ready += usize::from(line.contains("* Ready to accept connections"));
            greeting.push(line);
        }
        Self {
            child,
            output,
            greeting,
        }
    }

    /// The address in its greeting, as in `127.0.0.1:6379`.
    pub fn address(&self) -> String {
        let listening = self
            .greeting
            .iter()
            .find_map(|line| line.split_once("redis://"));
        listening
            .expect("it says where it listens")
            .1
            .trim()
            .to_owned()
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; gives its status and what it printed after the greeting.
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        let rest = self.output.by_ref().map_while(Result::ok).collect();
        (self.child.wait().expect("it ends"), rest)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

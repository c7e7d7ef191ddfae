//! The `petridis` program as a process: starting it, ending it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// A command that runs the program.
pub fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_petridis"));
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

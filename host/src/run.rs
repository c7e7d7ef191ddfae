//! `petridis run -- COMMAND`: a server as long as a command runs, which is told where it is.
//!
//! Owns the command's environment and its exit status. Knows no parameter.

use std::ffi::OsString;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result, bail};
use petridis::Server;

/// Takes the command off the program's arguments, and `run` with it. `None` if they begin with
/// another word.
pub(crate) fn take_command(arguments: &mut Vec<OsString>) -> Result<Option<Vec<OsString>>> {
    if arguments.first().is_none_or(|first| first != "run") {
        return Ok(None);
    }
    let Some(at) = arguments.iter().position(|word| word == "--") else {
        bail!("run: say which command: petridis run [flags] -- COMMAND...");
    };
    let command = arguments.split_off(at + 1);
    if command.is_empty() {
        bail!("run: there is no command behind `--`");
    }
    arguments.truncate(at);
    arguments.remove(0);
    Ok(Some(command))
}

/// Runs a command beside a server. Returns the command's own exit status.
pub(crate) async fn run(
    server: &Server,
    command: &[OsString],
    names: impl Iterator<Item = &str>,
) -> Result<ExitStatus> {
    let (program, arguments) = command.split_first().context("there is no command")?;
    let mut child = Command::new(program);
    child
        .args(arguments)
        .env("REDIS_URL", server.url())
        .env("REDIS_HOST", server.addr().ip().to_string())
        .env("REDIS_PORT", server.port().to_string());
    for name in names {
        child.env(name, server.url());
    }
    let mut child = child
        .spawn()
        .with_context(|| format!("can't run {}", program.display()))?;
    let id = child.id();
    let ended = tokio::task::spawn_blocking(move || child.wait());
    let status = tokio::select! {
        status = ended => status,
        never = pass_signals_on(id) => match never {},
    };
    Ok(status.context("waiting for the command")??)
}

/// Passes on to the command what would end this program. The command decides whether it ends.
#[cfg(unix)]
async fn pass_signals_on(id: u32) -> std::convert::Infallible {
    use rustix::process::{Pid, Signal, kill_process};
    use tokio::signal::unix::{SignalKind, signal};
    let child = i32::try_from(id).ok().and_then(Pid::from_raw);
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            // A terminal sends it to the command as well.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {
                if let Some(child) = child {
                    // It may have ended just now.
                    let _ = kill_process(child, Signal::TERM);
                }
            }
        }
    }
}

#[cfg(not(unix))]
async fn pass_signals_on(_id: u32) -> std::convert::Infallible {
    std::future::pending().await
}

/// As a shell says it: 128 and the signal's number where one ended it.
pub(crate) fn code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or(signal.map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(line: &str) -> Result<(Vec<String>, Option<Vec<String>>)> {
        let words = |words: Vec<OsString>| {
            let words = words
                .into_iter()
                .map(|word| word.into_string().expect("UTF-8"));
            words.collect()
        };
        let mut arguments = line.split_whitespace().map(OsString::from).collect();
        let command = take_command(&mut arguments)?;
        Ok((words(arguments), command.map(words)))
    }

    #[test]
    fn the_command_begins_behind_the_dashes() {
        let (flags, command) =
            taken("run --seed 7 -- cargo test -- --nocapture").expect("a command");
        assert_eq!(flags, ["--seed", "7"]);
        assert_eq!(
            command.expect("one"),
            ["cargo", "test", "--", "--nocapture"]
        );
        assert_eq!(taken("--port 0").expect("none").1, None);
        assert!(taken("run --seed 7").is_err());
        assert!(taken("run --").is_err());
    }
}

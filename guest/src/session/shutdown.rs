//! The end of a server: SHUTDOWN, and the signals that ask for it.

use super::persistence::Waiting;
use super::{Call, Connection, LogLevel, Server, SessionHandler};
use crate::commands::Outcome;
use crate::commands::error;
use crate::resp::Args;

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[("shutdown", shutdown)];

/// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
fn shutdown(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let (mut save, mut no_save, mut now, mut abort) = (false, false, false, false);
    let mut forced = false;
    for option in args.from(1).iter() {
        match option.to_ascii_lowercase().as_slice() {
            b"save" if !no_save => save = true,
            b"nosave" if !save => no_save = true,
            b"now" => now = true,
            b"force" => forced = true,
            b"abort" => abort = true,
            _ => return Err(error::SYNTAX),
        }
    }
    if !no_save && let Some(busy) = call.server.scripts.busy() {
        return Err(busy);
    }
    if abort {
        if save || no_save || now || forced {
            return Err(error::SYNTAX);
        }
        // There are no replicas to wait for, so a shutdown is never in progress.
        return Err(error::NO_SHUTDOWN);
    }
    let save = (save || no_save).then_some(save);
    // As on a real server nobody hears an answer: the connections close.
    call.server.shut_down(save, forced, Some(call.connection))
}

/// How a process is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Server {
    /// Ends as the configuration has it for a signal.
    pub fn signalled(&mut self, signal: Signal) {
        let options = match signal {
            Signal::Interrupt => self.config.shutdown_on_sigint,
            Signal::Terminate => self.config.shutdown_on_sigterm,
        };
        // Where it goes on instead, the log says why.
        let _ = self.shut_down(options.save(), options.is_forced(), None);
    }

    /// Ends, after saving if there are save points or that is wanted.
    fn shut_down(&mut self, save: Option<bool>, forced: bool, by: Option<Connection>) -> Outcome {
        self.log(LogLevel::Notice, "User requested shutdown...");
        if save.unwrap_or(!self.config.save.0.is_empty()) {
            let text = "Saving the final RDB snapshot before exiting.";
            self.log(LogLevel::Notice, text);
            if self.begin_saving(Waiting::Exit { by, forced }).is_ok() {
                return Ok(());
            }
            if !forced {
                self.stay();
                return Err(error::CANNOT_SHUT_DOWN);
            }
        }
        self.exit = true;
        Ok(())
    }

    /// Says that saving failed and that the server goes on.
    pub(super) fn stay(&mut self) {
        self.log(
            LogLevel::Warning,
            "Error trying to save the DB, can't exit.",
        );
        self.log(
            LogLevel::Warning,
            "Errors trying to shut down the server. Check the logs for more information.",
        );
    }
}

//! Errands: what a command needs done outside before it can go on, like a file that is to be read.
//! Nobody is answered until that is done; then the command runs again and takes the outcome. Knows
//! no command.

use super::{Call, Caller, Connection, Output, Server};
use crate::commands::{Outcome, error};

/// What systems say of a file that is not there.
pub(super) const NO_SUCH_FILE: &str = "No such file or directory";

/// Something to be done outside. `wit/engine.wit` explains each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// What is in this file?
    Read(String),
    /// Write this file, as a whole or not at all.
    Write {
        /// Where it is.
        path: String,
        /// What is to be in it.
        bytes: Vec<u8>,
    },
    /// Parameters and their values: all or none.
    Configure(Vec<(String, String)>),
}

impl Errand {
    /// What comes of it where there is no host.
    pub fn done_by_nobody(&self) -> Result<Vec<u8>, Refusal> {
        let (about, why) = match self {
            Errand::Read(_) => (String::new(), NO_SUCH_FILE),
            Errand::Write { .. } => (String::new(), "Read-only file system"),
            Errand::Configure(parameters) => {
                let heeded = |name: &str| name == "maxclients";
                let Some((name, _)) = parameters.iter().find(|(name, _)| !heeded(name)) else {
                    return Ok(Vec::new());
                };
                (name.clone(), "")
            }
        };
        let why = why.to_owned();
        Err(Refusal { about, why })
    }
}

/// Why an errand was not done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The parameter that is in the way.
    pub about: String,
    /// As the system says it.
    pub why: String,
}

/// The errand that is under way, if there is one.
#[derive(Debug, Default)]
pub struct Errands {
    /// For the host, with the next effects.
    pub asked: Option<Errand>,
    /// Whose command waits for it.
    by: Option<Connection>,
    /// CONFIG REWRITE has read the file, and has it written now.
    pub(super) rewrites: bool,
    /// What came of it, for the command to take.
    outcome: Option<Result<Vec<u8>, Refusal>>,
}

impl Errands {
    /// True while everybody waits for one.
    #[inline]
    pub fn are_under_way(&self) -> bool {
        self.by.is_some()
    }
}

impl Call<'_> {
    /// What came of the errand that this command asked for before it was run again.
    pub(super) fn take_outcome(&mut self) -> Option<Result<Vec<u8>, Refusal>> {
        self.server.errands.outcome.take()
    }

    /// Has something done outside; the command is run again then, and finds the outcome.
    pub(super) fn have_done(&mut self, errand: Errand) -> Outcome {
        if self.caller == Caller::Script {
            return Err(error::NOT_FROM_SCRIPT);
        }
        self.server.errands.asked = Some(errand);
        self.server.errands.by = Some(self.connection);
        self.runs_on = true;
        Ok(())
    }
}

impl Server {
    /// The errand was done, or could not be: who asked for it goes on.
    pub fn errand_done(&mut self, outcome: Result<Vec<u8>, Refusal>, out: &mut Output) {
        let Some(connection) = self.errands.by.take() else {
            return;
        };
        if self.clients.get(connection).is_none() {
            // Gone, and with it the rest of its transaction.
            self.interrupted = None;
            return;
        }
        self.errands.outcome = Some(outcome);
        self.wake(connection, out);
        self.errands.outcome = None;
    }
}

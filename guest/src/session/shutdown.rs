//! SHUTDOWN.

use super::persistence::Waiting;
use super::{Call, LogLevel, SessionHandler};
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
    // As on a real server nobody hears an answer: the connections close.
    call.server
        .log(LogLevel::Warning, "User requested shutdown...");
    let has_save_points = !call.server.config.save.0.is_empty();
    if save || (has_save_points && !no_save) {
        let by = call.connection;
        let begun = call.server.begin_saving(Waiting::Exit { by, forced });
        if begun.is_ok() {
            return Ok(());
        }
        if !forced {
            return Err(error::CANNOT_SHUT_DOWN);
        }
    }
    call.server.exit = true;
    Ok(())
}

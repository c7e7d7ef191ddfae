//! The append-only file, as far as there is one: a sandbox has no files, so `appendonly yes` is taken
//! and nothing is written. What would be read back is what is there.

use super::{Call, LogLevel, SessionHandler};
use crate::commands::{Outcome, error};
use crate::resp::Args;

pub(super) const HANDLERS: &[(&str, SessionHandler)] = &[("bgrewriteaof", bgrewriteaof)];

/// BGREWRITEAOF
fn bgrewriteaof(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    call.server.stats.append_only_rewrites += 1;
    call.reply
        .simple("Background append only file rewriting started");
    Ok(())
}

/// DEBUG LOADAOF
///
/// There is no file of commands. Where there would be one it would hold what is here.
pub(super) fn load(call: &mut Call<'_>) -> Outcome {
    let server = &mut *call.server;
    if !server.config.appendonly && server.stats.append_only_rewrites == 0 {
        return Err(error::LOADAOF_FAILED);
    }
    let image = server.make_image()?;
    server
        .load_image(&image, false, false)
        .map_err(|_| error::LOADAOF_FAILED)?;
    server.log(LogLevel::Notice, "Append Only File loaded by DEBUG LOADAOF");
    call.reply.ok();
    Ok(())
}

//! The append-only file, as far as there is one: a sandbox has no files, so `appendonly yes` is taken
//! and nothing is written. What would be read back is what is there.

use super::{Call, Server, SessionHandler};
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
pub(super) fn load(call: &mut Call<'_>) -> Outcome {
    if reread(call.server).is_none() {
        return Err(error::CANNOT_LOAD_AOF);
    }
    call.reply.ok();
    Ok(())
}

/// Writes all data down and reads it again.
fn reread(server: &mut Server) -> Option<()> {
    let image = server.make_image().ok()?;
    server.load_image(&image, false, false).ok().map(drop)
}

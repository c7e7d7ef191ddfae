//! DEBUG RELOAD: the data written down and read again, which has to change nothing. The image stays
//! in the engine: no file is written.

use super::super::{Call, LogLevel};
use crate::commands::{Outcome, error, options};
use crate::resp::Args;

/// DEBUG LOADAOF
///
/// There is no file of commands. Where there would be one it would hold what is here.
pub fn loadaof(call: &mut Call<'_>) -> Outcome {
    let server = &mut *call.server;
    if !server.config.appendonly && !server.persistence.has_rewritten_aof {
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

/// DEBUG RELOAD [MERGE] [NOFLUSH] [NOSAVE]
pub fn reload(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let (mut flushes, mut saves, mut replaces) = (true, true, false);
    for option in args.iter() {
        if options::is(option, "MERGE") {
            replaces = true;
        } else if options::is(option, "NOFLUSH") {
            flushes = false;
        } else if options::is(option, "NOSAVE") {
            saves = false;
        } else {
            return Err(error::RELOAD_OPTION);
        }
    }
    let server = &mut *call.server;
    let image = if saves {
        Some(server.make_image()?)
    } else {
        server.take_kept_image()
    };
    let Some(image) = image else {
        return Err(error::RELOAD_FAILED);
    };
    let loaded = server.load_image(&image, !flushes, replaces);
    server.keep_image(&image);
    match loaded {
        Ok(_) => {
            server.log(LogLevel::Notice, "DB reloaded by DEBUG RELOAD");
            call.reply.ok();
            Ok(())
        }
        Err(refused) => {
            server.log(LogLevel::Warning, refused.to_string());
            Err(error::RELOAD_FAILED)
        }
    }
}

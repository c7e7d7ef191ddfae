//! DEBUG RELOAD: the data written down and read again, which has to change nothing. The image stays
//! in the engine: no file is written.

use super::super::{Call, LogLevel};
use crate::commands::{Outcome, error, options};
use crate::resp::Args;

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

//! MODULE: what the server says of modules. There is none to load: the sandbox has no files.

use super::Call;
use crate::commands::{Outcome, error, help};
use crate::resp::{Args, Sink};

crate::session::handlers::attach! {
    "module|help" => help,
    "module|list" => list,
    "module|load" => load,
    "module|loadex" => load,
    "module|unload" => unload,
}

/// The modules that Redis 8.0 comes with, as HELLO and MODULE LIST name them.
pub fn write_list(reply: &mut dyn Sink) {
    reply.array(1);
    reply.map(4);
    reply.bulk(b"name");
    reply.bulk(b"vectorset");
    reply.bulk(b"ver");
    reply.integer(1);
    reply.bulk(b"path");
    reply.bulk(b"");
    reply.bulk(b"args");
    reply.array(0);
}

/// MODULE LIST
fn list(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    write_list(call.reply);
    Ok(())
}

/// MODULE LOAD path [arg ...], MODULE LOADEX path [CONFIG name value ...] [ARGS arg ...]
fn load(_call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    Err(error::MODULE_NOT_LOADED)
}

/// MODULE UNLOAD name
fn unload(_call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    if args.at(2) == b"vectorset" {
        return Err(error::MODULE_STAYS);
    }
    Err(error::NO_SUCH_MODULE)
}

/// MODULE HELP
fn help(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    help::write(
        call.reply,
        "MODULE",
        &[
            ("LIST", &["Return a list of loaded modules."]),
            (
                "LOAD <path> [<arg> ...]",
                &["Load a module library from <path>, passing to it any optional arguments."],
            ),
            (
                "LOADEX <path> [[CONFIG NAME VALUE] [CONFIG NAME VALUE]] [ARGS ...]",
                &[
                    "Load a module library from <path>, while passing it module configurations and optional arguments.",
                ],
            ),
            ("UNLOAD <name>", &["Unload a module."]),
        ],
    );
    Ok(())
}

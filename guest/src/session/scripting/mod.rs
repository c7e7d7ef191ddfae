//! Scripts and functions: EVAL, SCRIPT, FCALL, FUNCTION. Which scripts are known, which libraries are
//! loaded, and the script that runs. Knows nothing of the language: that is `lua`'s.
//!
//! A script runs inside the command that asked for it. One that takes long runs on in later steps of the
//! engine: its client is parked, and so is everybody else, until `busy-reply-threshold` has gone by
//! and others are told that the server is busy. Time stands still for it.

mod cache;
mod eval;
mod functions;
mod libraries;
mod run;

use cache::{Cache, declares};
use libraries::Libraries;
use run::Running;

use super::{Connection, LogLevel, Server, SessionHandler};
use crate::commands::table::{CommandSpec, Flags, Group};
use crate::commands::{CommandError, error};
use crate::lua::function::Flag;
use crate::lua::{Caller, Lua};
use crate::resp::Args;

/// Both families.
pub(super) const HANDLERS: [&[(&str, SessionHandler)]; 2] = [eval::HANDLERS, functions::HANDLERS];

/// All that belongs to scripts.
#[derive(Default)]
pub struct Scripts {
    /// The machine. Made when it is first needed.
    machine: Option<Box<Lua>>,
    cache: Cache,
    libraries: Libraries,
    /// What runs, if something does.
    running: Option<Running>,
    /// `DEBUG SET-DISABLE-DENY-SCRIPTS`: scripts may call what is not for scripts.
    pub may_call_all: bool,
}

/// What INFO and MEMORY STATS say of scripts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Bytes that the machine holds.
    pub machine_bytes: u64,
    /// Those of them that came with libraries.
    pub function_bytes: u64,
    /// Scripts that are known, and the bytes of their text.
    pub scripts: usize,
    /// Bytes that the texts of scripts take.
    pub script_bytes: u64,
    /// Scripts of EVAL that made room for others.
    pub evicted: u64,
    /// Libraries of functions.
    pub libraries: usize,
    /// Functions in them.
    pub functions: usize,
    /// Bytes that libraries take.
    pub library_bytes: u64,
}

impl Scripts {
    /// True while a script runs that did not end in the step it began in.
    #[inline]
    pub fn run_on(&self) -> bool {
        self.running.is_some()
    }

    /// True while everybody waits for a script.
    #[inline]
    pub fn hold_others(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| !running.is_slow)
    }

    /// What those are told who would have to wait for a script that takes long.
    #[inline]
    pub fn busy(&self) -> Option<CommandError> {
        let running = self.running.as_ref()?;
        running.is_slow.then(|| running.busy())
    }

    /// Lets go of what scripts have left behind, so that it is not counted.
    pub fn tidy(&mut self) {
        if let Some(machine) = &mut self.machine {
            machine.tidy();
        }
    }

    /// What there is.
    pub fn figures(&self) -> Figures {
        Figures {
            machine_bytes: self.machine.as_ref().map_or(0, |lua| lua.memory() as u64),
            function_bytes: self.libraries.machine_bytes(),
            scripts: self.cache.len(),
            script_bytes: self.cache.bytes(),
            evicted: self.cache.evicted(),
            libraries: self.libraries.len(),
            functions: self.libraries.functions(),
            library_bytes: self.libraries.bytes(),
        }
    }

    /// The machine and what is loaded into it.
    fn parts(&mut self) -> (&mut Lua, &mut Cache, &mut Libraries) {
        let machine = self.machine.get_or_insert_default();
        (machine, &mut self.cache, &mut self.libraries)
    }

    /// The codes of all libraries, as FUNCTION LOAD takes them.
    pub fn library_codes(&self) -> impl Iterator<Item = &[u8]> {
        self.libraries.codes()
    }

    /// Forgets all functions.
    pub fn delete_libraries(&mut self) {
        if let Some(machine) = &mut self.machine {
            self.libraries.clear(machine);
            machine.reset_settings(Caller::Function);
            self.renew();
        }
    }

    /// Forgets all scripts.
    fn forget_scripts(&mut self) {
        if let Some(machine) = &mut self.machine {
            self.cache.flush(machine);
            machine.reset_settings(Caller::Script);
            self.renew();
        }
    }

    /// Begins with another machine, if there is nothing in this one: what it has grown to goes with it.
    fn renew(&mut self) {
        let is_needed = self.running.is_some() || self.cache.len() > 0 || self.libraries.len() > 0;
        if let Some(machine) = &mut self.machine
            && !is_needed
        {
            machine.renew();
        }
    }

    /// Loads libraries of an image; with `replaces`, in place of those of the same name.
    pub fn load_libraries(&mut self, codes: &[Box<[u8]>], replaces: bool) -> Result<(), Vec<u8>> {
        for code in codes {
            let (machine, _, libraries) = self.parts();
            libraries.load(machine, code, replaces)?;
        }
        Ok(())
    }
}

/// What a command does; of a script what it declares about itself.
#[inline]
pub(super) fn flags_of(scripts: &Scripts, spec: &'static CommandSpec, args: Args<'_>) -> Flags {
    if spec.group == Group::Scripting {
        flags_of_script(scripts, spec, args)
    } else {
        spec.flags
    }
}

#[cold]
fn flags_of_script(scripts: &Scripts, spec: &'static CommandSpec, args: Args<'_>) -> Flags {
    let declared = match spec.name {
        "eval" | "eval_ro" => eval::declared_by(scripts, args, false),
        "evalsha" | "evalsha_ro" => eval::declared_by(scripts, args, true),
        "fcall" | "fcall_ro" => functions::declared_by(scripts, args),
        _ => None,
    };
    if declared.is_none() {
        return spec.flags;
    }
    let replaced = Flags::STALE | Flags::DENYOOM | Flags::WRITE | Flags::MAY_REPLICATE;
    let mut flags = spec.flags.without(replaced);
    if !declares(declared, Flag::NoWrites) {
        flags = flags | Flags::WRITE;
        if !declares(declared, Flag::AllowOom) {
            flags = flags | Flags::DENYOOM;
        }
    }
    if declares(declared, Flag::AllowStale) {
        flags = flags | Flags::STALE;
    }
    flags
}

impl Server {
    /// Tells the time to the script that runs: others hear that the server is busy once it takes too
    /// long, and from then on TIME shows it the time. Its keys never see it.
    pub fn time_script(&mut self, now_us: u64) {
        let threshold_ms = self.config.busy_reply_threshold;
        let Some(running) = &mut self.scripts.running else {
            return;
        };
        running.now_us = running.now_us.max(now_us);
        let elapsed_ms = running.elapsed_ms();
        if !running.is_slow && (elapsed_ms as i64) < threshold_ms {
            return;
        }
        self.keyspace.tell_us(running.now_us);
        if std::mem::replace(&mut running.is_slow, true) {
            return;
        }
        let kill = running.kill_command();
        let name = String::from_utf8_lossy(running.name()).into_owned();
        self.log(
            LogLevel::Warning,
            format!(
                "Slow script detected: still in execution after {elapsed_ms} milliseconds. You can try \
                 killing the script using the {kill} command. Script name is: {name}."
            ),
        );
    }

    /// Whose script runs.
    pub fn running_script_of(&self) -> Option<Connection> {
        let running = self.scripts.running.as_ref()?;
        Some(running.connection)
    }

    /// The client of the script that runs is known by another number from now on.
    pub(super) fn hand_script_over(&mut self, connection: Connection) {
        if let Some(running) = &mut self.scripts.running {
            running.connection = connection;
        }
    }

    /// SCRIPT KILL and FUNCTION KILL.
    fn kill_script(&mut self, is_eval: bool) -> Result<(), CommandError> {
        let running = self.scripts.running.as_mut().ok_or(error::NOT_BUSY)?;
        if running.has_written {
            return Err(error::UNKILLABLE);
        }
        if running.is_eval() != is_eval {
            return Err(running.busy());
        }
        running.is_killed = true;
        Ok(())
    }
}

//! `petridis replay FILE`: runs a recording again and says whether the same comes of it.
//!
//! Owns the flags, the text and the exit status: 0 if all is as it was recorded, 1 if not.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::Result;
use clap::Parser;
use petridis::{Difference, Error, Replay};

/// How often it is told how far it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Calls between two looks at the time.
const LOOK: u64 = 64;

#[derive(Debug, Parser)]
#[command(
    name = "petridis replay",
    about = "Runs a recording (--record) again and says at which call something else comes of it",
    after_help = "Exit status: 0 if every call brought what it brought when it was recorded, 1 if one did not, \
                  2 if the file can't be run again."
)]
pub(crate) struct Flags {
    /// The recording
    file: PathBuf,

    /// Stop after this call, counted from 1
    #[arg(long, value_name = "N")]
    until: Option<u64>,

    /// Print what is in the databases then
    #[arg(long)]
    dump: bool,
}

/// What the program's arguments behind `replay` say.
pub(crate) fn flags(arguments: Vec<OsString>) -> Result<Flags, clap::Error> {
    Flags::try_parse_from(arguments)
}

/// Runs a recording again.
pub(crate) fn play(flags: &Flags) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    let mut replay = Replay::open(&flags.file)?;
    describe(&mut out, &replay)?;
    let mut begins_alike = true;
    if let Some(from) = replay.forked_from() {
        let (path, calls) = (from.path.display(), from.calls);
        writeln!(out, "A fork, made behind call {calls} of {path}.")?;
        if let Some(difference) = &from.difference {
            begins_alike = false;
            writeln!(out, "It begins with something else, because there")?;
            tell(&mut out, difference)?;
        }
    }
    let (mut differing, mut first) = (0_u64, None);
    let mut told = Instant::now();
    while flags.until.is_none_or(|until| replay.calls() < until) {
        let Some(replayed) = replay.next_call()? else {
            break;
        };
        if let Some(difference) = replayed.difference {
            differing += 1;
            if first.is_none() {
                first = Some(difference.call);
                tell(&mut out, &difference)?;
            }
        }
        if replayed.call.is_multiple_of(LOOK) && told.elapsed() > PATIENCE {
            told = Instant::now();
            let percent = replay.progress() * 100.0;
            // Nobody has to read it.
            let _ = writeln!(io::stderr(), "{percent:3.0} %, {} calls", replayed.call);
        }
    }
    let calls = replay.calls();
    match first {
        None => writeln!(out, "{calls} calls, and of each comes what was recorded.")?,
        Some(first) => writeln!(
            out,
            "{calls} calls, {differing} of which bring something else, from call {first} on."
        )?,
    }
    if replay.is_cut_off() {
        writeln!(
            out,
            "The recording is cut off behind call {calls}: it was not ended, or still goes on."
        )?;
    }
    if flags.dump {
        dump(&mut out, &mut replay)?;
    }
    out.flush()?;
    Ok(ExitCode::from(u8::from(first.is_some() || !begins_alike)))
}

fn tell(out: &mut impl Write, difference: &Difference) -> Result<()> {
    writeln!(
        out,
        "Call {} brings something else.\n  asked: {}\n  then:  {}\n  now:   {}",
        difference.call, difference.asked, difference.then, difference.now
    )?;
    Ok(())
}

fn describe(out: &mut impl Write, replay: &Replay) -> Result<()> {
    let since = replay.begins_at().duration_since(UNIX_EPOCH);
    let build = match replay.is_of_this_build() {
        true => "this build",
        false => "another build, whose engine may answer otherwise",
    };
    writeln!(
        out,
        "Recorded by Petridis {}, {build}. Seed {}, begins at {:.6}.",
        replay.version(),
        replay.seed(),
        since.unwrap_or_default().as_secs_f64(),
    )?;
    Ok(())
}

/// Prints the databases that hold anything.
fn dump(out: &mut impl Write, replay: &mut Replay) -> Result<()> {
    let instance = replay.instance();
    for db in 0..instance.databases()? {
        match instance.db(db).dump() {
            Ok(text) if text.is_empty() => {}
            Ok(text) => write!(out, "database {db}\n{text}")?,
            Err(Error::Refused(why)) => writeln!(out, "database {db}: {why}")?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

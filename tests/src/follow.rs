//! What followers are told: the same commands on the native engine and on a real Redis, each with a
//! client that has said PSYNC, and the streams compared command by command.
//!
//! Times are those of two clocks; what chance has chosen ends a comparison, as what follows depends on
//! it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use petridis_guest::commands::table::{self, CommandSpec, Flags};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

use crate::differential::{self, native_now};
use crate::generate::{Script, Words, script};
use crate::play::{Chunk, Patience, Player, Reading, Stage, encode};
use crate::real::Real;
use crate::{frame, text};

/// Commands in a script, at most.
const COMMANDS: usize = 30;

/// Two clocks may be this far apart.
const SLACK_MS: i64 = 2000;

/// No number that is not a time is as large and as near to that of the other server.
const EARLIEST_MS: i64 = 1_600_000_000_000;

/// The client that follows, and the one that says where scripts begin and end.
const FOLLOWER: &str = "follower";
const MARKER: &str = "marker";

/// Said before the first command of a script and after the last one: it changes nothing, and is told.
const BEGIN: [&str; 3] = ["PUBLISH", "the script", "begins"];
const END: [&str; 3] = ["PUBLISH", "the script", "ends"];

/// Scripts for what chance seldom meets: one a paragraph, a command a line. A line `wait` lets some time
/// go by, `@NAME` before a command has another client say it.
const SCENES: &str = include_str!("follow/scenes.txt");

/// How long `wait` is.
const WAIT: Duration = Duration::from_millis(30);

/// What was compared.
#[derive(Debug, Default)]
pub struct Figures {
    /// Commands that were told, those around a transaction not counted.
    pub told: usize,
    /// Names of commands that change data, and were said and understood by both servers.
    pub covered: BTreeSet<&'static str>,
}

impl Figures {
    /// The names of commands that change data, or may be told for another reason, and were never said.
    pub fn missing(&self) -> Vec<&'static str> {
        names()
            .filter(|name| !self.covered.contains(name))
            .collect()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (told, covered, all) = (self.told, self.covered.len(), names().count());
        write!(
            out,
            "{told} commands told, {covered} of {all} that change data said"
        )?;
        match self.missing().as_slice() {
            [] => Ok(()),
            missing => write!(out, ", not {}", missing.join(", ")),
        }
    }
}

/// The real Redis to compare with; `None` where there is no program.
pub fn start_real() -> Option<Real> {
    let config = [
        ("enable-debug-command", "yes"),
        ("repl-diskless-sync", "no"),
        ("repl-ping-replica-period", "3600"),
        ("repl-timeout", "36000"),
        ("client-output-buffer-limit", "replica 0 0 0"),
    ];
    let config = config.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Real::start(&config)
}

/// Compares what is told of the scenes, and of `cases` random scripts of the families whose name
/// contains `family`. A script that shows a difference is cut down to what matters: that is the error.
pub fn run(real: &mut Real, cases: u32, family: &str) -> Result<Figures, String> {
    let mut theirs = Follower::default();
    theirs.follow(real)?;
    let mut figures = Figures::default();
    let mut differences = Vec::new();
    for scene in SCENES.split("\n\n") {
        let scene = Scene::parse(scene)?;
        if let Err(difference) = try_scene(&scene, real, &mut theirs, &mut figures) {
            differences.push(format!("{difference}\n{}", scene.source));
        }
    }
    if !differences.is_empty() {
        return Err(differences.join("\n\n"));
    }
    let state = RefCell::new((real, theirs, figures));
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&script(COMMANDS, family), |script| {
            let (real, theirs, figures) = &mut *state.borrow_mut();
            try_script(&script, real, theirs, figures)
        })
        .map_err(|difference| difference.to_string())?;
    Ok(state.into_inner().2)
}

fn try_scene(
    scene: &Scene,
    real: &mut Real,
    follower: &mut Follower,
    figures: &mut Figures,
) -> Result<(), String> {
    let mut native = native_now().map_err(|error| error.to_string())?;
    let ours = Follower::default().hear_of(&mut native, |player| scene.play(player));
    let theirs = follower.hear_of(real, |player| scene.play(player));
    let (ours, theirs) = (ours?.1, theirs?.1);
    compare(&ours, &theirs)?;
    figures.told += theirs.len();
    let words = scene.commands.iter().map(|(_, words)| words);
    figures.covered.extend(words.filter_map(name));
    Ok(())
}

fn try_script(
    script: &Script,
    real: &mut Real,
    follower: &mut Follower,
    figures: &mut Figures,
) -> TestCaseResult {
    let mut native = native_now()?;
    let answers = |player: &mut dyn Player| {
        differential::answers(script, 2, player).map_err(|error| error.to_string())
    };
    let ours = Follower::default().hear_of(&mut native, answers);
    let (our_replies, ours) = ours.map_err(TestCaseError::fail)?;
    let theirs = follower.hear_of(real, answers);
    let (their_replies, theirs) = theirs.map_err(TestCaseError::fail)?;
    // Where the replies are not the same, be it by chance, neither need the streams be.
    let differ = |(ours, theirs): (&Vec<u8>, &Vec<u8>)| ours != theirs;
    let is_other = |at: usize| {
        let replies = our_replies.iter().zip(&their_replies).skip(at).take(1);
        replies.into_iter().any(differ)
    };
    if let Err(difference) = compare(&ours, &theirs) {
        let chance = script.0.iter().enumerate().any(|(at, words)| {
            is_other(at) && !matches!(name(words), None | Some("xadd" | "xautoclaim"))
        });
        prop_assert!(chance, "{difference}");
    }
    figures.told += theirs.len();
    let understood = script.0.iter().zip(&their_replies);
    let understood = understood.filter(|(_, reply)| !reply.starts_with(b"-"));
    figures
        .covered
        .extend(understood.filter_map(|(words, _)| name(words)));
    Ok(())
}

// ---- commands ----------------------------------------------------------------------------------

fn names() -> impl Iterator<Item = &'static str> {
    let told = table::COMMANDS.iter().filter(|spec| is_told(spec));
    told.map(|spec| spec.name)
}

fn is_told(spec: &CommandSpec) -> bool {
    // Vector sets are no part of this server yet.
    let is_here = spec.module.is_none();
    let flags = spec.flags;
    is_here && (flags.contains(Flags::WRITE) || flags.contains(Flags::MAY_REPLICATE))
}

/// The name of a command that is told; `None` of others.
fn name(words: &Words) -> Option<&'static str> {
    let spec = table::lookup(words.first()?)?;
    let sub = words.get(1).and_then(|word| spec.subcommand(word));
    let spec = sub.unwrap_or(spec);
    is_told(spec).then_some(spec.name)
}

/// Commands that several clients say in turn.
struct Scene<'a> {
    source: &'a str,
    commands: Vec<(&'a str, Words)>,
}

impl<'a> Scene<'a> {
    fn parse(source: &'a str) -> Result<Self, String> {
        let lines = source.lines().filter(|line| !line.starts_with('#'));
        let commands = lines.filter(|line| !line.is_empty()).map(|line| {
            let (client, command) = match line.strip_prefix('@') {
                Some(line) => line.split_once(' ').unwrap_or((line, "")),
                None => ("a", line),
            };
            Ok((client, text::words(command)?))
        });
        Ok(Scene {
            source,
            commands: commands.collect::<Result<_, String>>()?,
        })
    }

    /// Says all of it. A command that waits is not waited for.
    fn play(&self, player: &mut dyn Player) -> Result<(), String> {
        for words in [&["FLUSHALL"][..], &["FUNCTION", "FLUSH"], &["SELECT", "0"]] {
            ask(player, MARKER, words)?;
        }
        for (client, words) in &self.commands {
            if words.len() == 1 && words[0] == b"wait" {
                player.advance(WAIT);
                continue;
            }
            player.send(client, &encode(words));
            // It has been run when others are answered twice.
            ask(player, MARKER, &["PING"])?;
            ask(player, MARKER, &["PING"])?;
        }
        let clients: BTreeSet<_> = self.commands.iter().map(|(client, _)| *client).collect();
        for client in clients {
            player.leave(client);
        }
        ask(player, MARKER, &["PING"])
    }
}

fn ask(player: &mut dyn Player, client: &str, words: &[&str]) -> Result<(), String> {
    player.send(client, &encode(words));
    let reply = read_reply(player, client)?;
    match reply.first() {
        Some(b'-') => Err(format!("{words:?}: {}", text::quote(&reply))),
        _ => Ok(()),
    }
}

fn read_reply(player: &mut dyn Player, client: &str) -> Result<Vec<u8>, String> {
    match Stage::new(player).read(client, Patience::Due) {
        Reading::Frame(reply) => Ok(reply),
        Reading::End(..) => Err("no answer".to_owned()),
    }
}

// ---- streams -----------------------------------------------------------------------------------

/// What a client that follows was sent and nobody has looked at.
#[derive(Default)]
struct Follower {
    bytes: Vec<u8>,
    follows: bool,
}

impl Follower {
    /// Begins to follow, and takes the image of all data.
    fn follow(&mut self, player: &mut dyn Player) -> Result<(), String> {
        player.send(FOLLOWER, &encode(&["PSYNC", "?", "-1"]));
        let head = self.line(player)?;
        if !head.starts_with(b"+FULLRESYNC ") {
            return Err(format!("PSYNC was answered {}", text::quote(&head)));
        }
        let mut length = self.line(player)?;
        while length.is_empty() {
            // The real one says so that it is still there.
            length = self.line(player)?;
        }
        let length = std::str::from_utf8(&length).ok();
        let length: usize = length
            .and_then(|length| length.strip_prefix('$')?.parse().ok())
            .ok_or("no image")?;
        while self.bytes.len() < length {
            self.receive(player)?;
        }
        self.bytes.drain(..length);
        self.follows = true;
        Ok(())
    }

    fn receive(&mut self, player: &mut dyn Player) -> Result<(), String> {
        match player.receive(FOLLOWER, Patience::Due) {
            Chunk::Bytes(bytes) => self.bytes.extend(bytes),
            Chunk::Closed => return Err("the stream has ended".to_owned()),
            Chunk::Silence => return Err("the stream is silent".to_owned()),
        }
        Ok(())
    }

    fn line(&mut self, player: &mut dyn Player) -> Result<Vec<u8>, String> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                return Ok(line.trim_ascii_end().to_vec());
            }
            self.receive(player)?;
        }
    }

    fn command(&mut self, player: &mut dyn Player) -> Result<Words, String> {
        loop {
            let length = frame::length(&self.bytes).map_err(|at| format!("malformed: {at:?}"))?;
            if let Some(length) = length {
                let bytes: Vec<u8> = self.bytes.drain(..length).collect();
                return words_of(&bytes)
                    .ok_or_else(|| format!("no command: {}", text::quote(&bytes)));
            }
            self.receive(player)?;
        }
    }

    /// All that is told of what is said.
    fn hear_of<T>(
        &mut self,
        player: &mut dyn Player,
        say: impl FnOnce(&mut dyn Player) -> Result<T, String>,
    ) -> Result<(T, Vec<Words>), String> {
        if !self.follows {
            self.follow(player)?;
        }
        // Nothing goes by itself: when that is looked for is each server's own affair.
        ask(player, MARKER, &["DEBUG", "SET-ACTIVE-EXPIRE", "0"])?;
        ask(player, MARKER, &BEGIN)?;
        let said = say(player)?;
        ask(player, MARKER, &END)?;
        while !is_mark(&self.command(player)?, &BEGIN) {}
        let mut told = Vec::new();
        loop {
            let words = self.command(player)?;
            if is_mark(&words, &END) {
                return Ok((said, told));
            }
            told.push(words);
        }
    }
}

fn is_mark(words: &Words, mark: &[&str]) -> bool {
    words.iter().eq(mark.iter().map(|word| word.as_bytes()))
}

/// The words of a command that is sent as an array of bulk strings.
fn words_of(mut bytes: &[u8]) -> Option<Words> {
    fn line<'b>(bytes: &mut &'b [u8], kind: u8) -> Option<usize> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (line, rest): (&'b [u8], _) = bytes.split_at(end + 1);
        *bytes = rest;
        let number = line.trim_ascii_end().strip_prefix(&[kind])?;
        std::str::from_utf8(number).ok()?.parse().ok()
    }
    let count = line(&mut bytes, b'*')?;
    let word = |_| {
        let length = line(&mut bytes, b'$')?;
        let word = bytes.get(..length)?.to_vec();
        bytes = bytes.get(length + 2..)?;
        Some(word)
    };
    (0..count).map(word).collect()
}

fn compare(ours: &[Words], theirs: &[Words]) -> Result<(), String> {
    let differs = |at: &usize| match (ours.get(*at), theirs.get(*at)) {
        (Some(ours), Some(theirs)) => !same(ours, theirs),
        _ => true,
    };
    let Some(at) = (0..ours.len().max(theirs.len())).find(differs) else {
        return Ok(());
    };
    let show = |told: &[Words]| {
        let from = at.saturating_sub(3);
        let lines = told
            .iter()
            .skip(from)
            .take(8)
            .enumerate()
            .map(|(nth, words)| {
                let here = if from + nth == at { '>' } else { ' ' };
                format!("\n  {here} {}", text::command_line(words))
            });
        lines.collect::<String>()
    };
    Err(format!(
        "real tells:{}\n ours tells:{}",
        show(theirs),
        show(ours)
    ))
}

/// The same words, but for times and ids made of times.
fn same(ours: &Words, theirs: &Words) -> bool {
    let time = |word: &[u8]| -> Option<i64> {
        let digits = word.split(|byte| *byte == b'-').next()?;
        let time = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (time >= EARLIEST_MS).then_some(time)
    };
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(ours, theirs)| {
            ours == theirs
                || match (time(ours), time(theirs)) {
                    (Some(ours), Some(theirs)) => ours.abs_diff(theirs) <= SLACK_MS as u64,
                    _ => false,
                }
        })
}

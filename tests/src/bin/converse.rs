//! The tools of who writes conversations, without the component and so built in seconds:
//!
//! ```text
//! converse play WORD          plays the files whose name contains WORD on the native engine
//! converse record WORD        plays them on a real Redis and writes down what it answers
//! converse real WORD          plays them on a real Redis and compares
//! converse differ [FAMILY [CASES]]   random commands on the native engine and a real Redis
//! converse crowd [CASES]             random commands of several clients at a time, on both
//! converse follow [CASES [FAMILY]]   what replicas are told, by the native engine and a real Redis
//! converse simulate [SCRIPTS [SEED]] random commands on the native engine alone
//! converse hostile [FIRST CASES]     what no script should be, on the native engine: it survives
//! converse dumps [CASES [FAMILY]]    values and functions dumped by the one and restored by the other
//! ```
//!
//! `cargo run -p petridis-tests --no-default-features --bin converse -- play string/set`

#![allow(clippy::print_stdout, reason = "a program that a person runs")]

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use petridis_tests::conversation::{Conversation, read_all};
use petridis_tests::differential;
use petridis_tests::follow;
use petridis_tests::native::Native;
use petridis_tests::play::check;
use petridis_tests::real::{self, Real};
use petridis_tests::record::record;
use petridis_tests::simulation;

const USAGE: &str = "converse play|record|real WORD, converse differ [FAMILY [CASES]], \
                     converse crowd [CASES], converse follow [CASES [FAMILY]], \
                      converse simulate [SCRIPTS [SEED]], converse hostile [FIRST CASES], or \
                      converse dumps [CASES [FAMILY]]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["differ"] => differ("", 3000),
        ["differ", family] => differ(family, 3000),
        ["differ", family, cases] => match cases.parse() {
            Ok(cases) => differ(family, cases),
            Err(_) => Err(USAGE.to_owned()),
        },
        ["crowd"] => crowd(2000),
        ["crowd", cases] => match cases.parse() {
            Ok(cases) => crowd(cases),
            Err(_) => Err(USAGE.to_owned()),
        },
        ["follow"] => follow(1000, ""),
        ["follow", cases, family @ ..] if family.len() < 2 => match cases.parse() {
            Ok(cases) => follow(cases, family.first().unwrap_or(&"")),
            Err(_) => Err(USAGE.to_owned()),
        },
        ["simulate"] => simulate(200, 0),
        ["simulate", scripts, seed @ ..] if seed.len() < 2 => {
            match (scripts.parse(), seed.first().unwrap_or(&"0").parse()) {
                (Ok(scripts), Ok(seed)) => simulate(scripts, seed),
                _ => Err(USAGE.to_owned()),
            }
        }
        ["hostile"] => hostile(0, 100_000),
        ["hostile", first, cases] => match (first.parse(), cases.parse()) {
            (Ok(first), Ok(cases)) => hostile(first, cases),
            _ => Err(USAGE.to_owned()),
        },
        ["dumps"] => dumps(1000, ""),
        ["dumps", cases, family @ ..] if family.len() < 2 => match cases.parse() {
            Ok(cases) => dumps(cases, family.first().unwrap_or(&"")),
            Err(_) => Err(USAGE.to_owned()),
        },
        [what @ ("play" | "record" | "real"), word] => all(what, word),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn differ(family: &str, cases: u32) -> Result<(), String> {
    let mut real = differential::start_real().ok_or(real::SKIPPED)?;
    differential::run(&mut real, cases, family)?;
    println!("{cases} scripts, no difference");
    Ok(())
}

fn crowd(cases: u32) -> Result<(), String> {
    let mut real = differential::start_real().ok_or(real::SKIPPED)?;
    petridis_tests::crowd::run(&mut real, cases)?;
    println!("{cases} scripts, no difference");
    Ok(())
}

fn follow(cases: u32, family: &str) -> Result<(), String> {
    let mut real = follow::start_real().ok_or(real::SKIPPED)?;
    let figures = follow::run(&mut real, cases, family)?;
    println!("{cases} scripts and the scenes, no difference: {figures}");
    Ok(())
}

fn simulate(scripts: u32, seed: u64) -> Result<(), String> {
    let chosen = simulation::chooses_evenly()?;
    println!("{chosen} choices, even");
    let walks = simulation::finds_what_stays(scripts / 10, seed)?;
    println!("{walks} walks, whatever stayed found");
    let given_back = simulation::gives_memory_back(scripts / 4, seed)?;
    println!("{given_back} commands, no memory left behind");
    let watched = simulation::holds_together(scripts, seed)?;
    println!("{watched} commands, all keys as they should be after each");
    let repeated = simulation::repeats(scripts, seed)?;
    println!("{repeated} commands, answered twice with the same bytes");
    Ok(())
}

fn hostile(first: u64, cases: u64) -> Result<(), String> {
    petridis_tests::hostile::run(first, cases)?;
    println!("{cases} questions, survived");
    Ok(())
}

fn dumps(cases: u32, family: &str) -> Result<(), String> {
    let mut real = differential::start_real().ok_or(real::SKIPPED)?;
    petridis_tests::dumps::functions(&mut real)?;
    petridis_tests::dumps::run(&mut real, cases, family)?;
    println!("{cases} scripts, no difference");
    Ok(())
}

fn all(what: &str, word: &str) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("conversations");
    let mut wrong = 0;
    for mut conversation in read_all(&root)? {
        if !conversation.name.contains(word) {
            continue;
        }
        if let Err(error) = one(what, &mut conversation) {
            println!("{}: {error}\n", conversation.name);
            wrong += 1;
        }
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(format!("{wrong} conversations went wrong")),
    }
}

fn one(what: &str, conversation: &mut Conversation) -> Result<(), String> {
    let start_real =
        |conversation: &Conversation| Real::start(&conversation.config).ok_or(real::SKIPPED);
    let report = match what {
        "record" => {
            let real = start_real(conversation)?;
            record(conversation, &mut real.for_recording())?;
            fs::write(&conversation.path, conversation.render())
                .map_err(|error| error.to_string())?;
            println!("recorded {}", conversation.name);
            return Ok(());
        }
        "real" => check(conversation, &mut start_real(conversation)?),
        _ => check(conversation, &mut Native::start(&conversation.config)?),
    };
    match report.failures.as_slice() {
        [] => {
            println!("{}: {} exchanges", conversation.name, report.exchanges);
            Ok(())
        }
        failures => Err(format!(
            "{} of {} exchanges\n\n{}",
            failures.len(),
            report.exchanges,
            failures.join("\n")
        )),
    }
}

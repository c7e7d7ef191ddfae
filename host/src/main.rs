//! `petridis`: a Redis server in a sandbox.
//!
//! Owns nothing: see `cli`.

mod cli;
mod conf;
mod log;
mod playback;
mod run;

fn main() -> std::process::ExitCode {
    cli::run(std::env::args_os())
}

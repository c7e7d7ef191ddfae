//! The command line of `petridis`.
//!
//! Owns the program's own flags, the files it writes, its signals and its exit status. Redis's
//! parameters are passed on without knowing what they mean, except where the log goes.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Parser;
use petridis::{Error, Server};

use crate::conf::{self, Pair};
use crate::log;
use crate::playback;
use crate::run;

/// The version of Redis whose behaviour this is.
const REDIS_VERSION: &str = "8.0.2";

/// Redis's own port.
const DEFAULT_PORT: &str = "6379";

/// Bytes that the engine may be given at most and at least.
const LARGEST_MEMORY: u64 = 4 << 30;
const SMALLEST_MEMORY: u64 = 16 << 20;

/// Recordings of forks that are named when a command has failed.
const MOST_NAMED: usize = 20;

/// The one parameter that may stand without a value on the command line.
const SELF_SIGNED: &str = "tls-self-signed";

/// Names of Redis 8.0's parameters, for suggestions only.
const PARAMETERS: &str = include_str!("parameters.txt");

/// Flags that are not parameters of Redis.
const OWN_FLAGS: [&str; 13] = [
    "env",
    "help",
    "instance-ttl",
    "load",
    "max-instances",
    "memory-limit",
    "no-control",
    "per-user-instances",
    "port-file",
    "record",
    "record-on-failure",
    "seed",
    "version",
];

const AFTER_HELP: &str = "\
Parameters of Redis, as redis-server takes them:
      --port N                  TCP port [default: 6379]; 0 for any free one
      --bind ADDRESS...         Addresses to listen on [default: 127.0.0.1]
      --unixsocket PATH         Listen on a Unix socket too
      --unixsocketperm MODE     Permissions of that socket, octal
      --requirepass PASSWORD    Clients must authenticate
      --aclfile FILE            Users, for ACL LOAD and ACL SAVE
      --databases N             Number of databases
      --maxclients N            Connections at a time
      --maxmemory SIZE          Evict or refuse beyond this, see --maxmemory-policy
      --timeout SECONDS         Close idle connections
      --tcp-keepalive SECONDS   Ask silent peers whether they are there
      --tls-port N              Listen for TLS too; with --port 0 for nothing else
      --tls-cert-file FILE      Certificate to show, PEM, and --tls-key-file FILE for its key
      --tls-ca-cert-file FILE   Whose certificates clients may show
      --tls-auth-clients WORD   Whether they must: yes (as in Redis), optional or no
      --tls-self-signed         Make a certificate for local use, written to --tls-cert-file
      --pidfile FILE            Write the number of the process to this file
      --loglevel LEVEL          debug, verbose, notice, warning or nothing
      --logfile PATH            Log to a file instead of standard error
      --NAME VALUE...           Any other parameter of redis.conf

A parameter given here wins over the file. Everything is kept in memory and gone at the end, unless
SAVE, BGSAVE or a `--save SECONDS CHANGES` writes it to dump.rdb in --dir.
Standard output tells when the server is ready; the log goes to standard error.";

#[derive(Debug, Parser)]
#[command(
    name = "petridis",
    version = concat!(
        env!("CARGO_PKG_VERSION"),
        " (Redis 8.0.2)\nRedis server v=8.0.2 sha=00000000:0 malloc=dlmalloc bits=64 build=0"
    ),
    about = "Redis in a dish: a sandboxed Redis server for tests and development",
    override_usage = "petridis [redis.conf] [OPTIONS] [--NAME VALUE...]\n       \
                      petridis run [redis.conf] [OPTIONS] [--NAME VALUE...] -- COMMAND...\n       \
                      petridis replay FILE [--until N] [--dump]\n       \
                      petridis component -o FILE",
    after_help = AFTER_HELP
)]
struct Flags {
    /// A configuration file; `-` for standard input
    #[arg(value_name = "redis.conf")]
    config: Option<PathBuf>,

    /// Write the port to this file once the server listens; removed at the end
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,

    /// The number that all chance comes from [default: a random one, shown in the log]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Begin with the data of this file: a dump.rdb of any Redis up to 8.0, or commands, a line each
    #[arg(long, value_name = "FILE")]
    load: Option<PathBuf>,

    /// Switch the command PETRIDIS off
    #[arg(long)]
    no_control: bool,

    /// Give each user name an instance of its own, forked from what there is at the start
    #[arg(long)]
    per_user_instances: bool,

    /// How many of them there may be
    #[arg(long, value_name = "N", default_value_t = 1000)]
    max_instances: usize,

    /// How many seconds one stays that nobody is connected to, or `never`: it never goes
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = stay)]
    instance_ttl: Stay,

    /// Record every call into the engine to this file, for `petridis replay`; forks to FILE.fork-1, …, and
    /// users' instances to FILE.user-NAME
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// With `run`: record so, but what is recorded stays only if the command fails
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    record_on_failure: Option<PathBuf>,

    /// With `run`: set this variable to the server's URL too
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,

    /// Memory that the engine may fill [default: 3584mb]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory_limit: Option<u64>,
}

#[derive(Debug, Parser)]
#[command(
    name = "petridis component",
    about = "Writes the engine as a WebAssembly component, for any runtime that has components"
)]
struct ComponentFlags {
    /// Where to write it; `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// How long something stays; for ever without it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stay(Option<Duration>);

fn stay(text: &str) -> Result<Stay, String> {
    if text == "never" {
        return Ok(Stay(None));
    }
    let seconds = text.parse::<f64>().ok();
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let duration = duration.ok_or("it is a number of seconds, or `never`")?;
    Ok(Stay(Some(duration)))
}

fn memory(text: &str) -> Result<u64, String> {
    match conf::size(text) {
        None => Err("a size is a number with a unit: 512mb, 2gb".to_owned()),
        Some(bytes) if !(SMALLEST_MEMORY..=LARGEST_MEMORY).contains(&bytes) => {
            Err("it must be between 16mb and 4gb".to_owned())
        }
        Some(bytes) => Ok(bytes),
    }
}

/// What went wrong, and the exit status for it.
enum Failure {
    /// Clap's own: help and version are among them.
    Usage(clap::Error),
    /// A flag, parameter or file that cannot be used: 2.
    Config(anyhow::Error),
    /// Anything that happened later: 1.
    Run(anyhow::Error),
}

/// Runs the program.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (error, status) = match start(arguments) {
        Ok(status) => return status,
        Err(Failure::Usage(error)) => {
            // Help goes to standard output, mistakes to standard error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        Err(Failure::Config(error)) => (error, 2),
        Err(Failure::Run(error)) => (error, 1),
    };
    let _ = writeln!(io::stderr(), "petridis: {error:#}");
    ExitCode::from(status)
}

fn start(arguments: impl IntoIterator<Item = OsString>) -> Result<ExitCode, Failure> {
    let mut arguments = arguments.into_iter();
    let program = arguments.next().unwrap_or_else(|| "petridis".into());
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.first().is_some_and(|first| first == "component") {
        let flags = ComponentFlags::try_parse_from(arguments).map_err(Failure::Usage)?;
        return write_component(&flags.output)
            .map(|()| ExitCode::SUCCESS)
            .map_err(Failure::Run);
    }
    if arguments.first().is_some_and(|first| first == "replay") {
        let flags = playback::flags(arguments).map_err(Failure::Usage)?;
        return playback::play(&flags).map_err(Failure::Config);
    }
    let command = run::take_command(&mut arguments).map_err(Failure::Config)?;
    let (own, parameters) = separate(arguments).map_err(Failure::Config)?;
    let flags =
        Flags::try_parse_from(std::iter::once(program).chain(own)).map_err(Failure::Usage)?;
    if flags.record_on_failure.is_some() && command.is_none() {
        return Err(Failure::Config(anyhow::anyhow!(
            "--record-on-failure: only a command can fail: petridis run --record-on-failure FILE -- COMMAND"
        )));
    }
    let port = if command.is_some() { "0" } else { DEFAULT_PORT };
    let mut config = vec![("port".to_owned(), port.to_owned())];
    if command.is_some() {
        // The terminal is the command's.
        config.push(("loglevel".to_owned(), "warning".to_owned()));
    }
    if let Some(path) = &flags.config {
        config.extend(conf::read(path).map_err(Failure::Config)?);
    }
    config.extend(parameters);
    serve(&flags, config, command)
}

fn write_component(output: &Path) -> Result<()> {
    let bytes = petridis::component();
    if output == Path::new("-") {
        return io::stdout()
            .lock()
            .write_all(bytes)
            .context("writing the component");
    }
    std::fs::write(output, bytes).with_context(|| format!("writing {}", output.display()))
}

/// Separates the program's own flags from Redis's parameters: `--name`, and the values up to the
/// next `--`.
fn separate(arguments: Vec<OsString>) -> Result<(Vec<OsString>, Vec<Pair>)> {
    let mut own = Vec::new();
    let mut parameters = Vec::new();
    let mut arguments = arguments.into_iter().peekable();
    while let Some(argument) = arguments.next() {
        let name = argument.to_str().and_then(|text| text.strip_prefix("--"));
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            // As redis-server says it; launchers ask it so.
            let is_version = argument == "-v" && own.is_empty() && parameters.is_empty();
            own.push(if is_version {
                "--version".into()
            } else {
                argument
            });
            continue;
        };
        let (name, assigned) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        if OWN_FLAGS.contains(&name) {
            let takes_value = !matches!(
                name,
                "help" | "no-control" | "per-user-instances" | "version"
            );
            let alone = takes_value && assigned.is_none();
            own.push(argument);
            own.extend(alone.then(|| arguments.next()).flatten());
            continue;
        }
        let mut values: Vec<String> = assigned.into_iter().collect();
        let is_value = |next: &OsString| !next.as_encoded_bytes().starts_with(b"--");
        while values.len() < 1024
            && let Some(value) = arguments.next_if(is_value)
        {
            let Ok(value) = value.into_string() else {
                bail!("--{name}: the value is not UTF-8")
            };
            values.push(value);
        }
        if name == SELF_SIGNED && values.is_empty() {
            values.push("yes".to_owned());
        }
        let pair =
            conf::pair(name, &values).with_context(|| format!("--{name}{}", suggestion(name)))?;
        parameters.push(pair);
    }
    Ok((own, parameters))
}

/// What may have been meant by a name that nobody knows; nothing for a name that is known.
fn suggestion(name: &str) -> String {
    let names = || PARAMETERS.lines().chain(OWN_FLAGS).chain([SELF_SIGNED]);
    let name = name.to_ascii_lowercase();
    if names().any(|known| known == name) {
        return String::new();
    }
    let nearest = names().max_by(|one, other| {
        strsim::jaro_winkler(one, &name).total_cmp(&strsim::jaro_winkler(other, &name))
    });
    match nearest {
        Some(nearest) if strsim::jaro_winkler(nearest, &name) > 0.85 => {
            format!(" (did you mean --{nearest}?)")
        }
        _ => String::new(),
    }
}

/// The last value of a parameter.
fn last<'a>(config: &'a [Pair], name: &str) -> Option<&'a str> {
    config
        .iter()
        .rev()
        .find(|pair| pair.0 == name)
        .map(|pair| pair.1.as_str())
}

fn serve(
    flags: &Flags,
    mut config: Vec<Pair>,
    command: Option<Vec<OsString>>,
) -> Result<ExitCode, Failure> {
    install_log(&config).map_err(Failure::Config)?;
    raise_file_limit(&config);
    if last(&config, "daemonize").is_some_and(|value| value.eq_ignore_ascii_case("yes")) {
        return Err(Failure::Config(anyhow::anyhow!(
            "daemonize yes: this server stays in the foreground; let the shell (`petridis &`), a \
             container or a service manager put it in the background"
        )));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .context("starting the runtime")
        .map_err(Failure::Run)?;
    runtime.block_on(async {
        // Before the sockets, so that nothing that could end the process goes by unseen.
        let signal = Signals::listen().map_err(|error| Failure::Run(error.into()))?;
        let certificate_file = certificate_file(&mut config);
        let pid_file = last(&config, "pidfile").filter(|path| !path.is_empty());
        let pid_file = pid_file.map(PathBuf::from);
        let names: Vec<String> = config.iter().map(|pair| pair.0.clone()).collect();
        let mut builder = build(flags, config).on_log_level(|level| {
            log::set_level(level);
        });
        if let Some(path) = &flags.load {
            let data = read_data(path).map_err(Failure::Config)?;
            builder = if data.starts_with(b"REDIS") {
                builder.load(data)
            } else {
                builder.commands(data)
            };
        }
        let server = builder.start().await;
        let server = server.map_err(|error| explain(error, &names))?;
        let port_file = flags.port_file.as_deref().map(|path| {
            let text = format!("{}\n", server.port());
            Notice::write(path, &text).with_context(|| format!("--port-file {}", path.display()))
        });
        let _port_file = port_file.transpose().map_err(Failure::Run)?;
        let certificate_file = certificate_file.as_deref().zip(server.tls_certificate());
        let certificate_file = certificate_file.map(|(path, text)| {
            let written = Notice::write(path, text);
            tracing::info!("The certificate to trust is in {}", path.display());
            written.with_context(|| format!("--tls-cert-file {}", path.display()))
        });
        let _certificate_file = certificate_file.transpose().map_err(Failure::Run)?;
        let _pid_file = pid_file.as_deref().and_then(|path| {
            let written = Notice::write(path, &format!("{}\n", std::process::id()));
            let failed = |error| tracing::warn!("Failed to write PID file {path:?}: {error:#}");
            written.map_err(failed).ok()
        });
        if let Some(command) = command {
            let names = flags.env.iter().map(String::as_str);
            let status = run::run(&server, &command, names).await;
            let recordings = server.recordings();
            server.shutdown().await;
            if flags.record_on_failure.is_some() {
                settle_recordings(&recordings, status.as_ref().is_ok_and(ExitStatus::success));
            }
            return Ok(run::code(status.map_err(Failure::Run)?));
        }
        announce(&server).map_err(Failure::Run)?;
        run_until_end(server, signal).await.map_err(Failure::Run)?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Removes what was recorded of a command that went well; says where the others are.
fn settle_recordings(paths: &[PathBuf], went_well: bool) {
    if went_well {
        for path in paths {
            // Somebody may have removed it.
            let _ = std::fs::remove_file(path);
        }
        return;
    }
    let Some((first, forks)) = paths.split_first() else {
        return;
    };
    let first = first.display();
    let mut text =
        format!("petridis: recorded in {first}; to run it again: petridis replay {first}\n");
    if !forks.is_empty() {
        let named = forks.iter().take(MOST_NAMED);
        let named: Vec<_> = named.map(|path| path.display().to_string()).collect();
        let more = match forks.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text += &format!(
            "petridis: its forks, likewise: {}{more}\n",
            named.join(", ")
        );
    }
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Where the certificate goes that the server makes, if it is to make one: to the file that was named,
/// or to one among the temporary files.
fn certificate_file(config: &mut Vec<Pair>) -> Option<PathBuf> {
    if !last(config, SELF_SIGNED)?.eq_ignore_ascii_case("yes") {
        return None;
    }
    let named = last(config, "tls-cert-file").filter(|file| !file.is_empty());
    let path = named.map(PathBuf::from).unwrap_or_else(|| {
        std::env::temp_dir().join(format!("petridis-{}.crt", std::process::id()))
    });
    config.push(("tls-cert-file".to_owned(), path.display().to_string()));
    Some(path)
}

fn install_log(config: &[Pair]) -> Result<()> {
    if let Some(name) = last(config, "loglevel")
        && !log::set_level(name)
    {
        anyhow::bail!("loglevel {name}: it is debug, verbose, notice, warning or nothing");
    }
    let file = last(config, "logfile")
        .filter(|file| !file.is_empty())
        .map(Path::new);
    log::install(file).with_context(|| {
        format!(
            "can't open the log file {}",
            file.unwrap_or(Path::new("")).display()
        )
    })
}

/// Lets the process have as many connections as `maxclients` says, if the system allows.
fn raise_file_limit(config: &[Pair]) {
    let clients = last(config, "maxclients").and_then(|value| value.parse::<u64>().ok());
    let clients = clients.unwrap_or(10_000);
    if let Err(most) = petridis::make_room_for(clients) {
        tracing::warn!("The system lets {most} clients connect at a time, not {clients}");
    }
}

fn build(flags: &Flags, config: Vec<Pair>) -> petridis::ServerBuilder {
    let mut builder = Server::builder();
    if flags.per_user_instances {
        builder = builder.per_user_instances(flags.max_instances, flags.instance_ttl.0);
    }
    if flags.no_control {
        builder = builder.control(false);
    }
    if let Some(path) = flags.record.as_ref().or(flags.record_on_failure.as_ref()) {
        builder = builder.record(path);
    }
    if let Some(seed) = flags.seed {
        builder = builder.seed(seed);
    }
    if let Some(bytes) = flags.memory_limit {
        builder = builder.memory_ceiling(bytes);
    }
    if let Some(path) = flags.config.as_ref().filter(|path| *path != Path::new("-")) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        builder = builder.fact("config_file", path.display().to_string());
    }
    config.into_iter().fold(builder, |builder, (name, value)| {
        builder.config(name, value)
    })
}

/// Data to begin with; commands end with a line break.
fn read_data(path: &Path) -> Result<Vec<u8>> {
    let mut data = std::fs::read(path).with_context(|| format!("--load {}", path.display()))?;
    tracing::info!("Loading {} ({} bytes)", path.display(), data.len());
    if !data.starts_with(b"REDIS") && !data.ends_with(b"\n") {
        data.push(b'\n');
    }
    Ok(data)
}

/// Says what to do about a server that did not start.
fn explain(error: Error, names: &[String]) -> Failure {
    match error {
        Error::Config(sentence) => {
            let hint: String = names
                .iter()
                .filter(|name| sentence.to_ascii_lowercase().contains(name.as_str()))
                .map(|name| suggestion(name))
                .collect();
            Failure::Config(anyhow::anyhow!("{sentence}{hint}"))
        }
        Error::Listen { address, reason } if reason.kind() == io::ErrorKind::AddrInUse => {
            Failure::Run(anyhow::anyhow!(
                "{address} is in use: stop who listens there, or take another port with \
                 --port N, or any free one with --port 0"
            ))
        }
        error @ Error::Load(_) => Failure::Config(error.into()),
        error => Failure::Run(error.into()),
    }
}

/// Says on standard output, at once, that clients can come.
fn announce(server: &Server) -> Result<()> {
    tracing::info!("Seed {}", server.seed());
    let urls = [
        (!server.addresses().is_empty()).then(|| server.url()),
        server.tls_url(),
    ];
    let mut text = String::new();
    for url in urls.iter().flatten() {
        let version = env!("CARGO_PKG_VERSION");
        let listening = format!("Petridis {version} (Redis {REDIS_VERSION}) listening on {url}");
        text += &log::line('*', &listening);
    }
    for (url, transport) in urls.iter().zip(["tcp", "tls"]) {
        if url.is_some() {
            text += &log::line('*', &format!("Ready to accept connections {transport}"));
        }
    }
    if server.unixsocket().is_some() {
        text += &log::line('*', "Ready to accept connections unix");
    }
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever started it does not listen; that is no reason not to serve.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("writing to standard output"),
    }
}

/// A file that tells others something about the server: its port, its number, its certificate. It appears whole,
/// and goes with the server.
struct Notice(PathBuf);

impl Notice {
    fn write(path: &Path, text: &str) -> Result<Self> {
        let name = path.file_name().context("it needs the name of a file")?;
        let mut draft = name.to_owned();
        draft.push(format!(".{}.tmp", std::process::id()));
        let draft = path.with_file_name(draft);
        let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path));
        if written.is_err() {
            // It may not even exist.
            let _ = std::fs::remove_file(&draft);
        }
        written?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        // Whoever read it may have removed it.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn run_until_end(server: Server, mut signals: Signals) -> Result<()> {
    let mut interrupted = false;
    loop {
        let signal = tokio::select! {
            ended = server.wait() => {
                ended?;
                tracing::warn!("Redis is now ready to exit, bye bye...");
                return Ok(());
            }
            signal = signals.next() => signal,
        };
        match signal {
            "SIGTERM" => server.terminate(),
            _ if std::mem::replace(&mut interrupted, true) => bail!("You insist... exiting now."),
            _ => server.interrupt(),
        }
        tracing::info!("Received {signal} scheduling shutdown...");
    }
}

/// The signals that end a server.
struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    #[cfg(not(unix))]
    fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "CTRL-C",
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn separated(line: &str) -> (Vec<String>, Vec<String>) {
        let arguments = line.split_whitespace().map(OsString::from).collect();
        let (own, parameters) = separate(arguments).expect(line);
        let own = own
            .into_iter()
            .map(|word| word.into_string().expect("UTF-8"))
            .collect();
        (
            own,
            parameters
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        )
    }

    #[test]
    fn parameters_take_values_until_the_next_flag() {
        let (own, parameters) = separated(
            "redis.conf --port 7000 --save 60 1 --seed 7 --bind 127.0.0.1 -::1 --maxmemory=1mb",
        );
        assert_eq!(own, ["redis.conf", "--seed", "7"]);
        assert_eq!(
            parameters,
            [
                "port=7000",
                "save=60 1",
                "bind=127.0.0.1 -::1",
                "maxmemory=1mb"
            ]
        );
        let (_, parameters) = separated("--tls-self-signed --tls-port 7001");
        assert_eq!(parameters, ["tls-self-signed=yes", "tls-port=7001"]);
        let (_, parameters) = separated("--client-output-buffer-limit normal 0 0 0");
        assert_eq!(parameters, ["client-output-buffer-limit=normal 0 0 0"]);
    }

    #[test]
    fn an_empty_value_is_a_value() {
        let arguments = vec!["--save".into(), "".into()];
        let (_, parameters) = separate(arguments).expect("valid");
        assert_eq!(parameters, [("save".to_owned(), String::new())]);
    }

    #[test]
    fn a_parameter_without_a_value_is_refused_with_what_was_meant() {
        let error = separate(vec!["--maxmemroy".into(), "--port".into()]).expect_err("no value");
        assert!(format!("{error:#}").contains("--maxmemory?"), "{error:#}");
    }

    #[test]
    fn near_misses_are_recognised() {
        assert_eq!(suggestion("maxclient"), " (did you mean --maxclients?)");
        assert_eq!(suggestion("maxmemory"), "");
        assert_eq!(suggestion("zzz"), "");
    }

    #[test]
    fn memory_has_bounds() {
        assert_eq!(memory("512mb"), Ok(512 << 20));
        assert!(memory("1mb").is_err());
        assert!(memory("8gb").is_err());
        assert!(memory("much").is_err());
    }

    #[test]
    fn the_flags_are_consistent() {
        Flags::command().debug_assert();
        ComponentFlags::command().debug_assert();
    }
}

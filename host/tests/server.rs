//! The program `petridis` from outside: what it prints, how it ends, what its limits answer.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use program::Program;

mod program;

fn say(stream: &mut (impl Read + Write), request: &str, reply: &str) {
    stream
        .write_all(request.as_bytes())
        .expect("the server listens");
    let mut got = vec![0; reply.len()];
    let read = stream.read_exact(&mut got);
    assert_eq!(
        String::from_utf8_lossy(&got),
        reply,
        "to {request:?}: {read:?}"
    );
}

fn connect(program: &Program) -> TcpStream {
    let stream = TcpStream::connect(program.address()).expect("the server listens");
    // Never reached when all is well.
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a TCP socket");
    stream
}

fn until_closed(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn signal(program: &Program, name: &str) {
    let id = program.id().to_string();
    let sent = Command::new("kill").args([format!("-{name}"), id]).status();
    assert!(sent.expect("kill runs").success());
}

fn failed(output: &Output, code: i32, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

#[test]
fn it_says_where_it_listens_and_that_it_is_ready() {
    let program = Program::start(["--port", "0"], 1);
    let [listening, ready] = program.greeting.as_slice() else {
        panic!("{:?}", program.greeting)
    };
    assert!(
        listening.starts_with(&format!("{}:M ", program.id())),
        "{listening}"
    );
    assert!(listening.contains("redis://127.0.0.1:"), "{listening}");
    assert!(
        ready.ends_with(" * Ready to accept connections tcp"),
        "{ready}"
    );
    say(&mut connect(&program), "PING\r\n", "+PONG\r\n");
}

#[test]
fn the_port_file_is_there_while_it_listens() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("port");
    let program = Program::start(["--port", "0", "--port-file", &file.to_string_lossy()], 1);
    let port = fs::read_to_string(&file).expect("the file is there");
    assert!(
        program.address().ends_with(&format!(":{}", port.trim())),
        "{port}"
    );
    signal(&program, "TERM");
    assert_eq!(program.end().0.code(), Some(0));
    assert!(!file.exists());
}

#[test]
fn a_signal_ends_it_cleanly() {
    for name in ["TERM", "INT"] {
        let program = Program::start(["--port", "0"], 1);
        let stream = connect(&program);
        signal(&program, name);
        assert_eq!(until_closed(stream), "");
        assert_eq!(program.end().0.code(), Some(0), "SIG{name}");
    }
}

#[test]
fn a_signal_saves_where_there_are_save_points() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().to_string_lossy().into_owned();
    let file = folder.path().join("dump.rdb");
    for (flags, is_saved) in [
        (&["--save", "3600 1"][..], true),
        (
            &["--save", "3600 1", "--shutdown-on-sigterm", "nosave"],
            false,
        ),
        (&["--shutdown-on-sigterm", "save"], true),
        (&[], false),
    ] {
        let program = Program::start([&["--port", "0", "--dir", &dir], flags].concat(), 1);
        say(&mut connect(&program), "SET key value\r\n", "+OK\r\n");
        signal(&program, "TERM");
        assert_eq!(program.end().0.code(), Some(0), "{flags:?}");
        assert_eq!(file.exists(), is_saved, "{flags:?}");
        let _ = fs::remove_file(&file);
    }
}

#[test]
fn a_server_that_cannot_save_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("gone");
    fs::create_dir(&dir).expect("a folder");
    let path = dir.to_string_lossy();
    let flags = ["--port", "0", "--save", "3600 1", "--dir", &path];
    let program = Program::start(flags, 1);
    let mut stream = connect(&program);
    say(&mut stream, "SET key value\r\n", "+OK\r\n");
    fs::remove_dir(&dir).expect("it is empty");
    signal(&program, "TERM");
    // Whenever that arrives, it is answered.
    std::thread::sleep(Duration::from_millis(200));
    say(&mut stream, "GET key\r\n", "$5\r\nvalue\r\n");
    fs::create_dir(&dir).expect("a folder");
    signal(&program, "TERM");
    assert_eq!(program.end().0.code(), Some(0));
    assert!(dir.join("dump.rdb").exists());
}

#[test]
fn the_pid_file_is_there_while_it_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("petridis.pid");
    let program = Program::start(["--port", "0", "--pidfile", &file.to_string_lossy()], 1);
    let text = fs::read_to_string(&file).expect("the file is there");
    assert_eq!(text, format!("{}\n", program.id()));
    signal(&program, "INT");
    assert_eq!(program.end().0.code(), Some(0));
    assert!(!file.exists());
}

#[test]
fn it_does_not_go_into_the_background() {
    let output = program::command(["--port", "0", "--daemonize", "yes"]).output();
    failed(&output.expect("it runs"), 2, &["daemonize", "foreground"]);
}

#[test]
fn an_idle_client_is_closed_after_the_timeout() {
    let program = Program::start(["--port", "0", "--timeout", "1"], 1);
    let (idle, mut busy) = (connect(&program), connect(&program));
    let began = Instant::now();
    let closed = std::thread::spawn(move || until_closed(idle));
    while !closed.is_finished() {
        say(&mut busy, "PING\r\n", "+PONG\r\n");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(closed.join().expect("no panic"), "");
    assert!(began.elapsed() >= Duration::from_secs(1));
    say(&mut busy, "PING\r\n", "+PONG\r\n");
}

#[test]
fn shutdown_ends_it_cleanly() {
    let program = Program::start(["--port", "0"], 1);
    let mut stream = connect(&program);
    stream
        .write_all(b"SHUTDOWN NOSAVE\r\n")
        .expect("the server listens");
    assert_eq!(until_closed(stream), "");
    assert_eq!(program.end().0.code(), Some(0));
}

#[test]
fn a_taken_port_is_said_so() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let output = program::command(["--port", &port])
        .output()
        .expect("it runs");
    failed(&output, 1, &[&port, "in use", "--port 0"]);
    assert!(output.stdout.is_empty(), "nothing is ready");
}

#[test]
fn a_flag_that_is_none_is_said_so() {
    let output = program::command(["--port", "0", "--maxmemroy", "1mb"])
        .output()
        .expect("it runs");
    failed(&output, 2, &["maxmemroy", "maxmemory"]);
    let output = program::command(["--port", "0", "--maxclients", "many"])
        .output()
        .expect("it runs");
    failed(&output, 2, &["maxclients"]);
    let output = program::command(["/nowhere/redis.conf"])
        .output()
        .expect("it runs");
    failed(&output, 2, &["/nowhere/redis.conf"]);
}

#[test]
fn a_certificate_is_made_on_request_and_goes_with_the_server() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("petridis.crt");
    let path = file.to_string_lossy();
    let flags = ["--port", "0", "--tls-self-signed", "--tls-cert-file", &path];
    let program = Program::start(flags, 2);
    let listening = |line: &&String| line.contains("listening on rediss://127.0.0.1:");
    assert_eq!(program.greeting.iter().filter(listening).count(), 1);
    let text = fs::read_to_string(&file).expect("the file is there");
    assert!(text.starts_with("-----BEGIN CERTIFICATE-----"), "{text}");
    let reply = format!(
        "*2\r\n$13\r\ntls-cert-file\r\n${}\r\n{path}\r\n",
        path.len()
    );
    say(
        &mut connect(&program),
        "CONFIG GET tls-cert-file\r\n",
        &reply,
    );
    signal(&program, "TERM");
    assert_eq!(program.end().0.code(), Some(0));
    assert!(!file.exists());
}

#[test]
fn what_is_wrong_with_tls_is_said() {
    let refused = |flags: &[&str]| {
        let flags = [
            &["--port", "0", "--tls-port", "1", "--tls-auth-clients", "no"],
            flags,
        ];
        program::command(flags.concat()).output().expect("it runs")
    };
    failed(&refused(&[]), 2, &["tls-cert-file", "tls-self-signed"]);
    let missing = ["--tls-cert-file", "/nowhere/petridis.crt"];
    failed(
        &refused(&missing),
        2,
        &["tls-cert-file /nowhere/petridis.crt"],
    );
}

#[test]
fn help_and_version_are_on_standard_output() {
    let output = program::command(["--help"]).output().expect("it runs");
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--port"));
    for flag in ["--version", "-v"] {
        let output = program::command([flag]).output().expect("it runs");
        assert!(output.status.success());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.starts_with("petridis "), "{text}");
        // What launchers of a redis-server look for.
        assert!(text.contains("Redis server v=8.0.2 "), "{text}");
    }
}

#[test]
fn who_asked_first_hears_first() {
    // A peer's second request waits in its system until the first was answered. Who publishes only
    // after that must find both subscriptions.
    let program = Program::start(["--port", "0"], 1);
    for _ in 0..100 {
        let (mut listener, mut publisher) = (connect(&program), connect(&program));
        say(&mut listener, "PING\r\n", "+PONG\r\n");
        say(&mut publisher, "PING\r\n", "+PONG\r\n");
        for request in ["SUBSCRIBE one\r\n", "SUBSCRIBE two\r\n"] {
            listener.write_all(request.as_bytes()).expect("it listens");
        }
        say(&mut publisher, "PUBLISH one a\r\n", ":1\r\n");
        say(&mut publisher, "PUBLISH two b\r\n", ":1\r\n");
    }
}

#[test]
fn it_serves_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("redis.sock");
    let socket = path.to_string_lossy();
    let program = Program::start(["--port", "0", "--unixsocket", &socket], 2);
    let mut stream = UnixStream::connect(&path).expect("the socket is there");
    say(&mut stream, "SET a 1\r\n", "+OK\r\n");
    say(&mut connect(&program), "GET a\r\n", "$1\r\n1\r\n");
    signal(&program, "TERM");
    assert_eq!(program.end().0.code(), Some(0));
    assert!(!path.exists(), "the socket is gone");
}

#[test]
fn it_reads_redis_conf_and_flags_win() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let included = folder.path().join("more.conf");
    let file = folder.path().join("redis.conf");
    fs::write(&included, "maxclients 77\n").expect("a file");
    let text = format!(
        "# A comment.\nport 0\ndatabases 3\nrequirepass \"a \\x62\"\n\ntimeout 100\ninclude {}\n",
        included.display()
    );
    fs::write(&file, text).expect("a file");
    let program = Program::start([file.as_os_str(), "--timeout".as_ref(), "200".as_ref()], 1);
    let mut stream = connect(&program);
    say(
        &mut stream,
        "GET a\r\n",
        "-NOAUTH Authentication required.\r\n",
    );
    say(&mut stream, "AUTH \"a b\"\r\n", "+OK\r\n");
    say(&mut stream, "SELECT 2\r\n", "+OK\r\n");
    say(
        &mut stream,
        "SELECT 3\r\n",
        "-ERR DB index is out of range\r\n",
    );
    say(
        &mut stream,
        "CONFIG GET timeout\r\n",
        "*2\r\n$7\r\ntimeout\r\n$3\r\n200\r\n",
    );
    say(
        &mut stream,
        "CONFIG GET maxclients\r\n",
        "*2\r\n$10\r\nmaxclients\r\n$2\r\n77\r\n",
    );
}

#[test]
fn one_client_too_many_is_told() {
    let program = Program::start(["--port", "0", "--maxclients", "2"], 1);
    let mut first = connect(&program);
    let mut second = connect(&program);
    say(&mut first, "PING\r\n", "+PONG\r\n");
    say(&mut second, "PING\r\n", "+PONG\r\n");
    assert_eq!(
        until_closed(connect(&program)),
        "-ERR max number of clients reached\r\n"
    );
    say(&mut first, "PING\r\n", "+PONG\r\n");
}

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

/// Sets keys of 64 KiB until one is refused; gives the number of those that were not.
fn fill(stream: &mut TcpStream, at_most: usize) -> usize {
    let value = "v".repeat(1 << 16);
    for index in 0..at_most {
        let request = format!(
            "*3\r\n$3\r\nSET\r\n$7\r\nk{index:06}\r\n${}\r\n{value}\r\n",
            value.len()
        );
        stream
            .write_all(request.as_bytes())
            .expect("the server listens");
        let mut start = [0; 1];
        stream.read_exact(&mut start).expect("the server answers");
        let rest = if start == *b"+" { "OK\r\n" } else { &OOM[1..] };
        say(stream, "", rest);
        if start != *b"+" {
            return index;
        }
    }
    at_most
}

fn refuses_and_loses_nothing(flags: &[&str], at_most: usize) {
    let program = Program::start([&["--port", "0"], flags].concat(), 1);
    let mut stream = connect(&program);
    let kept = fill(&mut stream, at_most);
    assert!(
        (1..at_most).contains(&kept),
        "{kept} of {at_most} were taken"
    );
    say(&mut stream, "DBSIZE\r\n", &format!(":{kept}\r\n"));
    say(&mut stream, "STRLEN k000000\r\n", ":65536\r\n");
    say(
        &mut stream,
        &format!("STRLEN k{:06}\r\n", kept - 1),
        ":65536\r\n",
    );
    say(&mut stream, "FLUSHALL\r\n", "+OK\r\n");
    say(&mut stream, "SET a 1\r\n", "+OK\r\n");
    say(&mut connect(&program), "GET a\r\n", "$1\r\n1\r\n");
}

#[test]
fn above_maxmemory_writes_are_refused_and_nothing_is_lost() {
    refuses_and_loses_nothing(&["--maxmemory", "8mb"], 256);
}

#[test]
fn at_the_memory_ceiling_writes_are_refused_and_nothing_is_lost() {
    refuses_and_loses_nothing(&["--memory-limit", "32mb"], 1024);
}

#[test]
fn a_request_beyond_the_query_buffer_limit_closes_its_connection() {
    let program = Program::start(["--port", "0", "--client-query-buffer-limit", "1mb"], 1);
    let mut stream = connect(&program);
    let half = format!("*2\r\n$4\r\nECHO\r\n$4000000\r\n{}", "x".repeat(3_000_000));
    // The server may close while bytes are on their way.
    let _ = stream.write_all(half.as_bytes());
    assert_eq!(until_closed(stream), "");
    say(&mut connect(&program), "PING\r\n", "+PONG\r\n");
}

#[test]
fn a_client_that_does_not_read_is_closed_at_the_output_limit() {
    let limit = [
        "--port",
        "0",
        "--client-output-buffer-limit",
        "normal",
        "4mb",
        "0",
        "0",
    ];
    let program = Program::start(limit, 1);
    let mut stream = connect(&program);
    let value = "v".repeat(1 << 20);
    let request = format!(
        "*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n{value}\r\n",
        value.len()
    );
    say(&mut stream, &request, "+OK\r\n");
    let mut deaf = connect(&program);
    // 256 MiB of replies, which no socket holds.
    let _ = deaf.write_all("GET a\r\n".repeat(256).as_bytes());
    say(&mut stream, "PING\r\n", "+PONG\r\n");
    let received = until_closed(deaf).len();
    assert!(received < 256 << 20, "{received} bytes came");
    say(&mut stream, "STRLEN a\r\n", ":1048576\r\n");
}

#[test]
fn the_component_is_written_as_it_is_embedded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("petridis.wasm");
    let written = program::command(["component", "-o"])
        .arg(&file)
        .status()
        .expect("it runs");
    assert!(written.success());
    assert_eq!(
        std::fs::read(&file).expect("the file is there"),
        petridis::component()
    );
}

#[test]
fn a_clean_engine_takes_the_place_of_one_that_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let program = Program::start(["--port", "0", "--logfile", &log.to_string_lossy()], 1);
    let mut bystander = connect(&program);
    say(&mut bystander, "SET key value\r\n", "+OK\r\n");
    let mut culprit = connect(&program);
    say(&mut culprit, "PING\r\n", "+PONG\r\n");
    culprit.write_all(b"DEBUG PANIC\r\n").expect("taken");
    for connection in [culprit, bystander] {
        assert_eq!(
            until_closed(connection),
            "-ERR Petridis: the engine failed and was replaced by a clean one; all data is gone\r\n"
        );
    }
    let mut next = connect(&program);
    say(&mut next, "GET key\r\n", "$-1\r\n");
    say(&mut next, "SET key again\r\n", "+OK\r\n");
    let log = fs::read_to_string(log).expect("a log");
    assert!(
        log.contains("# The engine failed, a clean one takes its place"),
        "{log}"
    );
}

#[test]
fn config_set_changes_what_is_logged() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let program = Program::start(["--port", "0", "--logfile", &log.to_string_lossy()], 1);
    let mut client = connect(&program);
    let text = || fs::read_to_string(&log).expect("a log");
    say(&mut client, "DEBUG LOG first\r\n", "+OK\r\n");
    assert!(text().contains("DEBUG LOG: first"), "{}", text());
    say(
        &mut client,
        "CONFIG SET loglevel nothing tcp-keepalive 60\r\n",
        "+OK\r\n",
    );
    say(&mut client, "DEBUG LOG second\r\n", "+OK\r\n");
    say(&mut client, "CONFIG SET loglevel debug\r\n", "+OK\r\n");
    say(&mut client, "DEBUG LOG third\r\n", "+OK\r\n");
    assert!(
        !text().contains("second") && text().contains("third"),
        "{}",
        text()
    );
}

#[test]
fn config_set_changes_what_the_program_itself_logs() {
    const REFUSED: &str = "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on \
                           this port. Check server logs.\r\n";
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let program = Program::start(["--port", "0", "--logfile", &log.to_string_lossy()], 1);
    let mut client = connect(&program);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let lines = || {
        let text = fs::read_to_string(&log).expect("a log");
        text.matches("Could not create server TCP listening socket")
            .count()
    };
    let in_vain = format!("CONFIG SET port {port}\r\n");
    say(&mut client, &in_vain, REFUSED);
    assert_eq!(lines(), 1);
    say(&mut client, "CONFIG SET loglevel nothing\r\n", "+OK\r\n");
    say(&mut client, &in_vain, REFUSED);
    assert_eq!(lines(), 1);
    say(&mut client, "CONFIG SET loglevel warning\r\n", "+OK\r\n");
    say(&mut client, &in_vain, REFUSED);
    assert_eq!(lines(), 2);
}

#[test]
fn it_loads_and_saves_a_file_that_redis_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().to_string_lossy().into_owned();
    let program = Program::start(["--port", "0", "--dir", &dir], 1);
    let mut client = connect(&program);
    say(&mut client, "SET key value\r\n", "+OK\r\n");
    say(&mut client, "SAVE\r\n", "+OK\r\n");
    let file = folder.path().join("dump.rdb");
    assert!(fs::read(&file).expect("a file").starts_with(b"REDIS0012"));
    let other = Program::start(["--port", "0", "--load", &file.to_string_lossy()], 1);
    say(&mut connect(&other), "GET key\r\n", "$5\r\nvalue\r\n");

    fs::write(&file, "REDIS0012 and then nothing").expect("a file");
    let refused = program::command(["--port", "0", "--load", &file.to_string_lossy()]).output();
    failed(&refused.expect("it runs"), 2, &["can't be loaded"]);
}

#[test]
fn a_command_is_run_beside_a_server_and_its_status_passed_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let commands = folder.path().join("commands");
    fs::write(&commands, "SET key value\nRPUSH list a b").expect("a file");
    let script = "test \"$REDIS_URL\" = \"redis://$REDIS_HOST:$REDIS_PORT\" || exit 1; \
                  test \"$REDIS_URL\" = \"$CACHE\" || exit 2; exec 3<>/dev/tcp/$REDIS_HOST/$REDIS_PORT; \
                  printf 'GET key\\r\\n' >&3; read -r _ <&3; read -r value <&3; echo \"$value\"; exit 7";
    let commands = commands.to_string_lossy();
    let output = program::command(["run", "--load", &commands, "--env", "CACHE", "--seed", "3"])
        .args(["--", "bash", "-c", script])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!(said.trim(), "value");
    let nothing = program::command(["run", "--seed", "3"]).output();
    failed(&nothing.expect("it runs"), 2, &["-- COMMAND"]);
    let missing = program::command(["run", "--", "no-such-command"]).output();
    failed(&missing.expect("it runs"), 1, &["no-such-command"]);
    fs::write(folder.path().join("wrong"), "SET key value\nNOSUCH\n").expect("a file");
    let wrong = folder.path().join("wrong");
    let refused =
        program::command(["run", "--load", &wrong.to_string_lossy(), "--", "true"]).output();
    failed(&refused.expect("it runs"), 2, &["command 2", "NOSUCH"]);
}

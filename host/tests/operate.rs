//! What a running server is told about the world outside: users in a file, redis.conf written anew,
//! other ports and addresses. Texts are a real Redis's.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use program::{Program, command};

mod program;

/// A client that says inline commands.
struct Client(TcpStream);

impl Client {
    fn at(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        // Never reached when all is well.
        let limit = Some(Duration::from_secs(20));
        stream.set_read_timeout(limit).expect("a TCP socket");
        Self(stream)
    }

    /// What is answered, up to an echo behind it.
    fn ask(&mut self, line: &str) -> String {
        write!(self.0, "{line}\r\nECHO over\r\n").expect("the server listens");
        let end = b"$4\r\nover\r\n";
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(end) {
            self.0.read_exact(&mut byte).expect("an answer");
            answer.push(byte[0]);
        }
        answer.truncate(answer.len() - end.len());
        String::from_utf8(answer).expect("text")
    }

    fn says(&mut self, line: &str, answer: &str) {
        assert_eq!(self.ask(line), format!("{answer}\r\n"), "{line}");
    }

    /// True once the server has closed the connection.
    fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).is_ok()
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn refused(flags: &[&str], words: &[&str]) {
    let output = command(flags).output().expect("it runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    for word in words {
        assert!(error.contains(word), "{word:?} is not in {error}");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

#[test]
fn users_come_from_a_file_and_go_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.acl");
    fs::write(&file, "user alice on nopass ~* +@all\n").expect("written");
    let dir = text(folder.path());
    // Where the server's data is.
    let flags = ["--port", "0", "--dir", &dir, "--aclfile", "users.acl"];
    let program = Program::start(flags, 1);
    let mut one = Client::at(&program.address());
    one.says("ACL USERS", "*2\r\n$5\r\nalice\r\n$7\r\ndefault");

    let mut alice = Client::at(&program.address());
    alice.says("AUTH alice any", "+OK");
    fs::write(&file, "user alice on nopass ~* +@all\nuser bob off\n").expect("written");
    one.says("ACL LOAD", "+OK");
    alice.says("ACL WHOAMI", "$5\r\nalice");

    fs::write(&file, "user bob off\nuser x on +nosuch\n").expect("written");
    one.says(
        "ACL LOAD",
        "-ERR users.acl:2: Error in applying operation '+nosuch': Unknown command or category name in \
         ACL. WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
    );
    alice.says("PING", "+PONG");

    fs::write(&file, "user bob off\n").expect("written");
    // All of it in one: what follows hears of what the file said.
    one.says(
        "MULTI\r\nACL LOAD\r\nACL USERS\r\nEXEC",
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n*2\r\n$3\r\nbob\r\n$7\r\ndefault",
    );
    assert!(alice.is_closed(), "her user is gone");

    one.says("ACL SETUSER carl on +get ~a", "+OK");
    one.says("ACL SAVE", "+OK");
    assert_eq!(
        fs::read_to_string(&file).expect("written"),
        "user bob off sanitize-payload resetchannels -@all\n\
         user carl on sanitize-payload ~a resetchannels -@all +get\n\
         user default on nopass sanitize-payload ~* &* +@all\n"
    );
    fs::remove_file(&file).expect("removed");
    one.says(
        "ACL LOAD",
        "-ERR Error loading ACLs, opening file 'users.acl': No such file or directory",
    );
    fs::create_dir(&file).expect("in the way");
    one.says(
        "ACL SAVE",
        "-ERR There was an error trying to save the ACLs. Please check the server logs for more \
         information",
    );
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_server_without_its_users_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.acl");
    let path = text(&file);
    refused(
        &["--port", "0", "--aclfile", &path],
        &["opening file", &path, "No such file or directory"],
    );
    fs::write(&file, "user x on +nosuch\n").expect("written");
    refused(
        &["--port", "0", "--aclfile", &path],
        &["users.acl:1: Error in applying operation '+nosuch'"],
    );
    fs::write(&file, "user x on\n").expect("written");
    refused(
        &["--port", "0", "--aclfile", &path, "--user", "y", "on"],
        &["please define either an ACL file or declare users directly"],
    );
}

#[test]
fn redis_conf_is_written_as_things_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("redis.conf");
    let before = "# mine\nport 0\nuser alice on +get\n\n\nhz 10\nmaxmemory 5mb\n";
    fs::write(&file, before).expect("written");
    let program = Program::start([text(&file)], 1);
    let address = program.address();
    let port = address.rsplit(':').next().expect("a port");
    let mut one = Client::at(&address);
    one.says("CONFIG SET maxmemory 1gb timeout 7", "+OK");
    one.says("ACL SETUSER alice ~a", "+OK");
    one.says("CONFIG REWRITE", "+OK");
    let after = fs::read_to_string(&file).expect("there");
    let (kept, added) = after
        .split_once("# Generated by CONFIG REWRITE\n")
        .expect(&after);
    assert_eq!(
        kept,
        format!(
            "# mine\nport {port}\nuser alice on sanitize-payload ~a resetchannels -@all +get\n\nhz 10\n\
             maxmemory 1gb\n\n"
        )
    );
    assert!(added.contains("timeout 7\n"), "{added}");
    one.says("CONFIG REWRITE", "+OK");
    // What ended the file last time is an empty line now, as on a real server.
    let again = fs::read_to_string(&file).expect("there");
    assert_eq!(again.trim_end(), after.trim_end());
    one.0
        .write_all(b"SHUTDOWN\r\n")
        .expect("the server listens");
    assert_eq!(program.end().0.code(), Some(0));
    // It is a redis.conf.
    let program = Program::start([text(&file)], 1);
    let mut one = Client::at(&program.address());
    one.says("CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$1\r\n7");
    drop(program);

    let program = Program::start(["--port", "0"], 1);
    let mut one = Client::at(&program.address());
    one.says(
        "CONFIG REWRITE",
        "-ERR The server is running without a config file",
    );
}

#[test]
fn it_listens_elsewhere_when_it_is_told_to() {
    let program = Program::start(["--port", "0"], 1);
    let first = program.address();
    let mut one = Client::at(&first);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy = taken.local_addr().expect("bound").port();
    let refused = |name: &str, why: &str| {
        format!("-ERR CONFIG SET failed (possibly related to argument '{name}') - {why}")
    };
    let no_port = refused("port", "Unable to listen on this port. Check server logs.");
    let no_address = refused("bind", "Failed to bind to specified addresses.");
    one.says(&format!("CONFIG SET port {busy}"), &no_port);
    one.says(&format!("CONFIG SET timeout 5 port {busy}"), &no_port);
    one.says("CONFIG GET timeout", "*2\r\n$7\r\ntimeout\r\n$1\r\n0");
    one.says("CONFIG SET bind 10.9.8.7", &no_address);
    one.says("CONFIG SET bind no.such.host.invalid", &no_address);
    // All that was in vain: it listens where it did.
    Client::at(&first).says("PING", "+PONG");

    let next = free_port();
    one.says(&format!("CONFIG SET port {next}"), "+OK");
    assert!(TcpStream::connect(&first).is_err());
    let mut other = Client::at(&format!("127.0.0.1:{next}"));
    let info = other.ask("INFO server");
    let id = format!("process_id:{}\r\n", program.id());
    assert!(info.contains(&id), "{info}");
    assert!(info.contains(&format!("tcp_port:{next}\r\n")), "{info}");
    one.says("CONFIG SET bind \"-10.9.8.7 127.0.0.1\"", "+OK");
    Client::at(&format!("127.0.0.1:{next}")).says("PING", "+PONG");
    one.says("CONFIG SET port 0", "+OK");
    assert!(TcpStream::connect(format!("127.0.0.1:{next}")).is_err());
    // Who is connected stays.
    one.says("PING", "+PONG");
    one.says(&format!("CONFIG SET port {next}"), "+OK");
    Client::at(&format!("127.0.0.1:{next}")).says("PING", "+PONG");
}

#[test]
fn there_are_no_more_clients_than_the_system_lets_in() {
    let program = Program::start(["--port", "0"], 1);
    let mut one = Client::at(&program.address());
    one.says("CONFIG SET maxclients 100", "+OK");
    let answer = one.ask("CONFIG SET maxclients 4000000000");
    assert!(
        answer.contains("is not able to handle the specified number of clients, try with "),
        "{answer}"
    );
    one.says(
        "CONFIG GET maxclients",
        "*2\r\n$10\r\nmaxclients\r\n$3\r\n100",
    );
}

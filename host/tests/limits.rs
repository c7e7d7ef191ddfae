//! What a server's limits are for its instances: each has them for itself, and one that is at its limit
//! hinders no other. What the limits do is tested where they are: `server.rs`, `control.rs`.

use std::io::Read;
use std::time::Duration;

use client::Client;
use petridis::blocking::{Server, ServerBuilder};

mod client;

const TOO_MANY: &str = "-ERR max number of clients reached\r\n";

/// A server with up to two instances for users.
fn start(builder: ServerBuilder) -> Server {
    let server = builder.per_user_instances(2, Some(Duration::ZERO)).start();
    server.expect("a server")
}

fn user(server: &Server, name: &str) -> Client {
    let mut client = Client::to(server.addr());
    client.say(&format!("AUTH {name} x"), "+OK\r\n");
    client
}

/// The first byte of a reply, which says whether it is an error.
fn begins(client: &mut Client) -> u8 {
    let mut byte = [0];
    client.0.read_exact(&mut byte).expect("a reply");
    byte[0]
}

#[test]
fn memory_is_each_instances_own() {
    let server = start(Server::builder().memory_ceiling(32 << 20));
    let (mut one, mut other) = (user(&server, "one"), user(&server, "other"));
    let value = "v".repeat(1 << 16);
    let set = |number: usize| {
        let length = value.len();
        format!("*3\r\n$3\r\nSET\r\n$6\r\nk{number:05}\r\n${length}\r\n{value}\r\n")
    };
    let refused = (0..1024).find(|number| {
        one.send(&set(*number));
        let is_refused = begins(&mut one) == b'-';
        one.hear(if is_refused {
            "OOM command not allowed"
        } else {
            "OK\r\n"
        });
        is_refused
    });
    let kept = refused.expect("not all have room");
    assert!(kept > 100, "{kept} had room");
    other.send(&set(0));
    other.hear("+OK\r\n");
    let mut again = user(&server, "one");
    again.say("DBSIZE", &format!(":{kept}\r\n"));
}

#[test]
fn connections_are_counted_in_each_instance() {
    let server = start(Server::builder().config("maxclients", "2"));
    let mut ones = [user(&server, "one"), user(&server, "one")];
    Client::to(server.addr()).say("AUTH one x", TOO_MANY);
    user(&server, "other").say("PING", "+PONG\r\n");
    Client::to(server.addr()).say("PING", "+PONG\r\n");
    for one in &mut ones {
        one.say("PING", "+PONG\r\n");
    }
}

#[test]
fn a_script_that_does_not_end_holds_up_its_own_instance_only() {
    let server = start(Server::builder().config("busy-reply-threshold", "50"));
    let (mut one, mut other) = (user(&server, "one"), user(&server, "other"));
    let mut beside = user(&server, "one");
    one.send("EVAL \"while true do end\" 0\r\n");
    // It may be asked before the script has begun.
    loop {
        beside.send("PING\r\n");
        if begins(&mut beside) == b'-' {
            break;
        }
        beside.hear("PONG\r\n");
    }
    beside.hear(
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n",
    );
    other.say("EVAL \"return 7\" 0", ":7\r\n");
    other.say(
        "SCRIPT KILL",
        "-NOTBUSY No scripts in execution right now.\r\n",
    );
    beside.say("SCRIPT KILL", "+OK\r\n");
    one.hear("-ERR Script killed by user with SCRIPT KILL");
    beside.say("PING", "+PONG\r\n");
}

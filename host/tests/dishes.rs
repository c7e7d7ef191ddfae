//! Snapshots, restores and forks, from outside: what changes, what stays, who notices.

use std::io::Read;
use std::time::Duration;

use chance::Chance;
use client::Client;
use petridis::blocking::Server;
use petridis::{Error, Instance, ManualClock, Snapshot};

mod chance;
mod client;

fn tell(redis: &mut Instance, request: &str) -> String {
    let reply = redis.execute(format!("{request}\r\n").as_bytes());
    String::from_utf8_lossy(&reply.expect("a reply")).into_owned()
}

fn server() -> Server {
    Server::builder().seed(1).start().expect("a server")
}

#[test]
fn an_instance_goes_back_and_its_conversation_goes_on() {
    let mut redis = Instance::new().expect("an instance");
    assert_eq!(tell(&mut redis, "SELECT 3"), "+OK\r\n");
    assert_eq!(tell(&mut redis, "RPUSH list a b"), ":2\r\n");
    let snapshot = redis.snapshot().expect("a snapshot");
    assert_eq!(tell(&mut redis, "FLUSHALL"), "+OK\r\n");
    assert_eq!(tell(&mut redis, "SELECT 5"), "+OK\r\n");
    assert_eq!(tell(&mut redis, "MULTI"), "+OK\r\n");
    assert_eq!(tell(&mut redis, "SELECT 3"), "+QUEUED\r\n");
    assert_eq!(tell(&mut redis, "LLEN list"), "+QUEUED\r\n");
    redis.restore(&snapshot).expect("restored");
    assert_eq!(tell(&mut redis, "EXEC"), "*2\r\n+OK\r\n:2\r\n");
    let mut fork = snapshot.fork().expect("a fork");
    // A conversation of its own.
    assert_eq!(tell(&mut fork, "EXISTS list"), ":0\r\n");
    assert_eq!(tell(&mut fork, "SELECT 3"), "+OK\r\n");
    assert_eq!(tell(&mut fork, "LLEN list"), ":2\r\n");
}

#[test]
fn a_request_that_is_cut_off_is_completed_after_a_restore() {
    let mut redis = Instance::new().expect("an instance");
    let snapshot = redis.snapshot().expect("a snapshot");
    let (one, other) = b"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n".split_at(20);
    assert_eq!(redis.execute(one).expect("a reply"), b"");
    redis.restore(&snapshot).expect("restored");
    assert_eq!(redis.execute(other).expect("a reply"), b"$5\r\nhello\r\n");
}

#[test]
fn connections_stay_as_they_are() {
    let server = server();
    let mut plain = Client::to(server.addr());
    plain.say("SET key before", "+OK\r\n");
    plain.say("CLIENT SETNAME plain", "+OK\r\n");
    let snapshot = server.snapshot().expect("a snapshot");
    let mut new = Client::to(server.addr());
    new.send("HELLO 3\r\n");
    new.hear("%7\r\n");
    new.send("SELECT 4\r\n");
    let mut heard = Vec::new();
    while !heard.ends_with(b"+OK\r\n") {
        let mut byte = [0];
        new.0.read_exact(&mut byte).expect("more");
        heard.push(byte[0]);
    }
    let mut listener = Client::to(server.addr());
    listener.say(
        "SUBSCRIBE news",
        "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n",
    );
    plain.say("SET key after", "+OK\r\n");
    server.restore(&snapshot).expect("restored");
    plain.say("GET key", "$6\r\nbefore\r\n");
    plain.say("CLIENT GETNAME", "$5\r\nplain\r\n");
    // RESP3's null, in the database that it chose.
    new.say("GET key", "_\r\n");
    new.say("SET key mine", "+OK\r\n");
    plain.say("PUBLISH news hello", ":1\r\n");
    listener.hear("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    // Ids go on above those that are taken.
    let mut last = Client::to(server.addr());
    last.say("CLIENT ID", ":4\r\n");
}

#[test]
fn who_waits_looks_again_and_who_watches_fails() {
    let server = server();
    let mut plain = Client::to(server.addr());
    plain.say("RPUSH full x", ":1\r\n");
    let snapshot = server.snapshot().expect("a snapshot");
    plain.say("FLUSHALL", "+OK\r\n");
    let mut served = Client::to(server.addr());
    served.send("BLPOP full 0\r\n");
    let mut waiting = Client::to(server.addr());
    waiting.send("BLPOP empty 0\r\nPING\r\n");
    let mut watching = Client::to(server.addr());
    watching.say("WATCH other", "+OK\r\n");
    watching.say("MULTI", "+OK\r\n");
    watching.say("PING", "+QUEUED\r\n");
    let mut queueing = Client::to(server.addr());
    queueing.say("MULTI", "+OK\r\n");
    queueing.say("PING", "+QUEUED\r\n");
    // Both wait by now.
    while !info(&mut plain).contains("blocked_clients:2\r\n") {}
    server.restore(&snapshot).expect("restored");
    served.hear("*2\r\n$4\r\nfull\r\n$1\r\nx\r\n");
    watching.say("EXEC", "*-1\r\n");
    watching.say("PING", "+PONG\r\n");
    queueing.say("EXEC", "*1\r\n+PONG\r\n");
    plain.say("RPUSH empty y", ":1\r\n");
    waiting.hear("*2\r\n$5\r\nempty\r\n$1\r\ny\r\n+PONG\r\n");
}

fn info(client: &mut Client) -> String {
    client.send("INFO clients\r\n");
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") && !text.contains("blocking_keys_on_nokey:0\r\n\r\n") {
        let mut bytes = [0; 1024];
        let length = client.0.read(&mut bytes).expect("more");
        text += &String::from_utf8_lossy(&bytes[..length]);
        if text.contains("total_blocking_keys_on_nokey") && text.ends_with("\r\n") {
            break;
        }
    }
    text
}

#[test]
fn a_restore_amid_a_pipeline_loses_no_reply() {
    let server = server();
    let snapshot = server.snapshot().expect("a snapshot");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::to(server.addr());
                for _ in 0..50 {
                    client.send(&"ECHO hello\r\nINCR number\r\n".repeat(100));
                    for _ in 0..100 {
                        client.hear("$5\r\nhello\r\n:");
                        let mut byte = [0];
                        while byte != [b'\n'] {
                            client.0.read_exact(&mut byte).expect("a number");
                        }
                    }
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..200 {
                server.restore(&snapshot).expect("restored");
            }
        });
    });
    server.restore(&snapshot).expect("restored");
    Client::to(server.addr()).say("EXISTS number", ":0\r\n");
}

#[test]
fn time_goes_back_unless_it_is_kept() {
    let clock = ManualClock::default();
    let server = Server::builder().clock(clock.clone()).start();
    let server = server.expect("a server");
    let mut client = Client::to(server.addr());
    client.say("SET key value EX 10", "+OK\r\n");
    let snapshot = server.snapshot().expect("a snapshot");
    let instant = clock.now();
    clock.advance(Duration::from_secs(4));
    client.say("TTL key", ":6\r\n");
    server.restore(&snapshot).expect("restored");
    assert_eq!(clock.now(), instant);
    client.say("TTL key", ":10\r\n");
    clock.advance(Duration::from_secs(7));
    server.restore_keeping_clock(&snapshot).expect("restored");
    client.say("TTL key", ":3\r\n");
    // A fork has a clock of its own.
    let fork = Server::fork(&snapshot).expect("a fork");
    let mut other = Client::to(fork.addr());
    other.say("TTL key", ":10\r\n");
    let petridis::Clock::Manual(own) = fork.clock() else {
        panic!("{:?}", fork.clock())
    };
    own.advance(Duration::from_secs(9));
    other.say("TTL key", ":1\r\n");
    client.say("TTL key", ":3\r\n");
}

#[test]
fn a_wait_has_as_much_time_left_as_before() {
    let clock = ManualClock::default();
    let server = Server::builder().clock(clock.clone()).start();
    let server = server.expect("a server");
    let snapshot = server.snapshot().expect("a snapshot");
    clock.advance(Duration::from_secs(3600));
    let mut waiting = Client::to(server.addr());
    waiting.say("PING", "+PONG\r\n");
    waiting.send("BLPOP nothing 10\r\n");
    let mut plain = Client::to(server.addr());
    while !info(&mut plain).contains("blocked_clients:1\r\n") {}
    server.restore(&snapshot).expect("restored");
    clock.advance(Duration::from_secs(9));
    plain.say("CLIENT UNBLOCK 99", ":0\r\n");
    assert!(info(&mut plain).contains("blocked_clients:1\r\n"));
    clock.advance(Duration::from_secs(1));
    waiting.hear("*-1\r\n");
}

#[test]
fn a_snapshot_is_kept_in_a_file_for_the_same_build_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("snapshot");
    let mut redis = Instance::builder().seed(9).config("maxmemory", "100mb");
    redis = redis.clock(ManualClock::default());
    let mut redis = redis.build().expect("an instance");
    tell(&mut redis, "SET key value EX 10");
    let random = tell(&mut redis, "HELLO 3");
    redis
        .snapshot()
        .expect("a snapshot")
        .save(&path)
        .expect("saved");
    let loaded = Snapshot::load(&path).expect("loaded");
    let mut fork = loaded.fork().expect("a fork");
    assert_eq!(fork.seed(), 9);
    assert_eq!(tell(&mut fork, "TTL key"), ":10\r\n");
    assert_eq!(tell(&mut fork, "GET key"), "$5\r\nvalue\r\n");
    assert!(tell(&mut fork, "CONFIG GET maxmemory").contains("104857600"));
    assert!(!random.is_empty());

    let bytes = std::fs::read(&path).expect("a file");
    let mut other_build = bytes.clone();
    other_build[8] ^= 1;
    std::fs::write(&path, other_build).expect("a file");
    let refused = Snapshot::load(&path).expect_err("another build");
    assert!(refused.to_string().contains("another build"), "{refused}");
    for (what, bytes) in [
        ("cut off", &bytes[..bytes.len() / 2]),
        ("no snapshot", b"REDIS0012"),
    ] {
        std::fs::write(&path, bytes).expect("a file");
        let refused = Snapshot::load(&path);
        assert!(
            matches!(refused, Err(Error::Snapshot(_))),
            "{what}: {refused:?}"
        );
    }
}

#[test]
fn a_thousand_forks_know_nothing_of_each_other() {
    let mut redis = Instance::new().expect("an instance");
    for number in 0..1000 {
        tell(&mut redis, &format!("SET key:{number} {number}"));
    }
    let snapshot = redis.snapshot().expect("a snapshot");
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let snapshot = &snapshot;
            scope.spawn(move || {
                let mut forks: Vec<Instance> =
                    (0..250).map(|_| snapshot.fork().expect("a fork")).collect();
                for round in 0..3 {
                    for (at, fork) in forks.iter_mut().enumerate() {
                        let own = format!("{worker}-{at}-{round}");
                        tell(fork, &format!("SET key:{at} {own}"));
                        tell(fork, &format!("APPEND own {own}"));
                    }
                }
                for (at, fork) in forks.iter_mut().enumerate() {
                    let own = format!("{worker}-{at}-2");
                    let reply = format!("${}\r\n{own}\r\n", own.len());
                    assert_eq!(tell(fork, &format!("GET key:{at}")), reply);
                    assert_eq!(tell(fork, "GET key:999"), "$3\r\n999\r\n");
                    assert_eq!(tell(fork, "DBSIZE"), ":1001\r\n");
                }
            });
        }
    });
    assert_eq!(tell(&mut redis, "GET key:0"), "$1\r\n0\r\n");
    assert_eq!(tell(&mut redis, "DBSIZE"), ":1000\r\n");
}

#[test]
fn memory_does_not_grow_from_restore_to_restore() {
    let mut redis = Instance::new().expect("an instance");
    let snapshot = redis.snapshot().expect("a snapshot");
    let mut last = 0;
    for round in 0..20 {
        tell(&mut redis, &format!("SETRANGE large {} x", 64 << 20));
        let size = redis.snapshot().expect("a snapshot").size();
        assert!(round == 0 || size == last, "{size} after {last}");
        last = size;
        redis.restore(&snapshot).expect("restored");
    }
    assert_eq!(
        redis.snapshot().expect("a snapshot").size(),
        snapshot.size()
    );
}

#[test]
fn a_restored_engine_does_what_it_did() {
    let mut redis = Instance::builder()
        .seed(3)
        .clock(ManualClock::default())
        .build()
        .expect("an instance");
    tell(&mut redis, "SADD set a b c d e f g h");
    let snapshot = redis.snapshot().expect("a snapshot");
    let script = [
        "SPOP set",
        "SRANDMEMBER set 3",
        "XADD stream * a b",
        "RANDOMKEY",
        "TIME",
    ];
    let run = |redis: &mut Instance| script.map(|request| tell(redis, request)).join("");
    let first = run(&mut redis);
    redis.restore(&snapshot).expect("restored");
    assert_eq!(run(&mut redis), first);
    assert_eq!(run(&mut snapshot.fork().expect("a fork")), first);
}

#[test]
fn a_clock_that_is_behind_the_snapshot_is_put_forward() {
    let mut redis = Instance::new().expect("an instance");
    tell(&mut redis, "SET key value PX 60000");
    let snapshot = redis.snapshot().expect("a snapshot");
    // It shows a time long ago.
    let clock = ManualClock::default();
    let builder = Instance::builder().clock(clock.clone());
    let mut fork = builder.snapshot(&snapshot).build().expect("a fork");
    assert_eq!(tell(&mut fork, "EXISTS key"), ":1\r\n");
    clock.advance(Duration::from_secs(61));
    assert_eq!(tell(&mut fork, "EXISTS key"), ":0\r\n");
}

/// Everything that there is to tell of an instance, through a connection of its own.
fn told(redis: &mut Instance, digests: &[String]) -> String {
    let mut text = String::new();
    for db in 0..3 {
        let keys = redis.db(db).keys("*").expect("keys");
        text += &redis.db(db).dump().expect("a dump");
        tell(redis, &format!("SELECT {db}"));
        for key in keys {
            let key = String::from_utf8_lossy(&key).into_owned();
            for command in ["DUMP", "PEXPIRETIME", "OBJECT ENCODING"] {
                text += &tell(redis, &format!("{command} {key}"));
            }
        }
    }
    for request in [
        "CONFIG GET *",
        "ACL LIST",
        "FUNCTION DUMP",
        &format!("SCRIPT EXISTS {}", digests.join(" ")),
        "INFO keyspace",
        "TIME",
    ] {
        text += &tell(redis, request);
    }
    text
}

#[test]
fn whatever_happens_a_restore_undoes_it() {
    let mut other = Instance::new().expect("an instance");
    let digests: Vec<String> = (0..chance::SCRIPTS)
        .map(|number| tell(&mut other, &format!("SCRIPT LOAD \"return {number}\"")))
        .map(|reply| reply.lines().nth(1).expect("a digest").to_owned())
        .collect();
    for seed in 1..=8 {
        let mut chance = Chance::of(seed);
        let clock = ManualClock::default();
        let builder = Instance::builder().seed(seed).clock(clock.clone());
        let mut redis = builder.build().expect("an instance");
        let mut happen = |redis: &mut Instance, count: usize| {
            for _ in 0..count {
                let request = chance.request();
                tell(redis, &request);
                clock.advance(Duration::from_millis(chance.below(20)));
            }
        };
        happen(&mut redis, 500);
        for round in 0..4 {
            let snapshot = redis.snapshot().expect("a snapshot");
            let before = told(&mut snapshot.fork().expect("a fork"), &digests);
            happen(&mut redis, 1 + 300 * round);
            redis.restore(&snapshot).expect("restored");
            assert_eq!(
                told(&mut redis, &digests),
                before,
                "seed {seed}, round {round}"
            );
            redis.restore(&snapshot).expect("restored");
            assert_eq!(
                told(&mut redis, &digests),
                before,
                "seed {seed}, round {round}"
            );
            happen(&mut redis, 100);
        }
    }
}

//! The flight recorder: what was recorded comes again, and what does not is told.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use chance::Chance;
use client::Client;
use petridis::blocking::Server;
use petridis::{Error, Instance, ManualClock, Replay, Snapshot, Template};
use program::Program;

mod chance;
mod client;
mod program;

/// Runs a recording again to its end; nothing may differ.
fn comes_again(path: &Path) -> Replay {
    let mut replay = Replay::open(path).expect("a recording");
    assert!(replay.is_of_this_build());
    assert_eq!(replay.run(None).expect("whole"), None);
    assert!(!replay.is_cut_off());
    replay
}

fn dumps(instance: &mut Instance) -> String {
    let dump = |db| instance.db(db).dump().expect("a dump");
    (0..3).map(dump).collect()
}

#[test]
fn whatever_happens_comes_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = Template::from_commands("SET key:1 elsewhere\nRPUSH key:2 a b c").expect("one");
    for seed in 1..=6 {
        let path = folder.path().join(seed.to_string());
        let mut chance = Chance::of(seed);
        let clock = ManualClock::default();
        let mut redis = Instance::builder().seed(seed).clock(clock.clone());
        if seed % 2 == 0 {
            redis = redis.snapshot(elsewhere.snapshot());
        }
        let mut redis = redis.record(&path).build().expect("an instance");
        let mut snapshots: Vec<Snapshot> = vec![elsewhere.snapshot().clone()];
        for _ in 0..1500 {
            let request = format!("{}\r\n", chance.request()).into_bytes();
            let (now, later) = request.split_at(chance.below(request.len() as u64) as usize);
            redis.execute(now).expect("a reply");
            redis.execute(later).expect("a reply");
            clock.advance(Duration::from_millis(chance.below(20)));
            let any = chance.below(snapshots.len() as u64) as usize;
            match chance.below(60) {
                0 => snapshots.push(redis.snapshot().expect("a snapshot")),
                1 => redis.restore(&snapshots[any]).expect("restored"),
                2 => {
                    redis
                        .restore_keeping_clock(&snapshots[any])
                        .expect("restored");
                }
                3 => drop(snapshots.remove(any)),
                4 => drop(redis.save().expect("an image")),
                5 => {
                    let image = snapshots[any].fork().expect("a fork").save();
                    redis.load(&image.expect("an image")).expect("loaded");
                }
                6 if chance.below(10) == 0 => {
                    let failed = redis.execute(b"DEBUG PANIC\r\n");
                    assert!(matches!(failed, Err(Error::Trapped(_))), "{failed:?}");
                }
                _ => {}
            }
            if snapshots.is_empty() {
                snapshots.push(elsewhere.snapshot().clone());
            }
        }
        redis.execute(b"PING\r\n").expect("a reply");
        let before = dumps(&mut redis);
        drop(redis);
        let mut replay = comes_again(&path);
        assert!(replay.calls() > 3000, "{}", replay.calls());
        assert_eq!(replay.seed(), seed);
        assert_eq!(dumps(replay.instance()), before, "seed {seed}");
    }
}

#[test]
fn a_server_with_many_clients_comes_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let server = Server::builder().record(&path).start().expect("a server");
    let mut operator = Client::to(server.addr());
    operator.say(
        "PETRIDIS FAULT ADD ERROR \"ERR now and then\" COMMAND set SHARE 30",
        ":1\r\n",
    );
    operator.say("PETRIDIS SNAPSHOT empty", "+OK\r\n");
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let address = server.addr();
            scope.spawn(move || {
                let mut chance = Chance::of(100 + worker);
                for _ in 0..5 {
                    let mut client = Client::to(address);
                    let requests: Vec<_> = (0..100).map(|_| chance.request() + "\r\n").collect();
                    client.send(&requests.concat());
                    client.send("SUBSCRIBE end\r\nPING end\r\n");
                    client.until("$4\r\npong\r\n$3\r\nend\r\n");
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..20 {
                operator.say("PETRIDIS CLOCK ADVANCE 1000", "+OK\r\n");
                operator.say("PETRIDIS RESTORE empty KEEPCLOCK", "+OK\r\n");
                std::thread::sleep(Duration::from_millis(2));
            }
        });
    });
    let snapshot = server.snapshot().expect("a snapshot");
    server.restore(&snapshot).expect("restored");
    let before = server.look(0, |db| db.dump()).expect("a dump");
    server.shutdown();
    let mut replay = comes_again(&path);
    assert_eq!(replay.instance().db(0).dump().expect("a dump"), before);
}

impl Client {
    /// Reads until these bytes have come.
    fn until(&mut self, end: &str) {
        let mut got = Vec::new();
        while !got.ends_with(end.as_bytes()) {
            let mut bytes = [0; 4096];
            let length = std::io::Read::read(&mut self.0, &mut bytes).expect("more");
            assert!(length > 0, "{}", String::from_utf8_lossy(&got));
            got.extend_from_slice(&bytes[..length]);
        }
    }
}

/// A recording of a few calls.
fn small(path: &Path) {
    let mut redis = Instance::builder().seed(7).record(path);
    redis = redis.clock(ManualClock::default());
    let mut redis = redis.build().expect("an instance");
    for request in ["SET key before", "GET other", "GET key", "RPUSH list x"] {
        redis
            .execute(format!("{request}\r\n").as_bytes())
            .expect("a reply");
    }
}

/// What was recorded, with the first of these words exchanged.
fn falsify(path: &Path, word: &str, other: &str) {
    let mut bytes = fs::read(path).expect("a file");
    let at = bytes
        .windows(word.len())
        .position(|part| part == word.as_bytes());
    let at = at.expect("it is there");
    bytes[at..at + word.len()].copy_from_slice(other.as_bytes());
    fs::write(path, bytes).expect("a file");
}

#[test]
fn the_first_difference_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    small(&path);
    falsify(&path, "before", "beyond");
    let mut replay = Replay::open(&path).expect("a recording");
    // A start comes before it.
    assert_eq!(replay.run(Some(3)).expect("whole"), None);
    assert_eq!(replay.calls(), 3);
    let difference = replay.run(None).expect("whole").expect("a difference");
    assert_eq!(difference.call, 4);
    assert_eq!(difference.asked, "execute \"GET key\\r\\n\"");
    assert_eq!(difference.then, "\"$6\\r\\nbefore\\r\\n\"");
    assert_eq!(difference.now, "\"$6\\r\\nbeyond\\r\\n\"");
    assert_eq!(replay.run(None).expect("whole"), None);
    assert_eq!(replay.calls(), 5);
}

#[test]
fn a_recording_that_is_cut_off_is_run_as_far_as_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    small(&path);
    let bytes = fs::read(&path).expect("a file");
    let mut most = 0;
    for length in 0..bytes.len() {
        fs::write(&path, &bytes[..length]).expect("a file");
        match Replay::open(&path) {
            Err(Error::Recording(_)) => assert_eq!(most, 0, "only within its head"),
            Err(error) => panic!("{error}"),
            Ok(mut replay) => {
                assert_eq!(replay.run(None).expect("no damage"), None);
                assert!(replay.is_cut_off());
                assert!(replay.calls() >= most);
                most = replay.calls();
            }
        }
    }
    assert_eq!(most, 5);
}

#[test]
fn what_is_no_recording_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    assert!(matches!(Replay::open(&path), Err(Error::Recording(_))));
    small(&path);
    let bytes = fs::read(&path).expect("a file");
    for (at, with, why) in [(0, b'X', "no recording"), (7, 99, "version 99")] {
        let mut bytes = bytes.clone();
        bytes[at] = with;
        fs::write(&path, bytes).expect("a file");
        let refused = Replay::open(&path).expect_err("refused").to_string();
        assert!(refused.contains(why), "{refused}");
    }
    // Whatever is in it, nothing fails but the replay.
    let mut chance = Chance::of(1);
    for _ in 0..300 {
        let mut bytes = bytes.clone();
        let at = chance.below(bytes.len() as u64) as usize;
        bytes[at] = chance.below(256) as u8;
        fs::write(&path, bytes).expect("a file");
        if let Ok(mut replay) = Replay::open(&path) {
            while matches!(replay.next_call(), Ok(Some(_))) {}
        }
    }
}

#[test]
fn another_build_runs_it_but_for_memory_from_elsewhere() {
    /// Where the engine's build is said, behind the kind and the length of the head.
    const BUILD: usize = 8 + 2;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let from_another_build = || {
        let mut bytes = fs::read(&path).expect("a file");
        bytes[BUILD] ^= 1;
        fs::write(&path, bytes).expect("a file");
        let replay = Replay::open(&path).expect("a recording");
        assert!(!replay.is_of_this_build());
        replay
    };
    small(&path);
    assert_eq!(from_another_build().run(None).expect("whole"), None);
    // Its own snapshots are made again.
    let mut redis = Instance::builder().record(&path).build().expect("one");
    redis.execute(b"SET key value\r\n").expect("a reply");
    let snapshot = redis.snapshot().expect("a snapshot");
    redis.execute(b"FLUSHALL\r\n").expect("a reply");
    redis.restore(&snapshot).expect("restored");
    redis.execute(b"GET key\r\n").expect("a reply");
    drop(redis);
    assert_eq!(from_another_build().run(None).expect("whole"), None);
    let mut fork = Instance::builder().snapshot(&snapshot).record(&path);
    fork = fork.seed(3);
    drop(fork.build().expect("a fork"));
    comes_again(&path);
    let refused = from_another_build().run(None).expect_err("refused");
    assert!(refused.to_string().contains("elsewhere"), "{refused}");
}

#[test]
fn a_test_that_fails_leaves_its_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recordings");
    let test = |fails: bool| {
        let folder = path.clone();
        let thread = std::thread::Builder::new().name("tests::it fails".to_owned());
        let thread = thread.spawn(move || {
            let server = Server::builder().record_on_panic(&folder).start();
            let server = server.expect("a server");
            let mut redis = Instance::builder().record_on_panic(&folder);
            redis = redis.seed(1);
            let mut redis = redis.build().expect("an instance");
            redis.execute(b"PING\r\n").expect("a reply");
            Client::to(server.addr()).say("SET key value", "+OK\r\n");
            assert!(!fails, "as it should");
        });
        assert_eq!(thread.expect("a thread").join().is_err(), fails);
        let files = fs::read_dir(&path).expect("a folder");
        files
            .map(|file| file.expect("a file").path())
            .collect::<Vec<_>>()
    };
    assert_eq!(test(false).len(), 0);
    let files = test(true);
    assert_eq!(files.len(), 2);
    for file in files {
        comes_again(&file);
        let name = file.file_name().expect("a name").to_string_lossy();
        assert!(name.starts_with("tests--it-fails-"), "{name}");
    }
}

#[test]
fn who_has_an_instance_of_their_own_is_not_recorded() {
    let builder = Server::builder().per_user_instances(2, None);
    let refused = builder.record("nowhere").start().expect_err("refused");
    assert!(matches!(refused, Error::Config(_)), "{refused}");
    let missing = Instance::builder().record("/nowhere/at/all").build();
    assert!(matches!(missing, Err(Error::Io { .. })), "{missing:?}");
}

/// What `petridis replay` said, and its exit status.
fn replayed(arguments: &[&str]) -> (Option<i32>, String) {
    let output = program::command(["replay"]).args(arguments).output();
    let Output {
        status,
        stdout,
        stderr,
    } = output.expect("it runs");
    let said = String::from_utf8_lossy(&stdout) + String::from_utf8_lossy(&stderr);
    (status.code(), said.into_owned())
}

#[test]
fn the_program_records_and_replays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let path = path.to_str().expect("UTF-8");
    let flags = ["--port", "0", "--seed", "7", "--record", path];
    let program = Program::start(flags, 1);
    let mut client = Client::to(program.address());
    client.say("SET key value", "+OK\r\n");
    client.say("GET key", "$5\r\nvalue\r\n");
    // Killed, without a word: all that was answered is there.
    drop(program);
    let (status, said) = replayed(&[path]);
    assert_eq!(status, Some(0), "{said}");
    for what in ["Seed 7", "this build", "what was recorded", "cut off"] {
        assert!(said.contains(what), "{what}: {said}");
    }
    let (status, said) = replayed(&[path, "--dump"]);
    let dump = "database 0\nstring \"key\"\n  \"value\"\n";
    assert!(status == Some(0) && said.ends_with(dump), "{said}");
    let (status, said) = replayed(&[path, "--until", "2", "--dump"]);
    assert!(
        status == Some(0) && said.contains("\n2 calls") && !said.contains("database"),
        "{said}"
    );
    falsify(Path::new(path), "value", "other");
    let (status, said) = replayed(&[path]);
    assert_eq!(status, Some(1), "{said}");
    for what in ["now:", "other", "value", "from call"] {
        assert!(said.contains(what), "{what}: {said}");
    }
    // Asked to end, it ends the recording too.
    let program = Program::start(flags, 1);
    Client::to(program.address()).say("SET key value", "+OK\r\n");
    let asked = std::process::Command::new("kill")
        .args(["-TERM", &program.id().to_string()])
        .status();
    assert!(asked.expect("it runs").success());
    assert!(program.end().0.success());
    let (status, said) = replayed(&[path]);
    assert!(status == Some(0) && !said.contains("cut off"), "{said}");
    assert_eq!(replayed(&["/nowhere"]).0, Some(2));
    assert_eq!(replayed(&[]).0, Some(2));
    let program = program::command(["--per-user-instances", "--record", path]).output();
    assert_eq!(program.expect("it runs").status.code(), Some(2));
}

#[test]
fn a_command_that_fails_leaves_the_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let file = path.to_str().expect("UTF-8");
    let run = |command: &str| {
        let run = [
            "run",
            "--record-on-failure",
            file,
            "--",
            "sh",
            "-c",
            command,
        ];
        program::command(run).output().expect("it runs")
    };
    assert_eq!(run("true").status.code(), Some(0));
    assert!(!path.exists());
    let failed = run("exit 3");
    assert_eq!(failed.status.code(), Some(3));
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(said.contains(&format!("petridis replay {file}")), "{said}");
    comes_again(&path);
    let alone = program::command(["--record-on-failure", file]).output();
    assert_eq!(alone.expect("it runs").status.code(), Some(2));
}

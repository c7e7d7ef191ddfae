//! The flight recorder: what was recorded comes again, and what does not is told.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
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

/// Where the engine's build is said, behind the kind and the length of the head.
const BUILD: usize = 8 + 2;

#[test]
fn another_build_runs_it_but_for_memory_from_elsewhere() {
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
            let mut client = Client::to(server.addr());
            client.say("SET key value", "+OK\r\n");
            forked(&mut client).say("GET key", "$5\r\nvalue\r\n");
            let template = Template::from_commands("SET key other").expect("right");
            let fork = template.record_on_panic(&folder).fork();
            fork.expect("a fork").recordings();
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
    assert_eq!(files.len(), 3);
    for file in files {
        comes_again(&file);
        let name = file.file_name().expect("a name").to_string_lossy();
        assert!(name.starts_with("tests--it-fails-"), "{name}");
    }
}

/// The file that a fork is recorded to.
fn beside(path: &Path, name: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(name);
    path.into()
}

/// Has a server fork itself, and connects to the fork.
fn forked(client: &mut Client) -> Client {
    client.send("PETRIDIS FORK\r\n");
    let mut reply = String::new();
    while reply.matches("\r\n").count() < 2 {
        let mut byte = [0];
        std::io::Read::read_exact(&mut client.0, &mut byte).expect("a reply");
        reply.push(char::from(byte[0]));
    }
    let (_, address) = reply.trim().split_once("redis://").expect("a URL");
    Client::to(address)
}

#[test]
fn servers_that_are_forks_are_recorded_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let server = Server::builder().record(&path).start().expect("a server");
    let mut client = Client::to(server.addr());
    client.say("SET key alpha", "+OK\r\n");
    let mut fork = forked(&mut client);
    client.say("SET key two", "+OK\r\n");
    fork.say("APPEND key more", ":9\r\n");
    let mut forks_fork = forked(&mut fork);
    forks_fork.say("GET key", "$9\r\nalphamore\r\n");
    forks_fork.say("RPUSH list x", ":1\r\n");
    let rust = Server::fork(&server.snapshot().expect("a snapshot")).expect("a fork");
    Client::to(rust.addr()).say("GET key", "$3\r\ntwo\r\n");
    assert_eq!(rust.recordings(), server.recordings());
    drop(rust);
    let recordings = server.recordings();
    server.shutdown();
    let names = ["", ".fork-1", ".fork-2", ".fork-3"].map(|name| beside(&path, name));
    assert_eq!(recordings, names);
    // Wherever they lie, together.
    let moved = folder.path().join("moved");
    fs::create_dir(&moved).expect("a folder");
    let [first, fork, forks_fork, rust] = names.map(|path| {
        let to = moved.join(path.file_name().expect("a name"));
        fs::rename(&path, &to).expect("moved");
        to
    });
    for (path, key) in [
        (&first, "two"),
        (&fork, "alphamore"),
        (&forks_fork, "alphamore"),
        (&rust, "two"),
    ] {
        let mut replay = comes_again(path);
        let value = replay.instance().db(0).get("key").expect("it is there");
        assert_eq!(value.as_deref(), Some(key.as_bytes()), "{path:?}");
    }
    let replay = comes_again(&forks_fork);
    let from = replay.forked_from().expect("a fork");
    assert_eq!((&from.path, &from.difference), (&fork, &None));
    assert!(from.calls > 3, "{from:?}");
    assert_eq!(comes_again(&first).forked_from(), None);

    // What comes of another beginning is told, too.
    falsify(&first, "alpha", "alpho");
    let mut replay = Replay::open(&fork).expect("a recording");
    let from = replay.forked_from().expect("a fork");
    assert_eq!(from.path, first);
    let difference = replay.run(None).expect("whole");
    assert_eq!(difference, None, "a length is all that it said");
    let mut replay = Replay::open(&forks_fork).expect("a recording");
    let difference = replay.run(None).expect("whole").expect("a difference");
    assert!(difference.now.contains("alphomore"), "{difference:?}");
    // Another one of the same name will not do, and none.
    small(&first);
    for refused in [&fork, &forks_fork].map(Replay::open) {
        let refused = refused.expect_err("refused").to_string();
        assert!(refused.contains("another one"), "{refused}");
    }
    fs::remove_file(&first).expect("it is there");
    let refused = Replay::open(&fork).expect_err("refused").to_string();
    assert!(refused.contains("begins within another"), "{refused}");
    assert!(refused.contains(&first.display().to_string()), "{refused}");
}

#[test]
fn an_instance_of_each_user_is_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let server = Server::builder()
        .commands(&b"SET key one\r\n"[..])
        .per_user_instances(8, Some(Duration::ZERO))
        .record(&path)
        .start()
        .expect("a server");
    let greet = |user: &str| {
        let mut client = Client::to(server.addr());
        client.say(&format!("AUTH {user} x"), "+OK\r\n");
        client
    };
    Client::to(server.addr()).say("SET key lobby", "+OK\r\n");
    let (mut ada, mut again) = (greet("ada"), greet("ada"));
    greet("../b").say("GET key", "$3\r\none\r\n");
    ada.say("APPEND key 1", ":4\r\n");
    again.say("APPEND key 2", ":5\r\n");
    drop((ada, again));
    // Theirs goes with them, and another one comes.
    let second = beside(&path, ".user-ada-2");
    while !server.recordings().contains(&second) {
        greet("ada").say("EXISTS key", ":1\r\n");
    }
    let recordings = server.recordings();
    server.shutdown();
    assert_eq!(recordings[..2], [path.clone(), beside(&path, ".user-ada")]);
    for path in &recordings {
        comes_again(path);
    }
    for (name, value) in [
        ("", "lobby"),
        (".user-ada", "one12"),
        (".user-ada-2", "one"),
    ] {
        let mut replay = comes_again(&beside(&path, name));
        let got = replay.instance().db(0).get("key").expect("it is there");
        assert_eq!(got.as_deref(), Some(value.as_bytes()), "{name}");
    }
}

#[test]
fn instances_that_are_forks_are_recorded_for_any_build() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let mut redis = Instance::builder().record(&path).build().expect("one");
    redis.execute(b"SET key value\r\n").expect("a reply");
    let snapshot = redis.snapshot().expect("a snapshot");
    redis.execute(b"FLUSHALL\r\n").expect("a reply");
    let mut fork = snapshot.fork().expect("a fork");
    fork.execute(b"GET key\r\n").expect("a reply");
    // Back to its own beginning, which is in the other recording.
    fork.execute(b"DEL key\r\n").expect("a reply");
    fork.restore(&snapshot).expect("restored");
    assert_eq!(fork.recordings(), redis.recordings());
    // Ordered to go elsewhere, it is whole there.
    let alone = folder.path().join("alone");
    let alone = Instance::builder().snapshot(&snapshot).record(&alone);
    let alone = alone.build().expect("a fork").recordings();
    // While the first is still being written.
    drop(fork);
    let forks = beside(&path, ".fork-1");
    assert_eq!(comes_again(&forks).forked_from().expect("one").calls, 2);
    drop(redis);
    assert_eq!(comes_again(&alone[0]).forked_from(), None);
    for path in [&path, &forks] {
        let mut bytes = fs::read(path).expect("a file");
        bytes[BUILD] ^= 1;
        fs::write(path, bytes).expect("a file");
    }
    let mut replay = Replay::open(&forks).expect("a recording");
    assert!(!replay.is_of_this_build());
    assert_eq!(replay.run(None).expect("whole"), None);
}

#[test]
fn a_file_that_can_not_be_made_is_said() {
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
}

#[test]
fn the_program_records_and_replays_each_users_instance() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording");
    let path = path.to_str().expect("UTF-8");
    let flags = ["--port", "0", "--per-user-instances", "--record", path];
    let program = Program::start(flags, 1);
    let mut client = Client::to(program.address());
    client.say("AUTH ada x", "+OK\r\n");
    client.say("SET key value", "+OK\r\n");
    drop(program);
    let own = format!("{path}.user-ada");
    let (status, said) = replayed(&[&own, "--dump"]);
    assert_eq!(status, Some(0), "{said}");
    for what in ["A fork, made behind call 1 of", "string \"key\"", "cut off"] {
        assert!(said.contains(what), "{what}: {said}");
    }
    fs::remove_file(path).expect("it is there");
    let (status, said) = replayed(&[&own]);
    assert!(
        status == Some(2) && said.contains("begins within"),
        "{said}"
    );
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
    fs::remove_file(&path).expect("it is there");
    // With all forks: the command ends as soon as it is told how.
    let (port, how) = (folder.path().join("port"), folder.path().join("how"));
    let wait = format!(
        "while ! test -s '{0}'; do sleep 0.01; done; exit $(cat '{0}')",
        how.display()
    );
    for (status, files) in [("0", 0), ("3", 2)] {
        let run = ["run", "--record-on-failure", file, "--port-file"].map(OsStr::new);
        let mut run = program::command(run.into_iter().chain([port.as_os_str()]));
        run.args(["--per-user-instances", "--", "sh", "-c", &wait]);
        let run = run.stderr(Stdio::piped()).spawn().expect("it runs");
        let number = loop {
            match fs::read_to_string(&port) {
                Ok(number) if number.ends_with('\n') => break number,
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut client = Client::to(format!("127.0.0.1:{}", number.trim()));
        client.say("AUTH ada x", "+OK\r\n");
        fs::write(&how, status).expect("written");
        let output = run.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        let own = [path.clone(), beside(&path, ".user-ada")];
        assert_eq!(
            own.iter().filter(|path| path.exists()).count(),
            files,
            "{said}"
        );
        assert_eq!(said.contains("its forks, likewise"), files > 0, "{said}");
        fs::remove_file(&how).expect("it is there");
    }
    let alone = program::command(["--record-on-failure", file]).output();
    assert_eq!(alone.expect("it runs").status.code(), Some(2));
}

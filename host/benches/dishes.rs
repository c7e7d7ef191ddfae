//! What snapshots cost: making one, going back to it, forking it.
//!
//! Bars, with 100,000 keys: a restore after 100 writes within 100 µs; a fork to its first reply within
//! 200 µs in process and 1 ms as a new server. A thousand forks of 100 MB take no more than the image,
//! what they wrote, and a tenth. All that is printed at the end, with a verdict each, and how long the same
//! reset takes a real Redis, if there is one on PATH or named by PETRIDIS_REDIS_SERVER.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use petridis::{Instance, Snapshot, blocking};

/// Long enough for processor and caches to forget.
const SLEEP: Duration = Duration::from_millis(50);

fn filled(keys: usize, value: usize) -> Instance {
    let mut redis = Instance::builder().seed(1).build().expect("an instance");
    let value = "v".repeat(value);
    for chunk in (0..keys).collect::<Vec<_>>().chunks(1000) {
        let request: String = chunk
            .iter()
            .map(|number| format!("SET key:{number:08} {value}{number}\r\n"))
            .collect();
        redis.execute(request.as_bytes()).expect("replies");
    }
    redis
}

fn writes(redis: &mut Instance, count: usize) {
    let request: String = (0..count)
        .map(|number| format!("SET key:{:08} changed\r\n", number * 997 % 100_000))
        .collect();
    redis.execute(request.as_bytes()).expect("replies");
}

fn restoring(c: &mut Criterion) {
    let mut group = c.benchmark_group("100,000 keys");
    let mut redis = filled(100_000, 20);
    group.sample_size(20);
    group.bench_function("snapshot", |b| {
        b.iter(|| redis.snapshot().expect("a snapshot"))
    });
    let snapshot = redis.snapshot().expect("a snapshot");
    group.sample_size(100);
    group.bench_function("restore after 100 writes", |b| {
        b.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                writes(&mut redis, 100);
                let start = Instant::now();
                redis.restore(&snapshot).expect("restored");
                took += start.elapsed();
            }
            took
        });
    });
    group.bench_function("restore after 100 writes, and 100 reads", |b| {
        b.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                writes(&mut redis, 100);
                let start = Instant::now();
                redis.restore(&snapshot).expect("restored");
                for number in 0..100 {
                    let request = format!("GET key:{:08}\r\n", number * 997);
                    redis.execute(request.as_bytes()).expect("a reply");
                }
                took += start.elapsed();
            }
            took
        });
    });
    group.bench_function("fork to its first reply", |b| {
        b.iter_batched(
            || (),
            |()| {
                let mut fork = snapshot.fork().expect("a fork");
                let reply = fork.execute(b"GET key:00000042\r\n").expect("a reply");
                (fork, reply)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// A fork's first reply, as a server of its own. Some hundred times only: thousands leave so many ports behind,
/// each for a minute, that finding a free one takes the system half a millisecond. Both ends stay to be dropped by whoever
/// times it.
fn forked_server(snapshot: &Snapshot) -> (blocking::Server, TcpStream) {
    let fork = blocking::Server::fork(snapshot).expect("a fork");
    let mut client = TcpStream::connect(fork.addr()).expect("it listens");
    client.write_all(b"EXISTS key:00000042\r\n").expect("sent");
    client.read_exact(&mut [0; 4]).expect("a reply");
    (fork, client)
}

/// The median of as many rounds.
fn median(rounds: usize, mut round: impl FnMut() -> Duration) -> Duration {
    let mut took: Vec<Duration> = (0..rounds).map(|_| round()).collect();
    took.sort_unstable();
    took[rounds / 2]
}

fn timed<R>(act: impl FnOnce() -> R) -> Duration {
    let start = Instant::now();
    let result = act();
    let took = start.elapsed();
    drop(result);
    took
}

/// Says a figure, what it has to be, and whether it is.
fn figure(what: &str, is: Duration, most: Duration) {
    let verdict = if is <= most { "met" } else { "NOT met" };
    eprintln!("{what}: {is:.1?} (at most {most:.0?}): {verdict}");
}

/// The figures that have to hold, each with its verdict.
fn figures(_: &mut Criterion) {
    let mut redis = filled(100_000, 20);
    let snapshot = redis.snapshot().expect("a snapshot");
    eprintln!("\n100,000 keys, medians:");
    let restore = median(200, || {
        writes(&mut redis, 100);
        timed(|| redis.restore(&snapshot).expect("restored"))
    });
    figure(
        "restore after 100 writes",
        restore,
        Duration::from_micros(100),
    );
    let fork = median(200, || {
        timed(|| {
            let mut fork = snapshot.fork().expect("a fork");
            let reply = fork.execute(b"GET key:00000042\r\n").expect("a reply");
            (fork, reply)
        })
    });
    let most = Duration::from_micros(200);
    figure("fork to its first reply, in process", fork, most);
    let most = Duration::from_millis(1);
    let awake = median(200, || timed(|| forked_server(&snapshot)));
    figure("fork to a new TCP server's first reply", awake, most);
    let asleep = median(100, || {
        std::thread::sleep(SLEEP);
        timed(|| forked_server(&snapshot))
    });
    figure("the same, each after 50 ms of sleep", asleep, most);
    drop(redis);
    match on_a_real_one() {
        None => eprintln!("No redis-server on PATH or in PETRIDIS_REDIS_SERVER to compare with."),
        Some(reset) => eprintln!(
            "The same reset on a real Redis, FLUSHALL and 100,000 SETs in one pipeline: {reset:.1?}, \
             {:.0} times as long as the restore",
            reset.as_secs_f64() / restore.as_secs_f64()
        ),
    }
    sharing();
}

/// How long it takes a real Redis to be as it was: emptied and filled again.
fn on_a_real_one() -> Option<Duration> {
    let program = std::env::var_os("PETRIDIS_REDIS_SERVER").unwrap_or("redis-server".into());
    // Free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let port = port.expect("a free port").port().to_string();
    let child = Command::new(program)
        .args(["--port", &port, "--bind", "127.0.0.1", "--save", ""])
        .stdout(Stdio::null())
        .spawn();
    let mut child = child.ok()?;
    let reach = || TcpStream::connect(format!("127.0.0.1:{port}"));
    let started = Instant::now();
    let client = loop {
        match reach() {
            Ok(client) => break client,
            Err(error) if started.elapsed() > Duration::from_secs(10) => panic!("{error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let mut request = b"FLUSHALL\r\n".to_vec();
    for number in 0..100_000 {
        let value = format!("{}{number}", "v".repeat(20));
        let (length, key) = (value.len(), format!("key:{number:08}"));
        let set = format!("*3\r\n$3\r\nSET\r\n$12\r\n{key}\r\n${length}\r\n{value}\r\n");
        request.extend(set.into_bytes());
    }
    let mut replies = vec![0; 5 * 100_001];
    let took = median(11, || {
        timed(|| {
            std::thread::scope(|scope| {
                scope.spawn(|| (&client).write_all(&request).expect("sent"));
                (&client).read_exact(&mut replies).expect("replies");
            });
        })
    });
    assert!(replies.ends_with(b"+OK\r\n"));
    child.kill().and_then(|()| child.wait()).expect("it ran");
    Some(took)
}

/// What this process's memory is made of, in bytes: what belongs to nobody else (the heap, and each page of
/// a fork that is no longer the image's), and how much of that lies within mapped images.
fn memory() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let (mut anonymous, mut written, mut is_image) = (0, 0, false);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("Anonymous:"), Some(kib)) => {
                let bytes = kib.parse::<u64>().unwrap_or_default() << 10;
                anonymous += bytes;
                written += if is_image { bytes } else { 0 };
            }
            (Some(range), _) if !range.ends_with(':') => {
                is_image = line.contains("/memfd:petridis");
            }
            _ => {}
        }
    }
    [anonymous, written]
}

/// Bytes that the largest image in memory takes: pages of its file that were ever written.
#[cfg(target_os = "linux")]
fn image() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let files = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    let images = files.filter_map(|file| {
        let path = file.ok()?.path();
        let target = std::fs::read_link(&path).ok()?;
        let is_image = target.to_string_lossy().starts_with("/memfd:petridis");
        is_image.then(|| std::fs::metadata(path).map_or(0, |file| file.blocks() * 512))
    });
    images.max().unwrap_or(0)
}

/// A thousand forks may take a tenth more than the image and what they wrote: the pages in their memories
/// that are no longer the image's, times the page's size, as the system counts them.
#[cfg(target_os = "linux")]
fn sharing() {
    let mut redis = filled(100_000, 900);
    let snapshot = redis.snapshot().expect("a snapshot");
    drop(redis);
    let [before, written_before] = memory();
    let mut forks: Vec<Instance> = (0..1000)
        .map(|_| snapshot.fork().expect("a fork"))
        .collect();
    // Some read everything, and all write a little.
    for fork in &mut forks[..10] {
        for number in (0..100_000).step_by(7) {
            let request = format!("GET key:{number:08}\r\n");
            fork.execute(request.as_bytes()).expect("a reply");
        }
    }
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / f64::from(1 << 20));
    let image = image();
    eprintln!("1,000 forks of {}:", megabytes(snapshot.size() as u64));
    for count in [10, 100] {
        for fork in &mut forks {
            writes(fork, count);
        }
        let [after, written] = memory();
        let written = written - written_before;
        let taken = image + (after - before);
        let allowed = (image + written) / 10 * 11;
        eprintln!(
            "  which wrote to {count} keys each: {}; the image {} and written {} ({} pages of 4 KiB) are {}, \
             and a tenth more {}; it is {:.1} % more ({} KiB a fork): {}",
            megabytes(taken),
            megabytes(image),
            megabytes(written),
            written >> 12,
            megabytes(image + written),
            megabytes(allowed),
            (taken as f64 / (image + written) as f64 - 1.0) * 100.0,
            ((taken - image - written) / 1000) >> 10,
            if taken <= allowed { "met" } else { "NOT met" },
        );
    }
}

/// What is shared is only known where the system tells.
#[cfg(not(target_os = "linux"))]
fn sharing() {
    let _ = memory;
}

criterion_group!(benches, figures, restoring);
criterion_main!(benches);

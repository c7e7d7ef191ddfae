//! What snapshots cost: making one, going back to it, forking it.
//!
//! Bars, with 100,000 keys: a restore after 100 writes within 100 µs; a fork to its first reply within
//! 200 µs in process and 1 ms as a new server. A thousand forks of 100 MB take no more than the image,
//! what they wrote, and a tenth (printed at the end).

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use petridis::{Instance, blocking};

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
    group.bench_function("fork to a server's first reply", |b| {
        b.iter_batched(
            || (),
            |()| {
                let fork = blocking::Server::fork(&snapshot).expect("a fork");
                let mut client = TcpStream::connect(fork.addr()).expect("it listens");
                client.write_all(b"EXISTS key:00000042\r\n").expect("sent");
                client.read_exact(&mut [0; 4]).expect("a reply");
                (fork, client)
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// Bytes of memory that this process takes for itself, and its share of what is mapped.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("Pss:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or(0) << 10
}

fn sharing(_: &mut Criterion) {
    let before = resident();
    let mut redis = filled(100_000, 900);
    let snapshot = redis.snapshot().expect("a snapshot");
    drop(redis);
    let mut forks: Vec<Instance> = (0..1000)
        .map(|_| snapshot.fork().expect("a fork"))
        .collect();
    // Everybody reads everything, and writes a little.
    for fork in &mut forks[..10] {
        for number in (0..100_000).step_by(7) {
            let request = format!("GET key:{number:08}\r\n");
            fork.execute(request.as_bytes()).expect("a reply");
        }
    }
    for fork in &mut forks {
        writes(fork, 10);
    }
    let after = resident();
    eprintln!(
        "1000 forks of {} MB that wrote to 10 keys each: {} MB",
        snapshot.size() >> 20,
        (after - before) >> 20
    );
}

criterion_group!(benches, restoring, sharing);
criterion_main!(benches);

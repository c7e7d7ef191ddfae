//! What an instance costs: making one, calling it, and stepping many connections.
//!
//! Bars: a new instance within 50 µs; one GET a call within 0.7 µs; in batches of 16 within 0.2 µs
//! a command.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;
use std::time::UNIX_EPOCH;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use petridis::contract::{Event, Opened, Received, Transport};
use petridis::{Instance, ManualClock};

const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$6\r\nanswer\r\n";
const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$6\r\nanswer\r\n$2\r\n42\r\n";

fn filled() -> Instance {
    let mut redis = Instance::new().expect("an instance");
    redis.execute(SET).expect("a reply");
    redis
}

fn making(c: &mut Criterion) {
    // The first one loads the image.
    drop(filled());
    c.bench_function("new instance", |b| {
        b.iter_batched(
            || (),
            |()| Instance::new().expect("an instance"),
            BatchSize::PerIteration,
        );
    });
    c.bench_function("new instance, one PING, gone", |b| {
        b.iter(|| {
            let mut redis = Instance::new().expect("an instance");
            redis.execute(b"PING\r\n").expect("a reply")
        });
    });
}

fn calling(c: &mut Criterion) {
    let mut group = c.benchmark_group("execute");
    let mut redis = filled();
    group.throughput(Throughput::Elements(1));
    group.bench_function("GET", |b| {
        b.iter(|| redis.execute(black_box(GET)).expect("a reply"))
    });
    let batch = GET.repeat(16);
    group.throughput(Throughput::Elements(16));
    group.bench_function("16 × GET", |b| {
        b.iter(|| redis.execute(black_box(&batch)).expect("a reply"));
    });
    group.finish();
}

fn stepping(c: &mut Criterion) {
    let clock = ManualClock::new(UNIX_EPOCH);
    let mut redis = Instance::builder()
        .clock(clock)
        .build()
        .expect("an instance");
    redis.execute(SET).expect("a reply");
    let connections = 50;
    let opened: Vec<Event> = (0..connections)
        .map(|connection| {
            Event::Opened(Opened {
                connection,
                transport: Transport::Tcp,
                peer: format!("127.0.0.1:{}", 50_000 + connection),
                local: "127.0.0.1:6379".to_owned(),
            })
        })
        .collect();
    redis.step(1, &opened, &[]).expect("effects");

    let mut group = c.benchmark_group("step");
    for pipeline in [1, 16] {
        let one = GET.repeat(pipeline);
        let received: Vec<Event> = (0..connections)
            .map(|connection| {
                let length = u32::try_from(one.len()).expect("short");
                Event::Received(Received { connection, length })
            })
            .collect();
        let bytes = one.repeat(connections as usize);
        let mut now_us = 1;
        group.throughput(Throughput::Elements(
            u64::from(connections) * pipeline as u64,
        ));
        group.bench_function(format!("50 connections × {pipeline} GET"), |b| {
            b.iter(|| {
                now_us += 1;
                redis
                    .step(now_us, black_box(&received), black_box(&bytes))
                    .expect("effects")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, making, calling, stepping);
criterion_main!(benches);

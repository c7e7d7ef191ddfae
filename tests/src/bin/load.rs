//! A load generator that costs next to nothing itself, so that the server is what is measured:
//! requests are built beforehand, replies are only counted.
//!
//! - `load PORT CONNECTIONS PIPELINE REQUESTS WORD...` sends REQUESTS requests. `{key}` in a word is one of
//!   100,000 keys at random, `{below:N}` a number below N at random, `{same+K}` that number and K more.
//!   A word `;` separates commands that are sent, and counted, as one request.
//! - `load publish PORT SUBSCRIBERS PIPELINE MESSAGES` publishes to that many.
//! - `load hand-over PORT PAIRS TIMES`: one of a pair waits with BLPOP for what the other pushes.
//!
//! Each prints how many requests, messages or hand-overs a second that was.

#![allow(clippy::print_stdout, reason = "a program that a script runs")]

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Instant;

use petridis_tests::play::encode;

/// Different batches, sent in turn.
const BATCHES: u64 = 2048;

/// Keys that requests name.
const KEYS: u64 = 100_000;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let per_second = match args.as_slice() {
        ["publish", port, subscribers, pipeline, messages] => publish(
            number(port)?,
            number(subscribers)?,
            number(pipeline)?,
            number(messages)?,
        )?,
        ["hand-over", port, pairs, times] => {
            hand_over(number(port)?, number(pairs)?, number(times)?)?
        }
        [port, connections, pipeline, count, words @ ..] if !words.is_empty() => requests(
            number(port)?,
            number(connections)?,
            number(pipeline)?,
            number(count)?,
            words,
        )?,
        _ => return Err(usage()),
    };
    println!("{per_second:.0}");
    Ok(())
}

fn usage() -> Error {
    Error::other(
        "load PORT CONNECTIONS PIPELINE REQUESTS WORD..., load publish PORT SUBSCRIBERS PIPELINE MESSAGES, or load hand-over PORT PAIRS TIMES",
    )
}

fn number(text: &str) -> Result<usize> {
    text.parse().map_err(|_| usage())
}

fn connect(port: usize, count: usize) -> Result<Vec<Peer>> {
    (0..count).map(|_| Peer::connect(port)).collect()
}

fn per_second(count: usize, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64()
}

fn requests(
    port: usize,
    connections: usize,
    pipeline: usize,
    count: usize,
    words: &[&str],
) -> Result<f64> {
    let mut peers = connect(port, connections)?;
    let commands: Vec<&[&str]> = words.split(|word| *word == ";").collect();
    let batches = batches(&commands, pipeline);
    let mut buffer = vec![0; 1 << 20];
    let mut next = 0;
    let mut answered = 0;
    let began = Instant::now();
    while answered < count {
        for peer in &mut peers {
            peer.stream.write_all(&batches[next % batches.len()])?;
            next += 1;
        }
        for peer in &mut peers {
            peer.await_replies(pipeline * commands.len(), &mut buffer)?;
            answered += pipeline;
        }
    }
    Ok(per_second(answered, began))
}

fn publish(port: usize, subscribers: usize, pipeline: usize, messages: usize) -> Result<f64> {
    let mut buffer = vec![0; 1 << 20];
    let mut peers = connect(port, subscribers)?;
    for peer in &mut peers {
        peer.stream.write_all(&encode(&["SUBSCRIBE", "news"]))?;
        peer.await_replies(1, &mut buffer)?;
    }
    let mut publisher = Peer::connect(port)?;
    let batch = encode(&["PUBLISH", "news", "a message"]).repeat(pipeline);
    let mut sent = 0;
    let began = Instant::now();
    while sent < messages {
        publisher.stream.write_all(&batch)?;
        publisher.await_replies(pipeline, &mut buffer)?;
        for peer in &mut peers {
            peer.await_replies(pipeline, &mut buffer)?;
        }
        sent += pipeline;
    }
    Ok(per_second(sent, began))
}

fn hand_over(port: usize, pairs: usize, times: usize) -> Result<f64> {
    let mut buffer = vec![0; 1 << 20];
    let (mut waiting, mut pushing) = (connect(port, pairs)?, connect(port, pairs)?);
    let lists: Vec<String> = (0..pairs).map(|pair| format!("list:{pair}")).collect();
    let wait: Vec<_> = lists
        .iter()
        .map(|list| encode(&["BLPOP", list, "0"]))
        .collect();
    let push: Vec<_> = lists
        .iter()
        .map(|list| encode(&["RPUSH", list, "job"]))
        .collect();
    let mut done = 0;
    let began = Instant::now();
    while done < times {
        for (peer, request) in waiting.iter_mut().zip(&wait) {
            peer.stream.write_all(request)?;
        }
        for (peer, request) in pushing.iter_mut().zip(&push) {
            peer.stream.write_all(request)?;
        }
        for peer in pushing.iter_mut().chain(&mut waiting) {
            peer.await_replies(1, &mut buffer)?;
        }
        done += pairs;
    }
    Ok(per_second(done, began))
}

fn batches(commands: &[&[&str]], pipeline: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    let mut drawn = 0;
    let mut fill = |word: &str| -> Option<String> {
        let (before, rest) = word.split_once('{')?;
        let (wanted, behind) = rest.split_once('}')?;
        let number = match wanted.split_once(['+', ':']) {
            None if wanted == "key" => format!("{:012}", random(KEYS)),
            Some(("below", bound)) => {
                drawn = random(bound.parse().ok()?);
                drawn.to_string()
            }
            Some(("same", more)) => (drawn + more.parse::<u64>().ok()?).to_string(),
            _ => return None,
        };
        Some(format!("{before}{number}{behind}"))
    };
    let mut one = |words: &[&str]| -> Vec<u8> {
        let filled: Vec<String> = words
            .iter()
            .map(|word| fill(word).unwrap_or_else(|| (*word).to_owned()))
            .collect();
        encode(&filled.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let is_wide = commands
        .iter()
        .flat_map(|words| *words)
        .any(|word| word.contains("{below:"));
    // Enough of a large value to be looked at all over it.
    let count = if is_wide { 8 * BATCHES } else { BATCHES };
    (0..count)
        .map(|_| {
            let all = (0..pipeline).flat_map(|_| commands);
            all.flat_map(|words| one(words)).collect()
        })
        .collect()
}

struct Peer {
    stream: TcpStream,
    replies: Replies,
}

impl Peer {
    fn connect(port: usize) -> Result<Self> {
        let stream = TcpStream::connect(format!("127.0.0.1:{port}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            replies: Replies::default(),
        })
    }

    fn await_replies(&mut self, count: usize, buffer: &mut [u8]) -> Result<()> {
        let mut seen = 0;
        while seen < count {
            let length = self.stream.read(buffer)?;
            if length == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            seen += self.replies.count(&buffer[..length])?;
        }
        Ok(())
    }
}

/// Where in a stream of replies one is.
#[derive(Default)]
struct Replies {
    /// Bytes of a string still to pass over.
    skip: usize,
    /// Members of arrays still to come.
    members: usize,
    /// A line that is not whole yet.
    line: Vec<u8>,
}

impl Replies {
    /// How many replies end in these bytes.
    fn count(&mut self, mut bytes: &[u8]) -> Result<usize> {
        let mut ended = 0;
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if self.skip > 0 || bytes.is_empty() {
                return Ok(ended);
            }
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                return Ok(ended);
            };
            self.line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let length = || -> usize {
                let digits = std::str::from_utf8(&self.line[1..]).unwrap_or_default();
                digits.trim_end().parse().unwrap_or(0)
            };
            match self.line.first() {
                Some(b'-') => {
                    let text = String::from_utf8_lossy(&self.line).into_owned();
                    return Err(Error::other(text));
                }
                Some(b'$') if !self.line.starts_with(b"$-1") => self.skip = length() + 2,
                // An array within another is one member of that.
                Some(b'*') => self.members += length() + usize::from(self.members == 0),
                _ => {}
            }
            self.line.clear();
            self.members = self.members.saturating_sub(1);
            ended += usize::from(self.members == 0);
        }
    }
}

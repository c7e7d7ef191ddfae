//! A load generator that costs next to nothing itself, so that the server is what is measured:
//! requests are built beforehand, replies are only counted.
//!
//! `load PORT CONNECTIONS PIPELINE REQUESTS WORD...` sends REQUESTS requests and prints how many were
//! answered per second. `{key}` in a word is one of 100,000 keys at random.

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
    let usage = || Error::other("load PORT CONNECTIONS PIPELINE REQUESTS WORD...");
    let number = |index: usize| -> Result<usize> {
        let arg = args.get(index).ok_or_else(usage)?;
        arg.parse().map_err(|_| usage())
    };
    let (connections, pipeline, requests) = (number(1)?, number(2)?, number(3)?);
    let words = args.get(4..).filter(|words| !words.is_empty());
    let words = words.ok_or_else(usage)?;
    let mut peers = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(format!("127.0.0.1:{}", number(0)?))?;
        stream.set_nodelay(true)?;
        peers.push(Peer {
            stream,
            replies: Replies::default(),
        });
    }
    let batches = batches(words, pipeline);
    let mut buffer = vec![0; 1 << 20];
    let mut next = 0;
    let mut answered = 0;
    let began = Instant::now();
    while answered < requests {
        for peer in &mut peers {
            peer.stream.write_all(&batches[next % batches.len()])?;
            next += 1;
        }
        for peer in &mut peers {
            peer.await_replies(pipeline, &mut buffer)?;
            answered += pipeline;
        }
    }
    println!("{:.0}", answered as f64 / began.elapsed().as_secs_f64());
    Ok(())
}

fn batches(words: &[String], pipeline: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % KEYS
    };
    let mut one = || -> Vec<u8> {
        let filled: Vec<String> = words
            .iter()
            .map(|word| match word.contains("{key}") {
                true => word.replace("{key}", &format!("{:012}", random())),
                false => word.clone(),
            })
            .collect();
        encode(&filled.iter().map(String::as_str).collect::<Vec<_>>())
    };
    (0..BATCHES)
        .map(|_| (0..pipeline).flat_map(|_| one()).collect())
        .collect()
}

struct Peer {
    stream: TcpStream,
    replies: Replies,
}

impl Peer {
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
                Some(b'*') => self.members += length() + 1,
                _ => {}
            }
            self.line.clear();
            self.members = self.members.saturating_sub(1);
            ended += usize::from(self.members == 0);
        }
    }
}

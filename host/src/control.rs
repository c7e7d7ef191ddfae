//! What PETRIDIS asks of the host: snapshots by name, the clock, servers that are forks, data as text.
//!
//! Owns the snapshots and forks of one server. Who may ask was decided in the engine.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;

use crate::error::Error;
use crate::instance::Instance;
use crate::reply;
use crate::snapshot::Snapshot;

/// Snapshots, and forks, that there may be at a time.
const MOST: usize = 1000;

/// A server that is being started: its URL, and what it lives as long as.
pub(crate) type Starting = Pin<Box<dyn Future<Output = Result<(String, Box<dyn Any>), Error>>>>;

/// Servers by their URLs.
type Forks = BTreeMap<Vec<u8>, Box<dyn Any>>;

/// Starts a server that is a fork.
pub(crate) type Forker = fn(Snapshot) -> Starting;

/// The snapshots and forks of one server.
pub(crate) struct Desk {
    snapshots: BTreeMap<Vec<u8>, Snapshot>,
    forks: Rc<RefCell<Forks>>,
    forker: Forker,
}

/// An answer: a reply, now or later.
pub(crate) enum Answer {
    Now(Vec<u8>),
    Later(Pin<Box<dyn Future<Output = Vec<u8>>>>),
}

/// What a client hears of what can't be done.
struct Refusal(String);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl From<&str> for Refusal {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

const SYNTAX: &str = "syntax error";
const UNKNOWN: &str = "there is no snapshot of that name";
const TOO_MANY: &str = "there are too many of them";

impl Desk {
    pub(crate) fn new(forker: Forker) -> Self {
        Self {
            snapshots: BTreeMap::new(),
            forks: Rc::default(),
            forker,
        }
    }

    /// Does what a client asks for: `args` from the subcommand on.
    pub(crate) fn answer(&mut self, instance: &mut Instance, db: u32, args: &[Vec<u8>]) -> Answer {
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        self.act(instance, db, &args)
            .unwrap_or_else(|refusal| Answer::Now(error(&refusal.0)))
    }

    fn act(&mut self, instance: &mut Instance, db: u32, args: &[&[u8]]) -> Result<Answer, Refusal> {
        let (name, rest) = args.split_first().ok_or(SYNTAX)?;
        let reply = match (name.to_ascii_uppercase().as_slice(), rest) {
            (b"SNAPSHOT", [name]) => {
                if self.snapshots.len() >= MOST && !self.snapshots.contains_key(*name) {
                    return Err(TOO_MANY.into());
                }
                self.snapshots.insert(name.to_vec(), instance.snapshot()?);
                ok()
            }
            (b"RESTORE", [name, how @ ..]) => {
                let snapshot = self.snapshots.get(*name).ok_or(UNKNOWN)?;
                match how {
                    [] => instance.restore(snapshot)?,
                    [word] if word.eq_ignore_ascii_case(b"keepclock") => {
                        instance.restore_keeping_clock(snapshot)?;
                    }
                    _ => return Err(SYNTAX.into()),
                }
                ok()
            }
            (b"FORK", name) => return self.fork(instance, name),
            (b"DROP", [name]) => {
                let gone = self.snapshots.remove(*name).is_some()
                    || self.forks.borrow_mut().remove(*name).is_some();
                integer(gone.into())
            }
            (b"LIST", []) => self.list(),
            (b"CLOCK", how) => clock(instance, how)?,
            (b"DUMP", which) => {
                let mut reply = Vec::new();
                let text = instance.db(chosen(which, db)?).dump()?;
                reply::bulk(&mut reply, text.as_bytes());
                reply
            }
            (b"DIFF", [name, which @ ..]) => {
                let snapshot = self.snapshots.get(*name).ok_or(UNKNOWN)?;
                let diff = instance.db(chosen(which, db)?).diff(snapshot)?;
                let mut reply = Vec::new();
                reply::array(&mut reply, 6);
                for (what, keys) in [
                    ("added", diff.added),
                    ("changed", diff.changed),
                    ("removed", diff.removed),
                ] {
                    reply::bulk(&mut reply, what.as_bytes());
                    reply::array(&mut reply, keys.len());
                    keys.iter().for_each(|key| reply::bulk(&mut reply, key));
                }
                reply
            }
            _ => return Err(SYNTAX.into()),
        };
        Ok(Answer::Now(reply))
    }

    fn fork(&mut self, instance: &mut Instance, name: &[&[u8]]) -> Result<Answer, Refusal> {
        let snapshot = match name {
            [] => instance.snapshot()?,
            [name] => self.snapshots.get(*name).ok_or(UNKNOWN)?.clone(),
            _ => return Err(SYNTAX.into()),
        };
        if self.forks.borrow().len() >= MOST {
            return Err(TOO_MANY.into());
        }
        let starting = (self.forker)(snapshot);
        let forks = self.forks.clone();
        Ok(Answer::Later(Box::pin(async move {
            match starting.await {
                Err(failed) => error(&failed.to_string()),
                Ok((url, server)) => {
                    let mut reply = Vec::new();
                    reply::bulk(&mut reply, url.as_bytes());
                    forks.borrow_mut().insert(url.into(), server);
                    reply
                }
            }
        })))
    }

    fn list(&self) -> Vec<u8> {
        let forks = self.forks.borrow();
        let mut reply = Vec::new();
        reply::array(&mut reply, self.snapshots.len() + forks.len());
        for (name, snapshot) in &self.snapshots {
            reply::array(&mut reply, 3);
            reply::bulk(&mut reply, b"snapshot");
            reply::bulk(&mut reply, name);
            reply.extend(integer(snapshot.size() as u64));
        }
        for url in forks.keys() {
            reply::array(&mut reply, 2);
            reply::bulk(&mut reply, b"fork");
            reply::bulk(&mut reply, url);
        }
        reply
    }
}

/// ADVANCE ms | SET ms | FREEZE | RUN
fn clock(instance: &mut Instance, how: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
    let least_us = instance.least_us();
    let time = instance.time_mut();
    let us = |ms: &[u8]| {
        let ms = std::str::from_utf8(ms)
            .ok()
            .and_then(|ms| ms.parse::<u64>().ok());
        let ms = ms.ok_or("a time is a number of milliseconds")?;
        Ok::<_, Refusal>(ms.saturating_mul(1000))
    };
    let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    match how {
        [] => return Ok(integer(time.now_us() / 1000)),
        [word, ms] if is(word, "ADVANCE") => time.advance(us(ms)?),
        [word, ms] if is(word, "SET") => {
            let to_us = us(ms)?;
            if to_us < least_us {
                let least_ms = least_us.div_ceil(1000);
                let why = format!("time never runs backwards, but by RESTORE: it is {least_ms}");
                return Err(Refusal(why));
            }
            time.put(to_us);
        }
        [word] if is(word, "FREEZE") => time.stop(),
        [word] if is(word, "RUN") => time.go_on(),
        _ => return Err(SYNTAX.into()),
    }
    Ok(ok())
}

fn chosen(which: &[&[u8]], selected: u32) -> Result<u32, Refusal> {
    match which {
        [] => Ok(selected),
        [db] => {
            let db = std::str::from_utf8(db).ok().and_then(|db| db.parse().ok());
            db.ok_or_else(|| Refusal::from("a database is a number"))
        }
        _ => Err(SYNTAX.into()),
    }
}

fn ok() -> Vec<u8> {
    b"+OK\r\n".to_vec()
}

fn integer(number: u64) -> Vec<u8> {
    format!(":{number}\r\n").into_bytes()
}

fn error(text: &str) -> Vec<u8> {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!("-ERR {text}\r\n").into_bytes()
}

//! Looking at the data without a client: typed reads, a database as text, what differs from a snapshot.
//!
//! Owns the text. Nothing here changes anything or leaves a trace: no statistics, no time of access.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::Error;
use crate::instance::Instance;
use crate::reply::{self, Reply};
use crate::snapshot::Snapshot;

/// Requests that the engine answers in one go.
const BATCH: usize = 256;

/// The keys of a database that are not as they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// They were not there.
    pub added: Vec<Vec<u8>>,
    /// Their value, type or time to live is another one.
    pub changed: Vec<Vec<u8>>,
    /// They are no longer there.
    pub removed: Vec<Vec<u8>>,
}

impl Diff {
    /// True if nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// A command that the engine received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedCommand {
    /// When, in the engine's time.
    pub at: SystemTime,
    /// The id of the client it came from.
    pub client: u64,
    /// The name that the client gave itself.
    pub name: Vec<u8>,
    /// The database that was selected.
    pub db: u32,
    /// The request, without secrets.
    pub args: Vec<Vec<u8>>,
}

/// One database, to look at.
///
/// ```
/// # fn main() -> Result<(), petridis::Error> {
/// let mut redis = petridis::Instance::new()?;
/// redis.execute(b"SET name one EX 60\r\nHSET user age 7\r\n")?;
/// assert_eq!(redis.db(0).get("name")?.as_deref(), Some(&b"one"[..]));
/// assert!(redis.db(0).ttl("name")?.is_some());
/// assert_eq!(redis.db(0).hgetall("user")?[&b"age"[..]], b"7");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Database<'a> {
    instance: &'a mut Instance,
    index: u32,
}

impl Instance {
    /// A database, to look at what is in it.
    pub fn db(&mut self, index: u32) -> Database<'_> {
        Database {
            instance: self,
            index,
        }
    }

    /// How many databases there are.
    ///
    /// # Errors
    ///
    /// [`Error::Trapped`] if the engine failed.
    pub fn databases(&mut self) -> Result<u32, Error> {
        let parameter = self.db(0).ask(&[b"CONFIG", b"GET", b"databases"])?.map();
        let number = parameter.into_iter().find_map(|(_, value)| {
            let text = String::from_utf8(value.text()?).ok()?;
            text.parse().ok()
        });
        Ok(number.unwrap_or(1))
    }

    /// Keeps the commands that are received from now on, the last `most` of them.
    ///
    /// # Errors
    ///
    /// [`Error::Trapped`] if the engine failed.
    pub fn log_commands(&mut self, most: usize) -> Result<(), Error> {
        let most = most.to_string();
        self.db(0)
            .ask(&[b"PETRIDIS", b"LOG", b"START", most.as_bytes()])
            .map(|_| ())
    }

    /// The commands received, oldest first, since [`Instance::log_commands`].
    ///
    /// # Errors
    ///
    /// [`Error::Trapped`] if the engine failed.
    pub fn logged_commands(&mut self) -> Result<Vec<LoggedCommand>, Error> {
        let entries = self.db(0).ask(&[b"PETRIDIS", b"LOG"])?.list();
        Ok(entries.into_iter().rev().filter_map(logged).collect())
    }
}

fn logged(entry: Reply) -> Option<LoggedCommand> {
    let mut fields = entry.list().into_iter();
    let mut number = || fields.next()?.integer()?.try_into().ok();
    let (at_us, client) = (number()?, number()?);
    let name = fields.next()?.text()?;
    let db = fields.next()?.integer()?.try_into().ok()?;
    let args = fields.next()?.list().into_iter().filter_map(Reply::text);
    Some(LoggedCommand {
        at: UNIX_EPOCH + Duration::from_micros(at_us),
        client,
        name,
        db,
        args: args.collect(),
    })
}

/// All methods fail with [`Error::Refused`] where the engine answers an error (the wrong kind of value, say),
/// and with [`Error::Trapped`] if the engine failed.
impl Database<'_> {
    /// The value of a string; `None` without one.
    pub fn get(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.ask(&[b"GET", key.as_ref()])?.text())
    }

    /// The fields of a hash and their values; empty without one.
    pub fn hgetall(&mut self, key: impl AsRef<[u8]>) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Error> {
        let pairs = self.ask(&[b"HGETALL", key.as_ref()])?.map().into_iter();
        let pairs = pairs.filter_map(|(field, value)| Some((field.text()?, value.text()?)));
        Ok(pairs.collect())
    }

    /// The elements of a list from `start` to `stop`, both counted from the end where negative.
    pub fn lrange(
        &mut self,
        key: impl AsRef<[u8]>,
        start: i64,
        stop: i64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let (start, stop) = (start.to_string(), stop.to_string());
        let request = [b"LRANGE", key.as_ref(), start.as_bytes(), stop.as_bytes()];
        let elements = self.ask(&request)?.list().into_iter();
        Ok(elements.filter_map(Reply::text).collect())
    }

    /// The members of a set, sorted.
    pub fn smembers(&mut self, key: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, Error> {
        let members = self.ask(&[b"SMEMBERS", key.as_ref()])?.list().into_iter();
        let mut members: Vec<_> = members.filter_map(Reply::text).collect();
        members.sort();
        Ok(members)
    }

    /// The members of a sorted set from rank `start` to `stop`, with their scores.
    pub fn zrange(
        &mut self,
        key: impl AsRef<[u8]>,
        start: i64,
        stop: i64,
    ) -> Result<Vec<(Vec<u8>, f64)>, Error> {
        let (start, stop) = (start.to_string(), stop.to_string());
        let range = [start.as_bytes(), stop.as_bytes()];
        let request = [b"ZRANGE", key.as_ref(), range[0], range[1], b"WITHSCORES"];
        let members = self.ask(&request)?.list().into_iter();
        Ok(members.filter_map(member).collect())
    }

    /// How long a key lives yet; `None` if it does not expire, or is not there.
    pub fn ttl(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Duration>, Error> {
        let ms = self.ask(&[b"PTTL", key.as_ref()])?.integer();
        let ms = ms.and_then(|ms| u64::try_from(ms).ok());
        Ok(ms.map(Duration::from_millis))
    }

    /// The keys that fit a pattern (`*` for all), sorted.
    pub fn keys(&mut self, pattern: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, Error> {
        let keys = self.ask(&[b"KEYS", pattern.as_ref()])?.list().into_iter();
        let mut keys: Vec<_> = keys.filter_map(Reply::text).collect();
        keys.sort();
        Ok(keys)
    }

    /// Everything in it as text, sorted: the same for the same data, so good to compare and to keep.
    ///
    /// ```
    /// # fn main() -> Result<(), petridis::Error> {
    /// let mut redis = petridis::Instance::new()?;
    /// redis.execute(b"RPUSH list b a\r\nSET name one\r\n")?;
    /// assert_eq!(redis.db(0).dump()?, "\
    /// list \"list\"
    ///   \"b\"
    ///   \"a\"
    /// string \"name\"
    ///   \"one\"
    /// ");
    /// # Ok(())
    /// # }
    /// ```
    pub fn dump(&mut self) -> Result<String, Error> {
        Ok(self.described()?.into_values().collect())
    }

    /// The keys that are not as they were in a snapshot.
    pub fn diff(&mut self, snapshot: &Snapshot) -> Result<Diff, Error> {
        let mut before = snapshot.fork()?.db(self.index).described()?;
        let mut diff = Diff::default();
        for (key, now) in self.described()? {
            match before.remove(&key) {
                None => diff.added.push(key),
                Some(was) if was != now => diff.changed.push(key),
                Some(_) => {}
            }
        }
        diff.removed = before.into_keys().collect();
        Ok(diff)
    }

    /// Every key and its text.
    fn described(&mut self) -> Result<BTreeMap<Vec<u8>, String>, Error> {
        let keys = self.keys("*")?;
        let mut described = BTreeMap::new();
        for keys in keys.chunks(BATCH) {
            let facts = self.ask_all(keys, |key, requests| {
                reply::request(requests, &[b"TYPE", key]);
                reply::request(requests, &[b"PEXPIRETIME", key]);
            })?;
            let facts: Vec<_> = facts.chunks_exact(2).map(<[Reply]>::to_vec).collect();
            let kinds: Vec<String> = facts
                .iter()
                .map(|facts| match &facts[0] {
                    Reply::Text(kind) => String::from_utf8_lossy(kind).into_owned(),
                    _ => String::new(),
                })
                .collect();
            let mut at = 0;
            let values = self.ask_all(keys, |key, requests| {
                ask_for(requests, &kinds[at], key);
                at += 1;
            })?;
            let mut values = values.into_iter();
            for ((key, kind), facts) in keys.iter().zip(&kinds).zip(&facts) {
                let mut text = format!("{kind} {}", quoted(key));
                if let Some(at_ms) = facts[1].integer().filter(|at_ms| *at_ms >= 0) {
                    // A time, not a time left: the same until somebody changes it.
                    let _ = write!(text, " until {at_ms}");
                }
                text.push('\n');
                let mut value = || values.next().unwrap_or(Reply::Null);
                describe(&mut text, kind, value());
                if kind == "stream" {
                    describe_groups(&mut text, value());
                }
                described.insert(key.clone(), text);
            }
        }
        Ok(described)
    }

    pub(crate) fn ask(&mut self, request: &[&[u8]]) -> Result<Reply, Error> {
        let mut bytes = Vec::new();
        reply::request(&mut bytes, request);
        let replies = self.instance.look(self.index, &bytes)?;
        match Reply::take(&mut replies.as_slice()) {
            Some(Reply::Error(text)) => Err(Error::Refused(text)),
            Some(reply) => Ok(reply),
            None => Err(Error::Refused("it does not fit in memory".to_owned())),
        }
    }

    fn ask_all(
        &mut self,
        keys: &[Vec<u8>],
        mut write: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> Result<Vec<Reply>, Error> {
        let mut requests = Vec::new();
        keys.iter().for_each(|key| write(key, &mut requests));
        let replies = self.instance.look(self.index, &requests)?;
        let mut replies = replies.as_slice();
        Ok(std::iter::from_fn(|| Reply::take(&mut replies)).collect())
    }
}

fn member(pair: Reply) -> Option<(Vec<u8>, f64)> {
    let mut pair = pair.list().into_iter();
    let member = pair.next()?.text()?;
    match pair.next()? {
        Reply::Double(score) => Some((member, score)),
        _ => None,
    }
}

fn ask_for(requests: &mut Vec<u8>, kind: &str, key: &[u8]) {
    match kind {
        "string" => reply::request(requests, &[b"GET", key]),
        "list" => reply::request(requests, &[b"LRANGE", key, b"0", b"-1"]),
        "set" => reply::request(requests, &[b"SMEMBERS", key]),
        "hash" => reply::request(requests, &[b"HGETALL", key]),
        "zset" => reply::request(requests, &[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]),
        "stream" => {
            reply::request(requests, &[b"XRANGE", key, b"-", b"+"]);
            reply::request(
                requests,
                &[b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"],
            );
        }
        _ => reply::request(requests, &[b"DUMP", key]),
    }
}

/// Adds a value, a line each of its parts, in an order that depends on nothing but them.
fn describe(text: &mut String, kind: &str, value: Reply) {
    let mut lines: Vec<String> = match (kind, value) {
        ("hash", value) => value
            .map()
            .into_iter()
            .map(|(field, value)| format!("{} = {}", shown(&field), shown(&value)))
            .collect(),
        ("zset", value) => value
            .list()
            .into_iter()
            .filter_map(member)
            .map(|(member, score)| format!("{score} {}", quoted(&member)))
            .collect(),
        (_, Reply::List(elements)) => elements.iter().map(shown).collect(),
        (_, value) => vec![shown(&value)],
    };
    if matches!(kind, "hash" | "set") {
        lines.sort();
    }
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

/// Adds what is known of a stream beside its entries: as XINFO tells it, but for how it is laid out.
fn describe_groups(text: &mut String, facts: Reply) {
    for (name, value) in facts.map() {
        let name = name.text().unwrap_or_default();
        if !matches!(
            name.as_slice(),
            b"entries" | b"radix-tree-keys" | b"radix-tree-nodes"
        ) {
            let _ = writeln!(
                text,
                "  {} {}",
                String::from_utf8_lossy(&name),
                shown(&value)
            );
        }
    }
}

/// A reply in one line.
fn shown(reply: &Reply) -> String {
    let all = |replies: &[Reply]| replies.iter().map(shown).collect::<Vec<_>>().join(" ");
    match reply {
        Reply::Null => "nothing".to_owned(),
        Reply::Text(text) => quoted(text),
        Reply::Error(text) => text.clone(),
        Reply::Integer(number) => number.to_string(),
        Reply::Double(number) => number.to_string(),
        Reply::List(list) => format!("[{}]", all(list)),
        Reply::Map(pairs) => {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(name, value)| format!("{} {}", shown(name), shown(value)))
                .collect();
            format!("{{{}}}", pairs.join(" "))
        }
    }
}

/// Bytes as text in quotes: what is no text is escaped.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => text.extend(['\\', character]),
                '\n' => text.push_str("\\n"),
                '\r' => text.push_str("\\r"),
                '\t' => text.push_str("\\t"),
                control if control.is_control() => {
                    let _ = write!(text, "\\x{:02x}", u32::from(control));
                }
                character => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_escaped() {
        assert_eq!(quoted("a\"\\\n\u{e4}".as_bytes()), "\"a\\\"\\\\\\n\u{e4}\"");
        assert_eq!(quoted(b"\x00\xff"), "\"\\x00\\xff\"");
    }
}

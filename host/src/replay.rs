//! A recording, run again: the same calls into an engine of this program, and whether the same comes of them.
//!
//! Owns the comparison. Knows nothing of sockets: what clients sent is in the calls.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::bindings::Continuation;
use crate::calls::{self, Again, Call, Conversations, Resume};
use crate::coding::Coded;
use crate::error::Error;
use crate::image;
use crate::instance::Instance;
use crate::memory::Still;
use crate::recorder::{Frame, Head, ORIGIN, Origin, Outcome, Reader};

/// Characters of what is told of a call or what came of it.
const LONGEST_TEXT: usize = 600;

/// Characters before the first that differs.
const SHOWN_BEFORE: usize = 60;

/// Recordings that begin within each other.
const MOST_GENERATIONS: usize = 100;

/// A recording that is being run again, call by call.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("recording");
/// let mut redis = petridis::Instance::builder().record(&path).build()?;
/// redis.execute(b"SET name one\r\n")?;
/// drop(redis);
///
/// let mut replay = petridis::Replay::open(&path)?;
/// assert_eq!(replay.run(None)?, None); // no difference
/// assert_eq!(replay.instance().db(0).get("name")?.as_deref(), Some(&b"one"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    reader: Reader,
    head: Head,
    instance: Instance,
    forked_from: Option<ForkedFrom>,
    /// Memories to begin with and to go back to, by their numbers.
    stills: BTreeMap<u64, Arc<Still>>,
    /// What this engine handed out before its memory is exchanged. Another build may write it otherwise.
    conversations: Option<Vec<u8>>,
    calls: u64,
    /// A frame that was read and belongs to what comes next.
    ahead: Option<Frame>,
    end: Option<End>,
}

/// The recording that a fork's begins within.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForkedFrom {
    /// Its file.
    pub path: PathBuf,
    /// How many of its calls had been made by then.
    pub calls: u64,
    /// The first of them that brings something else now, if one does: the fork begins with something else too.
    pub difference: Option<Difference>,
}

/// How a recording ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Whole,
    CutOff,
}

/// A call that brought something else than when it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Which call, counted from 1.
    pub call: u64,
    /// What was asked.
    pub asked: String,
    /// What came of it when it was recorded.
    pub then: String,
    /// What came of it now.
    pub now: String,
}

/// A call that was made again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// Which call, counted from 1.
    pub call: u64,
    /// What differs, if anything does.
    pub difference: Option<Difference>,
}

impl Replay {
    /// Opens a recording that [`ServerBuilder::record`](crate::ServerBuilder::record),
    /// [`InstanceBuilder::record`](crate::InstanceBuilder::record) or `petridis --record` wrote. That of a fork
    /// begins within another one, which has to lie beside it, and of which as much is run here.
    ///
    /// # Errors
    ///
    /// [`Error::Recording`] if it can't be read or is none.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_from(path.as_ref(), 0)
    }

    fn open_from(path: &Path, generation: usize) -> Result<Self, Error> {
        let (reader, head) = Reader::open(path)?;
        let initial = image::shared()?.initial.clone();
        let mut stills = BTreeMap::from([(0, initial)]);
        let mut forked_from = None;
        if let Some(origin) = &head.origin {
            let (still, from) = Self::trace(path, origin, generation).map_err(|error| {
                let why = match error {
                    Error::Recording(why) => why,
                    error => error.to_string(),
                };
                Error::Recording(format!(
                    "{}: it is of a fork and begins within another recording: {why}",
                    path.display()
                ))
            })?;
            stills.insert(ORIGIN, still);
            forked_from = Some(from);
        }
        Ok(Self {
            path: path.to_owned(),
            reader,
            instance: Instance::to_replay(head.seed, head.now_us, head.memory_ceiling),
            head,
            forked_from,
            stills,
            conversations: None,
            calls: 0,
            ahead: None,
            end: None,
        })
    }

    /// What a fork begins with: what was kept in the recording that it refers to.
    fn trace(
        path: &Path,
        origin: &Origin,
        generation: usize,
    ) -> Result<(Arc<Still>, ForkedFrom), Error> {
        let name = Path::new(&origin.file);
        if generation >= MOST_GENERATIONS || name.file_name() != Some(name.as_os_str()) {
            return Err(Error::Recording(format!(
                "there can be no {:?}",
                origin.file
            )));
        }
        let path = path.with_file_name(name);
        let mut replay = Self::open_from(&path, generation + 1)?;
        let refused = |why: &str| Error::Recording(format!("{}: {why}", path.display()));
        if (replay.head.seed, replay.head.now_us) != (origin.seed, origin.now_us) {
            return Err(refused("it is another one than the fork was made in"));
        }
        let mut difference = None;
        loop {
            if let Some(still) = replay.stills.get(&origin.number) {
                let from = ForkedFrom {
                    path,
                    calls: replay.calls,
                    difference,
                };
                return Ok((still.clone(), from));
            }
            if replay.end.is_some() {
                return Err(refused("it ends before the fork was made"));
            }
            let replayed = replay.advance()?;
            difference = difference.or(replayed.and_then(|replayed| replayed.difference));
        }
    }

    /// The recording that it begins within, if it is a fork's.
    pub fn forked_from(&self) -> Option<&ForkedFrom> {
        self.forked_from.as_ref()
    }

    /// Whether the engine that was recorded is the one of this program. Another one may well answer
    /// otherwise, which is what one wants to know of a fix; but a snapshot from elsewhere means nothing to it.
    pub fn is_of_this_build(&self) -> bool {
        self.head.is_of_this_build()
    }

    /// The version of the program that recorded it.
    pub fn version(&self) -> &str {
        &self.head.version
    }

    /// The number that all chance in it comes from.
    pub fn seed(&self) -> u64 {
        self.head.seed
    }

    /// When it begins, in the engine's time.
    pub fn begins_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.head.now_us)
    }

    /// The parameters that it begins with, as in redis.conf.
    pub fn config(&self) -> &[(String, String)] {
        &self.head.config
    }

    /// How many calls were made again so far.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// How much of the file is behind it, of 1.
    pub fn progress(&self) -> f64 {
        self.reader.progress()
    }

    /// True at the end of a file that was not ended: whoever recorded it was killed, or still records.
    pub fn is_cut_off(&self) -> bool {
        self.end == Some(End::CutOff)
    }

    /// The engine as the calls so far have left it, to look at.
    pub fn instance(&mut self) -> &mut Instance {
        &mut self.instance
    }

    /// Makes calls up to this one, or all, but stops at the first that brings something else than when it
    /// was recorded.
    ///
    /// # Errors
    ///
    /// As [`Replay::next_call`].
    pub fn run(&mut self, until: Option<u64>) -> Result<Option<Difference>, Error> {
        while until.is_none_or(|until| self.calls < until) {
            match self.next_call()? {
                None => break,
                Some(Replayed {
                    difference: None, ..
                }) => {}
                Some(replayed) => return Ok(replayed.difference),
            }
        }
        Ok(None)
    }

    /// Makes the next call; `None` behind the last.
    ///
    /// # Errors
    ///
    /// [`Error::Recording`] for a file that is damaged, or of which another build can't make anything.
    pub fn next_call(&mut self) -> Result<Option<Replayed>, Error> {
        while self.end.is_none() {
            let replayed = self.advance()?;
            if replayed.is_some() {
                return Ok(replayed);
            }
        }
        Ok(None)
    }

    /// Does what comes next in the file, which may be a call.
    fn advance(&mut self) -> Result<Option<Replayed>, Error> {
        let frame = match self.ahead.take() {
            Some(frame) => Some(frame),
            None => self.reader.next()?,
        };
        match frame {
            None => self.end = Some(End::CutOff),
            Some(Frame::End) => self.end = Some(End::Whole),
            Some(Frame::Still(number, bytes)) => self.admit(number, &bytes)?,
            Some(Frame::Keep(number)) => {
                let still = self.instance.keep()?;
                self.stills.insert(number, still);
            }
            Some(Frame::Forget(number)) => {
                self.stills.remove(&number);
            }
            Some(Frame::Lay {
                number,
                memory_ceiling,
            }) => {
                let still = self.stills.get(&number).ok_or_else(|| self.damaged())?;
                self.instance.lay(&still.clone(), memory_ceiling)?;
            }
            Some(Frame::Call(kind, bytes)) => return self.call(kind, &bytes).map(Some),
            Some(Frame::Outcome(_) | Frame::Failed(_)) => return Err(self.damaged()),
        }
        Ok(None)
    }

    fn damaged(&self) -> Error {
        Error::Recording(format!(
            "{}: it is damaged behind call {}",
            self.path.display(),
            self.calls
        ))
    }

    fn admit(&mut self, number: u64, mut bytes: &[u8]) -> Result<(), Error> {
        if !self.is_of_this_build() {
            return Err(Error::Recording(format!(
                "{}: behind call {} it goes back to a snapshot from elsewhere, which means something to \
                 the build of Petridis that recorded it only",
                self.path.display(),
                self.calls
            )));
        }
        let still = Still::read(&mut bytes).map_err(|_| self.damaged())?;
        self.stills.insert(number, Arc::new(still));
        Ok(())
    }

    fn call(&mut self, kind: u8, bytes: &[u8]) -> Result<Replayed, Error> {
        let call = self.read_call(kind, bytes).ok_or_else(|| self.damaged())?;
        let now = self.instance.call_again(&*call);
        self.calls += 1;
        if kind == Conversations::KIND {
            let handed_out = now.as_deref().ok();
            self.conversations = handed_out.and_then(|mut bytes| Vec::read(&mut bytes));
        }
        let difference = match self.reader.next()? {
            Some(Frame::Outcome(then)) => compare(&*call, &then, now),
            Some(Frame::Failed(then)) => now.ok().map(|now| {
                let then = format!("the engine failed: {then}");
                (then, told(&*call, &Outcome::of(&now), Some(&now)))
            }),
            // What came of it is not known.
            other => {
                self.ahead = other;
                None
            }
        };
        Ok(Replayed {
            call: self.calls,
            difference: difference.map(|(then, now)| {
                let (then, now) = from_where_they_differ(&then, &now);
                Difference {
                    call: self.calls,
                    asked: shortened(&call.told(), 0),
                    then,
                    now,
                }
            }),
        })
    }

    fn read_call(&mut self, kind: u8, mut bytes: &[u8]) -> Option<Box<dyn Again>> {
        if kind != Resume::KIND {
            return calls::read(kind, bytes);
        }
        let continuation = Continuation::read(&mut bytes)?;
        let conversations = self.conversations.take();
        let conversations = conversations.unwrap_or(continuation.conversations);
        Some(Box::new(Resume {
            continuation: std::borrow::Cow::Owned(Continuation {
                conversations,
                ..continuation
            }),
        }))
    }
}

/// What came of a call then and now, where it is not the same.
fn compare(
    call: &dyn Again,
    then: &Outcome,
    now: Result<Vec<u8>, Error>,
) -> Option<(String, String)> {
    let told_then = || told(call, then, then.bytes.as_deref());
    match now {
        Err(error) => Some((told_then(), error.to_string())),
        Ok(bytes) => {
            let now = Outcome::of(&bytes);
            (now != *then).then(|| {
                let shown = then.bytes.is_some().then_some(bytes.as_slice());
                (told_then(), told(call, &now, shown))
            })
        }
    }
}

/// An outcome in a line, as text if its bytes are to be shown.
fn told(call: &dyn Again, outcome: &Outcome, shown: Option<&[u8]>) -> String {
    let text = shown.and_then(|bytes| call.told_outcome(bytes));
    text.unwrap_or_else(|| outcome.told())
}

/// Two texts, each from a little before where they differ.
fn from_where_they_differ(one: &str, other: &str) -> (String, String) {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    let start = same.count().saturating_sub(SHOWN_BEFORE);
    (shortened(one, start), shortened(other, start))
}

fn shortened(text: &str, start: usize) -> String {
    let mut rest = text.chars().skip(start);
    let before = if start > 0 { "…" } else { "" };
    let shown: String = rest.by_ref().take(LONGEST_TEXT).collect();
    let after = if rest.next().is_some() { "…" } else { "" };
    format!("{before}{shown}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_shown_where_they_differ() {
        let one = format!("{}one{}", "x".repeat(500), "y".repeat(5000));
        let other = format!("{}other", "x".repeat(500));
        let (one, other) = from_where_they_differ(&one, &other);
        assert!(one.starts_with("…xxx") && one.contains("xone") && one.ends_with("y…"));
        assert_eq!(other, format!("…{}other", "x".repeat(59)));
        assert_eq!(
            from_where_they_differ("a", "b"),
            ("a".to_owned(), "b".to_owned())
        );
    }
}

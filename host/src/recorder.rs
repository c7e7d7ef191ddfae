//! The flight recorder: every call into an engine and what came of it, written to a file and read again.
//!
//! Owns the file's format, and where a recording goes. Knows nothing of what the calls mean.
//!
//! A file is a head and then frames: a kind, a length, and as many bytes. A call's frame is written before
//! the call is made, what came of it afterwards, so a file that ends early ends within a call at worst.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use ring::digest::{SHA256, digest};

use crate::calls::{Call, FIRST_KIND};
use crate::coding::{Coded, coded};
use crate::error::Error;
use crate::memory::{self, Still};

/// How a file begins: its nature and the version of its format.
const MAGIC: &[u8; 8] = b"PETRIRE\x02";

/// Kinds of frames that are no calls.
const HEAD: u8 = 0;
const STILL: u8 = 1;
const LAY: u8 = 2;
const KEEP: u8 = 3;
const FORGET: u8 = 4;
const OUTCOME: u8 = 5;
const FAILED: u8 = 6;
const END: u8 = 7;

/// Bytes of an outcome that are kept with their digest, to show what was answered.
const KEPT_OUTCOME: usize = 4096;

/// What a recorder's buffer may keep when it is empty.
const KEPT_BUFFER: usize = 1 << 20;

/// Where a recording is to go.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    /// To this file.
    File(PathBuf),
    /// To a file in this folder that stays only if a test fails.
    Folder(PathBuf),
}

impl Destination {
    /// The file, and who removes it again. Asked by the thread whose panic decides.
    pub(crate) fn settle(self) -> Result<(PathBuf, Option<Provisional>), Error> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let folder = match self {
            Self::File(path) => return Ok((path, None)),
            Self::Folder(folder) => folder,
        };
        fs::create_dir_all(&folder).map_err(|reason| failed(&folder, reason))?;
        // Rust's tests run on threads of their names.
        let thread = std::thread::current();
        let name = thread
            .name()
            .unwrap_or("test")
            .replace(|c: char| !c.is_alphanumeric() && c != '_' && c != '-', "-");
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{name}-{}-{number}.rec", std::process::id()));
        Ok((path.clone(), Some(Provisional(path))))
    }
}

fn failed(path: &Path, reason: io::Error) -> Error {
    Error::Io {
        what: format!("recording to {}", path.display()),
        reason,
    }
}

/// A recording that is removed at the end, unless that is the unwinding of a test that fails.
#[derive(Debug)]
pub(crate) struct Provisional(PathBuf);

impl Drop for Provisional {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let path = self.0.display();
            // To whoever reads of the failure; the harness shows it beside the panic.
            eprintln!("petridis: recorded in {path}; to run it again: petridis replay {path}");
        } else {
            // Somebody may have removed it.
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// What a recording begins with.
#[derive(Debug)]
pub(crate) struct Head {
    /// Of the engine's build.
    pub(crate) fingerprint: u64,
    /// The program's version.
    pub(crate) version: String,
    pub(crate) seed: u64,
    pub(crate) now_us: u64,
    pub(crate) memory_ceiling: u64,
    pub(crate) config: Vec<(String, String)>,
}

coded!(struct Head { fingerprint, version, seed, now_us, memory_ceiling, config });

impl Head {
    pub(crate) fn new(
        seed: u64,
        now_us: u64,
        memory_ceiling: u64,
        config: &[(String, String)],
    ) -> Self {
        Self {
            fingerprint: memory::fingerprint(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed,
            now_us,
            memory_ceiling,
            config: config.to_vec(),
        }
    }

    /// Whether the engine that was recorded is the one of this program.
    pub(crate) fn is_of_this_build(&self) -> bool {
        self.fingerprint == memory::fingerprint()
    }
}

/// Writes a recording.
pub(crate) struct Recorder {
    path: PathBuf,
    /// None once it can't be written any more.
    out: Option<BufWriter<File>>,
    buffer: Vec<u8>,
    /// Memories that have a number in the recording.
    stills: Vec<(u64, Weak<Still>)>,
    last_still: u64,
}

impl Recorder {
    /// Begins a recording. A memory that begins with `initial` has the number 0.
    pub(crate) fn create(path: PathBuf, head: &Head, initial: &Arc<Still>) -> Result<Self, Error> {
        let begin = || {
            let mut out = BufWriter::new(File::create(&path)?);
            out.write_all(MAGIC)?;
            Ok(out)
        };
        let out = begin().map_err(|reason| failed(&path, reason))?;
        let mut recorder = Self {
            path,
            out: Some(out),
            buffer: Vec::new(),
            stills: vec![(0, Arc::downgrade(initial))],
            last_still: 0,
        };
        recorder.frame(HEAD, |out| head.write(out));
        Ok(recorder)
    }

    /// A call is about to be made.
    pub(crate) fn calls<C: Call>(&mut self, call: &C) {
        self.frame(C::KIND, |out| call.write(out));
    }

    /// The call has brought this.
    pub(crate) fn came_of_it(&mut self, outcome: &impl Coded) {
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        outcome.write(&mut bytes);
        let outcome = Outcome::of(&bytes);
        self.buffer = bytes;
        self.frame(OUTCOME, |out| outcome.write(out));
    }

    /// The engine has failed in the call.
    pub(crate) fn failed(&mut self, reason: &str) {
        self.frame(FAILED, |out| reason.to_owned().write(out));
        self.flush();
    }

    /// An engine begins with that memory, or goes back to it.
    pub(crate) fn lays(&mut self, still: &Arc<Still>, memory_ceiling: u64) {
        let number = self.number(still).unwrap_or_else(|| self.tell(still));
        self.frame(LAY, |out| {
            number.write(out);
            memory_ceiling.write(out);
        });
    }

    /// What the memory holds is kept.
    pub(crate) fn keeps(&mut self, still: &Arc<Still>) {
        let number = self.admit(still);
        self.frame(KEEP, |out| number.write(out));
    }

    /// Has the operating system know all of it.
    pub(crate) fn flush(&mut self) {
        self.write(BufWriter::flush);
    }

    fn number(&self, still: &Arc<Still>) -> Option<u64> {
        let is_it = |known: &&(u64, Weak<Still>)| known.1.as_ptr() == Arc::as_ptr(still);
        self.stills.iter().find(is_it).map(|known| known.0)
    }

    /// Gives a memory a number, and forgets those that nobody can go back to.
    fn admit(&mut self, still: &Arc<Still>) -> u64 {
        let (known, gone) = std::mem::take(&mut self.stills)
            .into_iter()
            .partition(|(_, still)| still.strong_count() > 0);
        self.stills = known;
        for (number, _) in gone {
            self.frame(FORGET, |out| number.write(out));
        }
        self.last_still += 1;
        self.stills.push((self.last_still, Arc::downgrade(still)));
        self.last_still
    }

    /// Writes a memory down that comes from elsewhere.
    fn tell(&mut self, still: &Arc<Still>) -> u64 {
        let number = self.admit(still);
        self.frame(STILL, |out| {
            number.write(out);
            // There is always room in memory, or the process is at its end.
            let _ = still.write(out);
        });
        number
    }

    fn frame(&mut self, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        fill(&mut buffer);
        let mut start = vec![kind];
        (buffer.len() as u64).write(&mut start);
        self.write(|out| {
            out.write_all(&start)?;
            out.write_all(&buffer)
        });
        // One enormous frame is not kept for ever.
        buffer.clear();
        buffer.shrink_to(KEPT_BUFFER);
        self.buffer = buffer;
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        if let Some(out) = &mut self.out
            && let Err(error) = write(out)
        {
            tracing::error!("The recording {} ends: {error}", self.path.display());
            self.out = None;
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.frame(END, |_| {});
        self.flush();
    }
}

/// What came of a call: enough to tell it from anything else, and, where it is little, itself.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    length: u64,
    digest: Vec<u8>,
    pub(crate) bytes: Option<Vec<u8>>,
}

coded!(struct Outcome { length, digest, bytes });

impl Outcome {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let is_little = bytes.len() <= KEPT_OUTCOME;
        Self {
            length: bytes.len() as u64,
            digest: digest(&SHA256, bytes).as_ref().to_vec(),
            bytes: is_little.then(|| bytes.to_vec()),
        }
    }

    /// What it is, where it is not kept itself.
    pub(crate) fn told(&self) -> String {
        let digest = self.digest.iter().map(|byte| format!("{byte:02x}"));
        let digest: String = digest.collect();
        format!("{} bytes, SHA-256 {digest}", self.length)
    }
}

/// One frame of a recording, read.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A memory, and its number.
    Still(u64, Vec<u8>),
    /// An engine begins with a memory.
    Lay { number: u64, memory_ceiling: u64 },
    /// What the memory holds has this number.
    Keep(u64),
    /// Nobody goes back to it any more.
    Forget(u64),
    /// A call: its kind, and what it takes.
    Call(u8, Vec<u8>),
    /// What came of the last call.
    Outcome(Outcome),
    /// The engine failed in the last call; why.
    Failed(String),
    /// The recording was ended.
    End,
}

/// Reads a recording.
#[derive(Debug)]
pub(crate) struct Reader {
    from: BufReader<File>,
    /// Bytes of the file, and how many of them are read.
    length: u64,
    read: u64,
}

impl Reader {
    /// Opens a recording and reads its head.
    pub(crate) fn open(path: &Path) -> Result<(Self, Head), Error> {
        let refused = |why: String| Error::Recording(format!("{}: {why}", path.display()));
        let open = || {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Ok::<_, io::Error>((BufReader::new(file), length))
        };
        let (mut from, length) = open().map_err(|error| refused(error.to_string()))?;
        let mut magic = [0; MAGIC.len()];
        let begins = from.read_exact(&mut magic);
        if begins.is_err() || magic[..7] != MAGIC[..7] {
            return Err(refused("it is no recording".to_owned()));
        }
        if magic != *MAGIC {
            let (theirs, ours) = (magic[7], MAGIC[7]);
            return Err(refused(format!(
                "it is written in version {theirs} of the format, this Petridis reads version {ours}"
            )));
        }
        let mut reader = Self {
            from,
            length,
            read: MAGIC.len() as u64,
        };
        match reader.raw() {
            Ok(Some((HEAD, bytes))) => {
                let head = Head::read(&mut bytes.as_slice());
                let head = head.ok_or_else(|| refused("its head is damaged".to_owned()))?;
                Ok((reader, head))
            }
            _ => Err(refused("it ends within its head".to_owned())),
        }
    }

    /// How much of it is read, of 1.
    pub(crate) fn progress(&self) -> f64 {
        self.read as f64 / self.length.max(1) as f64
    }

    /// The next frame; `None` where the file ends, within a frame or behind one.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Error> {
        let raw = self.raw();
        let raw = raw.map_err(|error| Error::Recording(format!("reading it: {error}")))?;
        let Some((kind, bytes)) = raw else {
            return Ok(None);
        };
        let frame = frame(kind, bytes);
        let damaged = || Error::Recording(format!("it is damaged before byte {}", self.read));
        frame.ok_or_else(damaged).map(Some)
    }

    fn raw(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        let Some(kind) = self.byte()? else {
            return Ok(None);
        };
        let mut number = Vec::new();
        let length = loop {
            let Some(byte) = self.byte()? else {
                return Ok(None);
            };
            number.push(byte);
            if byte < 0x80 {
                break u64::read(&mut number.as_slice()).ok_or(io::ErrorKind::InvalidData)?;
            }
            if number.len() > 10 {
                return Err(io::ErrorKind::InvalidData.into());
            }
        };
        let mut bytes = Vec::new();
        // As much as there is, whatever the length claims.
        (&mut self.from).take(length).read_to_end(&mut bytes)?;
        self.read += bytes.len() as u64;
        Ok((bytes.len() as u64 == length).then_some((kind, bytes)))
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let length = self.from.read(&mut byte)?;
        self.read += length as u64;
        Ok((length > 0).then_some(byte[0]))
    }
}

/// `None` for a frame that is none.
fn frame(kind: u8, bytes: Vec<u8>) -> Option<Frame> {
    let rest = &mut bytes.as_slice();
    let frame = match kind {
        FIRST_KIND.. => return Some(Frame::Call(kind, bytes)),
        STILL => {
            let number = u64::read(rest)?;
            return Some(Frame::Still(number, rest.to_vec()));
        }
        LAY => Frame::Lay {
            number: u64::read(rest)?,
            memory_ceiling: u64::read(rest)?,
        },
        KEEP => Frame::Keep(u64::read(rest)?),
        FORGET => Frame::Forget(u64::read(rest)?),
        OUTCOME => Frame::Outcome(Outcome::read(rest)?),
        FAILED => Frame::Failed(String::read(rest)?),
        END => Frame::End,
        _ => return None,
    };
    rest.is_empty().then_some(frame)
}

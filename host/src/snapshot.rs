//! Snapshots: all that an engine holds at one moment, to go back to, to begin with, to keep in a file.
//!
//! Owns what goes with the memory, and the format of the file. Knows nothing of how memory is mapped.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::{Clock, Timepiece};
use crate::error::Error;
use crate::instance::{Instance, Setup};
use crate::memory::{self, Still};
use crate::recorder::{Destination, Recorded};
use crate::server::Server;

/// How a file begins.
const MAGIC: &[u8; 8] = b"PETRIDIS";

/// Bytes of one text in a file, and how many pairs of them.
const LONGEST_TEXT: u64 = 1 << 20;
const MOST_PAIRS: u64 = 10_000;

/// All that an engine held at one moment. Clones are the same snapshot.
///
/// ```
/// # fn main() -> Result<(), petridis::Error> {
/// let mut redis = petridis::Instance::new()?;
/// redis.execute(b"SET name one\r\n")?;
/// let snapshot = redis.snapshot()?;
///
/// redis.execute(b"FLUSHALL\r\n")?;
/// redis.restore(&snapshot)?;
/// assert_eq!(redis.execute(b"GET name\r\n")?, b"$3\r\none\r\n");
///
/// let mut fork = snapshot.fork()?;
/// fork.execute(b"SET name other\r\n")?;
/// assert_eq!(redis.execute(b"GET name\r\n")?, b"$3\r\none\r\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Snapshot {
    inner: Arc<Inner>,
    /// Where what is forked from it is recorded.
    destination: Option<Destination>,
}

#[derive(Debug)]
struct Inner {
    still: Arc<Still>,
    time: Timepiece,
    now_us: u64,
    /// What the engine was started with.
    setup: Setup,
    /// The recording of the engine that was, and where in it that is.
    recorded: Option<Recorded>,
}

impl Snapshot {
    pub(crate) fn new(
        still: Arc<Still>,
        time: Timepiece,
        now_us: u64,
        setup: Setup,
        recorded: Option<Recorded>,
    ) -> Self {
        let inner = Inner {
            still,
            time,
            now_us,
            setup,
            recorded,
        };
        Self {
            inner: Arc::new(inner),
            destination: None,
        }
    }

    /// An instance of its own that begins with what this one holds, at its instant. Nobody is connected.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] where there is no memory for another instance.
    pub fn fork(&self) -> Result<Instance, Error> {
        Instance::builder().snapshot(self).build()
    }

    /// A server of its own, on a free port of 127.0.0.1, that begins with what this one holds.
    /// [`ServerBuilder::snapshot`](crate::ServerBuilder::snapshot) is the same with settings.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`](crate::ServerBuilder::start).
    pub async fn fork_server(&self) -> Result<Server, Error> {
        Server::builder().snapshot(self).start().await
    }

    /// Bytes of memory that it holds, much of which may be untouched.
    pub fn size(&self) -> usize {
        self.inner.still.size()
    }

    /// Writes it to a file, for processes of the same build. [`Instance::save`] writes data that any
    /// build and any Redis can read.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] if the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let write = || {
            let mut out = BufWriter::new(File::create(path)?);
            self.write(&mut out)?;
            out.into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .sync_all()
        };
        write().map_err(|error| Error::Snapshot(format!("writing {}: {error}", path.display())))
    }

    /// Reads one from a file that [`Snapshot::save`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] if it can't be read, is no snapshot, or one of another build.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let refused = |why: String| Error::Snapshot(format!("{}: {why}", path.display()));
        let file = File::open(path).map_err(|error| refused(error.to_string()))?;
        let mut from = BufReader::new(file);
        match Self::read(&mut from) {
            Ok(Some(snapshot)) => Ok(snapshot),
            Ok(None) => Err(refused(
                "it is of another build of Petridis, to which its memory means something; \
                 what outlives a build is an RDB file"
                    .to_owned(),
            )),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                Err(refused("it is no snapshot, or not a whole one".to_owned()))
            }
            Err(error) => Err(refused(error.to_string())),
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Inner {
            still,
            time: _,
            now_us,
            setup,
            recorded: _,
        } = &*self.inner;
        out.write_all(MAGIC)?;
        for number in [
            memory::fingerprint(),
            *now_us,
            self.seed(),
            setup.memory_ceiling,
        ] {
            out.write_all(&number.to_le_bytes())?;
        }
        for pairs in [&setup.config, &setup.facts] {
            out.write_all(&(pairs.len() as u64).to_le_bytes())?;
            for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
                out.write_all(&(text.len() as u64).to_le_bytes())?;
                out.write_all(text.as_bytes())?;
            }
        }
        still.write(out)
    }

    /// `None` if another build wrote it.
    fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut magic = [0; MAGIC.len()];
        from.read_exact(&mut magic)?;
        if magic != *MAGIC {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if number(from)? != memory::fingerprint() {
            return Ok(None);
        }
        let now_us = number(from)?;
        let setup = Setup {
            seed: Some(number(from)?),
            memory_ceiling: number(from)?,
            config: pairs(from)?,
            facts: pairs(from)?,
            ..Setup::default()
        };
        let mut time = Timepiece::new(Clock::System);
        time.put(now_us);
        let still = Arc::new(Still::read(from)?);
        Ok(Some(Self::new(still, time, now_us, setup, None)))
    }

    pub(crate) fn still(&self) -> &Arc<Still> {
        &self.inner.still
    }

    /// A time of one's own that begins at its instant.
    pub(crate) fn time(&self) -> Timepiece {
        self.inner.time.apart(self.inner.now_us)
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.inner.now_us
    }

    pub(crate) fn seed(&self) -> u64 {
        self.inner.setup.seed.unwrap_or_default()
    }

    pub(crate) fn memory_ceiling(&self) -> u64 {
        self.inner.setup.memory_ceiling
    }

    pub(crate) fn config(&self) -> &Vec<(String, String)> {
        &self.inner.setup.config
    }

    pub(crate) fn destination(&self) -> Option<&Destination> {
        self.destination.as_ref()
    }

    pub(crate) fn recorded(&self) -> Option<&Recorded> {
        self.inner.recorded.as_ref()
    }
}

fn number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn bounded(from: &mut impl Read, most: u64) -> io::Result<u64> {
    let number = number(from)?;
    if number > most {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(number)
}

fn text(from: &mut impl Read) -> io::Result<String> {
    let length = bounded(from, LONGEST_TEXT)?;
    let mut text = String::new();
    from.take(length).read_to_string(&mut text)?;
    Ok(text)
}

fn pairs(from: &mut impl Read) -> io::Result<Vec<(String, String)>> {
    (0..bounded(from, MOST_PAIRS)?)
        .map(|_| Ok((text(from)?, text(from)?)))
        .collect()
}

/// A snapshot that is filled once and forked for each test.
///
/// ```
/// # fn main() -> Result<(), petridis::Error> {
/// let template = petridis::Template::from_commands("HSET user:1 name Ada\nSADD users 1")?;
/// // In each test, in parallel:
/// let mut redis = template.fork()?;
/// assert_eq!(redis.execute(b"HGET user:1 name\r\n")?, b"$3\r\nAda\r\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Template(Snapshot);

impl Template {
    /// Fills an instance with a closure.
    ///
    /// # Errors
    ///
    /// What the closure fails with, or [`Error::Snapshot`].
    pub fn new(fill: impl FnOnce(&mut Instance) -> Result<(), Error>) -> Result<Self, Error> {
        let mut instance = Instance::new()?;
        fill(&mut instance)?;
        Ok(Self(instance.snapshot()?))
    }

    /// Fills it with commands: inline, a line each, or RESP.
    ///
    /// # Errors
    ///
    /// [`Error::Load`] for the first command that fails.
    pub fn from_commands(requests: impl AsRef<[u8]>) -> Result<Self, Error> {
        let mut requests = requests.as_ref().to_vec();
        if !requests.ends_with(b"\n") {
            requests.push(b'\n');
        }
        Self::new(|instance| instance.prepare(&requests))
    }

    /// Fills it with the data of an image in the format of Redis's `dump.rdb`.
    ///
    /// # Errors
    ///
    /// [`Error::Load`] for an image that is none.
    pub fn from_rdb(image: &[u8]) -> Result<Self, Error> {
        Self::new(|instance| instance.load(image).map(|_| ()))
    }

    /// An instance of its own; see [`Snapshot::fork`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::fork`].
    pub fn fork(&self) -> Result<Instance, Error> {
        self.0.fork()
    }

    /// A server of its own; see [`Snapshot::fork_server`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::fork_server`].
    pub async fn fork_server(&self) -> Result<Server, Error> {
        self.0.fork_server().await
    }

    /// Has each fork recorded to a file in this folder that stays only if the fork is dropped because of a
    /// panic: a test that fails leaves its recording, and says where.
    ///
    /// ```
    /// # fn main() -> Result<(), petridis::Error> {
    /// # let folder = tempfile::tempdir().expect("a folder");
    /// # let folder = folder.path();
    /// let template = petridis::Template::from_commands("SET name one")?.record_on_panic(folder);
    /// let server = petridis::blocking::Server::fork(template.snapshot())?;
    /// // … the test, which may fail …
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn record_on_panic(mut self, folder: impl Into<PathBuf>) -> Self {
        self.0.destination = Some(Destination::Folder(folder.into()));
        self
    }

    /// The snapshot, to go back to or to start a server from with settings.
    pub fn snapshot(&self) -> &Snapshot {
        &self.0
    }
}

impl From<Snapshot> for Template {
    fn from(snapshot: Snapshot) -> Self {
        Self(snapshot)
    }
}

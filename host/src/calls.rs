//! The calls into an engine: each is a value that can be carried out, written down, read again and told.
//!
//! Owns what a call takes and gives, as bytes and as text. Knows nothing of files and of who calls.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::bindings::{
    Close, Continuation, Control, Controlled, Delivery, Draft, Effects, Errand, Event, Image,
    LogLevel, LogLine, Opened, Options, Received, Refusal, Saved, Signal, Transport, Unsent,
};
use crate::coding::{Coded, coded};
use crate::inspect::quoted;
use crate::live::Live;

/// A call into an engine.
pub(crate) trait Call: Coded {
    /// What comes of it.
    type Outcome: Coded + Told;

    /// Tells it from others where it is written down.
    const KIND: u8;

    /// Makes it.
    fn run(&self, live: &mut Live) -> wasmtime::Result<Self::Outcome>;

    /// What is asked, in a line.
    fn told(&self) -> String;
}

/// `execute`
pub(crate) struct Execute<'a> {
    pub(crate) request: Cow<'a, [u8]>,
}

/// `start`
pub(crate) struct Start<'a> {
    pub(crate) options: Cow<'a, Options>,
}

/// `step`
pub(crate) struct Step<'a> {
    pub(crate) now_us: u64,
    pub(crate) took_us: u64,
    pub(crate) events: Cow<'a, [Event]>,
    pub(crate) bytes: Cow<'a, [u8]>,
}

/// `save`
pub(crate) struct Save;

/// `load`
pub(crate) struct Load<'a> {
    pub(crate) image: Cow<'a, [u8]>,
}

/// `conversations`
pub(crate) struct Conversations;

/// `resume`
pub(crate) struct Resume<'a> {
    pub(crate) continuation: Cow<'a, Continuation>,
}

/// `look`
pub(crate) struct Look<'a> {
    pub(crate) db: u32,
    pub(crate) request: Cow<'a, [u8]>,
}

coded!(struct Execute<'_> { request });
coded!(struct Start<'_> { options });
coded!(struct Step<'_> { now_us, took_us, events, bytes });
coded!(struct Save);
coded!(struct Load<'_> { image });
coded!(struct Conversations);
coded!(struct Resume<'_> { continuation });
coded!(struct Look<'_> { db, request });

/// The first number that is a call's.
pub(crate) const FIRST_KIND: u8 = 16;

impl Call for Execute<'_> {
    type Outcome = Vec<u8>;
    const KIND: u8 = FIRST_KIND;

    fn run(&self, live: &mut Live) -> wasmtime::Result<Self::Outcome> {
        let (redis, store) = live.world();
        redis.call_execute(store, &self.request)
    }

    fn told(&self) -> String {
        format!("execute {}", quoted(&self.request))
    }
}

impl Call for Start<'_> {
    type Outcome = Result<(), String>;
    const KIND: u8 = 17;

    fn run(&self, live: &mut Live) -> wasmtime::Result<Self::Outcome> {
        let (server, store) = live.server();
        server.call_start(store, &self.options)
    }

    fn told(&self) -> String {
        let Options { now_us, seed, .. } = &*self.options;
        let mut text = format!("start at {}, seed {seed}", time(*now_us));
        tell_pairs(&mut text, &self.options.config);
        text
    }
}

impl Call for Step<'_> {
    type Outcome = Effects;
    const KIND: u8 = 18;

    fn run(&self, live: &mut Live) -> wasmtime::Result<Self::Outcome> {
        let (server, store) = live.server();
        server.call_step(store, self.now_us, self.took_us, &self.events, &self.bytes)
    }

    fn told(&self) -> String {
        let mut text = format!("step at {}", time(self.now_us));
        if self.took_us > 0 {
            let _ = write!(text, " (the last one took {} us)", self.took_us);
        }
        let mut rest = &*self.bytes;
        for event in &*self.events {
            text.push_str("; ");
            let _ = match event {
                Event::Opened(opened) => write!(
                    text,
                    "connection {} from {}",
                    opened.connection, opened.peer
                ),
                Event::Received(received) => {
                    let length = (received.length as usize).min(rest.len());
                    let (now, later) = rest.split_at(length);
                    rest = later;
                    write!(text, "{}: {}", received.connection, quoted(now))
                }
                Event::Closed(connection) => write!(text, "connection {connection} is gone"),
                other => write!(text, "{other:?}"),
            };
        }
        text
    }
}

impl Call for Save {
    type Outcome = Result<Vec<u8>, String>;
    const KIND: u8 = 19;

    fn run(&self, live: &mut Live) -> wasmtime::Result<Self::Outcome> {
        let (server, store) = live.server();
        server.call_save(store)
    }

    fn told(&self) -> String {
        "save".to_owned()
    }
}

impl Call for Load<'_> {
    type Outcome = Result<u64, String>;
    const KIND: u8 = 20;

    fn run(&self, live: &mut Live) -> wasmtime::Result<Self::Outcome> {
        let (server, store) = live.server();
        server.call_load(store, &self.image)
    }

    fn told(&self) -> String {
        format!("load an image of {} bytes", self.image.len())
    }
}

impl Call for Conversations {
    type Outcome = Vec<u8>;
    const KIND: u8 = 21;

    fn run(&self, live: &mut Live) -> wasmtime::Result<Self::Outcome> {
        let (server, store) = live.server();
        server.call_conversations(store)
    }

    fn told(&self) -> String {
        "hand out conversations".to_owned()
    }
}

impl Call for Resume<'_> {
    type Outcome = Result<(), String>;
    const KIND: u8 = 22;

    fn run(&self, live: &mut Live) -> wasmtime::Result<Self::Outcome> {
        let (server, store) = live.server();
        server.call_resume(store, &self.continuation)
    }

    fn told(&self) -> String {
        let mut text = format!("resume at {}", time(self.continuation.now_us));
        tell_pairs(&mut text, &self.continuation.config);
        text
    }
}

impl Call for Look<'_> {
    type Outcome = Vec<u8>;
    const KIND: u8 = 23;

    fn run(&self, live: &mut Live) -> wasmtime::Result<Self::Outcome> {
        let (server, store) = live.server();
        server.call_look(store, self.db, &self.request)
    }

    fn told(&self) -> String {
        format!("look into database {}: {}", self.db, quoted(&self.request))
    }
}

/// A call that was read, whichever it is.
pub(crate) trait Again {
    /// Makes it; what comes of it, as bytes.
    fn again(&self, live: &mut Live) -> wasmtime::Result<Vec<u8>>;

    /// What is asked, in a line.
    fn told(&self) -> String;

    /// What came of it, in a line.
    fn told_outcome(&self, outcome: &[u8]) -> Option<String>;
}

impl<C: Call> Again for C {
    fn again(&self, live: &mut Live) -> wasmtime::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.run(live)?.write(&mut bytes);
        Ok(bytes)
    }

    fn told(&self) -> String {
        Call::told(self)
    }

    fn told_outcome(&self, mut outcome: &[u8]) -> Option<String> {
        let mut text = String::new();
        C::Outcome::read(&mut outcome)?.tell(&mut text);
        Some(text)
    }
}

/// Reads a call of that kind.
pub(crate) fn read(kind: u8, bytes: &[u8]) -> Option<Box<dyn Again>> {
    fn one<C: Call + 'static>(mut bytes: &[u8]) -> Option<Box<dyn Again>> {
        let call = C::read(&mut bytes)?;
        bytes.is_empty().then(|| Box::new(call) as Box<dyn Again>)
    }
    match kind {
        Execute::KIND => one::<Execute<'static>>(bytes),
        Start::KIND => one::<Start<'static>>(bytes),
        Step::KIND => one::<Step<'static>>(bytes),
        Save::KIND => one::<Save>(bytes),
        Load::KIND => one::<Load<'static>>(bytes),
        Conversations::KIND => one::<Conversations>(bytes),
        Resume::KIND => one::<Resume<'static>>(bytes),
        Look::KIND => one::<Look<'static>>(bytes),
        _ => None,
    }
}

/// What comes of a call, as text.
pub(crate) trait Told {
    fn tell(&self, text: &mut String);
}

impl Told for () {
    fn tell(&self, text: &mut String) {
        text.push_str("done");
    }
}

impl Told for u64 {
    fn tell(&self, text: &mut String) {
        let _ = write!(text, "{self}");
    }
}

impl Told for Vec<u8> {
    fn tell(&self, text: &mut String) {
        text.push_str(&quoted(self));
    }
}

impl<T: Told> Told for Result<T, String> {
    fn tell(&self, text: &mut String) {
        match self {
            Ok(value) => value.tell(text),
            Err(sentence) => {
                let _ = write!(text, "refused: {sentence}");
            }
        }
    }
}

impl Told for Effects {
    fn tell(&self, text: &mut String) {
        let Self {
            errand,
            image,
            bytes,
            sends,
            closes,
            logs,
            settings,
            wake_at_us,
            controls,
            exit,
        } = self;
        let mut parts = Vec::new();
        for send in sends {
            let start = (send.start as usize).min(bytes.len());
            let end = start.saturating_add(send.length as usize).min(bytes.len());
            parts.push(format!(
                "to {}: {}",
                send.connection,
                quoted(&bytes[start..end])
            ));
        }
        for close in closes {
            let how = if close.flush { "" } else { " at once" };
            parts.push(format!("close {}{how}", close.connection));
        }
        parts.extend(logs.iter().map(|line| format!("log: {}", line.text)));
        for (name, value) in settings {
            parts.push(format!("{name} {value}"));
        }
        match errand {
            None => {}
            Some(Errand::Read(path)) => parts.push(format!("read {path}")),
            Some(Errand::Write(draft)) => {
                parts.push(format!(
                    "write {} ({} bytes)",
                    draft.path,
                    draft.bytes.len()
                ));
            }
            Some(Errand::Configure(pairs)) => {
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|(name, value)| format!("{name} {value}"))
                    .collect();
                parts.push(format!("configure {}", pairs.join(", ")));
            }
        }
        if let Some(image) = image {
            parts.push(format!(
                "write {} ({} bytes)",
                image.name,
                image.bytes.len()
            ));
        }
        for control in controls {
            let words: Vec<_> = control.arguments.iter().map(|word| quoted(word)).collect();
            parts.push(format!("control {}: {}", control.number, words.join(" ")));
        }
        if let Some(at_us) = wake_at_us {
            parts.push(format!("wake at {}", time(*at_us)));
        }
        if *exit {
            parts.push("exit".to_owned());
        }
        match parts.is_empty() {
            true => text.push_str("nothing"),
            false => text.push_str(&parts.join("; ")),
        }
    }
}

/// Seconds since the Unix epoch.
fn time(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

fn tell_pairs(text: &mut String, pairs: &[(String, String)]) {
    for (name, value) in pairs {
        let _ = write!(text, ", {name} {value}");
    }
}

impl Coded for Cow<'_, Options> {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Options::read(from).map(Self::Owned)
    }
}

impl Coded for Cow<'_, Continuation> {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Continuation::read(from).map(Self::Owned)
    }
}

coded!(struct Options { now_us, seed, memory_ceiling, config, facts, acl_file });
coded!(struct Continuation { now_us, seed, conversations, config, facts });
coded!(
    enum Transport {
        Tcp = 0,
        Tls = 1,
        Unix = 2,
    }
);
coded!(
    enum Signal {
        Interrupt = 0,
        Terminate = 1,
    }
);
coded!(struct Opened { connection, transport, peer, local });
coded!(struct Received { connection, length });
coded!(struct Unsent { connection, bytes });
coded!(struct Saved { number, written });
coded!(struct Controlled { number, connection, reply });
coded!(variant Event {
    Opened = 0,
    Received = 1,
    Closed = 2,
    Unsent = 3,
    Saved = 4,
    Controlled = 5,
    Signal = 6,
    Done = 7,
});
coded!(variant Errand { Read = 0, Write = 1, Configure = 2 });
coded!(struct Draft { path, bytes });
coded!(struct Refusal { about, why });
coded!(struct Delivery { connection, start, length });
coded!(struct Close { connection, flush });
coded!(
    enum LogLevel {
        Debug = 0,
        Verbose = 1,
        Notice = 2,
        Warning = 3,
    }
);
coded!(struct LogLine { level, text });
coded!(struct Image { number, folder, name, bytes });
coded!(struct Control { number, connection, db, arguments });
coded!(struct Effects {
    errand,
    image,
    bytes,
    sends,
    closes,
    logs,
    settings,
    wake_at_us,
    controls,
    exit,
});

//! The component's exports: the only file that knows WIT.
//!
//! Owns the one implicit engine of an instance and translates between the contract in `wit/` and
//! [`Engine`]. Knows nothing of RESP or commands.

// The bindings that wit-bindgen generates speak the canonical ABI, which is raw memory.
#![allow(unsafe_code)]

use std::cell::RefCell;

use crate::engine::{self, Engine};

wit_bindgen::generate!({ world: "redis", path: "../wit" });

use exports::petridis::engine::server::{
    Close, Continuation, Control, Delivery, Draft, Effects, Errand, Event, Guest as ServerGuest,
    Image, LogLevel, LogLine, Options, Signal, Transport,
};

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

fn with_engine<R>(act: impl FnOnce(&mut Engine) -> R) -> R {
    ENGINE.with_borrow_mut(|slot| act(slot.get_or_insert_with(Engine::with_defaults)))
}

struct Component;

export!(Component);

impl Guest for Component {
    fn execute(request: Vec<u8>) -> Vec<u8> {
        with_engine(|engine| engine.execute(&request))
    }
}

impl ServerGuest for Component {
    fn start(options: Options) -> Result<(), String> {
        let engine = Engine::start(engine::Options {
            now_us: options.now_us,
            seed: options.seed,
            memory_ceiling: options.memory_ceiling,
            config: options.config,
            facts: options.facts,
            acl_file: options.acl_file,
        })?;
        ENGINE.set(Some(engine));
        Ok(())
    }

    fn step(now_us: u64, took_us: u64, events: Vec<Event>, bytes: Vec<u8>) -> Effects {
        with_engine(|engine| {
            engine.took(took_us);
            let mut batch = engine.begin(now_us);
            let mut rest = bytes.as_slice();
            for event in events {
                match event {
                    Event::Opened(opened) => batch.opened(
                        opened.connection,
                        match opened.transport {
                            Transport::Tcp => engine::Transport::Tcp,
                            Transport::Tls => engine::Transport::Tls,
                            Transport::Unix => engine::Transport::Unix,
                        },
                        opened.peer,
                        opened.local,
                    ),
                    Event::Received(received) => {
                        let length = (received.length as usize).min(rest.len());
                        let (now, later) = rest.split_at(length);
                        rest = later;
                        batch.received(received.connection, now);
                    }
                    Event::Closed(connection) => batch.closed(connection),
                    Event::Unsent(unsent) => batch.unsent(unsent.connection, unsent.bytes),
                    Event::Saved(saved) => batch.saved(saved.number, saved.written),
                    Event::Controlled(done) => {
                        batch.controlled(done.number, done.connection, &done.reply);
                    }
                    Event::Done(done) => batch.done(done.map_err(|refusal| engine::Refusal {
                        about: refusal.about,
                        why: refusal.why,
                    })),
                    Event::Signal(signal) => batch.signal(match signal {
                        Signal::Interrupt => engine::Signal::Interrupt,
                        Signal::Terminate => engine::Signal::Terminate,
                    }),
                }
            }
            translate(batch.finish())
        })
    }

    fn save() -> Result<Vec<u8>, String> {
        with_engine(Engine::save)
    }

    fn load(image: Vec<u8>) -> Result<u64, String> {
        with_engine(|engine| engine.load(&image))
    }

    fn conversations() -> Vec<u8> {
        with_engine(|engine| engine.conversations())
    }

    fn resume(continuation: Continuation) -> Result<(), String> {
        with_engine(|engine| {
            engine.resume(engine::Continuation {
                now_us: continuation.now_us,
                seed: continuation.seed,
                conversations: continuation.conversations,
                config: continuation.config,
                facts: continuation.facts,
            })
        })
    }

    fn look(db: u32, request: Vec<u8>) -> Vec<u8> {
        with_engine(|engine| engine.look(db as usize, &request))
    }
}

fn translate(effects: engine::Effects) -> Effects {
    Effects {
        errand: effects.errand.map(|errand| match errand {
            engine::Errand::Read(path) => Errand::Read(path),
            engine::Errand::Write { path, bytes } => Errand::Write(Draft { path, bytes }),
            engine::Errand::Configure(parameters) => Errand::Configure(parameters),
        }),
        image: effects.image.map(|image| Image {
            number: image.number,
            folder: image.folder,
            name: image.name,
            bytes: image.bytes,
        }),
        bytes: effects.bytes,
        sends: effects
            .sends
            .into_iter()
            .map(|send| Delivery {
                connection: send.connection,
                start: send.start,
                length: send.length,
            })
            .collect(),
        closes: effects
            .closes
            .into_iter()
            .map(|close| Close {
                connection: close.connection,
                flush: close.flush,
            })
            .collect(),
        logs: effects
            .logs
            .into_iter()
            .map(|line| LogLine {
                level: match line.level {
                    engine::LogLevel::Debug => LogLevel::Debug,
                    engine::LogLevel::Verbose => LogLevel::Verbose,
                    engine::LogLevel::Notice => LogLevel::Notice,
                    engine::LogLevel::Warning => LogLevel::Warning,
                },
                text: line.text,
            })
            .collect(),
        settings: effects.settings,
        wake_at_us: effects.wake_at_us,
        controls: effects
            .controls
            .into_iter()
            .map(|control| Control {
                number: control.number,
                connection: control.connection,
                db: control.db,
                arguments: control.args,
            })
            .collect(),
        exit: effects.exit,
    }
}

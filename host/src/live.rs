//! One engine in its sandbox, while it lives: its store and its memory.
//!
//! Owns how it is made. Knows nothing of what is called, and when.

use std::io;
use std::sync::Arc;

use wasmtime::Store;

use crate::bindings::{Redis, ServerCalls};
use crate::error::Error;
use crate::image;
use crate::memory::{self, Memory, Still};
use crate::sandbox::Sandbox;

/// An engine that can be called.
pub(crate) struct Live {
    store: Store<Sandbox>,
    redis: Redis,
    memory: Memory,
}

impl Live {
    /// Makes an engine whose memory begins with that.
    pub(crate) fn begin(still: &Arc<Still>, memory_ceiling: u64) -> Result<Self, Error> {
        let image = image::shared()?;
        let mut store = Store::new(&image.engine, Sandbox::new(memory_ceiling));
        store.limiter(|sandbox| &mut sandbox.limits);
        let made = memory::make(still, || image.redis.instantiate(&mut store));
        let (redis, memory) = made
            .map_err(|error| Error::Image(format!("no memory for another instance: {error:#}")))?;
        Ok(Self {
            store,
            redis,
            memory,
        })
    }

    /// Its memory holds what it began with again, if that is `still` and if that is the least work. False
    /// if another engine has to be made.
    pub(crate) fn rewind(&mut self, still: &Arc<Still>) -> bool {
        self.memory.rewind(still, &mut self.store)
    }

    /// What its memory holds now.
    pub(crate) fn still(&mut self) -> io::Result<Still> {
        self.memory.still(&mut self.store)
    }

    /// What it said of why it failed; empty where it said nothing.
    pub(crate) fn last_words(&self) -> String {
        self.store.data().last_words()
    }

    /// The calls of the world, and what they are made in.
    pub(crate) fn world(&mut self) -> (&Redis, &mut Store<Sandbox>) {
        (&self.redis, &mut self.store)
    }

    /// The calls of the full surface, and what they are made in.
    pub(crate) fn server(&mut self) -> (&ServerCalls, &mut Store<Sandbox>) {
        (self.redis.petridis_engine_server(), &mut self.store)
    }
}

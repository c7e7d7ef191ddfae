//! Maps memory: the engine's embedded native code, loaded once for the whole process.
//!
//! Owns the embedded bytes and what all instances share. Knows nothing of what the engine does.

// Deserialising native code is unsafe, because wasmtime runs what it is given. It is sound here:
// the bytes are a constant of this program that its own build script got from
// `Engine::precompile_component`, nothing at run time can exchange them, and wasmtime compares
// version, settings and the processor's features before it uses them.
#![allow(unsafe_code)]

use std::sync::{Arc, OnceLock};

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::bindings::RedisPre;
use crate::error::Error;
use crate::memory::{Memories, Still};
use crate::sandbox::{self, Sandbox};
use crate::tuning;

static COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/petridis.wasm"));
static CODE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/petridis.cwasm"));

/// What every instance of the process is made from.
pub(crate) struct Image {
    pub(crate) engine: Engine,
    pub(crate) redis: RedisPre<Sandbox>,
    /// What the memory of a new instance begins with.
    pub(crate) initial: Arc<Still>,
}

/// The engine as a WebAssembly component: what `petridis component` writes, for any runtime that
/// has components.
pub fn component() -> &'static [u8] {
    COMPONENT
}

/// The image, loaded by the first call.
pub(crate) fn shared() -> Result<&'static Image, Error> {
    static IMAGE: OnceLock<Result<Image, String>> = OnceLock::new();
    IMAGE
        .get_or_init(|| load().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|reason| Error::Image(reason.clone()))
}

fn load() -> wasmtime::Result<Image> {
    let engine = Engine::new(tuning::config().with_host_memory(Arc::new(Memories)))?;
    // SAFETY: see the head of this file.
    let component = unsafe { Component::deserialize(&engine, CODE)? };
    let mut linker = Linker::new(&engine);
    sandbox::link(&mut linker, &component)?;
    let redis = RedisPre::new(linker.instantiate_pre(&component)?)?;
    Ok(Image {
        engine,
        redis,
        initial: Arc::new(Still::initial()?),
    })
}

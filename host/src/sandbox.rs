//! The world an engine runs in: no file, no network, no environment, no clock, no randomness.
//!
//! Owns what a store carries besides the engine: the limit of its memory and the last words that a
//! panic writes to standard error. The component imports a few interfaces of WASI only because
//! Rust's standard library does; standard error works, whatever else is called traps.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType, Val};
use wasmtime::{StoreLimits, StoreLimitsBuilder};

/// Bytes of standard error that are kept: enough for the message of a panic.
const LAST_WORDS: usize = 4096;

/// Bytes of linear memory that an engine may have beyond its own ceiling. It refuses writes at the
/// ceiling; the rest is for what it needs to say so. Beyond, it fails and is replaced.
const HEADROOM: u64 = 512 << 20;

/// All that 32 bits address.
const LARGEST_MEMORY: u64 = 4 << 30;

/// What belongs to one store.
pub(crate) struct Sandbox {
    pub(crate) limits: StoreLimits,
    last_words: Vec<u8>,
}

impl Sandbox {
    pub(crate) fn new(memory_ceiling: u64) -> Self {
        let most = memory_ceiling.saturating_add(HEADROOM).min(LARGEST_MEMORY);
        let limits = StoreLimitsBuilder::new()
            .memory_size(usize::try_from(most).unwrap_or(usize::MAX))
            .build();
        Self {
            limits,
            last_words: Vec::new(),
        }
    }

    /// What the engine wrote to its standard error, as one line.
    pub(crate) fn last_words(&self) -> String {
        let text = String::from_utf8_lossy(&self.last_words);
        // Rust's advice on backtraces helps nobody here.
        let lines = text.lines().filter(|line| !line.starts_with("note: "));
        lines.collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    fn heard(&mut self, bytes: &[Val]) {
        let room = LAST_WORDS - self.last_words.len();
        let bytes = bytes.iter().filter_map(|byte| match byte {
            Val::U8(byte) => Some(*byte),
            _ => None,
        });
        self.last_words.extend(bytes.take(room));
    }
}

/// The host's side of `wasi:io/streams.output-stream`: there is one, standard error.
struct OutputStream;

/// What one waits on until the stream takes bytes: it always does.
struct Pollable;

/// Links the component's imports, whichever version of WASI they name.
pub(crate) fn link(linker: &mut Linker<Sandbox>, component: &Component) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    let ty = component.component_type();
    for (name, item) in ty.imports(&engine) {
        let ComponentItem::ComponentInstance(_) = item.ty else {
            continue;
        };
        let (interface, _version) = name.split_once('@').unwrap_or((name, ""));
        let mut instance = linker.instance(name)?;
        // Each interface that mentions a type names it again.
        if matches!(
            interface,
            "wasi:io/streams" | "wasi:cli/stdout" | "wasi:cli/stderr"
        ) {
            let ty = ResourceType::host::<OutputStream>();
            instance.resource("output-stream", ty, |_, _| Ok(()))?;
        }
        if matches!(interface, "wasi:io/streams" | "wasi:io/poll") {
            instance.resource("pollable", ResourceType::host::<Pollable>(), |_, _| Ok(()))?;
        }
        match interface {
            "wasi:cli/stderr" => {
                instance.func_wrap("get-stderr", |_, (): ()| {
                    Ok((Resource::<OutputStream>::new_own(0),))
                })?;
            }
            "wasi:cli/environment" => {
                instance.func_wrap("get-environment", |_, (): ()| {
                    Ok((Vec::<(String, String)>::new(),))
                })?;
            }
            "wasi:cli/terminal-stderr" => {
                instance.func_new("get-terminal-stderr", |_, _, _, results| {
                    answer(results, Val::Option(None))
                })?;
            }
            "wasi:io/poll" => {
                instance.func_wrap(
                    "[method]pollable.block",
                    |_, (_,): (Resource<Pollable>,)| Ok(()),
                )?;
            }
            "wasi:io/streams" => streams(&mut instance)?,
            _ => {}
        }
    }
    linker.define_unknown_imports_as_traps(component)
}

fn streams(instance: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    instance.func_wrap(
        "[method]output-stream.subscribe",
        |_, (_,): (Resource<OutputStream>,)| Ok((Resource::<Pollable>::new_own(0),)),
    )?;
    method(instance, "check-write", |_, _| {
        Some(Box::new(Val::U64(LAST_WORDS as u64)))
    })?;
    for write in ["write", "blocking-write-and-flush"] {
        method(instance, write, |sandbox, parameters| {
            if let [_, Val::List(bytes)] = parameters {
                sandbox.heard(bytes);
            }
            None
        })?;
    }
    for flush in ["flush", "blocking-flush"] {
        method(instance, flush, |_, _| None)?;
    }
    Ok(())
}

/// Links a method of the output stream that never fails, with what it succeeds with.
fn method(
    instance: &mut LinkerInstance<'_, Sandbox>,
    name: &str,
    act: fn(&mut Sandbox, &[Val]) -> Option<Box<Val>>,
) -> wasmtime::Result<()> {
    let name = format!("[method]output-stream.{name}");
    instance.func_new(&name, move |mut store, _, parameters, results| {
        // The stream is lent for the call, and has to be given back by hand.
        if let Some(Val::Resource(stream)) = parameters.first() {
            stream.resource_drop(&mut store)?;
        }
        let value = Val::Result(Ok(act(store.data_mut(), parameters)));
        answer(results, value)
    })
}

fn answer(results: &mut [Val], value: Val) -> wasmtime::Result<()> {
    if let Some(slot) = results.first_mut() {
        *slot = value;
    }
    Ok(())
}

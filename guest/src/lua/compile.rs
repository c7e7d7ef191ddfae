//! From a chunk's text to a function of the machine.

use std::rc::Rc;

use allocator_api2::vec;
use gc_arena::Gc;
use gc_arena::allocator_api::MetricsAlloc;
use piccolo::closure::UpValue;
use piccolo::compiler::{CompileError, CompiledPrototype, StringInterner, compile_chunk};
use piccolo::types::UpValueDescriptor;
use piccolo::{Closure, Context, FunctionPrototype};

use super::arguments::Argument;
use super::infer::{self, Mode};
use super::lex::Text;
use super::lib;
use super::lower::{self, Lowered};
use super::site::{ChunkInfo, position};
use super::state::State;
use super::{parse, post};

/// Strings of the VM's compiler are ours already.
struct Plain;

impl StringInterner for Plain {
    type String = Text;

    fn intern(&mut self, bytes: &[u8]) -> Text {
        Rc::from(bytes)
    }
}

/// A function of the machine, and the number under which its sites are known.
pub struct Compiled<'gc> {
    /// The chunk's function.
    pub closure: Closure<'gc>,
    /// The chunk's number.
    pub chunk: usize,
    /// It may look for KEYS and ARGV among the globals.
    pub sees_globals: bool,
    /// It may look at KEYS, and at ARGV, as a whole.
    pub needs: [bool; 2],
    /// Single arguments that it looks at.
    pub arguments: Vec<Argument>,
}

/// How a chunk is called.
pub struct Naming {
    /// By messages: `user_script`.
    pub label: Vec<u8>,
    /// By the messages of the compiler, which show more of a name that is a text.
    pub compiled_as: Vec<u8>,
    /// By whoever loads it: `@user_script`.
    pub source: Vec<u8>,
}

impl Naming {
    /// A chunk with a name that is no text of its own.
    pub fn named(name: &str) -> Self {
        Naming {
            label: name.as_bytes().to_vec(),
            compiled_as: name.as_bytes().to_vec(),
            source: format!("@{name}").into_bytes(),
        }
    }
}

/// Compiles a chunk. The error is a message with its place.
pub fn compile<'gc>(
    ctx: Context<'gc>,
    state: State<'gc>,
    naming: Naming,
    source: &[u8],
    mode: Mode,
) -> Result<Compiled<'gc>, Vec<u8>> {
    let name = naming.label.as_slice();
    let tree = parse::parse(source).map_err(|error| {
        let mut text = position(&naming.compiled_as, error.line);
        text.extend_from_slice(&error.message);
        text
    })?;
    let types = infer::infer(&tree, mode);
    let chunk = state.shared().chunks.borrow_mut().reserve();
    let lowered = lower::lower(&tree, types, chunk);
    let too_large = |_: Option<CompileError>| {
        let mut text = position(&naming.compiled_as, 1);
        text.extend_from_slice(b"function or expression too complex");
        text
    };
    let Lowered {
        chunk: code,
        cells,
        record,
        sites,
    } = lowered;
    let mut wrapper = compile_chunk(&code, Plain).map_err(|error| too_large(Some(error)))?;
    if wrapper.prototypes.is_empty() {
        return Err(too_large(None));
    }
    let mut main = *wrapper.prototypes.swap_remove(0);
    post::fix(&mut main, &record).map_err(|_| too_large(None))?;
    let closure = close(ctx, state, name, &main, &cells).ok_or_else(|| too_large(None))?;
    let info = ChunkInfo {
        name: naming.label,
        source: naming.source,
        sites,
    };
    state.shared().chunks.borrow_mut().insert(chunk, info);
    Ok(Compiled {
        closure,
        chunk,
        sees_globals: tree.sees_globals,
        arguments: cells.iter().copied().filter_map(Argument::of).collect(),
        needs: [lib::keys_cell(), lib::argv_cell()]
            .map(|cell| tree.sees_globals || tree.loads_chunks || cells.contains(&cell)),
    })
}

fn close<'gc>(
    ctx: Context<'gc>,
    state: State<'gc>,
    name: &[u8],
    main: &CompiledPrototype<Text>,
    cells: &[usize],
) -> Option<Closure<'gc>> {
    let mut upvalues: vec::Vec<UpValue<'gc>, _> = vec::Vec::new_in(MetricsAlloc::new(&ctx));
    for descriptor in &main.upvalues {
        let UpValueDescriptor::ParentLocal(register) = descriptor else {
            return None;
        };
        let cell = *cells.get(usize::from(register.0))?;
        upvalues.push(state.cell(cell)?);
    }
    let prototype =
        FunctionPrototype::from_compiled_map_strings(&ctx, ctx.intern(name), main, |text| {
            ctx.intern(text)
        });
    Some(Closure::from_parts(
        &ctx,
        Gc::new(&ctx, prototype),
        upvalues,
    ))
}

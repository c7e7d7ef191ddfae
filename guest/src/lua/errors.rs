//! What errors say: the VM's own failures in 5.1's words, and what Redis makes of an error that
//! nobody caught.

use piccolo::opcode::Operation;
use piccolo::thread::{BinaryOperatorError, VMError};
use piccolo::{Closure, Context, Error, FunctionPrototype, RuntimeError, String, TypeError, Value};

use super::call::operand_message;
use super::lib;
use super::number;
use super::site::{SiteId, Use, position};
use super::state::{Raised, State};

/// Why a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error with its code, as it goes to the client.
    pub message: Vec<u8>,
    /// What the chunk was loaded as, and the line, where they are known.
    pub place: Option<(Vec<u8>, u32)>,
    /// It came from a command, which has counted it already.
    pub is_counted: bool,
}

impl Failure {
    /// An error without a place.
    pub fn plain(message: impl Into<Vec<u8>>) -> Self {
        Failure {
            message: message.into(),
            place: None,
            is_counted: false,
        }
    }

    /// The whole text: `ERR … script: LABEL, on @user_script:1.`
    pub fn text(&self, label: &str) -> Vec<u8> {
        let mut text = self.message.clone();
        if let Some((chunk, line)) = &self.place {
            text.extend_from_slice(format!(" script: {label}, on ").as_bytes());
            text.extend_from_slice(chunk);
            text.extend_from_slice(format!(":{line}.").as_bytes());
        }
        text
    }
}

/// The site that compiled code stored last.
fn stored_site(state: State<'_>) -> Option<SiteId> {
    match state.cell_value(lib::site_cell()) {
        Value::Number(number) => Some(SiteId(number as u64)),
        _ => None,
    }
}

/// The value of an error: what `pcall` returns. A failure of the VM becomes a message.
pub fn value_of<'gc>(ctx: Context<'gc>, state: State<'gc>, error: Error<'gc>) -> Value<'gc> {
    match error {
        Error::Lua(error) => error.0,
        Error::Runtime(error) => {
            let site = stored_site(state);
            let (line, message) = vm_message(state, site, &error);
            let raised = site.map(|site| Raised { site, line });
            state.shared().raised.set(raised);
            String::from_slice(&ctx, message).into()
        }
    }
}

/// The message of a failure of the VM, with its place, and the line.
fn vm_message(
    state: State<'_>,
    site: Option<SiteId>,
    error: &RuntimeError,
) -> (Option<u32>, Vec<u8>) {
    let chunks = state.shared().chunks.borrow();
    let known = site.and_then(|site| chunks.site(site));
    let worded = |action: &str, used: Option<&Use>, found: &str| {
        let line = used.map(|used| used.line);
        let name = used.and_then(|used| used.name.as_ref());
        (line, operand_message(action, name, found))
    };
    let index = known.and_then(|(_, site)| site.index.as_ref());
    let call = known.and_then(|(_, site)| site.call.as_ref());
    let (line, message) = match kind_of(error) {
        VmFailure::Type(TypeError { expected, found }) => match expected {
            "function" => worded("call", call, found),
            "string or table" => worded("get length of", None, found),
            _ => worded("index", index, found),
        },
        VmFailure::Arithmetic => worded("perform arithmetic on", None, "nil"),
        VmFailure::Other(text) => (None, text.into_bytes()),
    };
    let mut text = match known {
        Some((chunk, site)) => position(chunk, line.unwrap_or(site.line)),
        None => Vec::new(),
    };
    text.extend_from_slice(&message);
    (line, text)
}

enum VmFailure {
    Type(TypeError),
    Arithmetic,
    Other(std::string::String),
}

fn kind_of(error: &RuntimeError) -> VmFailure {
    let cause = error.root_cause();
    if let Some(wrong) = cause.downcast_ref::<TypeError>() {
        VmFailure::Type(*wrong)
    } else if let Some(VMError::BadType(wrong)) = cause.downcast_ref::<VMError>() {
        VmFailure::Type(*wrong)
    } else if cause.is::<BinaryOperatorError>() {
        VmFailure::Arithmetic
    } else {
        VmFailure::Other(error.to_string())
    }
}

/// What Redis makes of an error that nobody caught.
pub fn failure_of<'gc>(ctx: Context<'gc>, state: State<'gc>, error: Error<'gc>) -> Failure {
    let value = value_of(ctx, state, error);
    let raised = state.shared().raised.get();
    let place = raised.and_then(|raised| {
        let chunks = state.shared().chunks.borrow();
        let (_, site) = chunks.site(raised.site)?;
        let source = chunks.source(raised.site)?.to_vec();
        Some((source, raised.line.unwrap_or(site.line)))
    });
    match value {
        Value::Table(table) => {
            let field =
                |name: &'static str| state.get(table, ctx.intern_static(name.as_bytes()).into());
            let message = text_of(field("err")).unwrap_or_else(|| b"ERR unknown error".to_vec());
            Failure {
                message: before_zero(&message).to_vec(),
                place,
                is_counted: matches!(field("ignore_error_stats_update"), Value::Boolean(true)),
            }
        }
        other => {
            let mut message = b"ERR ".to_vec();
            match other {
                Value::Nil => message.extend_from_slice(b"nil"),
                Value::Boolean(truth) => message.extend_from_slice(truth.to_string().as_bytes()),
                other => match text_of(other) {
                    Some(text) => message.extend_from_slice(&text),
                    None => message.extend_from_slice(&lib::base::address(other)),
                },
            }
            Failure {
                message: before_zero(&message).to_vec(),
                place,
                is_counted: false,
            }
        }
    }
}

/// The error of a script that is ended from outside. The VM does not tell where it is: most likely in
/// the first loop behind the last place that is known.
pub fn killed(state: State<'_>, entered: Option<Closure<'_>>) -> Failure {
    let chunks = state.shared().chunks.borrow();
    let place_of = |site: SiteId| {
        let (_, known) = chunks.site(site)?;
        Some((chunks.source(site)?.to_vec(), known.line))
    };
    let stored = stored_site(state).and_then(place_of);
    let mut loops = Vec::new();
    if let Some(closure) = entered {
        loops_of(&closure.prototype(), &mut loops);
    }
    let mut places: Vec<_> = loops.into_iter().filter_map(place_of).collect();
    places.sort_by_key(|(_, line)| *line);
    let first = stored.as_ref().map_or(0, |(_, line)| *line);
    let in_loop = places.into_iter().find(|(_, line)| *line >= first);
    Failure {
        message: b"ERR Script killed by user with SCRIPT KILL...".to_vec(),
        place: in_loop.or(stored),
        is_counted: false,
    }
}

/// Where a function and those inside it jump back.
fn loops_of(prototype: &FunctionPrototype<'_>, found: &mut Vec<SiteId>) {
    let lines = &prototype.opcode_line_numbers;
    for (at, opcode) in prototype.opcodes.iter().enumerate() {
        let goes_back = match opcode.decode() {
            Operation::Jump { offset, .. } => offset < 0,
            Operation::NumericForLoop { .. } | Operation::GenericForLoop { .. } => true,
            _ => false,
        };
        let behind = lines.partition_point(|(start, _)| *start <= at);
        if goes_back && let Some((_, line)) = behind.checked_sub(1).and_then(|at| lines.get(at)) {
            found.push(SiteId(line.0));
        }
    }
    for inner in prototype.prototypes.iter() {
        loops_of(inner, found);
    }
}

/// What Redis tells of an error's text, to which it ends with a zero byte.
pub fn before_zero(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == 0);
    &text[..end.unwrap_or(text.len())]
}

/// A string or a number, as text.
pub fn text_of(value: Value<'_>) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Number(number) => Some(number::to_text(number)),
        _ => None,
    }
}

//! A call of a function that is not Lua's: its arguments, checked as the real libraries check them,
//! and its errors, placed as they place them.

use piccolo::{CallbackReturn, Context, Error, Execution, Function, Stack, String, Table, Value};

use super::number;
use super::site::{Name, NameKind, Site, SiteId};
use super::state::{Raised, State};

/// What a function of ours works on.
pub struct Call<'gc, 'a> {
    /// The machine.
    pub ctx: Context<'gc>,
    /// What all functions share.
    pub state: State<'gc>,
    /// Who called.
    pub exec: Execution<'gc, 'a>,
    /// The arguments; on return, the results.
    pub stack: Stack<'gc, 'a>,
}

/// Done, or an error of Lua's.
pub type Outcome<'gc> = Result<CallbackReturn<'gc>, Error<'gc>>;

/// A function of ours.
pub type Native = for<'gc, 'a> fn(&mut Call<'gc, 'a>) -> Outcome<'gc>;

/// What a type is called where an argument is missing.
fn type_name(value: Option<Value<'_>>) -> &'static str {
    value.map_or("no value", Value::type_name)
}

/// The place a call came from, if a script's code stands there.
pub fn site_of(exec: &Execution<'_, '_>) -> Option<SiteId> {
    exec.upper_lua_frame()
        .map(|frame| SiteId(frame.current_line.0))
}

impl<'gc, 'a> Call<'gc, 'a> {
    /// Of a function that goes on after it had another one called.
    pub fn resumed(ctx: Context<'gc>, exec: Execution<'gc, 'a>, stack: Stack<'gc, 'a>) -> Self {
        let state = State::of(ctx);
        Call {
            ctx,
            state,
            exec,
            stack,
        }
    }
}

impl<'gc> Call<'gc, '_> {
    /// How many arguments there are.
    pub fn count(&self) -> usize {
        self.stack.len()
    }

    /// The argument at `index`, counted from 0.
    pub fn arg(&self, index: usize) -> Value<'gc> {
        self.stack.get(index)
    }

    /// The argument at `index`, if there are that many.
    pub fn given(&self, index: usize) -> Option<Value<'gc>> {
        (index < self.stack.len()).then(|| self.stack.get(index))
    }

    /// Returns nothing.
    pub fn none(&mut self) -> Outcome<'gc> {
        self.stack.clear();
        Ok(CallbackReturn::Return)
    }

    /// Returns one value.
    pub fn one(&mut self, value: impl Into<Value<'gc>>) -> Outcome<'gc> {
        self.stack.clear();
        self.stack.push_back(value.into());
        Ok(CallbackReturn::Return)
    }

    /// Returns a string.
    pub fn text(&mut self, bytes: impl AsRef<[u8]>) -> Outcome<'gc> {
        let text = self.new_text(bytes.as_ref());
        self.one(text)
    }

    /// Returns a number.
    pub fn number(&mut self, number: f64) -> Outcome<'gc> {
        self.one(Value::Number(number))
    }

    /// Returns several values.
    pub fn many(&mut self, values: impl IntoIterator<Item = Value<'gc>>) -> Outcome<'gc> {
        self.stack.clear();
        self.stack.extend(values);
        Ok(CallbackReturn::Return)
    }

    /// Ends in a call, with the arguments that are on the stack.
    pub fn then_call(&mut self, function: Function<'gc>) -> Outcome<'gc> {
        Ok(CallbackReturn::Call {
            function,
            then: None,
        })
    }

    /// A string of Lua's. What is long costs time.
    pub fn new_text(&mut self, bytes: &[u8]) -> Value<'gc> {
        self.spend(bytes.len() / 64);
        Value::String(String::from_slice(&self.ctx, bytes))
    }

    /// Takes over the bytes of a string.
    pub fn own_text(&mut self, bytes: Vec<u8>) -> Value<'gc> {
        self.spend(bytes.len() / 64);
        if bytes.len() <= 256 {
            Value::String(String::from_slice(&self.ctx, bytes))
        } else {
            Value::String(String::from_buffer(&self.ctx, bytes.into_boxed_slice()))
        }
    }

    /// Counts work against the slice of time that the script has.
    pub fn spend(&mut self, steps: usize) {
        self.exec
            .fuel()
            .consume(i32::try_from(steps).unwrap_or(i32::MAX));
    }

    /// Refuses to hold so many bytes more than there may be.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), Error<'gc>> {
        let limit = self.state.shared().memory_limit.get();
        let used = self.ctx.metrics().total_allocation();
        if used.saturating_add(bytes) > limit {
            return Err(self.error_without_place(b"not enough memory"));
        }
        Ok(())
    }

    // Errors.

    /// The site of the call, and the chunk it is in.
    fn with_site<T>(&self, look: impl FnOnce(&[u8], &Site) -> T) -> Option<T> {
        let id = site_of(&self.exec)?;
        let chunks = self.state.shared().chunks.borrow();
        chunks.site(id).map(|(name, site)| look(name, site))
    }

    /// `user_script:1: `, or nothing where no script's code called.
    pub fn position(&self) -> Vec<u8> {
        match site_of(&self.exec) {
            Some(id) => self.state.shared().chunks.borrow().position(id),
            None => Vec::new(),
        }
    }

    /// The value as an error that is raised here.
    pub fn raise(&self, value: Value<'gc>) -> Error<'gc> {
        let raised = site_of(&self.exec).map(Raised::at);
        self.state.shared().raised.set(raised);
        Error::from_value(value)
    }

    /// An error that says where it happened.
    pub fn error(&self, message: impl AsRef<[u8]>) -> Error<'gc> {
        let mut text = self.position();
        text.extend_from_slice(message.as_ref());
        self.error_without_place(&text)
    }

    /// An error with these words only.
    pub fn error_without_place(&self, message: &[u8]) -> Error<'gc> {
        let text = String::from_slice(&self.ctx, message);
        self.raise(text.into())
    }

    /// `bad argument #1 to 'f' (…)`
    pub fn arg_error(&self, index: usize, message: &str) -> Error<'gc> {
        let name = self
            .with_site(|_, site| site.names.first().cloned().flatten())
            .flatten();
        let mut number = index + 1;
        let mut text = Vec::new();
        if let Some(Name {
            kind: NameKind::Method,
            text: method,
        }) = &name
        {
            if number == 1 {
                text.extend_from_slice(b"calling '");
                text.extend_from_slice(method);
                text.extend_from_slice(b"' on bad self (");
                text.extend_from_slice(message.as_bytes());
                text.push(b')');
                return self.error(text);
            }
            number -= 1;
        }
        text.extend_from_slice(format!("bad argument #{number} to '").as_bytes());
        match &name {
            Some(name) => text.extend_from_slice(&name.text),
            None => text.push(b'?'),
        }
        text.extend_from_slice(b"' (");
        text.extend_from_slice(message.as_bytes());
        text.push(b')');
        self.error(text)
    }

    /// `bad argument #0 to 'f' (…)`: some libraries count from there.
    pub fn arg_error_numbered(&self, number: usize, message: &str) -> Error<'gc> {
        let name = self
            .with_site(|_, site| site.names.first().cloned().flatten())
            .flatten();
        let mut text = format!("bad argument #{number} to '").into_bytes();
        text.extend_from_slice(name.as_ref().map_or(b"?", |name| &name.text));
        text.extend_from_slice(format!("' ({message})").as_bytes());
        self.error(text)
    }

    /// `bad argument #1 to 'f' (string expected, got nil)`
    pub fn type_error(&self, index: usize, expected: &str) -> Error<'gc> {
        let found = type_name(self.given(index));
        self.arg_error(index, &format!("{expected} expected, got {found}"))
    }

    /// `attempt to index local 'x' (a nil value)`: the name is that of the site's operand.
    pub fn operand_error(&self, action: &str, operand: usize, value: Value<'gc>) -> Error<'gc> {
        let name = self
            .with_site(|_, site| site.names.get(operand).cloned().flatten())
            .flatten()
            .filter(|name| name.kind != NameKind::Iterator);
        self.error(operand_message(action, name.as_ref(), value.type_name()))
    }

    // Arguments.

    /// Any argument, nil too.
    pub fn check_any(&self, index: usize) -> Result<Value<'gc>, Error<'gc>> {
        self.given(index)
            .ok_or_else(|| self.arg_error(index, "value expected"))
    }

    /// A table.
    pub fn check_table(&self, index: usize) -> Result<Table<'gc>, Error<'gc>> {
        match self.arg(index) {
            Value::Table(table) => Ok(table),
            _ => Err(self.type_error(index, "table")),
        }
    }

    /// A function of either kind.
    pub fn check_function(&self, index: usize) -> Result<Function<'gc>, Error<'gc>> {
        match self.arg(index) {
            Value::Function(function) => Ok(function),
            _ => Err(self.type_error(index, "function")),
        }
    }

    /// A number, or a string that is one.
    pub fn check_number(&self, index: usize) -> Result<f64, Error<'gc>> {
        to_number(self.arg(index)).ok_or_else(|| self.type_error(index, "number"))
    }

    /// A number, as C's `int`.
    pub fn check_int(&self, index: usize) -> Result<i32, Error<'gc>> {
        self.check_number(index).map(number::to_int)
    }

    /// A number as a whole one.
    pub fn check_integer(&self, index: usize) -> Result<i64, Error<'gc>> {
        self.check_number(index).map(number::to_whole)
    }

    /// A whole number, or the default where there is none.
    pub fn opt_integer(&self, index: usize, default: i64) -> Result<i64, Error<'gc>> {
        match self.arg(index) {
            Value::Nil => Ok(default),
            _ => self.check_integer(index),
        }
    }

    /// A string, or a number as one.
    pub fn check_string(&self, index: usize) -> Result<String<'gc>, Error<'gc>> {
        self.to_string(self.arg(index))
            .ok_or_else(|| self.type_error(index, "string"))
    }

    /// A string or a number as a string; nothing of other types.
    pub fn to_string(&self, value: Value<'gc>) -> Option<String<'gc>> {
        match value {
            Value::String(text) => Some(text),
            Value::Number(number) => {
                let text = number::to_text(number);
                Some(String::from_slice(&self.ctx, text))
            }
            _ => None,
        }
    }
}

/// The value as a number, if it is one or a string that reads as one.
pub fn to_number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(number),
        Value::Integer(number) => Some(number as f64),
        Value::String(text) => number::parse(text.as_bytes()),
        _ => None,
    }
}

/// `attempt to index local 'x' (a nil value)`
pub fn operand_message(action: &str, name: Option<&Name>, found: &str) -> Vec<u8> {
    let mut text = format!("attempt to {action} ").into_bytes();
    match name {
        Some(name) => {
            name.append(&mut text);
            text.extend_from_slice(format!(" (a {found} value)").as_bytes());
        }
        None => text.extend_from_slice(format!("a {found} value").as_bytes()),
    }
    text
}

//! `string`

use gc_arena::Collect;
use piccolo::{
    BoxSequence, CallbackReturn, Context, Error, Execution, Function, Sequence, SequencePoll,
    Stack, String, Table, Value,
};

use super::format::format;
use super::pattern::{Capture, Matcher};
use super::{Library, entry, running};
use crate::lua::call::{Call, Outcome};
use crate::lua::kinds::Kinds;
use crate::lua::ops::{append_text, metamethod};

/// The library.
pub const LIBRARY: Library = Library {
    name: "string",
    entries: &[
        entry("byte", byte, Kinds::ANY),
        entry("char", char, Kinds::STRING),
        entry("dump", dump, Kinds::ANY),
        entry("find", find, Kinds::NUMBER.or(Kinds::NIL)),
        entry("format", format, Kinds::STRING),
        entry("gfind", gmatch, Kinds::FUNCTION),
        entry("gmatch", gmatch, Kinds::FUNCTION),
        running("gsub", gsub, Kinds::STRING),
        entry("len", len, Kinds::NUMBER),
        entry("lower", lower, Kinds::STRING),
        entry("match", match_pattern, Kinds::ANY),
        entry("rep", rep, Kinds::STRING),
        entry("reverse", reverse, Kinds::STRING),
        entry("sub", sub, Kinds::STRING),
        entry("upper", upper, Kinds::STRING),
    ],
    constants: &[],
    size: 15,
    order: &[],
};

/// A place counted from the end where it is negative.
fn place(position: i64, length: usize) -> i64 {
    if position < 0 {
        (position + length as i64 + 1).max(0)
    } else {
        position
    }
}

/// string.byte(s [, from [, to]])
fn byte<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let text = call.check_string(0)?;
    let text = text.as_bytes();
    let from = place(call.opt_integer(1, 1)?, text.len());
    let to = place(call.opt_integer(2, from)?, text.len());
    let (from, to) = (from.max(1), to.min(text.len() as i64));
    if from > to {
        return call.none();
    }
    if to - from >= 7_900 {
        return Err(call.error("string slice too long"));
    }
    let bytes = &text[from as usize - 1..to as usize];
    call.many(bytes.iter().map(|byte| Value::Number(f64::from(*byte))))
}

/// string.char(...)
fn char<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let mut text = Vec::with_capacity(call.count());
    for index in 0..call.count() {
        match u8::try_from(call.check_int(index)?) {
            Ok(byte) => text.push(byte),
            Err(_) => return Err(call.arg_error(index, "invalid value")),
        }
    }
    call.text(text)
}

/// string.dump(f)
fn dump<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    match call.check_function(0)? {
        // The head of a precompiled chunk, which nothing loads: there is no code of 5.1 to follow it.
        Function::Closure(_) => call.text(b"\x1bLuaQ\x00\x01\x04\x08\x04\x08\x00"),
        Function::Callback(_) => Err(call.error("unable to dump given function")),
    }
}

/// string.len(s)
fn len<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let length = call.check_string(0)?.as_bytes().len();
    call.number(length as f64)
}

/// string.lower(s)
fn lower<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let text = call.check_string(0)?.as_bytes().to_ascii_lowercase();
    let text = call.own_text(text);
    call.one(text)
}

/// string.upper(s)
fn upper<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let text = call.check_string(0)?.as_bytes().to_ascii_uppercase();
    let text = call.own_text(text);
    call.one(text)
}

/// string.reverse(s)
fn reverse<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let mut text = call.check_string(0)?.as_bytes().to_vec();
    text.reverse();
    let text = call.own_text(text);
    call.one(text)
}

/// string.rep(s, n)
fn rep<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let text = call.check_string(0)?;
    let times = call.check_int(1)?.max(0) as usize;
    call.reserve(text.as_bytes().len().saturating_mul(times))?;
    let text = text.as_bytes().repeat(times);
    let text = call.own_text(text);
    call.one(text)
}

/// string.sub(s, from [, to])
fn sub<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let text = call.check_string(0)?;
    let bytes = text.as_bytes();
    let from = place(call.check_integer(1)?, bytes.len()).max(1);
    let to = place(call.opt_integer(2, -1)?, bytes.len()).min(bytes.len() as i64);
    if from > to {
        return call.text(b"");
    }
    if from == 1 && to == bytes.len() as i64 {
        return call.one(text);
    }
    call.text(&bytes[from as usize - 1..to as usize])
}

// Patterns.

fn pattern_error<'gc>(call: &Call<'gc, '_>, error: &'static str) -> Error<'gc> {
    call.error(error)
}

/// A capture as a value.
fn captured<'gc>(ctx: Context<'gc>, subject: &[u8], capture: Capture) -> Value<'gc> {
    match capture {
        Capture::Range(from, to) => String::from_slice(&ctx, &subject[from..to]).into(),
        Capture::Position(place) => Value::Number(place as f64),
    }
}

/// What a match gives: all captures, or all of it.
fn captures<'gc>(
    call: &Call<'gc, '_>,
    matcher: &Matcher<'_>,
    subject: &[u8],
    range: (usize, usize),
    whole: bool,
) -> Result<Vec<Value<'gc>>, Error<'gc>> {
    let count = if whole {
        matcher.count()
    } else {
        matcher.level()
    };
    (0..count)
        .map(|index| {
            matcher
                .capture(index, range.0, range.1)
                .map(|capture| captured(call.ctx, subject, capture))
                .map_err(|error| pattern_error(call, error))
        })
        .collect()
}

/// string.find(s, pattern [, from [, plain]])
fn find<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    search(call, true)
}

/// string.match(s, pattern [, from])
fn match_pattern<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    search(call, false)
}

fn search<'gc>(call: &mut Call<'gc, '_>, finds: bool) -> Outcome<'gc> {
    let (subject, pattern) = (call.check_string(0)?, call.check_string(1)?);
    let (subject, pattern) = (subject.as_bytes(), pattern.as_bytes());
    let from = place(call.opt_integer(2, 1)?, subject.len()) - 1;
    let from = from.clamp(0, subject.len() as i64) as usize;
    let is_special = |byte: &u8| b"^$*+?.([%-".contains(byte);
    let plain = pattern.split(|byte| *byte == 0).next().unwrap_or_default();
    if finds && (call.arg(3).to_bool() || !plain.iter().any(is_special)) {
        call.spend(subject.len() / 32);
        return match position(&subject[from..], pattern) {
            Some(at) => {
                let start = (from + at) as f64;
                let end = start + pattern.len() as f64;
                call.many([Value::Number(start + 1.0), Value::Number(end)])
            }
            None => call.one(Value::Nil),
        };
    }
    let anchored = pattern.first() == Some(&b'^');
    let mut matcher = Matcher::new(subject, &pattern[usize::from(anchored)..]);
    let last = if anchored { from } else { subject.len() };
    for start in from..=last {
        let found = matcher
            .match_at(start)
            .map_err(|error| pattern_error(call, error))?;
        if let Some(end) = found {
            let steps = matcher.steps;
            let mut values = captures(call, &matcher, subject, (start, end), !finds)?;
            call.spend(steps / 8);
            if finds {
                let range = [start as f64 + 1.0, end as f64].map(Value::Number);
                values.splice(0..0, range);
            }
            return call.many(values);
        }
    }
    let steps = matcher.steps;
    call.spend(steps / 8);
    call.one(Value::Nil)
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let Some(first) = needle.first() else {
        return Some(0);
    };
    let mut at = 0;
    while at + needle.len() <= haystack.len() {
        let candidates = &haystack[at..=haystack.len() - needle.len()];
        at += candidates.iter().position(|byte| byte == first)?;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// string.gmatch(s, pattern)
fn gmatch<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (subject, pattern) = (call.check_string(0)?, call.check_string(1)?);
    let iterator = piccolo::Callback::from_fn_with(
        &call.ctx,
        (call.state, subject, pattern, std::cell::Cell::new(0usize)),
        |(state, subject, pattern, next), ctx, exec, stack| {
            let mut call = Call {
                ctx,
                state: *state,
                exec,
                stack,
            };
            let subject = subject.as_bytes();
            let mut matcher = Matcher::new(subject, pattern.as_bytes());
            for start in next.get()..=subject.len() {
                let found = matcher
                    .match_at(start)
                    .map_err(|error| pattern_error(&call, error))?;
                if let Some(end) = found {
                    next.set(if end == start { end + 1 } else { end });
                    let values = captures(&call, &matcher, subject, (start, end), true)?;
                    let steps = matcher.steps;
                    call.spend(steps / 8);
                    return call.many(values);
                }
            }
            next.set(subject.len() + 1);
            call.one(Value::Nil)
        },
    );
    call.one(iterator)
}

/// What matches are replaced by.
#[derive(Clone, Copy, Collect)]
#[collect(no_drop)]
enum Replacement<'gc> {
    Text(String<'gc>),
    Table(Table<'gc>),
    Function(Function<'gc>),
}

/// A replacing under way.
#[derive(Collect)]
#[collect(no_drop)]
struct Gsub<'gc> {
    subject: String<'gc>,
    pattern: String<'gc>,
    by: Replacement<'gc>,
    most: usize,
    at: usize,
    count: usize,
    out: Vec<u8>,
    /// The match whose replacement is being asked for.
    asked: Option<(usize, usize)>,
}

/// string.gsub(s, pattern, replacement [, n])
fn gsub<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    let (subject, pattern) = (call.check_string(0)?, call.check_string(1)?);
    let most = call.opt_integer(3, subject.as_bytes().len() as i64 + 1)?;
    let by = match call.arg(2) {
        Value::Table(table) => Replacement::Table(table),
        Value::Function(function) => Replacement::Function(function),
        Value::String(_) | Value::Number(_) => Replacement::Text(call.check_string(2)?),
        _ => return Err(call.arg_error(2, "string/function/table expected")),
    };
    let mut gsub = Gsub {
        subject,
        pattern,
        by,
        most: most.max(0) as usize,
        at: 0,
        count: 0,
        out: Vec::with_capacity(subject.as_bytes().len()),
        asked: None,
    };
    match gsub.run(call)? {
        None => gsub.finish(call),
        Some(function) => Ok(CallbackReturn::Call {
            function,
            then: Some(BoxSequence::new(&call.ctx, gsub)),
        }),
    }
}

impl<'gc> Gsub<'gc> {
    /// Goes on until it is done, or until a function has to be asked with what is on the stack.
    fn run(&mut self, call: &mut Call<'gc, '_>) -> Result<Option<Function<'gc>>, Error<'gc>> {
        let (subject, pattern) = (self.subject.as_bytes(), self.pattern.as_bytes());
        let anchored = pattern.first() == Some(&b'^');
        let mut matcher = Matcher::new(subject, &pattern[usize::from(anchored)..]);
        let mut spent = 0;
        while self.count < self.most && self.at <= subject.len() {
            if anchored && self.at > 0 {
                break;
            }
            let start = self.at;
            let found = matcher
                .match_at(start)
                .map_err(|error| pattern_error(call, error))?;
            if let Some(end) = found {
                self.count += 1;
                let range = (start, end);
                // What follows depends on where the match ended, whatever replaces it.
                if end > start {
                    self.at = end;
                } else {
                    self.at = start + 1;
                }
                match self.replace(call, &matcher, range)? {
                    Some(function) => {
                        self.asked = Some(range);
                        return Ok(Some(function));
                    }
                    None => {
                        if end == start && start < subject.len() {
                            self.out.push(subject[start]);
                        }
                    }
                }
            } else {
                if start < subject.len() {
                    self.out.push(subject[start]);
                }
                self.at = start + 1;
            }
            if anchored {
                break;
            }
            call.spend((matcher.steps - spent) / 8);
            spent = matcher.steps;
            call.reserve(self.out.len())?;
        }
        Ok(None)
    }

    /// Appends what replaces a match, or tells which function to ask for it.
    fn replace(
        &mut self,
        call: &mut Call<'gc, '_>,
        matcher: &Matcher<'_>,
        range: (usize, usize),
    ) -> Result<Option<Function<'gc>>, Error<'gc>> {
        let subject = self.subject.as_bytes();
        match self.by {
            Replacement::Text(text) => {
                self.append_template(call, matcher, text.as_bytes(), range)?;
                Ok(None)
            }
            Replacement::Function(function) => {
                let values = captures(call, matcher, subject, range, true)?;
                call.stack.clear();
                call.stack.extend(values);
                Ok(Some(function))
            }
            Replacement::Table(table) => {
                let first = matcher
                    .capture(0, range.0, range.1)
                    .map_err(|error| pattern_error(call, error))?;
                let key = captured(call.ctx, subject, first);
                let mut from = Value::Table(table);
                for _ in 0..100 {
                    if let Value::Table(table) = from {
                        let value = call.state.get(table, key);
                        if !value.is_nil() {
                            self.append_value(call, value, range)?;
                            return Ok(None);
                        }
                    }
                    match metamethod(call.ctx, call.state, from, "__index") {
                        Value::Function(function) => {
                            call.stack.clear();
                            call.stack.extend([from, key]);
                            return Ok(Some(function));
                        }
                        Value::Nil => break,
                        other => from = other,
                    }
                }
                self.append_value(call, Value::Nil, range)?;
                Ok(None)
            }
        }
    }

    /// Appends a replacement in which `%1` stands for a capture.
    fn append_template(
        &mut self,
        call: &Call<'gc, '_>,
        matcher: &Matcher<'_>,
        template: &[u8],
        range: (usize, usize),
    ) -> Result<(), Error<'gc>> {
        let mut bytes = template.iter();
        while let Some(byte) = bytes.next() {
            if *byte != b'%' {
                self.out.push(*byte);
                continue;
            }
            match bytes.next() {
                Some(b'0') => {
                    let whole = &self.subject.as_bytes()[range.0..range.1];
                    self.out.extend_from_slice(whole);
                }
                Some(digit @ b'1'..=b'9') => {
                    let capture = matcher
                        .capture(usize::from(digit - b'1'), range.0, range.1)
                        .map_err(|error| pattern_error(call, error))?;
                    match capture {
                        Capture::Range(from, to) => self
                            .out
                            .extend_from_slice(&self.subject.as_bytes()[from..to]),
                        Capture::Position(place) => {
                            append_text(&mut self.out, Value::Number(place as f64));
                        }
                    }
                }
                Some(other) => self.out.push(*other),
                // The real one finds the zero behind the string here.
                None => self.out.push(0),
            }
        }
        Ok(())
    }

    /// Appends what a table or a function gave: nothing leaves the match as it is.
    fn append_value(
        &mut self,
        call: &Call<'gc, '_>,
        value: Value<'gc>,
        range: (usize, usize),
    ) -> Result<(), Error<'gc>> {
        if !value.to_bool() {
            let whole = &self.subject.as_bytes()[range.0..range.1];
            self.out.extend_from_slice(whole);
        } else if !append_text(&mut self.out, value) {
            let found = value.type_name();
            return Err(call.error(format!("invalid replacement value (a {found})")));
        }
        Ok(())
    }

    fn finish(&mut self, call: &mut Call<'gc, '_>) -> Outcome<'gc> {
        let subject = self.subject.as_bytes();
        let mut out = std::mem::take(&mut self.out);
        out.extend_from_slice(&subject[self.at.min(subject.len())..]);
        let text = call.own_text(out);
        call.many([text, Value::Number(self.count as f64)])
    }
}

impl<'gc> Sequence<'gc> for Gsub<'gc> {
    fn poll(
        &mut self,
        ctx: Context<'gc>,
        exec: Execution<'gc, '_>,
        stack: Stack<'gc, '_>,
    ) -> Result<SequencePoll<'gc>, Error<'gc>> {
        let mut call = Call::resumed(ctx, exec, stack);
        if let Some((start, end)) = self.asked.take() {
            let value = call.arg(0);
            self.append_value(&call, value, (start, end))?;
            let subject = self.subject.as_bytes();
            if end == start && start < subject.len() {
                self.out.push(subject[start]);
            }
            if self.pattern.as_bytes().first() == Some(&b'^') {
                self.most = self.count;
            }
        }
        match self.run(&mut call)? {
            Some(function) => Ok(SequencePoll::Call {
                function,
                is_tail: false,
            }),
            None => {
                self.finish(&mut call)?;
                Ok(SequencePoll::Return)
            }
        }
    }
}

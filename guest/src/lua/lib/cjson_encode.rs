//! `cjson.encode`

use piccolo::{Error, Table, Value};

use super::cjson::{Invalid, Settings};
use crate::lua::call::{Call, Outcome};
use crate::lua::number::{append_general, not_finite};

/// Deeper than this the real one runs out of stack, whatever the settings.
const DEEPEST: usize = 2_600;

/// A table that is being written.
enum Writing<'gc> {
    /// The last place written, of how many.
    Array(Table<'gc>, i64, i64),
    /// The last key written.
    Object(Table<'gc>, Value<'gc>),
}

struct Encoder<'c, 'gc, 'a> {
    call: &'c mut Call<'gc, 'a>,
    settings: Settings,
    out: Vec<u8>,
    open: Vec<Writing<'gc>>,
}

/// cjson.encode(value)
pub fn encode<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.count() != 1 {
        return Err(call.arg_error(0, "expected 1 argument"));
    }
    let value = call.arg(0);
    let settings = call.state.shared().cjson.get();
    let mut encoder = Encoder {
        call,
        settings,
        out: Vec::new(),
        open: Vec::new(),
    };
    encoder.value(value)?;
    encoder.run()?;
    let out = encoder.out;
    call.reserve(out.len())?;
    let text = call.own_text(out);
    call.one(text)
}

impl<'gc> Encoder<'_, 'gc, '_> {
    fn cannot(&self, value: Value<'gc>, reason: &str) -> Error<'gc> {
        let kind = value.type_name();
        self.call
            .error(format!("Cannot serialise {kind}: {reason}"))
    }

    fn run(&mut self) -> Result<(), Error<'gc>> {
        while let Some(innermost) = self.open.last_mut() {
            let state = self.call.state;
            match innermost {
                Writing::Array(table, at, length) => {
                    if at == length {
                        self.out.push(b']');
                        self.open.pop();
                        continue;
                    }
                    *at += 1;
                    let value = state.get(*table, Value::Number(*at as f64));
                    if *at > 1 {
                        self.out.push(b',');
                    }
                    self.value(value)?;
                }
                Writing::Object(table, key) => {
                    let is_first = key.is_nil();
                    let Ok(Some((next, value))) = state.next(*table, *key) else {
                        self.out.push(b'}');
                        self.open.pop();
                        continue;
                    };
                    *key = next;
                    if !is_first {
                        self.out.push(b',');
                    }
                    match next {
                        Value::Number(number) => {
                            self.out.push(b'"');
                            self.number(next, number)?;
                            self.out.extend_from_slice(b"\":");
                        }
                        Value::String(text) => {
                            append_string(&mut self.out, text.as_bytes());
                            self.out.push(b':');
                        }
                        _ => {
                            let reason = "table key must be a number or string";
                            return Err(self.cannot(next, reason));
                        }
                    }
                    self.value(value)?;
                }
            }
            if self.out.len() > 1 << 16 {
                self.call.reserve(self.out.len())?;
            }
            self.call.spend(1);
        }
        Ok(())
    }

    fn value(&mut self, value: Value<'gc>) -> Result<(), Error<'gc>> {
        match value {
            Value::String(text) => append_string(&mut self.out, text.as_bytes()),
            Value::Number(number) => self.number(value, number)?,
            Value::Boolean(true) => self.out.extend_from_slice(b"true"),
            Value::Boolean(false) => self.out.extend_from_slice(b"false"),
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::UserData(data) if data == self.call.state.null() => {
                self.out.extend_from_slice(b"null");
            }
            Value::Table(table) => {
                let depth = self.open.len() + 1;
                if depth as i64 > i64::from(self.settings.encode_depth) || depth > DEEPEST {
                    return Err(self
                        .call
                        .error(format!("Cannot serialise, excessive nesting ({depth})")));
                }
                match self.array_length(table)? {
                    Some(length) if length > 0 => {
                        self.out.push(b'[');
                        self.open.push(Writing::Array(table, 0, length));
                    }
                    _ => {
                        self.out.push(b'{');
                        self.open.push(Writing::Object(table, Value::Nil));
                    }
                }
            }
            _ => return Err(self.cannot(value, "type not supported")),
        }
        Ok(())
    }

    fn number(&mut self, value: Value<'gc>, number: f64) -> Result<(), Error<'gc>> {
        if !number.is_finite() {
            match self.settings.encode_invalid {
                Invalid::Refused => return Err(self.cannot(value, "must not be NaN or Inf")),
                Invalid::Written if number.is_nan() => self.out.extend_from_slice(b"nan"),
                Invalid::Written => self.out.extend_from_slice(not_finite(number)),
                Invalid::Null => self.out.extend_from_slice(b"null"),
            }
            return Ok(());
        }
        append_general(
            &mut self.out,
            number,
            self.settings.precision as usize,
            false,
        );
        Ok(())
    }

    /// How long an array the table is; none where it is an object.
    fn array_length(&mut self, table: Table<'gc>) -> Result<Option<i64>, Error<'gc>> {
        let (mut most, mut items) = (0i64, 0i64);
        for (key, _) in self.call.state.pairs(table) {
            match key {
                Value::Number(number) if number >= 1.0 && number.floor() == number => {
                    // As C's `int`, which the real one keeps it in.
                    if number > most as f64 {
                        most = i64::from(number as i64 as i32);
                    }
                    items += 1;
                }
                _ => return Ok(None),
            }
        }
        let settings = &self.settings;
        if settings.sparse_ratio > 0
            && most > items * i64::from(settings.sparse_ratio)
            && most > i64::from(settings.sparse_safe)
        {
            if !settings.sparse_convert {
                return Err(self.cannot(table.into(), "excessively sparse array"));
            }
            return Ok(None);
        }
        Ok(Some(most))
    }
}

fn append_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for byte in text {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'/' => b"\\/",
            8 => b"\\b",
            9 => b"\\t",
            10 => b"\\n",
            12 => b"\\f",
            13 => b"\\r",
            0..=31 | 127 => {
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                continue;
            }
            _ => {
                out.push(*byte);
                continue;
            }
        };
        out.extend_from_slice(escape);
    }
    out.push(b'"');
}

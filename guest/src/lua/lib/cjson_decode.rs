//! `cjson.decode`

use piccolo::{Error, Table, Value};

use super::cjson::Settings;
use crate::lua::call::{Call, Outcome};
use crate::lua::number;

/// Deeper than this the real one runs out of stack, whatever the settings.
const DEEPEST: usize = 2_600;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn describe(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(reason) => reason,
        }
    }
}

/// A table whose members are being read.
enum Reading<'gc> {
    Array(Table<'gc>, f64),
    Object(Table<'gc>, Value<'gc>),
}

struct Decoder<'c, 'gc, 'a> {
    call: &'c mut Call<'gc, 'a>,
    settings: Settings,
    text: &'gc [u8],
    at: usize,
    /// Where the last token began.
    start: usize,
}

/// cjson.decode(text)
pub fn decode<'gc>(call: &mut Call<'gc, '_>) -> Outcome<'gc> {
    if call.count() != 1 {
        return Err(call.arg_error(0, "expected 1 argument"));
    }
    let text = call.check_string(0)?.as_bytes();
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(call.error("JSON parser does not support UTF-16 or UTF-32"));
    }
    let settings = call.state.shared().cjson.get();
    let mut decoder = Decoder {
        call,
        settings,
        text,
        at: 0,
        start: 0,
    };
    let value = decoder.run()?;
    call.one(value)
}

impl<'gc> Decoder<'_, 'gc, '_> {
    fn run(&mut self) -> Result<Value<'gc>, Error<'gc>> {
        let mut open: Vec<Reading<'gc>> = Vec::new();
        let mut token = self.token();
        loop {
            // A value begins.
            let mut value = match &token {
                Token::String(text) => {
                    let text = text.clone();
                    self.call.own_text(text)
                }
                Token::Number(number) => Value::Number(*number),
                Token::Boolean(truth) => Value::Boolean(*truth),
                Token::Null => self.call.state.null().into(),
                Token::ObjectBegin => {
                    let table = self.descend(open.len())?;
                    token = self.token();
                    if token != Token::ObjectEnd {
                        let key = self.key(&token)?;
                        open.push(Reading::Object(table, key));
                        token = self.token();
                        continue;
                    }
                    table.into()
                }
                Token::ArrayBegin => {
                    let table = self.descend(open.len())?;
                    token = self.token();
                    if token != Token::ArrayEnd {
                        open.push(Reading::Array(table, 1.0));
                        continue;
                    }
                    table.into()
                }
                _ => return Err(self.expected("value", &token)),
            };
            // A value is complete, and with it, perhaps, what it is in.
            loop {
                let Some(innermost) = open.last_mut() else {
                    token = self.token();
                    if token != Token::End {
                        return Err(self.expected("the end", &token));
                    }
                    return Ok(value);
                };
                match innermost {
                    Reading::Array(table, place) => {
                        let (table, key) = (*table, *place);
                        *place += 1.0;
                        self.call.raw_set(table, Value::Number(key), value)?;
                        token = self.token();
                        match token {
                            Token::ArrayEnd => value = table.into(),
                            Token::Comma => {
                                token = self.token();
                                break;
                            }
                            _ => return Err(self.expected("comma or array end", &token)),
                        }
                    }
                    Reading::Object(table, key) => {
                        let (table, last) = (*table, *key);
                        self.call.raw_set(table, last, value)?;
                        token = self.token();
                        match token {
                            Token::ObjectEnd => value = table.into(),
                            Token::Comma => {
                                token = self.token();
                                let next = self.key(&token)?;
                                if let Some(Reading::Object(_, key)) = open.last_mut() {
                                    *key = next;
                                }
                                token = self.token();
                                break;
                            }
                            _ => return Err(self.expected("comma or object end", &token)),
                        }
                    }
                }
                open.pop();
            }
            self.call.spend(1);
            if self.at.is_multiple_of(256) {
                self.call.reserve(0)?;
            }
        }
    }

    fn descend(&mut self, depth: usize) -> Result<Table<'gc>, Error<'gc>> {
        let depth = depth + 1;
        if depth as i64 > i64::from(self.settings.decode_depth) || depth > DEEPEST {
            return Err(self.call.error(format!(
                "Found too many nested data structures ({depth}) at character {}",
                self.at
            )));
        }
        self.call.reserve(64)?;
        Ok(self.call.state.new_table(self.call.ctx))
    }

    /// A key, and the colon behind it.
    fn key(&mut self, token: &Token) -> Result<Value<'gc>, Error<'gc>> {
        let Token::String(key) = token else {
            return Err(self.expected("object key string", token));
        };
        let key = self.call.own_text(key.clone());
        let colon = self.token();
        if colon != Token::Colon {
            return Err(self.expected("colon", &colon));
        }
        Ok(key)
    }

    fn expected(&self, what: &str, found: &Token) -> Error<'gc> {
        let (found, place) = (found.describe(), self.start + 1);
        self.call.error(format!(
            "Expected {what} but found {found} at character {place}"
        ))
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn error(&mut self, reason: &'static str) -> Token {
        self.start = self.at;
        Token::Error(reason)
    }

    fn token(&mut self) -> Token {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.start = self.at;
        let byte = self.byte(self.at);
        let single = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            // A zero ends the text, as it ends a string of C's.
            0 => return Token::End,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => {
                if !self.settings.decode_invalid && self.is_invalid_number() {
                    return self.error("invalid number");
                }
                return self.number();
            }
            b'f' | b'i' | b'I' | b'n' | b'N' | b't' | b'+' => return self.word(),
            _ => return self.error("invalid token"),
        };
        self.at += 1;
        single
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        for (word, token) in [
            (&b"true"[..], Token::Boolean(true)),
            (b"false", Token::Boolean(false)),
            (b"null", Token::Null),
        ] {
            if rest.starts_with(word) {
                self.at += word.len();
                return token;
            }
        }
        if self.settings.decode_invalid && self.is_invalid_number() {
            return self.number();
        }
        self.error("invalid token")
    }

    /// True for what C reads as a number and JSON does not.
    fn is_invalid_number(&self) -> bool {
        let mut at = self.at;
        if self.byte(at) == b'+' {
            return true;
        }
        if self.byte(at) == b'-' {
            at += 1;
        }
        match self.byte(at) {
            b'0' => {
                let next = self.byte(at + 1);
                next | 0x20 == b'x' || next.is_ascii_digit()
            }
            byte if byte <= b'9' => false,
            _ => {
                let rest = self.text.get(at..at + 3).unwrap_or_default();
                rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"nan")
            }
        }
    }

    fn number(&mut self) -> Token {
        let length = number_length(&self.text[self.at..]);
        match number::parse(&self.text[self.at..self.at + length]) {
            Some(number) if length > 0 => {
                self.at += length;
                Token::Number(number)
            }
            _ => self.error("invalid number"),
        }
    }

    fn string(&mut self) -> Token {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.byte(self.at) {
                b'"' => {
                    self.at += 1;
                    return Token::String(out);
                }
                0 => return self.error("unexpected end of string"),
                b'\\' => {
                    let plain = match self.byte(self.at + 1) {
                        byte @ (b'"' | b'\\' | b'/') => byte,
                        b'b' => 8,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'f' => 12,
                        b'r' => b'\r',
                        b'u' => {
                            if self.unicode(&mut out).is_none() {
                                return self.error("invalid unicode escape code");
                            }
                            continue;
                        }
                        _ => return self.error("invalid escape code"),
                    };
                    out.push(plain);
                    self.at += 2;
                }
                byte => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 4)?;
        digits.iter().try_fold(0, |number, digit| {
            Some(number << 4 | (*digit as char).to_digit(16)?)
        })
    }

    /// `\u1f2e`, or two of them for what lies beyond.
    fn unicode(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let mut code = self.hex(self.at + 2)?;
        let mut length = 6;
        if code & 0xf800 == 0xd800 {
            if code & 0x400 != 0
                || self.byte(self.at + 6) != b'\\'
                || self.byte(self.at + 7) != b'u'
            {
                return None;
            }
            let low = self.hex(self.at + 8)?;
            if low & 0xfc00 != 0xdc00 {
                return None;
            }
            code = ((code & 0x3ff) << 10 | low & 0x3ff) + 0x10000;
            length = 12;
        }
        let character = char::from_u32(code)?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += length;
        Some(())
    }
}

/// How many bytes C's `strtod` would read.
fn number_length(text: &[u8]) -> usize {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let rest = &text[sign..];
    let starts = |word: &[u8]| {
        rest.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    for word in [&b"infinity"[..], b"inf", b"nan"] {
        if starts(word) {
            return sign + word.len();
        }
    }
    let is_hex = starts(b"0x") && rest.get(2).is_some_and(u8::is_ascii_hexdigit);
    let (mut at, is_digit, exponent): (usize, fn(&u8) -> bool, u8) = if is_hex {
        (2, u8::is_ascii_hexdigit, b'p')
    } else {
        (0, u8::is_ascii_digit, b'e')
    };
    let digits = |from: usize| {
        rest[from.min(rest.len())..]
            .iter()
            .take_while(|byte| is_digit(byte))
            .count()
    };
    let whole = digits(at);
    at += whole;
    let mut any = whole > 0;
    if rest.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if any || fraction > 0 {
            any = true;
            at += 1 + fraction;
        }
    }
    if !any {
        return 0;
    }
    if rest.get(at).is_some_and(|byte| byte | 0x20 == exponent) {
        let sign = usize::from(matches!(rest.get(at + 1), Some(b'+' | b'-')));
        let power = rest[(at + 1 + sign).min(rest.len())..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if power > 0 {
            at += 1 + sign + power;
        }
    }
    sign + at
}

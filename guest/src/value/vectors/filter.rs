//! The expressions that choose elements of a vector set by what was said about them: `.year > 1980
//! and .genre in ["action", "drama"]`.

/// Why an expression is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// How deep brackets may be nested.
const DEEPEST: usize = 64;

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Open,
    Close,
    Operator(Operator),
    Value(Value),
    /// A field of the attributes.
    Field(Box<[u8]>),
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Number(f64),
    Text(Vec<u8>),
    List(Vec<Value>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
    Unequal,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Not,
}

impl Operator {
    fn precedence(self) -> u8 {
        use Operator::*;
        match self {
            Or => 0,
            And => 1,
            Above | AtLeast | Below | AtMost | Equal | Unequal | In => 2,
            Add | Subtract => 3,
            Multiply | Divide | Remainder => 4,
            Power => 5,
            Not => 6,
        }
    }
}

/// By what it is written as; what begins as another one is before that.
const OPERATORS: [(&str, Operator); 19] = [
    ("||", Operator::Or),
    ("&&", Operator::And),
    (">=", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("**", Operator::Power),
    (">", Operator::Above),
    ("<", Operator::Below),
    ("+", Operator::Add),
    ("-", Operator::Subtract),
    ("*", Operator::Multiply),
    ("/", Operator::Divide),
    ("%", Operator::Remainder),
    ("!", Operator::Not),
    ("or", Operator::Or),
    ("and", Operator::And),
    ("in", Operator::In),
    ("not", Operator::Not),
];

/// An expression that was understood.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Each operator behind what it works on.
    words: Vec<Word>,
}

impl Filter {
    /// Reads an expression.
    pub fn parse(text: &[u8]) -> Result<Self, Malformed> {
        let mut waiting: Vec<Word> = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut reader = Reader { text, at: 0 };
        let mut begins = true;
        while let Some(word) = reader.word(begins)? {
            begins = matches!(word, Word::Open | Word::Operator(_));
            match word {
                Word::Open | Word::Operator(Operator::Not) => waiting.push(word),
                Word::Close => loop {
                    match waiting.pop().ok_or(Malformed)? {
                        Word::Open => break,
                        other => words.push(other),
                    }
                },
                Word::Operator(operator) => {
                    let goes_before = |top: &Word| match top {
                        // Of two powers the second comes first.
                        Word::Operator(Operator::Power) if operator == Operator::Power => false,
                        Word::Operator(top) => top.precedence() >= operator.precedence(),
                        _ => false,
                    };
                    while let Some(top) = waiting.pop_if(|top| goes_before(top)) {
                        words.push(top);
                    }
                    waiting.push(word);
                }
                Word::Value(_) | Word::Field(_) => words.push(word),
            }
        }
        while let Some(word) = waiting.pop() {
            if word == Word::Open {
                return Err(Malformed);
            }
            words.push(word);
        }
        // What it works on must be there for each operator, and one value be left.
        let mut values = 0usize;
        for word in &words {
            let needed = match word {
                Word::Operator(Operator::Not) => 1,
                Word::Operator(_) => 2,
                _ => 0,
            };
            values = values.checked_sub(needed).ok_or(Malformed)? + 1;
        }
        if values == 1 {
            Ok(Filter { words })
        } else {
            Err(Malformed)
        }
    }

    /// Whether an element is wanted about which this was said. A field that is not there makes it
    /// unwanted, whatever is asked of it.
    pub fn wants(&self, attributes: Option<&[u8]>) -> bool {
        attributes
            .is_some_and(|attributes| self.value(attributes).is_some_and(|value| value.is_true()))
    }

    fn value(&self, attributes: &[u8]) -> Option<Value> {
        let mut values: Vec<Value> = Vec::new();
        for word in &self.words {
            let value = match word {
                Word::Value(value) => value.clone(),
                Word::Field(name) => field(attributes, name)?,
                Word::Operator(Operator::Not) => truth(!values.pop()?.is_true()),
                Word::Operator(operator) => {
                    let (right, left) = (values.pop()?, values.pop()?);
                    apply(*operator, &left, &right)
                }
                Word::Open | Word::Close => return None,
            };
            values.push(value);
        }
        values.pop()
    }
}

fn truth(is_true: bool) -> Value {
    Value::Number(f64::from(u8::from(is_true)))
}

impl Value {
    fn is_true(&self) -> bool {
        match self {
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(list) => !list.is_empty(),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Value::Number(number) => *number,
            Value::Text(text) => {
                let text = std::str::from_utf8(text).ok();
                text.and_then(|text| text.trim().parse().ok())
                    .unwrap_or(0.0)
            }
            Value::List(_) => 0.0,
        }
    }

    fn equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Text(one), Value::Text(two)) => one == two,
            _ => self.number() == other.number(),
        }
    }

    /// The same, of the same kind.
    fn is(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Text(_), Value::Text(_)) | (Value::Number(_), Value::Number(_)) => {
                self.equals(other)
            }
            _ => false,
        }
    }
}

fn apply(operator: Operator, left: &Value, right: &Value) -> Value {
    let (x, y) = (left.number(), right.number());
    match operator {
        Operator::Or => truth(left.is_true() || right.is_true()),
        Operator::And => truth(left.is_true() && right.is_true()),
        Operator::Above => truth(x > y),
        Operator::AtLeast => truth(x >= y),
        Operator::Below => truth(x < y),
        Operator::AtMost => truth(x <= y),
        Operator::Equal => truth(left.equals(right)),
        Operator::Unequal => truth(!left.equals(right)),
        Operator::In => match right {
            Value::List(list) => truth(list.iter().any(|value| value.is(left))),
            _ => truth(false),
        },
        Operator::Add => Value::Number(x + y),
        Operator::Subtract => Value::Number(x - y),
        Operator::Multiply => Value::Number(x * y),
        Operator::Divide => Value::Number(x / y),
        Operator::Remainder => Value::Number(x % y),
        Operator::Power => Value::Number(x.powf(y)),
        Operator::Not => truth(!right.is_true()),
    }
}

/// Reads words, of an expression or of JSON.
struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn rest(&self) -> &'t [u8] {
        &self.text[self.at.min(self.text.len())..]
    }

    /// What lies ahead that fits.
    fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> &'t [u8] {
        let rest = self.rest();
        let end = rest.iter().position(|byte| !fits(*byte));
        let taken = &rest[..end.unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// The next word of an expression. A number may have a sign where a value begins.
    fn word(&mut self, begins: bool) -> Result<Option<Word>, Malformed> {
        self.skip_blanks();
        let Some(byte) = self.peek() else {
            return Ok(None);
        };
        let second = self.rest().get(1).copied().unwrap_or_default();
        let is_signed = byte == b'-' && begins && (second.is_ascii_digit() || second == b'.');
        if byte.is_ascii_digit() || is_signed {
            return Ok(Some(Word::Value(self.number()?)));
        }
        match byte {
            b'(' | b')' => {
                self.at += 1;
                let is_open = byte == b'(';
                return Ok(Some(if is_open { Word::Open } else { Word::Close }));
            }
            b'"' | b'\'' => return Ok(Some(Word::Value(Value::Text(self.quoted(byte)?)))),
            b'[' => return Ok(Some(Word::Value(self.list()?))),
            b'.' => {
                self.at += 1;
                let name = self.take_while(|byte| {
                    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
                });
                if name.is_empty() {
                    return Err(Malformed);
                }
                return Ok(Some(Word::Field(name.into())));
            }
            _ => {}
        }
        let rest = self.rest();
        let found = OPERATORS
            .iter()
            .find(|(text, _)| rest.starts_with(text.as_bytes()));
        let (text, operator) = found.ok_or(Malformed)?;
        self.at += text.len();
        let is_word = text.as_bytes().iter().all(u8::is_ascii_alphabetic);
        if is_word && self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Malformed);
        }
        Ok(Some(Word::Operator(*operator)))
    }

    fn number(&mut self) -> Result<Value, Malformed> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        self.take_while(|byte| byte.is_ascii_digit() || byte == b'.');
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'-' | b'+')) {
                self.at += 1;
            }
            self.take_while(|byte| byte.is_ascii_digit());
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).map_err(|_| Malformed)?;
        text.parse().map(Value::Number).map_err(|_| Malformed)
    }

    fn quoted(&mut self, quote: u8) -> Result<Vec<u8>, Malformed> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let byte = self.peek().ok_or(Malformed)?;
            self.at += 1;
            match byte {
                _ if byte == quote => return Ok(text),
                b'\\' => {
                    let escaped = self.peek().ok_or(Malformed)?;
                    self.at += 1;
                    match escaped {
                        b'n' => text.push(b'\n'),
                        b'r' => text.push(b'\r'),
                        b't' => text.push(b'\t'),
                        b'b' => text.push(8),
                        b'f' => text.push(12),
                        b'u' => {
                            let digits = self.rest().get(..4).ok_or(Malformed)?;
                            let digits = std::str::from_utf8(digits).map_err(|_| Malformed)?;
                            let code = u32::from_str_radix(digits, 16).map_err(|_| Malformed)?;
                            self.at += 4;
                            let letter = char::from_u32(code).unwrap_or('\u{fffd}');
                            text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                        other => text.push(other),
                    }
                }
                other => text.push(other),
            }
        }
    }

    /// A list of numbers and texts, in brackets.
    fn list(&mut self) -> Result<Value, Malformed> {
        self.at += 1;
        let mut list = Vec::new();
        loop {
            self.skip_blanks();
            match self.peek().ok_or(Malformed)? {
                b']' if list.is_empty() => {
                    self.at += 1;
                    return Ok(Value::List(list));
                }
                quote @ (b'"' | b'\'') => list.push(Value::Text(self.quoted(quote)?)),
                _ => list.push(self.number()?),
            }
            self.skip_blanks();
            let byte = self.peek();
            self.at += 1;
            match byte {
                Some(b',') => {}
                Some(b']') => return Ok(Value::List(list)),
                _ => return Err(Malformed),
            }
        }
    }

    // ---- JSON

    /// A value; `None` for null and objects, which nothing can be asked of.
    fn json(&mut self, depth: usize) -> Result<Option<Value>, Malformed> {
        self.skip_blanks();
        match self.peek().ok_or(Malformed)? {
            b'"' => self.quoted(b'"').map(Value::Text).map(Some),
            b'{' if depth < DEEPEST => self.json_object(depth, None),
            b'[' if depth < DEEPEST => {
                self.at += 1;
                let mut list = Vec::new();
                loop {
                    self.skip_blanks();
                    if self.peek() == Some(b']') && list.is_empty() {
                        self.at += 1;
                        break;
                    }
                    list.extend(self.json(depth + 1)?);
                    self.skip_blanks();
                    let byte = self.peek();
                    self.at += 1;
                    match byte {
                        Some(b',') => {}
                        Some(b']') => break,
                        _ => return Err(Malformed),
                    }
                }
                Ok(Some(Value::List(list)))
            }
            b't' | b'f' | b'n' => match self.take_while(|byte| byte.is_ascii_alphabetic()) {
                b"true" => Ok(Some(truth(true))),
                b"false" => Ok(Some(truth(false))),
                b"null" => Ok(None),
                _ => Err(Malformed),
            },
            _ => self.number().map(Some),
        }
    }

    /// An object: the field that is looked for, if it has it.
    fn json_object(
        &mut self,
        depth: usize,
        name: Option<&[u8]>,
    ) -> Result<Option<Value>, Malformed> {
        self.at += 1;
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(None);
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(Malformed);
            }
            let key = self.quoted(b'"')?;
            self.skip_blanks();
            if self.peek() != Some(b':') {
                return Err(Malformed);
            }
            self.at += 1;
            let value = self.json(depth + 1)?;
            if name.is_some_and(|name| name == key) {
                return Ok(value);
            }
            self.skip_blanks();
            let byte = self.peek();
            self.at += 1;
            match byte {
                Some(b',') => {}
                Some(b'}') => return Ok(None),
                _ => return Err(Malformed),
            }
        }
    }
}

/// A field of an object in JSON.
fn field(json: &[u8], name: &[u8]) -> Option<Value> {
    let mut reader = Reader { text: json, at: 0 };
    reader.skip_blanks();
    if reader.peek() != Some(b'{') {
        return None;
    }
    reader.json_object(0, Some(name)).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &[u8] =
        br#"{"x":1,"s":"abc","t":[1,"abc"],"b":true,"n":null,"o":{"p":3},"k":"a\"b"}"#;

    #[test]
    fn it_wants_what_redis_wants() {
        for wanted in [
            ".x",
            ".b",
            ".b == 1",
            ".s == 'abc'",
            ".s == \"abc\" && .x < 2",
            "1 in .t",
            "'abc' in .t",
            ".s in ['abc', 'd']",
            ".x in [1,2]",
            "2 ** 3 == 8",
            "2 + 3 * 4 == 14 and 7 % 4 == 3",
            "(.x + 1) * 2 == 4",
            "!(.x == 2) || 0",
            "-1 < 0",
            ".k != 'x'",
        ] {
            let filter = Filter::parse(wanted.as_bytes());
            assert!(filter.is_ok_and(|f| f.wants(Some(SAID))), "{wanted}");
        }
        for unwanted in [
            "not .x",
            "not .missing",
            "'b' in .s",
            ".s > 1",
            ".n",
            ".o",
            "0",
        ] {
            let filter = Filter::parse(unwanted.as_bytes());
            assert!(filter.is_ok_and(|f| !f.wants(Some(SAID))), "{unwanted}");
        }
        assert!(Filter::parse(b"1").is_ok_and(|f| !f.wants(None)));
    }

    #[test]
    fn what_redis_does_not_understand_is_malformed() {
        for text in [
            "",
            "foo",
            "(1",
            "1)",
            "1 2",
            "1 ==",
            "$",
            "'abc",
            ".o.p == 3",
            ".b == true",
            ".x == null",
        ] {
            assert!(Filter::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}

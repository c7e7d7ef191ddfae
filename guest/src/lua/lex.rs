//! Lua 5.1's tokens. Knows no grammar; its complaints are worded as the real lexer's.

use std::ops::Range;
use std::rc::Rc;

use super::number;

/// A name or the content of a string.
pub type Text = Rc<[u8]>;

/// One token. Where there is text to it, it is in [`Lexer::text`] or [`Lexer::number`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// A single character that stands for itself.
    Char(u8),
    /// A reserved word, by its place in [`WORDS`].
    Word(Word),
    /// `..`
    Concat,
    /// `...`
    Dots,
    /// `==`
    Equal,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `~=`
    Unequal,
    /// A numeral.
    Number,
    /// An identifier.
    Name,
    /// A string, quoted or in long brackets.
    String,
    /// Nothing is left.
    End,
}

macro_rules! words {
    ($($name:ident = $text:literal,)*) => {
        /// Lua's reserved words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Word {
            $(#[doc = concat!("`", $text, "`")] $name,)*
        }

        const WORDS: &[(&str, Word)] = &[$(($text, Word::$name),)*];

        /// The reserved word that a name is.
        fn word(name: &[u8]) -> Option<Word> {
            match std::str::from_utf8(name).ok()? {
                $($text => Some(Word::$name),)*
                _ => None,
            }
        }
    };
}

words! {
    And = "and", Break = "break", Do = "do", Else = "else", ElseIf = "elseif", End = "end",
    False = "false", For = "for", Function = "function", If = "if", In = "in", Local = "local",
    Nil = "nil", Not = "not", Or = "or", Repeat = "repeat", Return = "return", Then = "then",
    True = "true", Until = "until", While = "while",
}

/// Why a chunk is not Lua: the text that follows its name and line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line it was noticed on.
    pub line: u32,
    /// What is wrong, with what stands there.
    pub message: Vec<u8>,
}

/// A step's result.
pub type Result<T> = std::result::Result<T, SyntaxError>;

/// A token with what belongs to it.
#[derive(Clone, Debug)]
pub struct Lexeme {
    /// What it is.
    pub token: Token,
    /// The name, or the string's content.
    pub text: Text,
    /// The numeral's value.
    pub number: f64,
}

/// Takes a chunk apart.
pub struct Lexer<'s> {
    source: &'s [u8],
    at: usize,
    /// The line of the character at hand.
    pub line: u32,
    /// The raw text of the last name, numeral or string, for messages.
    raw: Vec<u8>,
    /// The text of tokens that have none.
    empty: Text,
    /// Texts that were met, each where its bytes lead to: most come again.
    met: Vec<Text>,
}

/// How many texts are remembered.
const REMEMBERED: usize = 128;

/// Longer texts are not.
const LONGEST_REMEMBERED: usize = 32;

impl Token {
    /// How messages name a token that has no text of its own.
    pub fn describe(self) -> Vec<u8> {
        let fixed: &[u8] = match self {
            Token::Char(byte) if byte.is_ascii_control() => {
                return format!("char({byte})").into_bytes();
            }
            Token::Char(byte) => return vec![byte],
            Token::Word(word) => WORDS
                .iter()
                .find(|(_, known)| *known == word)
                .map_or(b"", |(text, _)| text.as_bytes()),
            Token::Concat => b"..",
            Token::Dots => b"...",
            Token::Equal => b"==",
            Token::AtLeast => b">=",
            Token::AtMost => b"<=",
            Token::Unequal => b"~=",
            Token::Number => b"<number>",
            Token::Name => b"<name>",
            Token::String => b"<string>",
            Token::End => b"<eof>",
        };
        fixed.to_vec()
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl<'s> Lexer<'s> {
    /// Begins at the first line.
    pub fn new(source: &'s [u8]) -> Self {
        let empty: Text = Rc::from([]);
        Lexer {
            source,
            at: 0,
            line: 1,
            raw: Vec::new(),
            met: vec![empty.clone(); REMEMBERED],
            empty,
        }
    }

    /// The end of what `belongs` from here on.
    fn end_of(&self, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = &self.source[self.at..];
        let length = rest.iter().position(|byte| !belongs(*byte));
        self.at + length.unwrap_or(rest.len())
    }

    /// Keeps what comes before `end` in the raw text.
    fn save_to(&mut self, end: usize) {
        self.raw.extend_from_slice(&self.source[self.at..end]);
        self.at = end;
    }

    /// A part of the raw text, which other tokens may share.
    fn text(&mut self, part: Range<usize>) -> Text {
        let bytes = &self.raw[part];
        if bytes.len() > LONGEST_REMEMBERED {
            return Rc::from(bytes);
        }
        let place = bytes.iter().fold(0usize, |place, byte| {
            place.wrapping_mul(31).wrapping_add(usize::from(*byte))
        });
        let met = &mut self.met[place % REMEMBERED];
        if **met != *bytes {
            *met = Rc::from(bytes);
        }
        met.clone()
    }

    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn peek_after(&self) -> Option<u8> {
        self.source.get(self.at + 1).copied()
    }

    fn take_if(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    /// Keeps the byte at hand in the raw text.
    fn save(&mut self) {
        if let Some(byte) = self.peek() {
            self.raw.push(byte);
            self.at += 1;
        }
    }

    /// Passes one line break, which may be of two characters.
    fn pass_line_break(&mut self) {
        let first = self.peek();
        self.at += 1;
        if let (Some(first), Some(second)) = (first, self.peek())
            && matches!(second, b'\n' | b'\r')
            && second != first
        {
            self.at += 1;
        }
        self.line += 1;
    }

    /// An error that quotes `near`: a token with text shows what was read of it.
    pub fn error(&self, message: &str, near: Option<Token>) -> SyntaxError {
        let mut text = message.as_bytes().to_vec();
        if let Some(token) = near {
            text.extend_from_slice(b" near '");
            match token {
                Token::Name | Token::String | Token::Number => {
                    // As a C string: it ends at a zero.
                    let raw = self.raw.split(|byte| *byte == 0).next();
                    text.extend_from_slice(raw.unwrap_or_default());
                }
                other => text.extend_from_slice(&other.describe()),
            }
            text.push(b'\'');
        }
        SyntaxError {
            line: self.line,
            message: text,
        }
    }

    /// The next token.
    pub fn next(&mut self) -> Result<Lexeme> {
        let token = self.token()?;
        let mut lexeme = Lexeme {
            token,
            text: self.empty.clone(),
            number: 0.0,
        };
        match token {
            Token::Number => lexeme.number = self.numeral()?,
            Token::Name => {
                self.save_to(self.end_of(is_name));
                match word(&self.raw) {
                    Some(word) => lexeme.token = Token::Word(word),
                    None => lexeme.text = self.text(0..self.raw.len()),
                }
            }
            Token::String => lexeme.text = self.string()?,
            _ => {}
        }
        Ok(lexeme)
    }

    /// Passes what is between tokens, and tells which kind comes. Of names, numerals and strings
    /// nothing has been consumed yet.
    fn token(&mut self) -> Result<Token> {
        self.raw.clear();
        loop {
            let Some(byte) = self.peek() else {
                return Ok(Token::End);
            };
            let double = |token, lexer: &mut Self| {
                lexer.at += 1;
                if lexer.take_if(b'=') {
                    token
                } else {
                    Token::Char(byte)
                }
            };
            return Ok(match byte {
                b'\n' | b'\r' => {
                    self.pass_line_break();
                    continue;
                }
                b' ' | b'\t' | 0x0b | 0x0c => {
                    self.at += 1;
                    continue;
                }
                b'-' => {
                    self.at += 1;
                    if !self.take_if(b'-') {
                        return Ok(Token::Char(b'-'));
                    }
                    self.comment()?;
                    continue;
                }
                b'[' => match self.long_bracket() {
                    Some(_) => Token::String,
                    None if self.peek_after() == Some(b'=') => {
                        while let Some(b'[' | b'=') = self.peek() {
                            self.save();
                        }
                        return Err(
                            self.error("invalid long string delimiter", Some(Token::String))
                        );
                    }
                    None => {
                        self.at += 1;
                        Token::Char(b'[')
                    }
                },
                b'=' => double(Token::Equal, self),
                b'<' => double(Token::AtMost, self),
                b'>' => double(Token::AtLeast, self),
                b'~' => double(Token::Unequal, self),
                b'"' | b'\'' => Token::String,
                b'.' => {
                    if self.peek_after().is_some_and(|next| next.is_ascii_digit()) {
                        return Ok(Token::Number);
                    }
                    self.at += 1;
                    if !self.take_if(b'.') {
                        Token::Char(b'.')
                    } else if self.take_if(b'.') {
                        Token::Dots
                    } else {
                        Token::Concat
                    }
                }
                b'0'..=b'9' => Token::Number,
                byte if is_name(byte) => Token::Name,
                byte => {
                    self.at += 1;
                    Token::Char(byte)
                }
            });
        }
    }

    /// The level of the long bracket that opens here, if one does.
    fn long_bracket(&self) -> Option<usize> {
        let rest = self.source.get(self.at + 1..)?;
        let level = rest.iter().take_while(|byte| **byte == b'=').count();
        (rest.get(level) == Some(&b'[')).then_some(level)
    }

    fn comment(&mut self) -> Result<()> {
        if self.peek() == Some(b'[')
            && let Some(level) = self.long_bracket()
        {
            self.long_text(level, "unfinished long comment")?;
            self.raw.clear();
            return Ok(());
        }
        self.at = self.end_of(|byte| !matches!(byte, b'\n' | b'\r'));
        Ok(())
    }

    fn numeral(&mut self) -> Result<f64> {
        self.save_to(self.end_of(|byte| byte.is_ascii_digit() || byte == b'.'));
        if let Some(b'e' | b'E') = self.peek() {
            self.save();
            if let Some(b'+' | b'-') = self.peek() {
                self.save();
            }
        }
        self.save_to(self.end_of(is_name));
        number::parse(&self.raw).ok_or_else(|| self.error("malformed number", Some(Token::Number)))
    }

    fn string(&mut self) -> Result<Text> {
        match self.peek() {
            Some(b'[') => {
                let level = self.long_bracket().unwrap_or_default();
                self.long_text(level, "unfinished long string")
            }
            quote => self.quoted(quote.unwrap_or_default()),
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<Text> {
        self.save();
        loop {
            match self.peek() {
                None => return Err(self.error("unfinished string", Some(Token::End))),
                Some(b'\n' | b'\r') => {
                    return Err(self.error("unfinished string", Some(Token::String)));
                }
                Some(byte) if byte == quote => {
                    self.save();
                    return Ok(self.text(1..self.raw.len() - 1));
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                }
                Some(_) => {
                    let plain = |byte| byte != quote && !matches!(byte, b'\\' | b'\n' | b'\r');
                    self.save_to(self.end_of(plain));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<()> {
        let plain = match self.peek() {
            // The end is noticed by whoever reads on.
            None => return Ok(()),
            Some(b'a') => 7,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 11,
            Some(b'\n' | b'\r') => {
                self.raw.push(b'\n');
                self.pass_line_break();
                return Ok(());
            }
            Some(b'0'..=b'9') => {
                let mut code = 0u32;
                for _ in 0..3 {
                    let Some(digit @ b'0'..=b'9') = self.peek() else {
                        break;
                    };
                    code = code * 10 + u32::from(digit - b'0');
                    self.at += 1;
                }
                let Ok(code) = u8::try_from(code) else {
                    return Err(self.error("escape sequence too large", Some(Token::String)));
                };
                self.raw.push(code);
                return Ok(());
            }
            Some(other) => other,
        };
        self.raw.push(plain);
        self.at += 1;
        Ok(())
    }

    /// The text up to the closing bracket of that level, without a line break right at its start.
    fn long_text(&mut self, level: usize, unfinished: &str) -> Result<Text> {
        self.raw
            .extend_from_slice(&self.source[self.at..self.at + level + 2]);
        self.at += level + 2;
        if let Some(b'\n' | b'\r') = self.peek() {
            self.pass_line_break();
        }
        let start = self.raw.len();
        loop {
            match self.peek() {
                None => return Err(self.error(unfinished, Some(Token::End))),
                Some(b']') => {
                    let closing = &self.source[self.at + 1..];
                    let signs = closing.iter().take_while(|byte| **byte == b'=').count();
                    if signs == level && closing.get(level) == Some(&b']') {
                        let text = Rc::from(&self.raw[start..]);
                        self.raw
                            .extend_from_slice(&self.source[self.at..self.at + level + 2]);
                        self.at += level + 2;
                        return Ok(text);
                    }
                    self.save();
                }
                Some(b'[') if level == 0 && self.peek_after() == Some(b'[') => {
                    return Err(
                        self.error("nesting of [[...]] is deprecated", Some(Token::Char(b'[')))
                    );
                }
                Some(b'\n' | b'\r') => {
                    self.raw.push(b'\n');
                    self.pass_line_break();
                }
                Some(_) => self.save(),
            }
        }
    }
}

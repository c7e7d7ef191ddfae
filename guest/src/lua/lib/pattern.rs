//! Lua's patterns, on bytes. Knows no value of Lua's; counts its steps, so that a pattern that
//! backtracks without end can be stopped.

/// Captures of one pattern.
const MOST_CAPTURES: usize = 32;

/// How deep repetitions and captures may follow one another.
const DEEPEST: usize = 200;

/// Steps of one match.
const MOST_STEPS: usize = 50_000_000;

/// What is wrong with a pattern.
pub type PatternError = &'static str;

/// What a capture holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capture {
    /// Bytes of the subject.
    Range(usize, usize),
    /// A place in the subject, counted from 1.
    Position(usize),
}

#[derive(Clone, Copy)]
enum Length {
    Open,
    Position,
    Closed(usize),
}

/// A pattern at work on a subject.
pub struct Matcher<'s> {
    subject: &'s [u8],
    pattern: &'s [u8],
    captures: [(usize, Length); MOST_CAPTURES],
    level: usize,
    depth: usize,
    /// Steps so far.
    pub steps: usize,
}

type Found = Result<Option<usize>, PatternError>;

impl<'s> Matcher<'s> {
    /// Takes a pattern without its anchor.
    pub fn new(subject: &'s [u8], pattern: &'s [u8]) -> Self {
        Matcher {
            subject,
            pattern,
            captures: [(0, Length::Open); MOST_CAPTURES],
            level: 0,
            depth: 0,
            steps: 0,
        }
    }

    /// Matches right at `start`. Returns where the match ends.
    pub fn match_at(&mut self, start: usize) -> Found {
        self.level = 0;
        self.depth = 0;
        self.do_match(start, 0)
    }

    /// How many values a match gives: its captures, or all of it.
    pub fn count(&self) -> usize {
        self.level.max(1)
    }

    /// How many captures the pattern has.
    pub fn level(&self) -> usize {
        self.level
    }

    /// A capture of the match from `start` to `end`; the first is all of it where there is none.
    pub fn capture(&self, index: usize, start: usize, end: usize) -> Result<Capture, PatternError> {
        if index >= self.level {
            return if index == 0 {
                Ok(Capture::Range(start, end))
            } else {
                Err("invalid capture index")
            };
        }
        match self.captures[index] {
            (from, Length::Closed(length)) => Ok(Capture::Range(from, from + length)),
            (from, Length::Position) => Ok(Capture::Position(from + 1)),
            (_, Length::Open) => Err("unfinished capture"),
        }
    }

    fn class_end(&self, at: usize) -> Result<usize, PatternError> {
        let mut at = at + 1;
        match self.pattern[at - 1] {
            b'%' => {
                if at >= self.pattern.len() {
                    return Err("malformed pattern (ends with '%')");
                }
                Ok(at + 1)
            }
            b'[' => {
                if self.pattern.get(at) == Some(&b'^') {
                    at += 1;
                }
                // A bracket right at the start stands for itself.
                loop {
                    let Some(byte) = self.pattern.get(at) else {
                        return Err("malformed pattern (missing ']')");
                    };
                    at += 1;
                    if *byte == b'%' && at < self.pattern.len() {
                        at += 1;
                    }
                    if self.pattern.get(at) == Some(&b']') {
                        return Ok(at + 1);
                    }
                }
            }
            _ => Ok(at),
        }
    }

    fn in_set(&self, byte: u8, set: usize, end: usize) -> bool {
        let pattern = self.pattern;
        let mut at = set + 1;
        let negated = pattern.get(at) == Some(&b'^');
        at += usize::from(negated);
        // `end` is the closing bracket.
        while at < end {
            if pattern[at] == b'%' && at + 1 < end {
                at += 1;
                if in_class(byte, pattern[at]) {
                    return !negated;
                }
                at += 1;
            } else if at + 2 < end && pattern[at + 1] == b'-' {
                if (pattern[at]..=pattern[at + 2]).contains(&byte) {
                    return !negated;
                }
                at += 3;
            } else {
                if pattern[at] == byte {
                    return !negated;
                }
                at += 1;
            }
        }
        negated
    }

    fn single(&self, subject: usize, at: usize, end: usize) -> bool {
        let Some(byte) = self.subject.get(subject).copied() else {
            return false;
        };
        match self.pattern[at] {
            b'.' => true,
            b'%' => in_class(byte, self.pattern[at + 1]),
            b'[' => self.in_set(byte, at, end - 1),
            literal => literal == byte,
        }
    }

    fn do_match(&mut self, subject: usize, pattern: usize) -> Found {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("pattern too complex");
        }
        let found = self.match_here(subject, pattern);
        self.depth -= 1;
        found
    }

    fn match_here(&mut self, mut subject: usize, mut at: usize) -> Found {
        loop {
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return Err("pattern too complex");
            }
            if at >= self.pattern.len() {
                return Ok(Some(subject));
            }
            match self.pattern[at] {
                b'(' if self.pattern.get(at + 1) == Some(&b')') => {
                    return self.open_capture(subject, at + 2, Length::Position);
                }
                b'(' => return self.open_capture(subject, at + 1, Length::Open),
                b')' => return self.close_capture(subject, at + 1),
                b'$' if at + 1 == self.pattern.len() => {
                    return Ok((subject == self.subject.len()).then_some(subject));
                }
                b'%' => match self.pattern.get(at + 1) {
                    Some(b'b') => match self.balanced(subject, at + 2)? {
                        Some(end) => {
                            subject = end;
                            at += 4;
                            continue;
                        }
                        None => return Ok(None),
                    },
                    Some(b'f') => {
                        at += 2;
                        if self.pattern.get(at) != Some(&b'[') {
                            return Err("missing '[' after '%f' in pattern");
                        }
                        let end = self.class_end(at)?;
                        let before = match subject {
                            0 => 0,
                            place => self.subject[place - 1],
                        };
                        let here = self.subject.get(subject).copied().unwrap_or(0);
                        if self.in_set(before, at, end - 1) || !self.in_set(here, at, end - 1) {
                            return Ok(None);
                        }
                        at = end;
                        continue;
                    }
                    Some(digit @ b'0'..=b'9') => match self.back_reference(subject, *digit)? {
                        Some(end) => {
                            subject = end;
                            at += 2;
                            continue;
                        }
                        None => return Ok(None),
                    },
                    _ => {}
                },
                _ => {}
            }
            let end = self.class_end(at)?;
            let fits = self.single(subject, at, end);
            match self.pattern.get(end) {
                Some(b'?') => {
                    if fits && let Some(found) = self.do_match(subject + 1, end + 1)? {
                        return Ok(Some(found));
                    }
                    at = end + 1;
                }
                Some(b'*') => return self.longest(subject, at, end, 0),
                Some(b'+') => {
                    return if fits {
                        self.longest(subject, at, end, 1)
                    } else {
                        Ok(None)
                    };
                }
                Some(b'-') => return self.shortest(subject, at, end),
                _ => {
                    if !fits {
                        return Ok(None);
                    }
                    subject += 1;
                    at = end;
                }
            }
        }
    }

    fn longest(&mut self, subject: usize, at: usize, end: usize, least: usize) -> Found {
        let mut count = least;
        while self.single(subject + count, at, end) {
            count += 1;
        }
        self.steps += count;
        loop {
            if let Some(found) = self.do_match(subject + count, end + 1)? {
                return Ok(Some(found));
            }
            if count == least {
                return Ok(None);
            }
            count -= 1;
        }
    }

    fn shortest(&mut self, mut subject: usize, at: usize, end: usize) -> Found {
        loop {
            if let Some(found) = self.do_match(subject, end + 1)? {
                return Ok(Some(found));
            }
            if !self.single(subject, at, end) {
                return Ok(None);
            }
            subject += 1;
        }
    }

    fn open_capture(&mut self, subject: usize, at: usize, length: Length) -> Found {
        if self.level >= MOST_CAPTURES {
            return Err("too many captures");
        }
        self.captures[self.level] = (subject, length);
        self.level += 1;
        let found = self.do_match(subject, at)?;
        if found.is_none() {
            self.level -= 1;
        }
        Ok(found)
    }

    fn close_capture(&mut self, subject: usize, at: usize) -> Found {
        let open = (0..self.level)
            .rev()
            .find(|index| matches!(self.captures[*index].1, Length::Open));
        let Some(index) = open else {
            return Err("invalid pattern capture");
        };
        let start = self.captures[index].0;
        self.captures[index].1 = Length::Closed(subject - start);
        let found = self.do_match(subject, at)?;
        if found.is_none() {
            self.captures[index].1 = Length::Open;
        }
        Ok(found)
    }

    fn balanced(&mut self, subject: usize, at: usize) -> Found {
        let (Some(open), Some(close)) = (self.pattern.get(at), self.pattern.get(at + 1)) else {
            return Err("unbalanced pattern");
        };
        if self.subject.get(subject) != Some(open) {
            return Ok(None);
        }
        let mut depth = 1;
        for (offset, byte) in self.subject[subject + 1..].iter().enumerate() {
            self.steps += 1;
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(subject + offset + 2));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    fn back_reference(&mut self, subject: usize, digit: u8) -> Found {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let capture = self.captures.get(index).filter(|_| index < self.level);
        let Some((start, Length::Closed(length))) = capture.copied() else {
            return Err("invalid capture index");
        };
        let text = &self.subject[start..start + length];
        self.steps += length;
        Ok(self.subject[subject..]
            .starts_with(text)
            .then_some(subject + length))
    }
}

/// True if the byte is of the class that a letter after `%` names.
fn in_class(byte: u8, class: u8) -> bool {
    let is_in = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | 9..=13),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    is_in != class.is_ascii_uppercase()
}

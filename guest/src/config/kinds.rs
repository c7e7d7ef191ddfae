//! What a parameter's value can be: how each kind is read from words, refused, and printed.

use std::borrow::Cow;

use crate::resp::quote;
use crate::value::number::{parse_f64, parse_i64, parse_memory};

/// Why a value is not taken, in Redis's words.
pub(super) type Refusal = Cow<'static, str>;

/// A kind of value.
pub(super) trait Kind {
    /// What the table says about one parameter of this kind: its range, its check.
    type Rule;

    /// Takes the words given for it, or leaves the value as it was.
    fn assign(&mut self, words: &[&[u8]], rule: &Self::Rule) -> Result<(), Refusal>;

    /// Prints it as CONFIG GET does.
    fn print(&self, rule: &Self::Rule, out: &mut Vec<u8>);

    /// Writes it as redis.conf needs it, mostly as one line.
    fn lines(&self, default: &Self, rule: &Self::Rule) -> Vec<Line> {
        let (mut value, mut usual) = (Vec::new(), Vec::new());
        self.print(rule, &mut value);
        default.print(rule, &mut usual);
        vec![Line {
            differs: value != usual,
            value,
        }]
    }
}

/// What a line of redis.conf says behind the parameter's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub value: Vec<u8>,
    /// It is not what holds without it.
    pub differs: bool,
}

impl Line {
    /// Text, in quotes; nothing where there is none.
    fn quoted(value: &[u8], default: &[u8]) -> Vec<Line> {
        let mut text = String::new();
        quote(value, &mut text);
        let differs = value != default;
        let line = Line {
            value: text.into_bytes(),
            differs,
        };
        // Most that are empty by default are so by not being there.
        if value.is_empty() && !differs {
            Vec::new()
        } else {
            vec![line]
        }
    }
}

/// A number of bytes in the largest unit that divides it.
fn in_units(bytes: i128) -> String {
    for (unit, factor) in [("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)] {
        if bytes != 0 && bytes % factor == 0 {
            return format!("{}{unit}", bytes / factor);
        }
    }
    bytes.to_string()
}

fn one_word<'a>(words: &[&'a [u8]]) -> Result<&'a [u8], Refusal> {
    match words {
        [word] => Ok(word),
        _ => Err("wrong number of arguments".into()),
    }
}

/// What Redis keeps as a C string ends at its first NUL.
pub(super) fn before_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number as C's `strtoll` reads it, when nothing is left over: blanks and a sign may stand
/// before it, no digits at all are 0, and what is too large becomes the largest.
fn lenient_number(text: &[u8], radix: u32) -> Option<i64> {
    let text = before_nul(text);
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() && !text.is_empty() {
        return None;
    }
    let mut number: i64 = 0;
    for byte in digits {
        let digit = i64::from(char::from(*byte).to_digit(radix)?);
        let digit = if negative { -digit } else { digit };
        number = number
            .saturating_mul(i64::from(radix))
            .saturating_add(digit);
    }
    Some(number)
}

// ------------------------------------------------------------------ yes or no

impl Kind for bool {
    type Rule = ();

    fn assign(&mut self, words: &[&[u8]], _: &()) -> Result<(), Refusal> {
        let word = one_word(words)?;
        *self = if word.eq_ignore_ascii_case(b"yes") {
            true
        } else if word.eq_ignore_ascii_case(b"no") {
            false
        } else {
            return Err("argument must be 'yes' or 'no'".into());
        };
        Ok(())
    }

    fn print(&self, _: &(), out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"yes" } else { b"no" });
    }
}

/// Yes or no, where yes cannot be had. The rule says why.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnlyNo;

impl Kind for OnlyNo {
    type Rule = &'static str;

    fn assign(&mut self, words: &[&[u8]], rule: &Self::Rule) -> Result<(), Refusal> {
        let mut wanted = false;
        wanted.assign(words, &())?;
        if wanted { Err((*rule).into()) } else { Ok(()) }
    }

    fn print(&self, _: &Self::Rule, out: &mut Vec<u8>) {
        out.extend_from_slice(b"no");
    }
}

// -------------------------------------------------------------------- numbers

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Plain,
    /// Bytes: `100`, `1k` (1000), `1kb` (1024) …
    Memory,
    /// Bytes, or `10%` of `maxmemory`, which is kept as -10.
    MemoryOrPercent,
    /// Permissions.
    Octal,
}

/// The range of a number, and how it is written.
pub(super) struct Range {
    pub min: i128,
    pub max: i128,
    pub unit: Unit,
}

impl Range {
    fn read(&self, word: &[u8]) -> Result<i64, Refusal> {
        let (number, refusal) = match self.unit {
            Unit::Plain => (
                parse_i64(word),
                "argument couldn't be parsed into an integer",
            ),
            Unit::Memory => (
                parse_memory(word).map(|bytes| bytes as i64),
                "argument must be a memory value",
            ),
            Unit::MemoryOrPercent => (
                parse_memory(word)
                    .map(|bytes| bytes as i64)
                    .or_else(|| percent(word)),
                "argument must be a memory or percent value",
            ),
            Unit::Octal => (
                lenient_number(word, 8),
                "argument couldn't be parsed as an octal number",
            ),
        };
        number.ok_or(refusal.into())
    }

    /// Numbers beyond `i64::MAX` travel as negative ones; only a range that goes so far means them.
    fn meant(&self, number: i64) -> i128 {
        if self.max > i64::MAX.into() {
            i128::from(number as u64)
        } else {
            number.into()
        }
    }

    fn check(&self, number: i128) -> Result<(), Refusal> {
        if self.unit == Unit::MemoryOrPercent && (self.min..0).contains(&number) {
            return Ok(());
        }
        if self.unit == Unit::MemoryOrPercent && number < 0 {
            return Err(
                format!("percentage argument must be less or equal to {}", -self.min).into(),
            );
        }
        if (self.min..=self.max).contains(&number) {
            return Ok(());
        }
        let (min, max) = (self.min, self.max);
        Err(match self.unit {
            Unit::Octal => format!("argument must be between {min:o} and {max:o} inclusive"),
            _ => format!("argument must be between {min} and {max} inclusive"),
        }
        .into())
    }

    fn print(&self, number: i128, out: &mut Vec<u8>) {
        let text = match self.unit {
            Unit::MemoryOrPercent if number < 0 => format!("{}%", -number),
            Unit::Octal => format!("{number:o}"),
            _ => number.to_string(),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

fn percent(word: &[u8]) -> Option<i64> {
    let number = parse_i64(word.strip_suffix(b"%")?)?;
    (number >= 0).then_some(-number)
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Kind for $number {
            type Rule = Range;

            fn assign(&mut self, words: &[&[u8]], rule: &Range) -> Result<(), Refusal> {
                let number = rule.meant(rule.read(one_word(words)?)?);
                rule.check(number)?;
                *self = <$number>::try_from(number).map_err(|_| Refusal::from("argument is too large"))?;
                Ok(())
            }

            fn print(&self, rule: &Range, out: &mut Vec<u8>) {
                rule.print(*self as i128, out);
            }

            fn lines(&self, default: &Self, rule: &Range) -> Vec<Line> {
                let number = *self as i128;
                let is_memory = matches!(rule.unit, Unit::Memory | Unit::MemoryOrPercent);
                let value = if is_memory && number >= 0 {
                    in_units(number).into_bytes()
                } else {
                    let mut text = Vec::new();
                    rule.print(number, &mut text);
                    text
                };
                vec![Line { value, differs: self != default }]
            }
        }
    )*};
}

numbers!(i32 u32 i64 u64 usize);

// ----------------------------------------------------------------------- text

/// Text; empty when not given.
pub type Text = Cow<'static, [u8]>;

/// What may stand in a text.
pub(super) type Check = fn(&[u8]) -> Result<(), &'static str>;

pub(super) fn anything(_: &[u8]) -> Result<(), &'static str> {
    Ok(())
}

impl Kind for Text {
    type Rule = Check;

    fn assign(&mut self, words: &[&[u8]], check: &Check) -> Result<(), Refusal> {
        let word = before_nul(one_word(words)?);
        check(word)?;
        *self = Cow::Owned(word.to_vec());
        Ok(())
    }

    fn print(&self, _: &Check, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn lines(&self, default: &Self, _: &Check) -> Vec<Line> {
        Line::quoted(self, default)
    }
}

/// A password: any bytes.
impl Kind for Vec<u8> {
    type Rule = ();

    fn assign(&mut self, words: &[&[u8]], _: &()) -> Result<(), Refusal> {
        *self = one_word(words)?.to_vec();
        Ok(())
    }

    fn print(&self, _: &(), out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn lines(&self, default: &Self, _: &()) -> Vec<Line> {
        Line::quoted(self, default)
    }
}

fn is_path(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b'/' | b'\\'))
}

pub(super) fn rdb_file_name(name: &[u8]) -> Result<(), &'static str> {
    if is_path(name) {
        Err("dbfilename can't be a path, just a filename")
    } else {
        Ok(())
    }
}

pub(super) fn aof_file_name(name: &[u8]) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("appendfilename can't be empty")
    } else if is_path(name) {
        Err("appendfilename can't be a path, just a filename")
    } else {
        Ok(())
    }
}

pub(super) fn aof_folder_name(name: &[u8]) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("appenddirname can't be empty")
    } else if is_path(name) {
        Err("appenddirname can't be a path, just a dirname")
    } else {
        Ok(())
    }
}

pub(super) fn host_name(name: &[u8]) -> Result<(), &'static str> {
    if name.len() >= 256 {
        Err("Hostnames must be less than 256 characters")
    } else if !name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    {
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots")
    } else {
        Ok(())
    }
}

pub(super) fn node_name(name: &[u8]) -> Result<(), &'static str> {
    let unfit = |byte: &u8| !(33..=126).contains(byte) && *byte != b' ';
    if name
        .iter()
        .any(|byte| unfit(byte) || b"!\"#$%&'()*+:;<>?@[\\]^`{|}~,/".contains(byte))
    {
        Err("Announced human node name contained invalid character")
    } else {
        Ok(())
    }
}

/// The locales that a system without any language installed has.
pub(super) fn locale(name: &[u8]) -> Result<(), &'static str> {
    match name {
        b"" | b"C" | b"POSIX" | b"C.UTF-8" | b"C.utf8" => Ok(()),
        _ => Err("Invalid locale name"),
    }
}

pub(super) fn title_template(template: &[u8]) -> Result<(), &'static str> {
    const VARIABLES: [&[u8]; 7] = [
        b"title",
        b"listen-addr",
        b"server-mode",
        b"port",
        b"tls-port",
        b"unixsocket",
        b"config-file",
    ];
    let refusal = "template format is invalid or contains unknown variables";
    if template.is_empty() {
        return Err(refusal);
    }
    let mut rest = template;
    while let Some(open) = rest.iter().position(|byte| *byte == b'{') {
        rest = &rest[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}').ok_or(refusal)?;
        if !VARIABLES.contains(&&rest[..close]) {
            return Err(refusal);
        }
        rest = &rest[close + 1..];
    }
    Ok(())
}

/// Several words, kept as one line with blanks between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(pub Text);

/// How many words there may be, and what is said of more.
impl Kind for Words {
    type Rule = (usize, &'static str);

    fn assign(&mut self, words: &[&[u8]], (most, refusal): &Self::Rule) -> Result<(), Refusal> {
        if words.len() > *most {
            return Err((*refusal).into());
        }
        self.0 = Cow::Owned(words.join(&b' '));
        Ok(())
    }

    fn print(&self, _: &Self::Rule, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn lines(&self, default: &Self, _: &Self::Rule) -> Vec<Line> {
        if self == default {
            return Vec::new();
        }
        let value = if self.0.is_empty() {
            b"\"\"".to_vec()
        } else {
            self.0.to_vec()
        };
        vec![Line {
            value,
            differs: true,
        }]
    }
}

/// `host port` of the server to replicate; empty for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaOf(pub Text);

impl Kind for ReplicaOf {
    type Rule = ();

    fn assign(&mut self, words: &[&[u8]], _: &()) -> Result<(), Refusal> {
        let [host, port] = words else {
            return Err("wrong number of arguments".into());
        };
        if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
            self.0 = Cow::Borrowed(b"");
            return Ok(());
        }
        let port = lenient_number(port, 10).filter(|port| (0..=65535).contains(port));
        let port = port.ok_or("Invalid master port")?;
        self.0 = Cow::Owned([host, b" ".as_slice(), port.to_string().as_bytes()].concat());
        Ok(())
    }

    fn print(&self, _: &(), out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn lines(&self, _: &Self, _: &()) -> Vec<Line> {
        let is_set = !self.0.is_empty();
        let line = is_set.then(|| Line {
            value: self.0.to_vec(),
            differs: true,
        });
        line.into_iter().collect()
    }
}

// ------------------------------------------------------------- kinds of its own

/// After this long and this many changes, the data is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds since the last save.
    pub seconds: i64,
    /// Changes since the last save.
    pub changes: i32,
}

/// When the data is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavePoints(pub Cow<'static, [SavePoint]>);

impl Kind for SavePoints {
    type Rule = ();

    fn assign(&mut self, words: &[&[u8]], _: &()) -> Result<(), Refusal> {
        let words = if let [b""] = words { &[] } else { words };
        let mut points = Vec::new();
        for pair in words.chunks(2) {
            let refusal = "Invalid save parameters";
            let [seconds, changes] = pair else {
                return Err(refusal.into());
            };
            let seconds = lenient_number(seconds, 10).filter(|seconds| *seconds >= 1);
            let changes = lenient_number(changes, 10).filter(|changes| *changes >= 0);
            let (Some(seconds), Some(changes)) = (seconds, changes) else {
                return Err(refusal.into());
            };
            // Checked as a long and kept as an int: three thousand million changes turn negative.
            points.push(SavePoint {
                seconds,
                changes: changes as i32,
            });
        }
        self.0 = Cow::Owned(points);
        Ok(())
    }

    fn print(&self, _: &(), out: &mut Vec<u8>) {
        let points = self
            .0
            .iter()
            .map(|point| format!("{} {}", point.seconds, point.changes));
        out.extend_from_slice(points.collect::<Vec<_>>().join(" ").as_bytes());
    }

    fn lines(&self, _: &Self, _: &()) -> Vec<Line> {
        let line = |value: String| Line {
            value: value.into_bytes(),
            differs: true,
        };
        if self.0.is_empty() {
            return vec![line("\"\"".to_owned())];
        }
        let points = self.0.iter();
        points
            .map(|point| line(format!("{} {}", point.seconds, point.changes)))
            .collect()
    }
}

/// How much output may wait for a client of one class before it is disconnected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// Never more than this; 0 for no limit.
    pub hard_bytes: u64,
    /// Not more than this for longer than `soft_seconds`; 0 for no limit.
    pub soft_bytes: u64,
    /// Seconds.
    pub soft_seconds: u64,
}

const CLASSES: [&[u8]; 3] = [b"normal", b"slave", b"pubsub"];

/// By class: normal, replica, pubsub.
impl Kind for [OutputLimit; 3] {
    type Rule = ();

    fn assign(&mut self, words: &[&[u8]], _: &()) -> Result<(), Refusal> {
        if !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        let mut limits = *self;
        for limit in words.chunks_exact(4) {
            let [class, hard, soft, seconds] = limit else {
                break;
            };
            let class = if class.eq_ignore_ascii_case(b"replica") {
                b"slave".as_slice()
            } else {
                class
            };
            let class = CLASSES
                .iter()
                .position(|name| name.eq_ignore_ascii_case(class));
            let limit = class.and_then(|class| limits.get_mut(class));
            let limit =
                limit.ok_or("Invalid client class specified in buffer limit configuration.")?;
            // The seconds are cut to an int before their sign is looked at.
            let seconds = lenient_number(seconds, 10).map(|seconds| seconds as i32);
            let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
            let parsed = (parse_memory(hard), parse_memory(soft), seconds);
            let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) = parsed else {
                return Err(
                    "Error in hard, soft or soft_seconds setting in buffer limit configuration."
                        .into(),
                );
            };
            *limit = OutputLimit {
                hard_bytes,
                soft_bytes,
                soft_seconds,
            };
        }
        *self = limits;
        Ok(())
    }

    fn print(&self, _: &(), out: &mut Vec<u8>) {
        for (index, (class, limit)) in CLASSES.iter().zip(self).enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(class);
            let OutputLimit {
                hard_bytes,
                soft_bytes,
                soft_seconds,
            } = limit;
            out.extend_from_slice(format!(" {hard_bytes} {soft_bytes} {soft_seconds}").as_bytes());
        }
    }

    fn lines(&self, default: &Self, _: &()) -> Vec<Line> {
        let classes = ["normal", "replica", "pubsub"]
            .iter()
            .zip(self)
            .zip(default);
        classes
            .map(|((class, limit), usual)| {
                let hard = in_units(limit.hard_bytes.into());
                let soft = in_units(limit.soft_bytes.into());
                let seconds = limit.soft_seconds;
                Line {
                    value: format!("{class} {hard} {soft} {seconds}").into_bytes(),
                    differs: limit != usual,
                }
            })
            .collect()
    }
}

/// What the out-of-memory killer is told, by kind of process.
impl Kind for [i32; 3] {
    type Rule = ();

    fn assign(&mut self, words: &[&[u8]], _: &()) -> Result<(), Refusal> {
        let [a, b, c] = words else {
            return Err("wrong number of arguments".into());
        };
        let mut values = [0; 3];
        for (value, word) in values.iter_mut().zip([a, b, c]) {
            *value = lenient_number(word, 10)
                .filter(|number| (-2000..=2000).contains(number))
                .ok_or("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")?
                as i32;
        }
        *self = values;
        Ok(())
    }

    fn print(&self, _: &(), out: &mut Vec<u8>) {
        out.extend_from_slice(self.map(|value| value.to_string()).join(" ").as_bytes());
    }
}

/// The keyspace events that are published: a set of Redis's letters, `A` standing for most of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyspaceEvents(u32);

/// Those that `A` means, in the order they are printed.
const ALL_EVENTS: &[u8] = b"g$lshzxetd";
const OTHER_EVENTS: &[u8] = b"nKEm";

impl KeyspaceEvents {
    /// No event.
    pub const NONE: KeyspaceEvents = KeyspaceEvents(0);

    /// True if nothing is published.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True if the class of this letter (one of `g$lshzxetdnKEm`) is published.
    pub fn has(self, letter: u8) -> bool {
        self.0 & Self::bit(letter).unwrap_or(0) != 0
    }

    fn bit(letter: u8) -> Option<u32> {
        let mut letters = ALL_EVENTS.iter().chain(OTHER_EVENTS);
        letters
            .position(|known| *known == letter)
            .map(|index| 1 << index)
    }

    const ALL: u32 = (1 << ALL_EVENTS.len()) - 1;
}

impl Kind for KeyspaceEvents {
    type Rule = ();

    fn assign(&mut self, words: &[&[u8]], _: &()) -> Result<(), Refusal> {
        let mut events = 0;
        for letter in before_nul(one_word(words)?) {
            events |= match letter {
                b'A' => Self::ALL,
                letter => Self::bit(*letter)
                    .ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?,
            };
        }
        self.0 = events;
        Ok(())
    }

    fn print(&self, _: &(), out: &mut Vec<u8>) {
        // With `A`, Redis leaves out `n`, although `A` does not mean it.
        let whole = self.0 & Self::ALL == Self::ALL;
        if whole {
            out.push(b'A');
        }
        let letters = if whole {
            &b"KEm"[..]
        } else {
            &b"g$lshzxetdnKEm"[..]
        };
        out.extend(letters.iter().filter(|letter| self.has(**letter)));
    }

    fn lines(&self, default: &Self, _: &()) -> Vec<Line> {
        let mut letters = Vec::new();
        self.print(&(), &mut letters);
        let value = [b"\"".as_slice(), &letters, b"\""].concat();
        vec![Line {
            value,
            differs: self != default,
        }]
    }
}

/// The percentiles that INFO shows of a command's latency.
#[derive(Clone, Debug, PartialEq)]
pub struct Percentiles(pub Cow<'static, [f64]>);

impl Percentiles {
    /// A percentile as Redis prints it: `99.9`.
    pub fn label(percentile: f64) -> String {
        let text = format!("{percentile:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl Kind for Percentiles {
    type Rule = ();

    fn assign(&mut self, words: &[&[u8]], _: &()) -> Result<(), Refusal> {
        let words = if let [b""] = words { &[] } else { words };
        let mut percentiles = Vec::with_capacity(words.len());
        for word in words {
            let percentile =
                parse_f64(word).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
            if !(0.0..=100.0).contains(&percentile) {
                return Err(
                    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
                        .into(),
                );
            }
            percentiles.push(percentile);
        }
        self.0 = Cow::Owned(percentiles);
        Ok(())
    }

    fn print(&self, _: &(), out: &mut Vec<u8>) {
        let labels: Vec<String> = self
            .0
            .iter()
            .map(|percentile| Self::label(*percentile))
            .collect();
        out.extend_from_slice(labels.join(" ").as_bytes());
    }

    fn lines(&self, _: &Self, _: &()) -> Vec<Line> {
        let mut value = Vec::new();
        if self.0.is_empty() {
            value.extend_from_slice(b"\"\"");
        } else {
            self.print(&(), &mut value);
        }
        vec![Line {
            value,
            differs: true,
        }]
    }
}

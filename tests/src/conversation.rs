//! The format of a conversation: reading it, and writing it back with other replies.
//!
//! `conversations/README.md` explains it to whoever writes one. Knows no server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};

use crate::{frame, text};

/// Who speaks where no name stands.
pub const DEFAULT_CLIENT: &str = "a";

/// A literal reply longer than this is broken into its lines.
const LINE_WIDTH: usize = 96;

/// One file.
pub struct Conversation {
    /// Family and name, as in `string/set`.
    pub name: String,
    /// Where it stands.
    pub path: PathBuf,
    /// The parameters that its server is started with.
    pub config: Vec<(String, String)>,
    /// What happens, in order.
    pub items: Vec<Item>,
}

/// One thing in a file.
pub enum Item {
    /// A comment, an empty line, or a parameter: kept as it is.
    Note(String),
    /// Time goes by.
    Advance(Duration),
    /// A client closes its connection; it may connect again.
    Leaves(String),
    /// Something is said, or only heard.
    Exchange(Exchange),
}

/// What a client says and what it hears then.
pub struct Exchange {
    /// The line in the file, counted from 1.
    pub line: usize,
    /// Whose connection.
    pub client: String,
    /// `None` where a client hears something without having said anything.
    pub sent: Option<Sent>,
    /// Empty when nothing was recorded yet.
    pub heard: Vec<Heard>,
}

/// What goes out.
pub struct Sent {
    /// The line as it stands in the file, without the client.
    pub source: String,
    /// What it means.
    pub what: What,
}

/// How words become bytes.
pub enum What {
    /// A command: an array of bulk strings. `{name}` in it stands for what a mask captured.
    Command(Vec<Vec<u8>>),
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// The same, sent one by one.
    Drip(Vec<u8>),
}

/// What a client hears.
pub enum Heard {
    /// These bytes: one reply or more.
    Bytes(Vec<u8>),
    /// One reply that the pattern fits from its first byte to its last.
    Mask(Regex, String),
    /// No reply.
    Nothing,
    /// The server closes the connection.
    Closed,
}

impl Conversation {
    /// Reads a file; what is wrong comes with its line.
    pub fn read(root: &Path, path: &Path) -> Result<Self, String> {
        let source = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let name = path.strip_prefix(root).unwrap_or(path).with_extension("");
        Self::parse(&name.to_string_lossy(), path, &source)
    }

    /// Reads the text of a file.
    pub fn parse(name: &str, path: &Path, source: &str) -> Result<Self, String> {
        let mut conversation = Self {
            name: name.to_owned(),
            path: path.to_owned(),
            config: Vec::new(),
            items: Vec::new(),
        };
        for (index, line) in source.lines().enumerate() {
            conversation
                .line(index + 1, line)
                .map_err(|error| format!("{}:{}: {error}", path.display(), index + 1))?;
        }
        for exchange in conversation.exchanges() {
            for heard in &exchange.heard {
                if let Heard::Bytes(bytes) = heard
                    && frame::count(bytes).is_none()
                {
                    return Err(format!(
                        "{}:{}: not whole replies",
                        path.display(),
                        exchange.line
                    ));
                }
            }
        }
        Ok(conversation)
    }

    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        if line.trim().is_empty() || line.starts_with('#') {
            self.items.push(Item::Note(line.to_owned()));
            return Ok(());
        }
        let (client, rest) = match line.strip_prefix('@') {
            Some(rest) => rest
                .split_once(' ')
                .ok_or("a client says or hears something")?,
            None => (DEFAULT_CLIENT, line),
        };
        let rest = rest.trim();
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            ">" => self.says(number, client, line, What::Command(text::words(rest)?)),
            "raw" => self.says(number, client, line, What::Raw(text::words(rest)?.concat())),
            "drip" => self.says(
                number,
                client,
                line,
                What::Drip(text::words(rest)?.concat()),
            ),
            "<" => match rest.split_once(' ').unwrap_or((rest, "")) {
                ("~", pattern) => {
                    let whole = format!(r"\A(?:{pattern})\z");
                    let mask = RegexBuilder::new(&whole)
                        .unicode(false)
                        .dot_matches_new_line(true)
                        .build()
                        .map_err(|error| error.to_string())?;
                    self.hears(number, client, Heard::Mask(mask, pattern.to_owned()));
                }
                ("nothing", "") => self.hears(number, client, Heard::Nothing),
                _ => self.hears(number, client, Heard::Bytes(text::words(rest)?.concat())),
            },
            "closed" => self.hears(number, client, Heard::Closed),
            "leaves" => self.items.push(Item::Leaves(client.to_owned())),
            "advance" => {
                let milliseconds = rest.strip_suffix("ms").and_then(|count| count.parse().ok());
                let duration = milliseconds.ok_or("advance wants milliseconds, as in 500ms")?;
                self.items
                    .push(Item::Advance(Duration::from_millis(duration)));
            }
            "config" => {
                let (name, value) = rest
                    .split_once(' ')
                    .ok_or("config wants a name and a value")?;
                if self.exchanges().next().is_some() {
                    return Err("config stands before everything that is said".to_owned());
                }
                let value = text::words(value)?.join(&b' ');
                self.config.push((
                    name.to_owned(),
                    String::from_utf8_lossy(&value).into_owned(),
                ));
                self.items.push(Item::Note(line.to_owned()));
            }
            _ => return Err(format!("unknown word {verb:?}")),
        }
        Ok(())
    }

    fn says(&mut self, line: usize, client: &str, source: &str, what: What) {
        self.items.push(Item::Exchange(Exchange {
            line,
            client: client.to_owned(),
            sent: Some(Sent {
                source: source.to_owned(),
                what,
            }),
            heard: Vec::new(),
        }));
    }

    fn hears(&mut self, line: usize, client: &str, heard: Heard) {
        if let Some(Item::Exchange(last)) = self.items.last_mut()
            && last.client == client
        {
            match (last.heard.last_mut(), heard) {
                (Some(Heard::Bytes(before)), Heard::Bytes(more)) => before.extend(more),
                (_, heard) => last.heard.push(heard),
            }
            return;
        }
        self.items.push(Item::Exchange(Exchange {
            line,
            client: client.to_owned(),
            sent: None,
            heard: vec![heard],
        }));
    }

    /// What is said and heard, in order.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.items.iter().filter_map(|item| match item {
            Item::Exchange(exchange) => Some(exchange),
            _ => None,
        })
    }

    /// The file's text.
    pub fn render(&self) -> String {
        let mut lines = Vec::new();
        for item in &self.items {
            match item {
                Item::Note(line) => lines.push(line.clone()),
                Item::Advance(duration) => {
                    lines.push(format!("advance {}ms", duration.as_millis()))
                }
                Item::Leaves(client) => lines.push(format!("@{client} leaves")),
                Item::Exchange(exchange) => {
                    lines.extend(exchange.sent.as_ref().map(|sent| sent.source.clone()));
                    for heard in &exchange.heard {
                        render_heard(&exchange.client, heard, &mut lines);
                    }
                }
            }
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

fn render_heard(client: &str, heard: &Heard, lines: &mut Vec<String>) {
    let prefix = match client {
        DEFAULT_CLIENT => String::new(),
        client => format!("@{client} "),
    };
    match heard {
        Heard::Closed => lines.push(format!("{prefix}closed")),
        Heard::Nothing => lines.push(format!("{prefix}< nothing")),
        Heard::Mask(_, source) => lines.push(format!("{prefix}< ~ {source}")),
        Heard::Bytes(bytes) => {
            let whole = text::quote(bytes);
            if whole.len() <= LINE_WIDTH {
                lines.push(format!("{prefix}< {whole}"));
                return;
            }
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let end = rest.windows(2).position(|pair| pair == b"\r\n");
                let (line, later) = rest.split_at(end.map_or(rest.len(), |end| end + 2));
                lines.push(format!("{prefix}< {}", text::quote(line)));
                rest = later;
            }
        }
    }
}

/// All conversations below a folder, by name.
pub fn read_all(root: &Path) -> Result<Vec<Conversation>, String> {
    let mut files = Vec::new();
    collect(root, &mut files).map_err(|error| format!("{}: {error}", root.display()))?;
    files.sort();
    files
        .iter()
        .map(|path| Conversation::read(root, path))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_back() {
        let source = "\
# A comment.
config maxclients 2

> SET key \"a\\x00b\"
< \"+OK\\r\\n\"
@b > GET key
@b < \"$3\\r\\na\\x00b\\r\\n\"
raw \"*1\\r\\n\"
< nothing
advance 20ms
@b leaves
drip \"QUIT\\r\\n\"
< ~ \\+OK\\r\\n
closed
@b < \"-ERR gone\\r\\n\"
@b closed
";
        let conversation =
            Conversation::parse("x", Path::new("x.txt"), source).expect("well formed");
        assert_eq!(conversation.render(), source);
        assert_eq!(conversation.exchanges().count(), 5);
    }

    #[test]
    fn half_a_reply_is_refused() {
        let half = "> PING\n< \"+PO\"\n";
        assert!(Conversation::parse("x", Path::new("x.txt"), half).is_err());
    }
}

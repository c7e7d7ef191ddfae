//! Replies of the engine, read: RESP2 and RESP3, whole ones only. And requests, written.
//!
//! Knows no command.

use std::io::Write as _;

/// One reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Null,
    /// A string, however it was written.
    Text(Vec<u8>),
    Error(String),
    Integer(i64),
    Double(f64),
    /// An array, a set, a push.
    List(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
}

impl Reply {
    /// Takes the first reply off `bytes`. `None` if there is no whole one.
    pub(crate) fn take(bytes: &mut &[u8]) -> Option<Self> {
        let line = take_line(bytes)?;
        let (kind, rest) = line.split_first()?;
        let text = || std::str::from_utf8(rest).ok();
        Some(match kind {
            b'+' | b'(' => Self::Text(rest.to_vec()),
            b'-' => Self::Error(String::from_utf8_lossy(rest).into_owned()),
            b':' => Self::Integer(text()?.parse().ok()?),
            b',' => Self::Double(text()?.parse().ok()?),
            b'#' => Self::Integer((rest == b"t").into()),
            b'_' => Self::Null,
            b'$' | b'=' | b'*' if rest == b"-1" => Self::Null,
            b'$' | b'=' => {
                let length = text()?.parse::<usize>().ok()?;
                let text = bytes.get(..length)?;
                *bytes = bytes.get(length + 2..)?;
                // A verbatim string says first what kind of text it is.
                Self::Text(text.get(if *kind == b'=' { 4 } else { 0 }..)?.to_vec())
            }
            b'*' | b'~' | b'>' => {
                let length = text()?.parse::<usize>().ok()?;
                Self::List(
                    (0..length)
                        .map(|_| Self::take(bytes))
                        .collect::<Option<_>>()?,
                )
            }
            b'%' => {
                let length = text()?.parse::<usize>().ok()?;
                let pair = |_| Some((Self::take(bytes)?, Self::take(bytes)?));
                Self::Map((0..length).map(pair).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    pub(crate) fn text(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn list(self) -> Vec<Self> {
        match self {
            Self::List(list) => list,
            _ => Vec::new(),
        }
    }

    pub(crate) fn map(self) -> Vec<(Self, Self)> {
        match self {
            Self::Map(pairs) => pairs,
            _ => Vec::new(),
        }
    }
}

fn take_line<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let line = &bytes[..end];
    *bytes = &bytes[end + 2..];
    Some(line)
}

/// Adds a request at the end of `requests`.
pub(crate) fn request(requests: &mut Vec<u8>, args: &[&[u8]]) {
    array(requests, args.len());
    args.iter().for_each(|arg| bulk(requests, arg));
}

/// Adds the head of an array.
pub(crate) fn array(to: &mut Vec<u8>, length: usize) {
    // Writing to a vector can't fail.
    let _ = write!(to, "*{length}\r\n");
}

/// Adds a string.
pub(crate) fn bulk(to: &mut Vec<u8>, bytes: &[u8]) {
    let _ = write!(to, "${}\r\n", bytes.len());
    to.extend_from_slice(bytes);
    to.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_taken_one_by_one() {
        let mut bytes: &[u8] =
            b"+OK\r\n%1\r\n$1\r\na\r\n*2\r\n,1.5\r\n_\r\n=7\r\ntxt:abc\r\n-ERR x\r\n$5\r\nab";
        let text = |text: &str| Reply::Text(text.into());
        assert_eq!(Reply::take(&mut bytes), Some(text("OK")));
        let list = Reply::List(vec![Reply::Double(1.5), Reply::Null]);
        assert_eq!(
            Reply::take(&mut bytes),
            Some(Reply::Map(vec![(text("a"), list)]))
        );
        assert_eq!(Reply::take(&mut bytes), Some(text("abc")));
        assert_eq!(
            Reply::take(&mut bytes),
            Some(Reply::Error("ERR x".to_owned()))
        );
        assert_eq!(Reply::take(&mut bytes), None);
    }
}

//! Where a RESP2 or RESP3 reply ends. Knows no more of a reply than its length.

/// Bytes that no reply begins with, and where they are.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(pub usize);

/// The length of the first whole reply in `bytes`; `None` while it is cut off.
pub fn length(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut at = 0;
    // How many values are still to come; aggregates add theirs.
    let mut wanted = 1_usize;
    while wanted > 0 {
        let Some(line) = bytes[at..].windows(2).position(|pair| pair == b"\r\n") else {
            return match bytes.get(at).is_none_or(|kind| KINDS.contains(kind)) {
                true => Ok(None),
                false => Err(Malformed(at)),
            };
        };
        let number = || -> Result<Option<usize>, Malformed> {
            let text = std::str::from_utf8(&bytes[at + 1..at + line]).map_err(|_| Malformed(at))?;
            match text.parse::<i64>().map_err(|_| Malformed(at))? {
                -1 => Ok(None),
                count => Ok(Some(usize::try_from(count).map_err(|_| Malformed(at))?)),
            }
        };
        let mut end = at + line + 2;
        wanted -= 1;
        match bytes[at] {
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {}
            b'$' | b'!' | b'=' => {
                if let Some(length) = number()? {
                    end += length + 2;
                    if end > bytes.len() {
                        return Ok(None);
                    }
                    if &bytes[end - 2..end] != b"\r\n" {
                        return Err(Malformed(end - 2));
                    }
                }
            }
            b'*' | b'~' | b'>' => wanted += number()?.unwrap_or(0),
            b'%' => wanted += 2 * number()?.unwrap_or(0),
            // An attribute stands before the value that it describes.
            b'|' => wanted += 2 * number()?.unwrap_or(0) + 1,
            _ => return Err(Malformed(at)),
        }
        at = end;
    }
    Ok(Some(at))
}

const KINDS: &[u8] = b"+-:_#,($!=*~>%|";

/// How many replies `bytes` are, when they are whole replies and nothing else.
pub fn count(mut bytes: &[u8]) -> Option<usize> {
    let mut frames = 0;
    while !bytes.is_empty() {
        bytes = &bytes[length(bytes).ok()??..];
        frames += 1;
    }
    Some(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_ends_where_it_ends() {
        let frames = [
            &b"+OK\r\n"[..],
            b"-ERR no\r\n",
            b":-1\r\n",
            b"_\r\n",
            b"#t\r\n",
            b",1.5\r\n",
            b"(12345678901234567890\r\n",
            b"$-1\r\n",
            b"$0\r\n\r\n",
            b"$4\r\na\r\nb\r\n",
            b"!5\r\nERR x\r\n",
            b"=7\r\ntxt:abc\r\n",
            b"*-1\r\n",
            b"*0\r\n",
            b"*2\r\n*1\r\n:1\r\n$1\r\na\r\n",
            b"%1\r\n+a\r\n~2\r\n:1\r\n:2\r\n",
            b">2\r\n+invalidate\r\n_\r\n",
            b"|1\r\n+ttl\r\n:1\r\n$1\r\nx\r\n",
        ];
        for frame in frames {
            let shown = crate::text::quote(frame);
            let more = [frame, b"+OK\r\n"].concat();
            assert_eq!(length(&more), Ok(Some(frame.len())), "{shown}");
            for cut in 0..frame.len() {
                assert_eq!(length(&frame[..cut]), Ok(None), "{shown} cut at {cut}");
            }
        }
    }

    #[test]
    fn noise_is_malformed() {
        assert_eq!(length(b"PONG\r\n"), Err(Malformed(0)));
        assert_eq!(length(b"*2\r\n:1\r\nx"), Err(Malformed(8)));
        assert_eq!(length(b"$1\r\nabc\r\n"), Err(Malformed(5)));
    }
}

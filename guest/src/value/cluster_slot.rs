//! Which of the 16384 slots of a cluster a key belongs to: its CRC16, or that of a part in braces.
//! Knows no cluster.

/// How many slots there are.
pub const SLOTS: usize = 16_384;

/// The CRC16 of each byte, with the polynomial of XMODEM.
const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                crc << 1 ^ 0x1021
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

fn of(bytes: &[u8]) -> u16 {
    let crc = bytes.iter().fold(0u16, |crc, byte| {
        crc << 8 ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)]
    });
    crc % SLOTS as u16
}

/// The slot of a key: what stands between its first `{` and the next `}` counts, if it is anything.
pub fn of_key(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    of(tag.unwrap_or(key))
}

/// The slot that all keys fitting a pattern belong to, where that can be told.
pub fn of_pattern(pattern: &[u8]) -> Option<u16> {
    let mut tag = None;
    let mut may_be_tagged = true;
    for (at, byte) in pattern.iter().enumerate() {
        match (byte, tag) {
            (b'*' | b'?' | b'[' | b'\\', _) => return None,
            (b'{', None) if may_be_tagged => tag = Some(at + 1),
            (b'}', Some(start)) if start == at => (tag, may_be_tagged) = (None, false),
            (b'}', Some(start)) => return Some(of(&pattern[start..at])),
            _ => {}
        }
    }
    Some(of(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As CLUSTER KEYSLOT of Redis 8.0.2 answered.
    #[test]
    fn slots_are_those_of_redis() {
        for (key, slot) in [
            ("foo", 12182),
            ("{foo}x", 12182),
            ("{}x", 10595),
            ("a{b}{c}", 3300),
            ("a{b", 13340),
            ("123456789", 12739),
            ("", 0),
        ] {
            assert_eq!(of_key(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn a_pattern_has_a_slot_if_all_that_fits_it_has() {
        for (pattern, slot) in [
            ("foo", Some(12182)),
            ("{foo}*", Some(12182)),
            ("*{foo}", None),
            ("{f*}", None),
            ("{}{foo}", Some(of(b"{}{foo}"))),
            ("a\\{foo}", None),
        ] {
            assert_eq!(of_pattern(pattern.as_bytes()), slot, "{pattern}");
        }
    }
}

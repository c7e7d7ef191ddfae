//! LZF, the compression of strings in Redis's format. What is compressed is, byte for byte, what
//! liblzf makes of it as Redis builds it. Knows nothing of what the bytes mean.
//!
//! A control byte below 32 is followed by so many bytes and one, as they are. Any other refers back:
//! its three highest bits are a length less two (7: another byte is to be added), the others and the
//! next byte how far back, less one.

/// The longest run of bytes that are as they are.
const MOST_LITERALS: usize = 1 << 5;
/// How far back a reference reaches.
const MOST_BACK: usize = 1 << 13;
/// The longest that a reference may be.
const MOST_REFERRED: usize = (1 << 8) + (1 << 3);

const SLOTS: usize = 1 << 16;

/// A compressor, for any number of strings.
pub struct Compressor {
    /// Where three bytes with that hash were seen last: counted from `base`, if not before.
    seen: Vec<u32>,
    base: u32,
}

impl Default for Compressor {
    fn default() -> Self {
        Compressor {
            seen: vec![0; SLOTS],
            base: 0,
        }
    }
}

/// The slot of three bytes.
#[inline]
fn slot(bytes: &[u8]) -> usize {
    let hash = u32::from(bytes[0]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[2]);
    (hash >> 8).wrapping_sub(hash.wrapping_mul(5)) as usize & (SLOTS - 1)
}

/// What is written, with a run of literals under way at its end.
struct Output<'o> {
    bytes: &'o mut Vec<u8>,
    literals: usize,
}

impl Output<'_> {
    /// Keeps the place of the byte that tells how long a run is.
    fn begin_run(&mut self) {
        self.literals = 0;
        self.bytes.push(0);
    }

    fn end_run(&mut self) {
        if self.literals == 0 {
            self.bytes.pop();
        } else {
            let at = self.bytes.len() - self.literals - 1;
            self.bytes[at] = (self.literals - 1) as u8;
        }
    }

    #[inline]
    fn literal(&mut self, byte: u8) {
        self.bytes.push(byte);
        self.literals += 1;
        if self.literals == MOST_LITERALS {
            self.end_run();
            self.begin_run();
        }
    }

    /// `len` bytes, which were `back` bytes and one before.
    fn reference(&mut self, back: usize, len: usize) {
        let (high, low) = ((back >> 8) as u8, back as u8);
        match len - 2 {
            len @ 0..7 => self.bytes.push(high + ((len as u8) << 5)),
            len => self
                .bytes
                .extend_from_slice(&[high + (7 << 5), (len - 7) as u8]),
        }
        self.bytes.push(low);
    }
}

impl Compressor {
    /// Compresses `input` into `out`, replacing what is there. False if it would take more than
    /// `most` bytes, or nearly so.
    pub fn compress(&mut self, input: &[u8], most: usize, out: &mut Vec<u8>) -> bool {
        out.clear();
        // At once: a large block must not grow by doubling.
        out.reserve_exact(most + MOST_LITERALS);
        if input.len() < 4 || most == 0 {
            return false;
        }
        let base = self.make_base(input.len());
        let mut output = Output {
            bytes: out,
            literals: 0,
        };
        output.begin_run();
        let last = input.len() - 2;
        let mut at = 0;
        while at < last {
            let slot = slot(&input[at..]);
            let seen = std::mem::replace(&mut self.seen[slot], base + at as u32);
            // The first byte is never referred to: it looks like one that was not seen.
            let known = seen
                .checked_sub(base)
                .map(|known| known as usize)
                .filter(|known| *known > 0 && at - known <= MOST_BACK)
                .filter(|known| input[*known..known + 3] == input[at..at + 3]);
            let Some(known) = known else {
                if output.bytes.len() >= most {
                    return false;
                }
                output.literal(input[at]);
                at += 1;
                continue;
            };
            let none = usize::from(output.literals == 0);
            if output.bytes.len() - none + 4 >= most {
                return false;
            }
            output.end_run();
            let len = common(&input[known..], &input[at..]);
            output.reference(at - known - 1, len);
            output.begin_run();
            at += len;
            if at >= last {
                break;
            }
            // Of what is referred to, the last two places are remembered.
            for place in at - 2..at {
                self.seen[self::slot(&input[place..])] = base + place as u32;
            }
        }
        if output.bytes.len() + 3 > most {
            return false;
        }
        for byte in &input[at..] {
            output.literal(*byte);
        }
        output.end_run();
        true
    }

    /// Makes all that was seen before count as not seen.
    fn make_base(&mut self, len: usize) -> u32 {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        match self.base.checked_add(len) {
            Some(next) => std::mem::replace(&mut self.base, next),
            None => {
                self.seen.fill(0);
                self.base = len;
                0
            }
        }
    }
}

/// How many bytes both begin with, three of which are known. Looks as far as liblzf does, which is
/// not always to the end.
fn common(earlier: &[u8], here: &[u8]) -> usize {
    const UNROLLED: usize = 16;
    let most = (here.len() - 2).min(MOST_REFERRED);
    let mut len = 2;
    if most > UNROLLED {
        for _ in 0..UNROLLED {
            len += 1;
            if earlier[len] != here[len] {
                return len;
            }
        }
    }
    loop {
        len += 1;
        if len >= most || earlier[len] != here[len] {
            return len;
        }
    }
}

/// More than so many bytes of input cannot stand for.
pub fn most_decompressed(len: usize) -> usize {
    // The shortest reference that may be the longest has three bytes.
    (len / 3 + 1).saturating_mul(MOST_REFERRED)
}

/// The `len` bytes that `input` stands for; `None` if it does not stand for that many. `len` is not
/// more than [`most_decompressed`].
pub fn decompress(input: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(len);
    let mut rest = input;
    while let Some((control, after)) = rest.split_first() {
        let control = usize::from(*control);
        if control < MOST_LITERALS {
            let (literals, after) = after.split_at_checked(control + 1)?;
            if literals.len() > len - out.len() {
                return None;
            }
            out.extend_from_slice(literals);
            rest = after;
            continue;
        }
        let (mut referred, mut after) = (control >> 5, after);
        if referred == 7 {
            let (more, behind) = after.split_first()?;
            referred += usize::from(*more);
            after = behind;
        }
        let (low, behind) = after.split_first()?;
        let back = ((control & 0x1f) << 8 | usize::from(*low)) + 1;
        referred += 2;
        let from = out.len().checked_sub(back)?;
        if referred > len - out.len() {
            return None;
        }
        // The bytes may reach into themselves.
        for at in from..from + referred {
            out.push(out[at]);
        }
        rest = behind;
    }
    (out.len() == len).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back() {
        let mut rng = fastrand::Rng::with_seed(8);
        let mut compressor = Compressor::default();
        let mut out = Vec::new();
        let mut compressed = 0;
        for round in 0..3000 {
            let letters = [1, 2, 4, 20, 256][round % 5];
            let mut input = Vec::new();
            for _ in 0..rng.usize(0..300) {
                if rng.u8(0..4) == 0 && !input.is_empty() {
                    let from = rng.usize(0..input.len());
                    let to = rng.usize(from..input.len());
                    input.extend_from_within(from..to.min(from + 400));
                } else {
                    input.push(rng.u16(0..letters) as u8);
                }
            }
            let most = input.len().saturating_sub(4);
            if compressor.compress(&input, most, &mut out) {
                compressed += 1;
                assert!(out.len() <= most);
                assert_eq!(decompress(&out, input.len()).as_ref(), Some(&input));
                assert_eq!(decompress(&out, input.len() + 1), None);
            }
        }
        assert!(compressed > 1000);
    }

    /// As a real Redis writes them.
    #[test]
    fn bytes_are_those_of_liblzf() {
        let mut compressor = Compressor::default();
        let mut out = Vec::new();
        assert!(compressor.compress(&[b'a'; 100], 96, &mut out));
        assert_eq!(out, b"\x01aa\xe0\x57\x00\x01aa");
        assert!(!compressor.compress(b"abcdefghijklmnopqrstuvwxyz", 22, &mut out));
    }

    #[test]
    fn anything_is_decompressed_or_refused() {
        let mut rng = fastrand::Rng::with_seed(9);
        for _ in 0..20_000 {
            let input: Vec<u8> = (0..rng.usize(0..20)).map(|_| rng.u8(..)).collect();
            if let Some(out) = decompress(&input, rng.usize(0..60)) {
                assert!(out.len() < 60);
            }
        }
        assert_eq!(most_decompressed(3), 528);
    }
}

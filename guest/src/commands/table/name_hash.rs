//! The hash by which a command is found from its name. Compiled twice: into the build script, which
//! lays out the slots, and into the guest, which looks into them. Knows no command.

/// How many slots the commands are spread over: a power of two, a quarter of it in use.
pub const SLOTS: usize = 1024;

/// What is looked at of a name, letters of either case made equal: its length and its first and last
/// eight bytes, which together are all of a name of up to [`Digest::WHOLE`] bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    len: usize,
    head: u64,
    tail: u64,
}

impl Digest {
    /// Names up to this length are equal if their digests are.
    #[allow(dead_code, reason = "the build script compares no names")]
    pub const WHOLE: usize = 16;

    /// Of that name.
    #[inline]
    pub const fn of(name: &[u8]) -> Self {
        let (head, tail) = ends(name);
        Digest {
            len: name.len(),
            head: lowercase(head),
            tail: lowercase(tail),
        }
    }

    /// The slot where the name is looked for first.
    #[inline]
    pub fn slot(self, multiplier: u64) -> usize {
        let mixed = self.head ^ self.tail.rotate_left(29) ^ self.len as u64;
        (mixed.wrapping_mul(multiplier) >> (64 - SLOTS.trailing_zeros())) as usize
    }
}

/// The first and the last eight bytes; of a shorter name, the first and last four, two or one.
#[inline]
const fn ends(name: &[u8]) -> (u64, u64) {
    if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        return (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
    }
    if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        return (
            u32::from_le_bytes(*head) as u64,
            u32::from_le_bytes(*tail) as u64,
        );
    }
    if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        return (
            u16::from_le_bytes(*head) as u64,
            u16::from_le_bytes(*tail) as u64,
        );
    }
    match name {
        [first, ..] => (*first as u64, 0),
        [] => (0, 0),
    }
}

/// `to_ascii_lowercase` on eight bytes at once.
#[inline]
const fn lowercase(bytes: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let low_bits = bytes & (EACH * 0x7f);
    // Bit 7 of each byte: whether its low seven bits are `A` or more, and whether more than `Z`.
    let from_a = low_bits + EACH * (0x80 - b'A') as u64;
    let past_z = low_bits + EACH * (0x7f - b'Z') as u64;
    let upper = (from_a ^ past_z) & !bytes & (EACH * 0x80);
    bytes | (upper >> 2)
}

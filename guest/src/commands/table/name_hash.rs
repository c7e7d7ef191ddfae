//! The hash by which a command is found from its name. Compiled twice: into the build script, which
//! lays out the slots, and into the guest, which looks into them. Knows no command.

/// How many slots the commands are spread over: a power of two, a quarter of it in use.
pub const SLOTS: usize = 1024;

/// The slot where a name is looked for first. Letters of either case give the same.
#[inline]
pub fn slot(name: &[u8], multiplier: u64) -> usize {
    // Bit 5 is what tells `a` from `A`. Setting it everywhere makes some other bytes equal too, which
    // costs a comparison and no more.
    const FOLD: u64 = 0x2020_2020_2020_2020;
    let (head, tail) = ends(name);
    let mixed = (head | FOLD) ^ (tail | FOLD).rotate_left(29) ^ name.len() as u64;
    (mixed.wrapping_mul(multiplier) >> (64 - SLOTS.trailing_zeros())) as usize
}

/// The first and the last eight bytes, which overlap or have gaps; every byte of a name up to 16
/// counts.
#[inline]
fn ends(name: &[u8]) -> (u64, u64) {
    if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        return (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
    }
    if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        return (u32::from_le_bytes(*head).into(), u32::from_le_bytes(*tail).into());
    }
    if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        return (u16::from_le_bytes(*head).into(), u16::from_le_bytes(*tail).into());
    }
    (name.first().copied().unwrap_or_default().into(), 0)
}

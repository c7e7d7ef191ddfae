//! The generator behind `math.random`: Redis's `lrand48`, so that a script's numbers are the real
//! ones.

/// 48 bits of state.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    state: u64,
}

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;

/// Numbers are below this.
pub const MAX: u32 = i32::MAX as u32;

impl Default for Random {
    /// As no script has seeded it yet.
    fn default() -> Self {
        Random {
            state: 0x1234_ABCD_330E,
        }
    }
}

impl Random {
    /// As after `math.randomseed(seed)`.
    pub fn new(seed: i32) -> Self {
        Random {
            state: (u64::from(seed as u32) << 16) | 0x330E,
        }
    }

    /// 31 bits.
    pub fn draw(&mut self) -> u32 {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        (self.state >> 17) as u32
    }
}

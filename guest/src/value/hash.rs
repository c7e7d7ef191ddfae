//! The hash of keys, members and fields. Seeded from the engine's seed, so that no input chosen
//! beforehand collides, and yet every run with that seed is the same.

use std::hash::{BuildHasher, Hasher};

use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;

/// Hashes with the seed of one engine.
#[derive(Clone, Debug)]
pub struct Seed(SeedableRandomState);

impl Seed {
    /// The hasher for an engine's seed.
    pub fn new(seed: u64) -> Self {
        Seed(SeedableRandomState::with_seed(
            seed,
            SharedSeed::global_fixed(),
        ))
    }

    /// 32 bits for these bytes: what tables keep beside each entry.
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u32 {
        let mut hasher = self.0.build_hasher();
        hasher.write(bytes);
        let hash = hasher.finish();
        (hash ^ (hash >> 32)) as u32
    }
}

/// Two halves alike: hashbrown takes a slot from the low bits and a tag from the high bits of
/// whatever width the machine has.
#[inline]
pub fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

//! Choosing at random among the positions of a collection: what SRANDMEMBER, HRANDFIELD and their
//! like share. Knows no collection.

use hashbrown::HashTable;

use crate::value::hash::spread;

/// `count` of the positions below `len`, in order, each choice as likely as any other.
pub fn choose(rng: &mut fastrand::Rng, len: usize, count: usize) -> impl Iterator<Item = usize> {
    let mut wanted = count.min(len);
    (0..len).filter(move |position| {
        let chosen = wanted > 0 && rng.usize(0..len - position) < wanted;
        wanted -= usize::from(chosen);
        chosen
    })
}

/// A few of very many positions below `len`, each at most once, in no order. What was met before is
/// passed over, which happens seldom enough while `count` is well below `len`.
pub fn few(rng: &mut fastrand::Rng, len: usize, count: usize) -> impl Iterator<Item = usize> {
    let hash = |position: &usize| spread((*position as u32).wrapping_mul(0x9e37_79b1));
    let mut met: HashTable<usize> = HashTable::with_capacity(count);
    (0..count).map(move |_| {
        loop {
            let position = rng.usize(0..len);
            let slot = met.entry(hash(&position), |other| *other == position, hash);
            if let hashbrown::hash_table::Entry::Vacant(slot) = slot {
                slot.insert(position);
                return position;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chi-squared over how often each position is chosen: far from even would be biased.
    fn assert_even(mut choose: impl FnMut(&mut fastrand::Rng) -> Vec<usize>) {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut counts = [0_u32; 100];
        for _ in 0..10_000 {
            let mut chosen = choose(&mut rng);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), 10);
            for position in chosen {
                counts[position] += 1;
            }
        }
        let chi: f64 = counts
            .iter()
            .map(|n| (f64::from(*n) - 1000.0).powi(2) / 1000.0)
            .sum();
        // 99 degrees of freedom: mean 99, standard deviation 14, less for choosing without return.
        assert!((45.0..150.0).contains(&chi), "chi squared {chi}");
    }

    #[test]
    fn every_position_is_chosen_as_often() {
        assert_even(|rng| choose(rng, 100, 10).collect());
        assert_even(|rng| few(rng, 100, 10).collect());
    }
}

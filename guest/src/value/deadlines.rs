//! Deadlines in a binary heap, the earliest first: of keys, of hashes by their first field, of the
//! fields of a hash. Knows no time and nothing of what expires but a position.
//!
//! Whoever owns what expires remembers where in the heap each one's deadline is, so that it can be
//! changed or taken out from there. Whatever moves a deadline says so through `place`, which is
//! called with a position and the new place of its deadline.

/// The place of what does not expire.
pub const NO_DEADLINE: u32 = u32::MAX;

/// A deadline, and whose it is.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    at_ms: i64,
    position: u32,
}

/// Deadlines of things that have positions, each at a place of its own.
#[derive(Clone, Debug, Default)]
pub struct Deadlines(Vec<Deadline>);

impl Deadlines {
    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Deadline>()
    }

    /// The earliest deadline and the position it belongs to.
    #[inline]
    pub fn first(&self) -> Option<(i64, usize)> {
        self.0
            .first()
            .map(|first| (first.at_ms, first.position as usize))
    }

    /// The deadline at a place; `None` for [`NO_DEADLINE`].
    #[inline]
    pub fn at_ms(&self, place: u32) -> Option<i64> {
        self.0.get(place as usize).map(|deadline| deadline.at_ms)
    }

    /// The position that the deadline at a place belongs to, below [`Deadlines::len`].
    pub fn position(&self, place: usize) -> usize {
        self.0[place].position as usize
    }

    /// The mean of all.
    pub fn mean_ms(&self) -> Option<i64> {
        let sum: i128 = self.0.iter().map(|one| i128::from(one.at_ms)).sum();
        let mean = sum.checked_div(self.0.len() as i128)?;
        i64::try_from(mean).ok()
    }

    /// Makes `at_ms` the deadline of what is at `position` and has its deadline at `old`, or has
    /// none yet.
    pub fn set(
        &mut self,
        old: u32,
        position: usize,
        at_ms: i64,
        mut place: impl FnMut(usize, u32),
    ) {
        let deadline = Deadline {
            at_ms,
            position: position as u32,
        };
        let at = match self.0.get_mut(old as usize) {
            Some(known) => {
                *known = deadline;
                old as usize
            }
            None => {
                self.0.push(deadline);
                self.0.len() - 1
            }
        };
        self.settle(at, &mut place);
    }

    /// Takes the deadline at a place out. That its owner has none any more is not told: it is known.
    pub fn remove(&mut self, at: u32, mut place: impl FnMut(usize, u32)) {
        let at = at as usize;
        self.0.swap_remove(at);
        if at < self.0.len() {
            self.settle(at, &mut place);
        }
    }

    /// Notes that what the deadline at a place belongs to has moved to another position.
    #[inline]
    pub fn moved(&mut self, at: u32, position: usize) {
        if let Some(deadline) = self.0.get_mut(at as usize) {
            deadline.position = position as u32;
        }
    }

    /// Moves the deadline at a place up or down until the heap is one again.
    fn settle(&mut self, mut at: usize, place: &mut impl FnMut(usize, u32)) {
        let moving = self.0[at];
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.0[parent].at_ms <= moving.at_ms {
                break;
            }
            self.put(at, self.0[parent], place);
            at = parent;
        }
        loop {
            let left = 2 * at + 1;
            let Some(first) = self.0.get(left) else {
                break;
            };
            let child = match self.0.get(left + 1) {
                Some(second) if second.at_ms < first.at_ms => left + 1,
                _ => left,
            };
            if moving.at_ms <= self.0[child].at_ms {
                break;
            }
            self.put(at, self.0[child], place);
            at = child;
        }
        self.put(at, moving, place);
    }

    #[inline]
    fn put(&mut self, at: usize, deadline: Deadline, place: &mut impl FnMut(usize, u32)) {
        self.0[at] = deadline;
        place(deadline.position as usize, at as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random changes against a plain list: the earliest is first, and all places are known.
    #[test]
    fn agrees_with_a_list() {
        let mut rng = fastrand::Rng::with_seed(2);
        let mut deadlines = Deadlines::default();
        let mut places = vec![NO_DEADLINE; 300];
        let mut model: Vec<Option<i64>> = vec![None; 300];
        for _ in 0..20_000 {
            let position = rng.usize(0..300);
            if rng.u32(0..3) > 0 {
                let at_ms = rng.i64(0..1000);
                deadlines.set(places[position], position, at_ms, |position, place| {
                    places[position] = place;
                });
                model[position] = Some(at_ms);
            } else if places[position] != NO_DEADLINE {
                let place = std::mem::replace(&mut places[position], NO_DEADLINE);
                deadlines.remove(place, |position, place| places[position] = place);
                model[position] = None;
            }
            let first = deadlines.first().map(|(at_ms, _)| at_ms);
            assert_eq!(first, model.iter().flatten().copied().min());
            assert_eq!(deadlines.at_ms(places[position]), model[position]);
            assert_eq!(deadlines.len(), model.iter().flatten().count());
        }
        let known: Vec<Option<i64>> = places.iter().map(|at| deadlines.at_ms(*at)).collect();
        assert_eq!(known, model);
    }
}

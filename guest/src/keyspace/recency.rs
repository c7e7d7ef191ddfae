//! The exact order in which a table's keys were last used. Kept only where `max-keys` bounds their
//! number: it takes 8 bytes a key. Knows keys by their positions alone.

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Links {
    newer: u32,
    older: u32,
}

/// A list of positions, in the order of their last use.
#[derive(Debug)]
pub struct Recency {
    links: Vec<Links>,
    newest: u32,
    oldest: u32,
}

impl Recency {
    /// All positions, the one used longest ago first.
    pub fn of(positions: impl IntoIterator<Item = usize>) -> Self {
        let positions: Vec<usize> = positions.into_iter().collect();
        let unlinked = Links {
            newer: NONE,
            older: NONE,
        };
        let mut recency = Recency {
            links: vec![unlinked; positions.len()],
            newest: NONE,
            oldest: NONE,
        };
        for position in positions {
            recency.link(position as u32);
        }
        recency
    }

    /// The position that was used longest ago.
    pub fn oldest(&self) -> Option<usize> {
        (self.oldest != NONE).then_some(self.oldest as usize)
    }

    /// There is one position more, at the end, used now.
    pub fn push(&mut self) {
        let position = self.links.len() as u32;
        self.links.push(Links {
            newer: NONE,
            older: NONE,
        });
        self.link(position);
    }

    /// A position is used now.
    pub fn touch(&mut self, position: usize) {
        if self.newest != position as u32 {
            self.unlink(position as u32);
            self.link(position as u32);
        }
    }

    /// A position is gone, and the last one has taken its place.
    pub fn remove(&mut self, position: usize) {
        self.unlink(position as u32);
        let Some(moved) = self.links.pop() else {
            return;
        };
        if position < self.links.len() {
            self.links[position] = moved;
            self.connect(moved.older, moved.newer, position as u32);
        }
    }

    /// Makes the neighbours of a position know it.
    fn connect(&mut self, older: u32, newer: u32, position: u32) {
        match newer {
            NONE => self.newest = position,
            newer => self.links[newer as usize].older = position,
        }
        match older {
            NONE => self.oldest = position,
            older => self.links[older as usize].newer = position,
        }
    }

    fn link(&mut self, position: u32) {
        let older = self.newest;
        self.links[position as usize] = Links { newer: NONE, older };
        self.connect(older, NONE, position);
    }

    fn unlink(&mut self, position: u32) {
        let Links { newer, older } = self.links[position as usize];
        match newer {
            NONE => self.newest = older,
            newer => self.links[newer as usize].older = older,
        }
        match older {
            NONE => self.oldest = newer,
            older => self.links[older as usize].newer = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a list of names in their order, and a table of them that fills gaps from its end.
    #[test]
    fn agrees_with_a_naive_list() {
        let mut rng = fastrand::Rng::with_seed(9);
        let mut recency = Recency::of([]);
        let mut table: Vec<u32> = Vec::new();
        let mut order: Vec<u32> = Vec::new();
        for name in 0..20_000 {
            match rng.u32(0..3) {
                0 if !table.is_empty() => {
                    let position = rng.usize(0..table.len());
                    let gone = table.swap_remove(position);
                    order.retain(|other| *other != gone);
                    recency.remove(position);
                }
                1 if !table.is_empty() => {
                    let position = rng.usize(0..table.len());
                    order.retain(|other| *other != table[position]);
                    order.push(table[position]);
                    recency.touch(position);
                }
                _ => {
                    table.push(name);
                    order.push(name);
                    recency.push();
                }
            }
            let oldest = recency.oldest().map(|position| table[position]);
            assert_eq!(oldest, order.first().copied());
        }
    }

    #[test]
    fn begins_with_the_order_it_is_given() {
        let mut recency = Recency::of([2, 0, 1]);
        assert_eq!(recency.oldest(), Some(2));
        recency.touch(2);
        assert_eq!(recency.oldest(), Some(0));
    }
}

//! The tree against a sorted vector, with a look at every node.

use super::*;

/// Members that are never taken out: only their keys are.
struct Names(Vec<(Vec<u8>, u32)>);

impl Members for Names {
    fn bytes(&self, position: u32) -> &[u8] {
        &self.0[position as usize].0
    }
    fn leaf(&self, position: u32) -> u32 {
        self.0[position as usize].1
    }
    fn set_leaf(&mut self, position: u32, leaf: u32) {
        self.0[position as usize].1 = leaf;
    }
}

/// All that has to hold between the nodes below one; returns how many keys there are.
fn check_node(tree: &Tree, level: u32, node: u32, names: &Names) -> usize {
    if level == 0 {
        let leaf = &tree.leaves[node];
        for position in &leaf.positions[..leaf.len()] {
            assert_eq!(names.leaf(*position), node);
        }
        return leaf.len();
    }
    let inner = &tree.inners[node];
    assert_eq!(inner.level, level);
    assert!(inner.len > 0 && (inner.up.inner != NONE || inner.len > 1));
    let mut sum = 0;
    for (slot, child) in inner.children().iter().enumerate() {
        let up = tree.up(level - 1, child.node);
        assert_eq!((up.inner, up.slot as usize), (node, slot));
        assert_eq!(child.first, tree.child(level - 1, child.node).first);
        let below = check_node(tree, level - 1, child.node, names);
        assert_eq!(child.count as usize, below);
        sum += below;
    }
    sum
}

fn check(tree: &Tree, model: &[Key], names: &Names) {
    assert_eq!(tree.up(tree.height, tree.root).inner, NONE);
    assert_eq!(check_node(tree, tree.height, tree.root, names), model.len());
    assert_eq!(tree.len, model.len());
    let keys: Vec<Key> = tree.keys(0..tree.len, End::Lowest).collect();
    assert_eq!(keys, model);
    let mut backwards: Vec<Key> = tree.keys(0..tree.len, End::Highest).collect();
    backwards.reverse();
    assert_eq!(backwards, model);
    // A quarter of the room is used, but for a node here and there that has nobody beside it.
    assert!(tree.leaves.len() <= model.len() / (LEAF / 4) + FANOUT);
    assert!(tree.inners.len() <= tree.leaves.len() / (FANOUT / 4) + FANOUT);
}

/// Random changes against a sorted vector, through growing and shrinking.
#[test]
fn agrees_with_a_sorted_vector() {
    for (seed, scores) in [(1, 1_i64), (2, 20), (3, 1 << 40), (4, 0)] {
        let mut rng = fastrand::Rng::with_seed(seed);
        let total: u32 = 12_000;
        let mut names = Names(
            (0..total)
                .map(|n| (format!("{:05}", n * 7919 % 99_991).into_bytes(), NONE))
                .collect(),
        );
        let mut tree = Tree::default();
        let mut model: Vec<Key> = Vec::new();
        let mut outside: Vec<u32> = (0..total).collect();
        let find = |model: &[Key], key: Key, names: &Names| {
            model.partition_point(|other| is_before(*other, key, names))
        };
        for step in 1..60_000_u32 {
            // No range of scores: they come in order.
            let score = match scores {
                0 => f64::from(step),
                scores => rng.i64(0..scores) as f64,
            };
            let grows = (step / 15_000).is_multiple_of(2);
            let adds = rng.u32(0..8) < if grows { 6 } else { 1 };
            if model.is_empty() || adds && !outside.is_empty() {
                let position = outside.swap_remove(rng.usize(0..outside.len()));
                let key = Key { score, position };
                tree.insert(key, &mut names);
                model.insert(find(&model, key, &names), key);
            } else {
                let at = rng.usize(0..model.len());
                let key = model.remove(at);
                assert_eq!(tree.rank(key.position, &names), (at, key.score));
                if rng.u32(0..3) == 0 {
                    let key = Key { score, ..key };
                    tree.rescore(key.position, score, &mut names);
                    model.insert(find(&model, key, &names), key);
                } else {
                    tree.remove(key.position, &mut names);
                    outside.push(key.position);
                }
            }
            if step.is_multiple_of(500) {
                check(&tree, &model, &names);
                let (from, to) = (rng.usize(0..=model.len()), rng.usize(0..=model.len()));
                let ranks = from.min(to)..from.max(to);
                let keys: Vec<Key> = tree.keys(ranks.clone(), End::Lowest).collect();
                assert_eq!(keys, model[ranks.clone()]);
                let mut backwards: Vec<Key> = tree.keys(ranks.clone(), End::Highest).collect();
                backwards.reverse();
                assert_eq!(backwards, model[ranks]);
                let leading = tree.count_leading(|key| key.score < score);
                let expected = model.partition_point(|key| key.score < score);
                assert_eq!(leading, expected);
            }
        }
        // In order, from one end: what a queue does.
        while !model.is_empty() {
            let key = model.remove(0);
            assert_eq!(tree.rank(key.position, &names), (0, key.score));
            tree.remove(key.position, &mut names);
        }
        check(&tree, &model, &names);
        assert_eq!((tree.leaves.len(), tree.inners.len()), (1, 0));
    }
}

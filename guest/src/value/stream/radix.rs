//! How many nodes Redis's radix tree has for the blocks of a stream: XINFO shows it. There is no such
//! tree here.

use super::StreamId;

/// Bytes of a key.
const DEPTH: u32 = 16;

/// The nodes of a tree that holds these keys, which come in order: one for each key, one wherever
/// keys part, and one for each row of bytes that no keys part in.
pub fn nodes(keys: impl Iterator<Item = StreamId>) -> u64 {
    let mut nodes = 0;
    // How deep those nodes are at which the last key parts from others.
    let mut parting: Vec<u32> = Vec::new();
    let mut last: Option<StreamId> = None;
    // From a node to one below, of which the first byte is the branch's own.
    let row = |from: u32, to: u32| u64::from(to > from + 1);
    let mut close = |parting: &mut Vec<u32>, least: Option<u32>| {
        let mut below = DEPTH;
        while let Some(depth) = parting.pop_if(|depth| least.is_none_or(|least| *depth > least)) {
            nodes += row(depth, below);
            below = depth;
        }
        match least {
            Some(depth) => {
                nodes += row(depth, below) + 1;
                if parting.last() != Some(&depth) {
                    nodes += 1;
                    parting.push(depth);
                }
            }
            // The row that begins at the root.
            None => nodes += u64::from(below > 0) + 1,
        }
    };
    for key in keys {
        if let Some(last) = last {
            close(&mut parting, Some(last.common_bytes(key)));
        }
        last = Some(key);
    }
    match last {
        Some(_) => {
            close(&mut parting, None);
            nodes
        }
        // The root alone.
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `XINFO STREAM` of Redis 8.0.2 answered for streams of one entry a block.
    #[test]
    fn nodes_are_as_many_as_in_redis() {
        let count =
            |ids: &[(u64, u64)]| nodes(ids.iter().map(|(ms, seq)| StreamId::new(*ms, *seq)));
        assert_eq!(count(&[]), 1);
        assert_eq!(count(&[(1, 1)]), 2);
        assert_eq!(count(&[(1, 1), (1, 2)]), 4);
        assert_eq!(count(&[(1, 1), (1, 2), (2, 0)]), 8);
        assert_eq!(count(&[(1, 1), (1, 257), (1, 258), (256, 0)]), 11);
        assert_eq!(count(&[(1, 1), (1 << 56, 0)]), 5);
        let ids = [
            (7, 0),
            (8, 0),
            (8, 1),
            (8, 65536),
            (9, 255),
            (65536, 3),
            (65537, 3),
            (1 << 24, 0),
        ];
        assert_eq!(count(&ids), 25);
    }
}

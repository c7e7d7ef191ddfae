//! The list type: one listpack while it is small, then a row of nodes that are a listpack each, or a
//! single large element. Nodes are filled, split and joined as Redis does it, since whether a list
//! that shrinks is one listpack again depends on how its elements lie. Knows no key and no command.

mod layout;

use std::collections::VecDeque;

pub use layout::Part;

use super::listpack::{self, FRAME_BYTES, Item, Listpack, Needle};

/// One of the two ends of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The head.
    Left,
    /// The tail.
    Right,
}

/// How full a node may be, which is also how large a list in one listpack: the meaning of
/// `list-max-listpack-size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill(i32);

impl Fill {
    /// A number of elements, or for -1 to -5 a number of bytes: 4096 to 65536.
    pub fn new(parameter: i32) -> Self {
        Fill(parameter)
    }

    /// As the nodes of a list keep it.
    fn of_nodes(self) -> Self {
        Fill(self.0.clamp(-5, i32::from(i16::MAX)))
    }

    /// A listpack limited by its number of elements is still not larger than this.
    const SAFE_BYTES: usize = 8192;

    fn most_bytes(self) -> Option<usize> {
        (self.0 < 0).then(|| 2048 << self.0.unsigned_abs().min(5))
    }

    fn most_elements(self) -> usize {
        self.0.max(1) as usize
    }

    fn is_exceeded(self, bytes: usize, elements: usize) -> bool {
        match self.most_bytes() {
            Some(most) => bytes > most,
            None => bytes > Self::SAFE_BYTES || elements > self.most_elements(),
        }
    }

    /// True if a list of that size is far enough below the limit to be one listpack again.
    fn is_well_kept(self, bytes: usize, elements: usize) -> bool {
        match self.most_bytes() {
            Some(most) => bytes <= most / 2,
            None => elements <= self.most_elements() / 2,
        }
    }

    /// True for an element that has a node for itself.
    fn is_large(self, len: usize) -> bool {
        len > self.most_bytes().unwrap_or(Self::SAFE_BYTES)
    }
}

#[derive(Clone, Debug)]
enum Node {
    Pack(Listpack),
    /// One large element.
    Plain(Box<[u8]>),
}

impl Node {
    fn new(element: &[u8], fill: Fill) -> Self {
        if fill.is_large(element.len()) {
            Node::Plain(element.into())
        } else {
            let mut pack = Listpack::default();
            pack.push_back(element);
            Node::Pack(pack)
        }
    }

    fn len(&self) -> usize {
        match self {
            Node::Pack(pack) => pack.len(),
            Node::Plain(_) => 1,
        }
    }

    fn get(&self, index: usize) -> Option<Item<'_>> {
        match self {
            Node::Pack(pack) => pack.get(index),
            Node::Plain(bytes) => (index == 0).then_some(Item::Bytes(bytes)),
        }
    }

    /// True if an element of `len` bytes may be added. Redis guesses high what it would take.
    fn has_room_for(&self, len: usize, fill: Fill) -> bool {
        const GUESSED_OVERHEAD: usize = 8;
        match self {
            Node::Pack(pack) => {
                !fill.is_large(len)
                    && !fill.is_exceeded(pack.size() + len + GUESSED_OVERHEAD, pack.len() + 1)
            }
            Node::Plain(_) => false,
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Node::Pack(pack) => pack.heap_bytes(),
            Node::Plain(bytes) => bytes.len(),
        }
    }
}

/// The row of nodes of a longer list.
#[derive(Clone, Debug)]
struct Nodes {
    fill: Fill,
    row: VecDeque<Node>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Layout {
    Listpack(Listpack),
    Quicklist(Nodes),
}

/// A list of byte strings.
#[derive(Clone, Debug)]
pub struct List(Layout);

impl Default for List {
    fn default() -> Self {
        List(Layout::Listpack(Listpack::default()))
    }
}

impl List {
    /// How many elements there are.
    #[inline]
    pub fn len(&self) -> usize {
        match &self.0 {
            Layout::Listpack(pack) => pack.len(),
            Layout::Quicklist(nodes) => nodes.len,
        }
    }

    /// True if there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `listpack` or `quicklist`.
    pub fn encoding(&self) -> &'static str {
        match self.0 {
            Layout::Listpack(_) => "listpack",
            Layout::Quicklist(_) => "quicklist",
        }
    }

    /// True for a row of nodes.
    pub fn is_quicklist(&self) -> bool {
        matches!(self.0, Layout::Quicklist(_))
    }

    /// How many nodes it has; a listpack is one.
    pub fn nodes(&self) -> usize {
        match &self.0 {
            Layout::Listpack(_) => 1,
            Layout::Quicklist(nodes) => nodes.row.len(),
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Layout::Listpack(pack) => pack.heap_bytes(),
            Layout::Quicklist(nodes) => {
                let nodes_bytes: usize = nodes.row.iter().map(Node::heap_bytes).sum();
                nodes_bytes + nodes.row.len() * size_of::<Node>()
            }
        }
    }

    // ---- encoding

    /// Makes a listpack a row of nodes, if `elements` more of `bytes` in all would be too much for
    /// it. To be called before they are added, all together, as Redis does.
    #[inline]
    pub fn prepare_for(&mut self, elements: usize, bytes: usize, limit: Fill) {
        if let Layout::Listpack(pack) = &mut self.0
            && limit.is_exceeded(pack.size() + bytes, pack.len() + elements)
        {
            let pack = std::mem::take(pack);
            let mut nodes = Nodes {
                fill: limit.of_nodes(),
                row: VecDeque::new(),
                len: pack.len(),
            };
            if !pack.is_empty() {
                nodes.row.push_back(Node::Pack(pack));
            }
            self.0 = Layout::Quicklist(nodes);
        }
    }

    /// Makes a row of nodes a listpack, if elements were removed and what is left is one small
    /// listpack. To be called after they are removed.
    #[inline]
    pub fn settle(&mut self, limit: Fill) {
        if let Layout::Quicklist(nodes) = &mut self.0
            && nodes.row.len() == 1
            && let Some(Node::Pack(pack)) = nodes.row.front_mut()
            && limit.is_well_kept(pack.size(), pack.len())
        {
            self.0 = Layout::Listpack(std::mem::take(pack));
        }
    }

    // ---- the ends

    /// Adds an element at one end. [`List::prepare_for`] has been told of it.
    #[inline]
    pub fn push(&mut self, end: End, element: &[u8]) {
        match (&mut self.0, end) {
            (Layout::Listpack(pack), End::Left) => pack.push_front(element),
            (Layout::Listpack(pack), End::Right) => pack.push_back(element),
            (Layout::Quicklist(nodes), end) => nodes.push(end, element),
        }
    }

    /// The element at one end.
    #[inline]
    pub fn peek(&self, end: End) -> Option<Item<'_>> {
        self.items(end).next()
    }

    /// Removes `count` elements, or all, at one end.
    pub fn drop_end(&mut self, end: End, count: usize) {
        let count = count.min(self.len());
        match end {
            End::Left => self.remove(0, count),
            End::Right => self.remove(self.len() - count, count),
        }
    }

    // ---- reading

    /// The element at `index`.
    pub fn get(&self, index: usize) -> Option<Item<'_>> {
        match &self.0 {
            Layout::Listpack(pack) => pack.get(index),
            Layout::Quicklist(nodes) => {
                let (node, within) = nodes.locate(index)?;
                nodes.row.get(node)?.get(within)
            }
        }
    }

    /// All elements, beginning at one end.
    pub fn items(&self, from: End) -> Items<'_> {
        match from {
            End::Left => self.items_at(0, End::Left),
            End::Right => self.items_at(self.len(), End::Right),
        }
    }

    /// The elements beginning with the one at `index`, as read from the left; read from the right,
    /// those before `index`, the last one first.
    pub fn items_at(&self, index: usize, from: End) -> Items<'_> {
        let (row, node, within) = match &self.0 {
            Layout::Listpack(pack) => {
                let current = match from {
                    End::Left => Current::Pack(pack.items_from(index)),
                    End::Right => Current::Pack(pack.items_until(index)),
                };
                return Items {
                    row: None,
                    node: 0,
                    current,
                    from,
                };
            }
            Layout::Quicklist(nodes) => {
                let (node, within) = nodes.locate(index).unwrap_or((nodes.row.len(), 0));
                (&nodes.row, node, within)
            }
        };
        let current = match (row.get(node), from) {
            (Some(Node::Pack(pack)), End::Left) => Current::Pack(pack.items_from(within)),
            (Some(Node::Pack(pack)), End::Right) => Current::Pack(pack.items_until(within)),
            (Some(Node::Plain(bytes)), End::Left) => Current::Plain(Some(bytes)),
            (Some(Node::Plain(_)), End::Right) | (None, _) => Current::Plain(None),
        };
        Items {
            row: Some(row),
            node: match from {
                End::Left => node + 1,
                End::Right => node,
            },
            current,
            from,
        }
    }

    // ---- writing within

    /// Adds an element before or after the first that is `pivot`; false if none is.
    /// [`List::prepare_for`] has been told of it.
    pub fn insert_beside(&mut self, pivot: &Needle<'_>, side: End, element: &[u8]) -> bool {
        match &mut self.0 {
            Layout::Listpack(pack) => match pack.find(pivot) {
                Some(index) => {
                    let after = usize::from(side == End::Right);
                    pack.insert(index + after, element);
                    true
                }
                None => false,
            },
            Layout::Quicklist(nodes) => {
                let found = nodes
                    .row
                    .iter()
                    .enumerate()
                    .find_map(|(at, node)| match node {
                        Node::Pack(pack) => pack.find(pivot).map(|within| (at, within)),
                        Node::Plain(bytes) => pivot.is(Item::Bytes(bytes)).then_some((at, 0)),
                    });
                if let Some((node, within)) = found {
                    nodes.insert(node, within, side, element);
                }
                found.is_some()
            }
        }
    }

    /// Puts an element in the place of the one at `index`, which there is.
    /// [`List::prepare_for`] has been told of it.
    pub fn replace(&mut self, index: usize, element: &[u8]) {
        match &mut self.0 {
            Layout::Listpack(pack) => pack.replace(index, element),
            Layout::Quicklist(nodes) => {
                if let Some((node, within)) = nodes.locate(index) {
                    nodes.replace(node, within, element);
                }
            }
        }
    }

    /// Removes `count` elements from the one at `index` on; there are that many.
    pub fn remove(&mut self, index: usize, count: usize) {
        if count == 0 {
            return;
        }
        match &mut self.0 {
            Layout::Listpack(pack) => pack.remove(index, count),
            Layout::Quicklist(nodes) => nodes.remove(index, count),
        }
    }

    /// Removes up to `most` elements that are `needle`, looking from one end; returns how many are
    /// gone.
    pub fn remove_matching(&mut self, needle: &Needle<'_>, from: End, most: usize) -> usize {
        match &mut self.0 {
            Layout::Listpack(pack) => remove_from_pack(pack, needle, from, most),
            Layout::Quicklist(nodes) => nodes.remove_matching(needle, from, most),
        }
    }
}

fn remove_from_pack(pack: &mut Listpack, needle: &Needle<'_>, from: End, most: usize) -> usize {
    let spared = match from {
        End::Left => 0,
        End::Right => {
            let matching = pack.items().filter(|item| needle.is(*item)).count();
            matching.saturating_sub(most)
        }
    };
    pack.remove_matching(needle, spared, most)
}

impl Nodes {
    fn push(&mut self, end: End, element: &[u8]) {
        self.len += 1;
        let last = match end {
            End::Left => self.row.front_mut(),
            End::Right => self.row.back_mut(),
        };
        let fill = self.fill;
        if let Some(Node::Pack(pack)) = last {
            // As `Node::has_room_for`, spelled out for the one place where speed counts.
            let bytes = pack.size() + element.len() + 8;
            if !fill.is_large(element.len()) && !fill.is_exceeded(bytes, pack.len() + 1) {
                match end {
                    End::Left => pack.push_front(element),
                    End::Right => pack.push_back(element),
                }
                return;
            }
            pack.fit();
        }
        let node = Node::new(element, fill);
        match end {
            End::Left => self.row.push_front(node),
            End::Right => self.row.push_back(node),
        }
    }

    /// The node that holds the element at `index`, and where in the node it is.
    fn locate(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut within = index;
            for (at, node) in self.row.iter().enumerate() {
                if within < node.len() {
                    return Some((at, within));
                }
                within -= node.len();
            }
        } else {
            let mut begins = self.len;
            for (at, node) in self.row.iter().enumerate().rev() {
                begins -= node.len();
                if index >= begins {
                    return Some((at, index - begins));
                }
            }
        }
        None
    }

    fn has_room(&self, node: Option<usize>, len: usize) -> bool {
        node.and_then(|at| self.row.get(at))
            .is_some_and(|node| node.has_room_for(len, self.fill))
    }

    fn pack_mut(&mut self, node: usize) -> Option<&mut Listpack> {
        match self.row.get_mut(node) {
            Some(Node::Pack(pack)) => Some(pack),
            _ => None,
        }
    }

    /// Adds an element beside the one at `within` of a node: there if there is room, else in the
    /// next node on that side, else in one of its own, for which the node is split where need be.
    fn insert(&mut self, node: usize, within: usize, side: End, element: &[u8]) {
        self.len += 1;
        let large = self.fill.is_large(element.len());
        let (at_edge, neighbour, between) = match side {
            End::Left => (within == 0, node.checked_sub(1), node),
            End::Right => (within + 1 == self.row[node].len(), Some(node + 1), node + 1),
        };
        let split_at = within + usize::from(side == End::Right);
        if self.has_room(Some(node), element.len()) {
            if let Some(pack) = self.pack_mut(node) {
                pack.insert(split_at, element);
            }
        } else if at_edge && self.has_room(neighbour, element.len()) {
            let neighbour = neighbour.and_then(|at| self.pack_mut(at));
            match (neighbour, side) {
                (Some(pack), End::Left) => pack.push_back(element),
                (Some(pack), End::Right) => pack.push_front(element),
                (None, _) => unreachable!("a node with room for more is a listpack"),
            }
        } else if at_edge || matches!(self.row[node], Node::Plain(_)) {
            self.row.insert(between, Node::new(element, self.fill));
        } else if let Some(pack) = self.pack_mut(node) {
            let mut tail = pack.split_off(split_at);
            if large {
                self.row.insert(node + 1, Node::new(element, self.fill));
                self.row.insert(node + 2, Node::Pack(tail));
            } else if side == End::Right {
                tail.push_front(element);
                self.row.insert(node + 1, Node::Pack(tail));
                self.join_around(node);
            } else {
                pack.push_back(element);
                self.row.insert(node + 1, Node::Pack(tail));
                self.join_around(node + 1);
            }
        }
    }

    fn replace(&mut self, node: usize, within: usize, element: &[u8]) {
        let large = self.fill.is_large(element.len());
        match self.row.get_mut(node) {
            Some(Node::Pack(pack)) if !large => pack.replace(within, element),
            Some(Node::Plain(old)) if large => *old = element.into(),
            Some(Node::Plain(_)) => {
                self.insert(node, 0, End::Right, element);
                self.row.remove(node);
                self.len -= 1;
            }
            Some(Node::Pack(pack)) => {
                let tail = (within + 1 < pack.len()).then(|| pack.split_off(within + 1));
                self.row.insert(node + 1, Node::Plain(element.into()));
                if let Some(tail) = tail {
                    self.row.insert(node + 2, Node::Pack(tail));
                }
                if within == 0 {
                    self.row.remove(node);
                } else if let Some(pack) = self.pack_mut(node) {
                    pack.remove(within, 1);
                    self.join_around(node + 1);
                }
            }
            None => {}
        }
    }

    /// Joins nodes that fit together: the two before `centre`, the two after it, then those beside
    /// it with it.
    fn join_around(&mut self, centre: usize) {
        let mut centre = centre;
        if centre >= 2 && self.join(centre - 2) {
            centre -= 1;
        }
        self.join(centre + 1);
        if centre >= 1 && self.join(centre - 1) {
            centre -= 1;
        }
        self.join(centre);
    }

    /// Joins a node and the next one, if both are there and fit together.
    fn join(&mut self, node: usize) -> bool {
        let fits = match (self.row.get(node), self.row.get(node + 1)) {
            (Some(Node::Pack(left)), Some(Node::Pack(right))) => !self.fill.is_exceeded(
                left.size() + right.size() - FRAME_BYTES,
                left.len() + right.len(),
            ),
            _ => false,
        };
        if !fits {
            return false;
        }
        if let Some(Node::Pack(right)) = self.row.remove(node + 1)
            && let Some(left) = self.pack_mut(node)
        {
            left.append(&right);
        }
        true
    }

    fn remove(&mut self, index: usize, count: usize) {
        let Some((mut node, mut within)) = self.locate(index) else {
            return;
        };
        let mut left = count;
        self.len -= count;
        let first_gone = if within == 0 { node } else { node + 1 };
        let mut gone = 0;
        while left > 0 {
            let here = (self.row[node].len() - within).min(left);
            if within == 0 && here == self.row[node].len() {
                gone += 1;
            } else if let Some(pack) = self.pack_mut(node) {
                pack.remove(within, here);
            }
            left -= here;
            node += 1;
            within = 0;
        }
        if gone > 0 {
            self.row.drain(first_gone..first_gone + gone);
        }
    }

    fn remove_matching(&mut self, needle: &Needle<'_>, from: End, most: usize) -> usize {
        let mut removed = 0;
        let mut remove = |node: &mut Node| {
            if removed == most {
                return;
            }
            removed += match node {
                Node::Pack(pack) => remove_from_pack(pack, needle, from, most - removed),
                Node::Plain(bytes) if needle.is(Item::Bytes(bytes)) => {
                    *node = Node::Pack(Listpack::default());
                    1
                }
                Node::Plain(_) => 0,
            };
        };
        match from {
            End::Left => self.row.iter_mut().for_each(&mut remove),
            End::Right => self.row.iter_mut().rev().for_each(&mut remove),
        }
        if removed > 0 {
            self.row.retain(|node| node.len() > 0);
            self.len -= removed;
        }
        removed
    }
}

impl<'a> Items<'a> {
    /// Shows the next `count` elements, or all there are. Faster than taking them one by one.
    pub fn show(mut self, count: usize, mut show: impl FnMut(Item<'a>)) {
        let mut left = count;
        while left > 0 {
            match (&mut self.current, self.from) {
                (Current::Pack(items), End::Left) => {
                    for item in items.take(left) {
                        show(item);
                        left -= 1;
                    }
                }
                (Current::Pack(items), End::Right) => {
                    for item in items.rev().take(left) {
                        show(item);
                        left -= 1;
                    }
                }
                (Current::Plain(_), _) => {}
            }
            if left == 0 {
                return;
            }
            // On to the next node.
            let Some(item) = self.next() else {
                return;
            };
            show(item);
            left -= 1;
        }
    }
}

enum Current<'a> {
    Pack(listpack::Items<'a>),
    Plain(Option<&'a [u8]>),
}

/// Elements of a [`List`], read from one end.
pub struct Items<'a> {
    row: Option<&'a VecDeque<Node>>,
    /// Read from the left, the next node; read from the right, the one after it.
    node: usize,
    current: Current<'a>,
    from: End,
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    #[inline]
    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            let item = match (&mut self.current, self.from) {
                (Current::Pack(items), End::Left) => items.next(),
                (Current::Pack(items), End::Right) => items.next_back(),
                (Current::Plain(bytes), _) => bytes.take().map(Item::Bytes),
            };
            if item.is_some() {
                return item;
            }
            let at = match self.from {
                End::Left => self.node,
                End::Right => self.node.checked_sub(1)?,
            };
            self.current = match self.row?.get(at)? {
                Node::Pack(pack) => Current::Pack(pack.items()),
                Node::Plain(bytes) => Current::Plain(Some(bytes)),
            };
            self.node = match self.from {
                End::Left => at + 1,
                End::Right => at,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &List, from: End) -> Vec<Vec<u8>> {
        list.items(from).map(|item| item.bytes().to_vec()).collect()
    }

    #[test]
    fn a_list_is_one_listpack_again_only_well_below_the_limit() {
        let limit = Fill::new(4);
        let mut list = List::default();
        for number in 0..5 {
            list.prepare_for(1, 1, limit);
            list.push(End::Right, number.to_string().as_bytes());
        }
        let mut met = vec![list.encoding()];
        for _ in 0..3 {
            list.drop_end(End::Right, 1);
            list.settle(limit);
            met.push(list.encoding());
        }
        assert_eq!(met, ["quicklist", "quicklist", "quicklist", "listpack"]);
    }

    /// Random changes under several limits against a plain vector.
    #[test]
    fn agrees_with_a_vector() {
        let mut rng = fastrand::Rng::with_seed(17);
        for round in 0..150 {
            let limit = Fill::new([-1, -2, 0, 1, 2, 4, 40][round % 7]);
            let mut list = List::default();
            let mut model: Vec<Vec<u8>> = Vec::new();
            for _ in 0..150 {
                let element = match rng.u32(0..12) {
                    0 => vec![b'l'; rng.usize(4000..9000)],
                    1..=3 => vec![b'm'; rng.usize(0..300)],
                    _ => rng.i32(-3..3).to_string().into_bytes(),
                };
                let end = if rng.bool() { End::Left } else { End::Right };
                let index = rng.usize(0..=model.len());
                let needle = Needle::new(&element);
                match rng.u32(0..10) {
                    0..=4 => {
                        list.prepare_for(1, element.len(), limit);
                        list.push(end, &element);
                        model.insert(if end == End::Left { 0 } else { model.len() }, element);
                    }
                    5 if index < model.len() => {
                        list.prepare_for(1, element.len(), limit);
                        list.replace(index, &element);
                        list.settle(limit);
                        model[index] = element;
                    }
                    6 | 7 => {
                        list.prepare_for(1, element.len(), limit);
                        let pivot = rng.i32(-3..3).to_string().into_bytes();
                        let found = model.iter().position(|other| *other == pivot);
                        let inserted = list.insert_beside(&Needle::new(&pivot), end, &element);
                        assert_eq!(inserted, found.is_some());
                        if let Some(at) = found {
                            model.insert(at + usize::from(end == End::Right), element);
                        }
                    }
                    8 => {
                        let count = rng.usize(0..=(model.len() - index).min(6));
                        list.remove(index, count);
                        list.settle(limit);
                        model.drain(index..index + count);
                    }
                    _ => {
                        let most = rng.usize(1..4);
                        let removed = list.remove_matching(&needle, end, most);
                        list.settle(limit);
                        let mut expected = 0;
                        while expected < most {
                            let found = match end {
                                End::Left => model.iter().position(|other| *other == element),
                                End::Right => model.iter().rposition(|other| *other == element),
                            };
                            let Some(at) = found else { break };
                            model.remove(at);
                            expected += 1;
                        }
                        assert_eq!(removed, expected);
                    }
                }
                assert_eq!(list.len(), model.len());
                assert_eq!(texts(&list, End::Left), model);
                let at = rng.usize(0..=model.len());
                let tail: Vec<_> = list
                    .items_at(at, End::Left)
                    .map(|i| i.bytes().to_vec())
                    .collect();
                assert_eq!(tail, model[at..]);
                let head: Vec<_> = list
                    .items_at(at, End::Right)
                    .map(|i| i.bytes().to_vec())
                    .collect();
                assert!(head.iter().eq(model[..at].iter().rev()));
                let got = list.get(at).map(|item| item.bytes().to_vec());
                assert_eq!(got.as_ref(), model.get(at));
            }
        }
    }
}

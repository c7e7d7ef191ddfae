//! How a list is laid out, for those who write it down and read it again: the nodes it is made of.

use std::collections::VecDeque;

use super::{Fill, Layout, List, Node, Nodes};
use crate::value::listpack::Listpack;

/// A node of a list. A list in one listpack is one node.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Several elements.
    Pack(&'a Listpack),
    /// One large element.
    Plain(&'a [u8]),
}

impl List {
    /// The nodes in order.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = Part<'_>> {
        let (single, row) = match &self.0 {
            Layout::Listpack(pack) => (Some(pack), None),
            Layout::Quicklist(nodes) => (None, Some(&nodes.row)),
        };
        let len = row.map_or(1, VecDeque::len);
        (0..len).map(move |at| match (single, row.map(|row| &row[at])) {
            (_, Some(Node::Pack(pack))) | (Some(pack), None) => Part::Pack(pack),
            (_, Some(Node::Plain(bytes))) => Part::Plain(bytes),
            (None, None) => unreachable!("a list is laid out in one way or the other"),
        })
    }

    /// How full the nodes of a row may be, as a parameter; `None` for a list in one listpack.
    pub fn node_limit(&self) -> Option<i32> {
        match &self.0 {
            Layout::Listpack(_) => None,
            Layout::Quicklist(nodes) => Some(nodes.fill.0),
        }
    }

    /// A list without nodes yet, to be filled from outside.
    pub fn of_nodes(limit: Fill) -> Self {
        List(Layout::Quicklist(Nodes {
            fill: limit.of_nodes(),
            row: VecDeque::new(),
            len: 0,
        }))
    }

    /// Adds a listpack that is not empty as a node of its own.
    pub fn push_pack(&mut self, pack: Listpack) {
        let len = pack.len();
        self.push_node(Node::Pack(pack), len);
    }

    /// Adds an element as a node of its own, however large it is.
    pub fn push_plain(&mut self, element: &[u8]) {
        self.push_node(Node::Plain(element.into()), 1);
    }

    fn push_node(&mut self, node: Node, len: usize) {
        if let Layout::Quicklist(nodes) = &mut self.0 {
            nodes.len += len;
            nodes.row.push_back(node);
        }
    }

    /// Makes a row of one listpack a listpack, if it is not too large to be one.
    pub fn settle_loaded(&mut self, limit: Fill) {
        if let Layout::Quicklist(nodes) = &mut self.0
            && nodes.row.len() == 1
            && let Some(Node::Pack(pack)) = nodes.row.front_mut()
            && limit.holds(pack.size(), pack.len())
        {
            self.0 = Layout::Listpack(std::mem::take(pack));
        }
    }
}

impl Fill {
    /// True if a list of that size may be one listpack. A limit of elements says nothing of bytes.
    fn holds(self, bytes: usize, elements: usize) -> bool {
        match self.most_bytes() {
            Some(most) => bytes <= most,
            None => elements <= self.most_elements(),
        }
    }
}

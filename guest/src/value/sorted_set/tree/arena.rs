//! Nodes that know each other by 32-bit numbers. Each is an allocation of its own, so that growing
//! moves none of them and what is no longer needed goes back to the allocator at once.

use std::ops::{Index, IndexMut};

/// Nodes, each with a number.
#[derive(Clone, Debug)]
pub struct Arena<T> {
    nodes: Vec<Option<Box<T>>>,
    /// Numbers of nodes that are gone.
    free: Vec<u32>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena {
            nodes: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Arena<T> {
    /// Keeps a node; returns its number.
    pub fn add(&mut self, node: T) -> u32 {
        let node = Some(Box::new(node));
        match self.free.pop() {
            Some(number) => {
                self.nodes[number as usize] = node;
                number
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        }
    }

    /// Takes a node out.
    pub fn remove(&mut self, number: u32) {
        self.nodes[number as usize] = None;
        self.free.push(number);
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.len() * size_of::<T>()
            + self.nodes.capacity() * size_of::<Option<Box<T>>>()
            + self.free.capacity() * size_of::<u32>()
    }
}

impl<T> Index<u32> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        match &self.nodes[number as usize] {
            Some(node) => node,
            None => unreachable!("nobody knows the number of a node that is gone"),
        }
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut T {
        match &mut self.nodes[number as usize] {
            Some(node) => node,
            None => unreachable!("nobody knows the number of a node that is gone"),
        }
    }
}

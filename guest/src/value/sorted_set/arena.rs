//! Nodes that know each other by 32-bit numbers. Allocated in pages, so that growing copies none of
//! them; one that is no longer needed is used again.

use std::ops::{Index, IndexMut};

/// Nodes in a page.
const PAGE: usize = 64;

/// Nodes, each with a number.
#[derive(Clone, Debug)]
pub struct Arena<T> {
    pages: Vec<Vec<T>>,
    allocated: u32,
    free: Vec<u32>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Arena {
            pages: Vec::new(),
            allocated: 0,
            free: Vec::new(),
        }
    }
}

impl<T> Arena<T> {
    /// Makes a node out of `node`; returns its number.
    pub fn add(&mut self, node: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self[number] = node;
            return number;
        }
        let number = self.allocated;
        let page = number as usize / PAGE;
        if page == self.pages.len() {
            // The first page starts small: most trees stay small.
            self.pages.push(if page == 0 {
                Vec::new()
            } else {
                Vec::with_capacity(PAGE)
            });
        }
        self.pages[page].push(node);
        self.allocated += 1;
        number
    }

    /// Gives a node back.
    pub fn free(&mut self, number: u32) {
        self.free.push(number);
    }

    /// How many nodes there is memory for, in use or not.
    pub fn allocated(&self) -> usize {
        self.allocated as usize
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        let nodes: usize = self.pages.iter().map(Vec::capacity).sum();
        nodes * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }
}

impl<T> Index<u32> for Arena<T> {
    type Output = T;

    #[inline]
    fn index(&self, number: u32) -> &T {
        &self.pages[number as usize / PAGE][number as usize % PAGE]
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.pages[number as usize / PAGE][number as usize % PAGE]
    }
}

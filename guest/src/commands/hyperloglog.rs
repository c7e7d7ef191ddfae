//! The HyperLogLog commands: strings that count how many different elements they have seen.

use super::DataHandler;

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[];

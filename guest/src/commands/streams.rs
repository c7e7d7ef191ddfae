//! The stream commands.

use super::DataHandler;

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[];

//! The geo commands: sorted sets whose scores are places.

use super::DataHandler;

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[];

//! DUMP, RESTORE, MIGRATE: values as bytes of Redis's own format.

use super::DataHandler;

/// The commands of this file.
pub const HANDLERS: &[(&str, DataHandler)] = &[];

//! Being written.
pub(super) const HANDLERS: &[(&str, super::SessionHandler)] = &[];

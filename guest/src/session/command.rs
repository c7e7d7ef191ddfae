//! Being written.
pub(super) const HANDLERS: &[(&str, super::SessionHandler)] = &[];
/// Stub.
pub fn commands_markdown() -> String { String::new() }

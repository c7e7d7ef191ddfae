//! Streams against a naive model.

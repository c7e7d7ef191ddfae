//! x
mod bindings;
mod clock;
mod error;
mod image;
mod instance;
mod sandbox;
mod tuning;
pub use clock::{Clock, ManualClock};
pub use error::Error;
pub use image::component;
pub use instance::{DEFAULT_MEMORY_CEILING, Instance, InstanceBuilder};

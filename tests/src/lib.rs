//! What the black-box tests share: conversations, the servers they are played on, real Redis.
//!
//! A conversation is data: what is sent, and the bytes that a real Redis answered. One [`check`]
//! plays it on any [`Player`].
//!
//! [`check`]: play::check
//! [`Player`]: play::Player

pub mod conversation;
pub mod corpus;
pub mod crowd;
pub mod differential;
#[cfg(feature = "component")]
pub mod dish;
pub mod dumps;
pub mod follow;
pub mod frame;
pub mod generate;
pub mod hostile;
pub mod native;
pub mod play;
pub mod real;
pub mod record;
pub mod simulation;
pub mod stepped;
pub mod tcp;
pub mod text;

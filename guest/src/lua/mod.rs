//! Redis's Lua: the language of version 5.1, its libraries, and what scripts call `redis`, on the
//! machine of the crate `piccolo`. Knows replies and a port through which commands run; of commands it
//! knows the names of those that always give a number, but no key and no client.
//!
//! ```text
//! lex → parse → infer → lower → (piccolo's compiler) → post → engine
//! ```
//!
//! The machine speaks another Lua. What differs is made up for in three places: `lower` writes a
//! chunk anew in terms that mean the same to the machine, `ops` and `lib` are our own functions, and
//! `tables` keeps for each table the layout that 5.1 would have given it, so that traversals come in
//! the real order.
//!
//! A script that calls a command is suspended: the machine stops, the engine around it runs the
//! command through its [`Port`], whose reply is built as a value directly, and the machine goes on.
//! A script that takes long is run in slices.

mod arguments;
mod ast;
mod call;
mod compile;
pub mod engine;
pub mod errors;
pub mod function;
mod infer;
mod kinds;
mod lex;
mod lib;
mod lower;
mod number;
mod ops;
mod parse;
mod post;
mod random;
mod reply;
mod site;
mod state;
mod tables;
#[cfg(test)]
mod tests;

pub use engine::{Caller, Lua, Port, Replication, Script, Step, Unknown};
pub use errors::Failure;
pub use function::{Flag, Header, Registered};
pub use state::LogEntry;

/// 40 hexadecimal digits, in small letters.
pub type Digest = [u8; 40];

/// The digest by which scripts are known, and what `redis.sha1hex` answers: SHA-1.
pub fn digest(text: &[u8]) -> Digest {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [0; 40];
    let digest = sha1_smol::Sha1::from(text).digest().bytes();
    for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    digits
}

//! Waiting: what a command asks for that found nothing and may wait until there is something. Knows
//! no client: who waits, in which order, and who is woken is the session's affair.
//!
//! A command that waits has written no reply and changed nothing. When one of its keys comes to hold
//! what it waits for, the same arguments are run again.

use super::{CommandError, Context, error, options};
use crate::resp::Sink;
use crate::value::Value;
use crate::value::number::parse_i64;

/// What is answered where waiting is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// A null, as BLMOVE.
    Null,
    /// A null array, as BLPOP.
    NullArray,
    /// A number, as WAIT.
    Number(i64),
    /// Two zeros, as WAITAOF.
    TwoZeros,
}

impl Nothing {
    /// Writes the reply of who waited and got nothing: to any command that waits for keys a null array.
    pub fn write_in_vain(self, reply: &mut dyn Sink) {
        match self {
            Nothing::Null | Nothing::NullArray => reply.null_array(),
            Nothing::Number(_) | Nothing::TwoZeros => self.write(reply),
        }
    }

    /// Writes that there is nothing.
    pub fn write(self, reply: &mut dyn Sink) {
        match self {
            Nothing::Null => reply.null(),
            Nothing::NullArray => reply.null_array(),
            Nothing::Number(number) => reply.integer(number),
            Nothing::TwoZeros => {
                reply.array(2);
                reply.integer(0);
                reply.integer(0);
            }
        }
    }
}

/// What has to appear under a key for who waits to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A list.
    List,
    /// A sorted set.
    SortedSet,
    /// Nothing: only time goes by.
    Time,
    /// That the host does what it was asked for under this number.
    Host(u64),
    /// Its turn: it runs when the time has come, which is no waiting in vain.
    Turn,
    /// A stream with something new, or anything that means there will be no more of it.
    Stream,
}

impl Awaited {
    /// True if a key that holds this may be what is waited for. To wait for a stream's group also
    /// means to hear that the stream is gone.
    pub fn may_be(self, value: Option<&Value>) -> bool {
        matches!(
            (self, value),
            (Awaited::List, Some(Value::List(_)))
                | (Awaited::SortedSet, Some(Value::SortedSet(_)))
                | (Awaited::Stream, Some(Value::Stream(_)))
        )
    }
}

/// What a command waits for.
#[derive(Clone, Debug)]
pub struct Wait {
    /// Keys of the selected database, any of which will do.
    pub keys: Vec<Box<[u8]>>,
    /// What has to appear there.
    pub awaited: Awaited,
    /// Whether to run again, and answer an error, when a key goes or changes its type
    /// (XREADGROUP).
    pub wakes_when_gone: bool,
    /// Until when, in microseconds since the Unix epoch; for ever without it.
    pub until_us: Option<u64>,
    /// What is answered where nobody can wait. One who waited in vain gets a null array, whatever the
    /// command.
    pub nothing: Nothing,
    /// Arguments that mean something else when they are run again: their index and what stands
    /// there then (XREAD's `$`).
    pub replaced: Vec<(usize, Box<[u8]>)>,
}

impl Context<'_> {
    /// Waits, or where nobody can (in a transaction, in a script) answers that there is nothing.
    pub fn wait_for(&mut self, wait: Wait) {
        if self.may_wait {
            self.wait = Some(Box::new(wait));
        } else {
            wait.nothing.write(self.reply);
        }
    }

    /// The end of a wait of so many seconds, with a fraction; `None` for 0, which is for ever.
    pub fn timeout_s(&self, arg: &[u8]) -> Result<Option<u64>, CommandError> {
        if let Some(seconds @ 0..=MANY_SECONDS) = parse_i64(arg) {
            return self.timeout(seconds * 1000);
        }
        let seconds = options::long_double(arg).map_err(|_| error::TIMEOUT_NOT_A_FLOAT)?;
        self.timeout(seconds.to_ms().ok_or(error::TIMEOUT_OUT_OF_RANGE)?)
    }

    /// The end of a wait of so many milliseconds; `None` for 0, which is for ever.
    pub fn timeout_ms(&self, arg: &[u8]) -> Result<Option<u64>, CommandError> {
        timeout_ms(arg, self.now_ms())
    }

    fn timeout(&self, ms: i64) -> Result<Option<u64>, CommandError> {
        let until_us = until_us(ms, self.now_ms())?;
        Ok((ms > 0).then_some(until_us))
    }
}

/// Whole seconds up to here need no long double.
const MANY_SECONDS: i64 = 1 << 32;

/// The end of a wait of so many milliseconds from now, in microseconds since the Unix epoch; `None` for
/// 0, which is for ever.
pub fn timeout_ms(arg: &[u8], now_ms: i64) -> Result<Option<u64>, CommandError> {
    let ms = parse_i64(arg).ok_or(error::TIMEOUT_NOT_AN_INTEGER)?;
    let until_us = until_us(ms, now_ms)?;
    Ok((ms > 0).then_some(until_us))
}

fn until_us(ms: i64, now_ms: i64) -> Result<u64, CommandError> {
    if ms < 0 {
        return Err(error::TIMEOUT_NEGATIVE);
    }
    let until_ms = ms.checked_add(now_ms).ok_or(error::TIMEOUT_OUT_OF_RANGE)?;
    Ok((until_ms as u64).saturating_mul(1000))
}

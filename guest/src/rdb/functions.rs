//! Libraries of functions as FUNCTION DUMP answers them and FUNCTION RESTORE takes them: their codes,
//! one after the other, and the footer of any payload.

use super::Unreadable;
use super::image::opcode;
use super::payload::{self, FOOTER_BYTES};
use super::reader::Reader;
use super::writer::Writer;

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is of a later version, or its checksum is another.
    Footer,
    /// It is of a form that no release wrote.
    PreRelease,
    /// There is something else in it.
    NoFunction,
    /// It is cut off, or does not fit.
    Corrupt,
}

impl From<Unreadable> for Refused {
    fn from(_: Unreadable) -> Self {
        Refused::Corrupt
    }
}

/// The payload of libraries, by their codes.
pub fn dump<'a>(codes: impl Iterator<Item = &'a [u8]>, compression: bool) -> Vec<u8> {
    let mut writer = Writer::new(compression);
    for code in codes {
        writer.byte(opcode::FUNCTIONS);
        writer.string(code);
    }
    payload::seal(&mut writer);
    writer.bytes
}

/// The codes of the libraries in a payload.
pub fn restore(payload: &[u8], memory_ceiling: usize) -> Result<Vec<Box<[u8]>>, Refused> {
    payload::verify(payload).map_err(|_| Refused::Footer)?;
    let mut codes = Vec::new();
    let mut reader = Reader::new(&payload[..payload.len() - FOOTER_BYTES], memory_ceiling);
    while reader.left() > 0 {
        match reader.byte()? {
            opcode::FUNCTIONS => {
                let code = reader.string()?;
                reader.reserve(code.len())?;
                codes.push((*code).into());
            }
            opcode::FUNCTIONS_PRE_GA => return Err(Refused::PreRelease),
            _ => return Err(Refused::NoFunction),
        }
    }
    Ok(codes)
}

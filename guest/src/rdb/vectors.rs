//! Vector sets, as the module that came with Redis 8.0 saves them: numbers and strings with a mark
//! before each. Links are written for the reader's sake; here they are found anew.

use super::reader::Reader;
use super::writer::Writer;
use super::{Unreadable, reader};
use crate::value::VectorSet;
use crate::value::vectors::{Element, LINKS, Numbers, Precision, Projection, Shape};

/// Stands for the module, and for the layout of what follows.
const MODULE: u64 = 0xbde7_2da2_bb1e_b400;

/// What stands before each number and string, and at the end.
const NUMBER: u64 = 2;
const STRING: u64 = 5;
const END: u64 = 0;

/// Whether vectors are projected, and whether something was said about elements.
const PROJECTED: u64 = 1;
const DESCRIBED: u64 = 2;

/// More numbers than any vector has.
const MOST_DIMENSIONS: u64 = 1 << 20;

/// Numbers that are known of an element beside its links: its number, its level, its length.
const PARAMETERS: u64 = 3;

// ---- writing -----------------------------------------------------------------------------------

fn number(writer: &mut Writer, number: u64) {
    writer.len(NUMBER);
    writer.len(number);
}

fn string(writer: &mut Writer, bytes: &[u8]) {
    writer.len(STRING);
    writer.string(bytes);
}

/// Writes a vector set.
pub(super) fn write(writer: &mut Writer, set: &VectorSet) {
    let shape = set.shape();
    let is_described = set.with_attributes() > 0;
    writer.len(MODULE);
    number(writer, shape.dimensions as u64);
    number(writer, set.len() as u64);
    let precision = match shape.precision {
        Precision::Float => 0,
        Precision::Byte => 1,
        Precision::Bit => 2,
    };
    number(writer, precision | (shape.links as u64) << 8);
    let projected = shape.projection.as_ref().map_or(0, |_| PROJECTED);
    number(writer, projected | if is_described { DESCRIBED } else { 0 });
    if let Some(projection) = &shape.projection {
        number(writer, projection.from as u64);
        string(writer, &projection.matrix());
    }
    let elements = set.by_number();
    for (name, element) in elements.iter().rev() {
        string(writer, name);
        if is_described {
            string(writer, element.attributes.as_deref().unwrap_or_default());
        }
        string(writer, &element.numbers.bytes());
        let links: Vec<(usize, Vec<u64>)> = (0..=element.level())
            .map(|level| links(set, &elements, element, level))
            .collect();
        let parameters: usize = links.iter().map(|(_, links)| 2 + links.len()).sum();
        number(writer, PARAMETERS + parameters as u64);
        number(writer, element.number());
        number(writer, element.level().into());
        for (most, links) in links {
            number(writer, links.len() as u64);
            number(writer, most as u64);
            links.into_iter().for_each(|link| number(writer, link));
        }
        let range = element.numbers.range().map_or(0, f32::to_bits);
        number(
            writer,
            u64::from(range) << 32 | u64::from(element.length.to_bits()),
        );
    }
    writer.len(END);
}

/// Whom an element is linked with on a level, and with how many it may be: whoever stands near it in
/// the order in which they came, so that links always go both ways.
fn links(
    set: &VectorSet,
    elements: &[(&[u8], &Element)],
    element: &Element,
    level: u32,
) -> (usize, Vec<u64>) {
    let most = set.shape().links * if level == 0 { 2 } else { 1 };
    let there: Vec<u64> = elements
        .iter()
        .filter(|(_, other)| other.level() >= level)
        .map(|(_, other)| other.number())
        .collect();
    let Some(at) = there.iter().position(|number| *number == element.number()) else {
        return (most, Vec::new());
    };
    let is_linked = |other: usize| {
        let apart = at.abs_diff(other);
        let around = apart.min(there.len() - apart);
        apart > 0 && (there.len() <= most || around <= most / 2)
    };
    let links = there
        .iter()
        .enumerate()
        .filter(|(other, _)| is_linked(*other));
    (most, links.map(|(_, number)| *number).collect())
}

// ---- reading -----------------------------------------------------------------------------------

fn read_number(reader: &mut Reader<'_>) -> Result<u64, Unreadable> {
    if reader.len()? != NUMBER {
        return Err(Unreadable::Corrupt);
    }
    reader.len()
}

fn read_string(reader: &mut Reader<'_>) -> Result<Vec<u8>, Unreadable> {
    if reader.len()? != STRING {
        return Err(Unreadable::Corrupt);
    }
    let text = reader.string()?;
    reader.reserve(text.len())?;
    Ok(text.to_vec())
}

fn sized(number: u64, most: u64) -> Result<usize, Unreadable> {
    usize::try_from(number)
        .ok()
        .filter(|_| number <= most)
        .ok_or(Unreadable::Corrupt)
}

/// Reads a vector set.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<VectorSet, Unreadable> {
    if reader.len()? != MODULE {
        return Err(Unreadable::Corrupt);
    }
    let dimensions = sized(read_number(reader)?, MOST_DIMENSIONS)?;
    let count = read_number(reader)?;
    let config = read_number(reader)?;
    let precision = match config & 0xff {
        0 => Precision::Float,
        1 => Precision::Byte,
        2 => Precision::Bit,
        _ => return Err(Unreadable::Corrupt),
    };
    let links = sized(config >> 8 & 0xffff, *LINKS.end() as u64)?;
    let flags = read_number(reader)?;
    let mut projection = None;
    if flags & PROJECTED != 0 {
        let from = sized(read_number(reader)?, MOST_DIMENSIONS)?;
        let matrix = read_string(reader)?;
        let len = from.checked_mul(dimensions * size_of::<f32>());
        if from == 0 || len != Some(matrix.len()) {
            return Err(Unreadable::Corrupt);
        }
        projection = Some(Projection::of_matrix(from, &matrix));
    }
    if dimensions == 0 || links < *LINKS.start() as usize {
        return Err(Unreadable::Corrupt);
    }
    let mut set = VectorSet::new(
        Shape {
            precision,
            links,
            dimensions,
            projection,
        },
        0,
    );
    for _ in 0..count {
        let name = read_string(reader)?;
        let attributes = if flags & DESCRIBED == 0 {
            Vec::new()
        } else {
            read_string(reader)?
        };
        let bytes = read_string(reader)?;
        reader.reserve(bytes.len() + name.len() + attributes.len() + reader::MEMBER_OVERHEAD)?;
        let parameters = read_number(reader)?;
        if parameters < PARAMETERS {
            return Err(Unreadable::Corrupt);
        }
        let number = read_number(reader)?;
        let level = read_number(reader)?;
        for _ in PARAMETERS..parameters {
            read_number(reader)?;
        }
        let lengths = read_number(reader)?;
        let length = f32::from_bits(lengths as u32);
        let range = f32::from_bits((lengths >> 32) as u32);
        let numbers = Numbers::of_bytes(&bytes, precision, dimensions, range);
        let numbers = numbers.ok_or(Unreadable::Corrupt)?;
        let element = Element::known(number, level, numbers, length, &attributes);
        if !set.restore(&name, element) {
            return Err(Unreadable::Corrupt);
        }
    }
    if reader.len()? != END || set.is_empty() {
        return Err(Unreadable::Corrupt);
    }
    Ok(set)
}

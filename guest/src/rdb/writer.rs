//! Writes lengths, strings and numbers of the format. Knows no type of value.

use super::lzf::Compressor;
use crate::value::Item;
use crate::value::number::parse_i64;

/// Shorter strings are never smaller when compressed.
const LEAST_COMPRESSED: usize = 21;

/// Where a value is written to.
pub struct Writer {
    /// What is written so far.
    pub bytes: Vec<u8>,
    compression: bool,
    /// Made when the first string is to be compressed.
    compressor: Option<Compressor>,
    compressed: Vec<u8>,
    /// For what is put together before it is known whether it can be compressed.
    form: Vec<u8>,
}

impl Writer {
    /// Begins with nothing written. `compression` is `rdbcompression`.
    pub fn new(compression: bool) -> Self {
        Writer {
            bytes: Vec::new(),
            compression,
            compressor: None,
            compressed: Vec::new(),
            form: Vec::new(),
        }
    }

    /// A byte, such as one that tells what follows.
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// A time in milliseconds.
    pub fn time_ms(&mut self, ms: i64) {
        self.raw(&ms.to_le_bytes());
    }

    /// A length, or any number of 64 bits without a sign.
    pub fn len(&mut self, len: u64) {
        match len {
            0..0x40 => self.byte(len as u8),
            0x40..0x4000 => self.raw(&(len as u16 | 0x4000).to_be_bytes()),
            _ => match u32::try_from(len) {
                Ok(len) => {
                    self.byte(0x80);
                    self.raw(&len.to_be_bytes());
                }
                Err(_) => {
                    self.byte(0x81);
                    self.raw(&len.to_be_bytes());
                }
            },
        }
    }

    /// How many of something.
    pub fn count(&mut self, count: usize) {
        self.len(count as u64);
    }

    /// A string: as a number if it is one of 32 bits, compressed if that makes it shorter, else as
    /// it is.
    pub fn string(&mut self, string: &[u8]) {
        if string.len() <= 11
            && let Some(number) = parse_i64(string)
            && self.short_number(number)
        {
            return;
        }
        if self.compression && string.len() >= LEAST_COMPRESSED {
            let compressor = self.compressor.get_or_insert_default();
            if compressor.compress(string, string.len() - 4, &mut self.compressed) {
                self.byte(0xc3);
                self.count(self.compressed.len());
                self.count(string.len());
                self.bytes.extend_from_slice(&self.compressed);
                return;
            }
        }
        self.plain(string);
    }

    fn plain(&mut self, string: &[u8]) {
        self.count(string.len());
        self.raw(string);
    }

    /// An element, as a string.
    pub fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Bytes(bytes) => self.string(bytes),
            Item::Number(number) => self.number(number),
        }
    }

    /// A number, as the string that it is written as.
    pub fn number(&mut self, number: i64) {
        if !self.short_number(number) {
            self.plain(itoa::Buffer::new().format(number).as_bytes());
        }
    }

    /// A number of up to 32 bits; false if it has more.
    fn short_number(&mut self, number: i64) -> bool {
        let le = number.to_le_bytes();
        let (kind, width) = if i8::try_from(number).is_ok() {
            (0xc0, 1)
        } else if i16::try_from(number).is_ok() {
            (0xc1, 2)
        } else if i32::try_from(number).is_ok() {
            (0xc2, 4)
        } else {
            return false;
        };
        self.byte(kind);
        self.raw(&le[..width]);
        true
    }

    /// What `write` appends, as one string.
    pub fn form(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut form = std::mem::take(&mut self.form);
        form.clear();
        write(&mut form);
        self.string(&form);
        self.form = form;
    }
}

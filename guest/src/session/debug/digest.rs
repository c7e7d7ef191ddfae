//! DEBUG DIGEST and DEBUG DIGEST-VALUE: 20 bytes that tell whether two servers hold the same, the
//! same ones that Redis computes. What has no order gives the same in any order.

use sha1_smol::Sha1;

use super::super::Call;
use crate::commands::Outcome;
use crate::keyspace::Keyspace;
use crate::resp::Args;
use crate::value::list::End;
use crate::value::stream::Direction;
use crate::value::{Value, number, sorted_set};

/// DEBUG DIGEST
pub fn digest(call: &mut Call<'_>) -> Outcome {
    let digest = of_all(&call.server.keyspace);
    call.reply.simple(&digest.hexadecimal());
    Ok(())
}

/// DEBUG DIGEST-VALUE [key ...]
pub fn digest_value(call: &mut Call<'_>, keys: Args<'_>) -> Outcome {
    let db = call.client().db;
    call.reply.array(keys.len());
    for key in keys.iter() {
        let keyspace = &mut call.server.keyspace;
        let mut digest = Digest::default();
        let expires = keyspace.deadline_ms(db, key).flatten().is_some();
        if let Some(entry) = keyspace.peek(db, key) {
            digest.value(entry.value(), expires);
        }
        call.reply.simple(&digest.hexadecimal());
    }
    Ok(())
}

fn of_all(keyspace: &Keyspace) -> Digest {
    let mut all = Digest::default();
    for db in 0..keyspace.databases() {
        if keyspace.len(db) == 0 {
            continue;
        }
        all.mix(&(db as u32).to_be_bytes());
        for (entry, deadline_ms) in keyspace.records(db) {
            let mut digest = Digest::default();
            digest.mix(entry.key());
            digest.value(entry.value(), deadline_ms.is_some());
            all.xor(&digest.0);
        }
    }
    all
}

/// A score as Redis prints it here: integers as other numbers, with the fewest digits that tell it.
fn score_text(score: f64) -> Vec<u8> {
    let text = if score == 0.0 || !score.is_finite() {
        number::format_double(score)
    } else {
        number::format_shortest(score)
    };
    text.as_bytes().to_vec()
}

#[derive(Default)]
struct Digest([u8; 20]);

impl Digest {
    fn hexadecimal(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Takes bytes in, in any order.
    fn xor(&mut self, bytes: &[u8]) {
        let other = Sha1::from(bytes).digest().bytes();
        for (byte, other) in self.0.iter_mut().zip(other) {
            *byte ^= other;
        }
    }

    /// Takes bytes in, after those before.
    fn mix(&mut self, bytes: &[u8]) {
        self.xor(bytes);
        self.0 = Sha1::from(self.0).digest().bytes();
    }

    fn value(&mut self, value: &Value, expires: bool) {
        let kind: u32 = match value {
            Value::String(_) => 0,
            Value::List(_) => 1,
            Value::Set(_) => 2,
            Value::SortedSet(_) => 3,
            Value::Hash(_) => 4,
            Value::Vectors(_) => 5,
            Value::Stream(_) => 6,
        };
        self.mix(&kind.to_be_bytes());
        match value {
            Value::String(string) => self.mix(&string.bytes()),
            Value::List(list) => {
                list.items(End::Left)
                    .for_each(|item| self.mix(&item.bytes()));
            }
            Value::Set(set) => set.items().for_each(|item| self.xor(&item.bytes())),
            Value::SortedSet(set) => {
                for scored in set.items(sorted_set::End::Lowest) {
                    let mut pair = Digest::default();
                    pair.mix(&scored.member.bytes());
                    pair.mix(&score_text(scored.score()));
                    self.xor(&pair.0);
                }
            }
            Value::Hash(fields) => {
                for field in fields.iter() {
                    let mut pair = Digest::default();
                    pair.mix(&field.name.bytes());
                    pair.mix(&field.value.bytes());
                    if field.deadline_ms.is_some() {
                        pair.xor(b"!!hexpire!!");
                    }
                    self.xor(&pair.0);
                }
            }
            // The module computes none.
            Value::Vectors(_) => {}
            Value::Stream(stream) => {
                let mut cursor = stream.entries.all(Direction::Forward);
                while let Some(id) = cursor.advance() {
                    self.mix(format!("{}.{}", id.ms, id.seq).as_bytes());
                    while let Some((field, value)) = cursor.next_field() {
                        self.mix(&field.bytes());
                        self.mix(&value.bytes());
                    }
                }
            }
        }
        if expires {
            self.xor(b"!!expire!!");
        }
    }
}

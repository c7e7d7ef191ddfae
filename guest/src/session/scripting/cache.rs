//! Which scripts are known, by the digest of their text: those of SCRIPT LOAD for ever, those of
//! EVAL as long as they are among the last 500 that were used.

use std::collections::BTreeMap;

use crate::commands::CommandError;
use crate::lua::function::{FLAGS, Flag, flag};
use crate::lua::{Digest, Lua, Script};
use crate::resp::split_words;

/// How many scripts of EVAL are kept (`LRU_LIST_LENGTH`).
const KEPT: usize = 500;

/// Flags that a script declares, as bits of [`Flag`]; none where it declares nothing.
pub type Declared = Option<u8>;

/// A script that is known.
#[derive(Debug)]
struct Known {
    script: Script,
    declared: Declared,
    bytes: usize,
    /// When it was last used, for a script of EVAL.
    used: Option<u64>,
}

/// The scripts that are known.
#[derive(Debug, Default)]
pub struct Cache {
    by_digest: BTreeMap<Digest, Known>,
    /// Scripts of EVAL by when they were last used.
    by_use: BTreeMap<u64, Digest>,
    uses: u64,
    /// How many declare something.
    declaring: usize,
    bytes: usize,
    evicted: u64,
}

/// A digest as it was given: in letters of any size.
pub fn parse_digest(given: &[u8]) -> Option<Digest> {
    let mut digest: Digest = given.try_into().ok()?;
    digest.make_ascii_lowercase();
    Some(digest)
}

/// What a script's first line declares, and where the code begins behind it.
pub fn declared(text: &[u8]) -> Result<(Declared, usize), CommandError> {
    if !text.starts_with(b"#!") {
        return Ok((None, 0));
    }
    let refused =
        |words: &str, what: &[u8]| CommandError::worded([b"ERR ", words.as_bytes(), what].concat());
    let Some(end) = text.iter().position(|byte| *byte == b'\n') else {
        return Err(refused("Invalid script shebang", b""));
    };
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    split_words(&text[..end], &mut bytes, |from, to| spans.push(from..to))
        .ok_or_else(|| refused("Invalid engine in script shebang", b""))?;
    let mut words = spans.into_iter().map(|span| &bytes[span]);
    match words.next() {
        Some(b"#!lua") => {}
        engine => {
            let engine = engine.unwrap_or_default();
            return Err(refused("Unexpected engine in script shebang: ", engine));
        }
    }
    let mut flags = 0;
    for word in words {
        let Some(list) = word.strip_prefix(b"flags=") else {
            return Err(refused("Unknown lua shebang option: ", word));
        };
        if list.is_empty() {
            continue;
        }
        for name in list.split(|byte| *byte == b',') {
            let known = FLAGS.iter().any(|(known, _)| known.as_bytes() == name);
            let Some(flag) = flag(name).filter(|_| known) else {
                return Err(refused("Unexpected flag in script shebang: ", name));
            };
            flags |= flag as u8;
        }
    }
    Ok((Some(flags), end))
}

/// True if the flag is among those declared.
pub fn declares(declared: Declared, flag: Flag) -> bool {
    declared.is_some_and(|flags| flags & flag as u8 != 0)
}

impl Cache {
    /// How many scripts are known.
    pub fn len(&self) -> usize {
        self.by_digest.len()
    }

    /// Bytes of their texts and digests.
    pub fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// How many scripts made room for others.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// True if the script is known.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.by_digest.contains_key(digest)
    }

    /// What the script of that digest declares, if it is known and declares something.
    pub fn declared(&self, digest: &[u8]) -> Declared {
        if self.declaring == 0 {
            return None;
        }
        self.by_digest.get(&parse_digest(digest)?)?.declared
    }

    /// The script, which is used now, and what it declares.
    pub fn take_up(&mut self, digest: &Digest) -> Option<(&Script, Declared)> {
        let known = self.by_digest.get_mut(digest)?;
        if let Some(used) = &mut known.used
            && *used != self.uses
        {
            self.by_use.remove(used);
            self.uses += 1;
            *used = self.uses;
            self.by_use.insert(self.uses, *digest);
        }
        Some((&known.script, known.declared))
    }

    /// Makes a script known, if it is not. One that `stays` is kept for ever.
    pub fn load(
        &mut self,
        machine: &mut Lua,
        digest: Digest,
        text: &[u8],
        stays: bool,
    ) -> Result<(), CommandError> {
        if let Some(known) = self.by_digest.get_mut(&digest) {
            if stays && let Some(used) = known.used.take() {
                self.by_use.remove(&used);
            }
            return Ok(());
        }
        let (declared, code) = declared(text)?;
        let script = machine.load(&text[code..]).map_err(|message| {
            CommandError::worded(
                [b"ERR Error compiling script (new function): ", &message[..]].concat(),
            )
        })?;
        let used = (!stays).then(|| {
            while self.by_use.len() >= KEPT {
                self.evict_oldest(machine);
            }
            self.uses += 1;
            self.by_use.insert(self.uses, digest);
            self.uses
        });
        let bytes = text.len() + digest.len();
        self.bytes += bytes;
        self.declaring += usize::from(declared.is_some());
        let known = Known {
            script,
            declared,
            bytes,
            used,
        };
        self.by_digest.insert(digest, known);
        Ok(())
    }

    fn evict_oldest(&mut self, machine: &mut Lua) {
        if let Some((_, digest)) = self.by_use.pop_first()
            && let Some(known) = self.by_digest.remove(&digest)
        {
            self.bytes -= known.bytes;
            self.declaring -= usize::from(known.declared.is_some());
            self.evicted += 1;
            machine.unload(known.script);
        }
    }

    /// Forgets all scripts.
    pub fn flush(&mut self, machine: &mut Lua) {
        for (_, known) in std::mem::take(&mut self.by_digest) {
            machine.unload(known.script);
        }
        self.by_use.clear();
        self.declaring = 0;
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lua::digest;

    #[test]
    fn a_digest_is_that_of_sha1() {
        assert_eq!(
            &digest(b"return 1"),
            b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
        );
    }

    #[test]
    fn scripts_of_eval_make_room_and_those_that_were_loaded_stay() {
        let (mut cache, mut machine) = (Cache::default(), Lua::new());
        let load = |cache: &mut Cache, machine: &mut Lua, number: usize, stays| {
            let text = format!("return {number}");
            let digest = digest(text.as_bytes());
            let loaded = cache.load(machine, digest, text.as_bytes(), stays);
            assert_eq!(loaded, Ok(()));
            digest
        };
        let stays = load(&mut cache, &mut machine, 0, true);
        let first = load(&mut cache, &mut machine, 1, false);
        let second = load(&mut cache, &mut machine, 2, false);
        for number in 3..=KEPT {
            load(&mut cache, &mut machine, number, false);
        }
        assert!(cache.take_up(&first).is_some());
        load(&mut cache, &mut machine, KEPT + 1, false);
        assert!(cache.contains(&stays) && cache.contains(&first) && !cache.contains(&second));
        assert_eq!((cache.len(), cache.evicted()), (KEPT + 1, 1));
        cache.flush(&mut machine);
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }
}

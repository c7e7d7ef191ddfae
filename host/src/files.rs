//! Files that the engine asks for: an image of its data, its users, redis.conf. What is written is
//! written as a whole or not at all.
//!
//! Knows nothing of what is in them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::bindings::{Draft, Image, Refusal};

/// Writes an image beside its file first, so that who reads the file meets the old one or the new.
pub(crate) fn write(image: &Image) -> io::Result<()> {
    let folder = if image.folder.is_empty() {
        Path::new(".")
    } else {
        Path::new(&image.folder)
    };
    let draft = folder.join(format!("temp-{}-{}.rdb", std::process::id(), image.number));
    replace(&folder.join(&image.name), &draft, &image.bytes)
}

/// Puts a new file, written beside it first, in place of one.
fn replace(path: &Path, draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = File::create(draft)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(draft, path));
    if written.is_err() {
        // It may not even exist.
        let _ = fs::remove_file(draft);
    }
    written
}

/// Reads a file for the engine.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, Refusal> {
    fs::read(path).map_err(|error| refused(&error))
}

/// Writes a file for the engine.
pub(crate) fn write_draft(draft: &Draft) -> Result<Vec<u8>, Refusal> {
    let path = PathBuf::from(&draft.path);
    let mut beside = path.clone().into_os_string();
    beside.push(format!(".tmp-{}", std::process::id()));
    let written = replace(&path, Path::new(&beside), &draft.bytes);
    written
        .map(|()| Vec::new())
        .map_err(|error| refused(&error))
}

/// What is in the file of users that the parameters name, if they name one.
pub(crate) fn users(config: &[(String, String)]) -> Option<(String, Result<Vec<u8>, Refusal>)> {
    let last = |wanted: &str| {
        let mut pairs = config.iter().rev();
        let found = pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map_or("", |(_, value)| value.as_str())
    };
    let name = last("aclfile");
    if name.is_empty() {
        return None;
    }
    let path = Path::new(last("dir")).join(name);
    Some((name.to_owned(), read(&path.to_string_lossy())))
}

/// Why it could not be done, in the system's words alone.
fn refused(error: &io::Error) -> Refusal {
    let text = error.to_string();
    let why = text.split(" (os error").next().unwrap_or_default();
    Refusal {
        about: String::new(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(folder: &Path, bytes: &[u8]) -> Image {
        Image {
            number: 1,
            folder: folder.display().to_string(),
            name: "dump.rdb".to_owned(),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        for bytes in [&b"one"[..], b"another"] {
            write(&image(folder.path(), bytes)).expect("written");
            let read = fs::read(folder.path().join("dump.rdb")).expect("there");
            assert_eq!(read, bytes);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
        let missing = folder.path().join("missing");
        assert!(write(&image(&missing, b"")).is_err());
    }
}

//! Files that the engine asks for: an image of its data, written as a whole or not at all.
//!
//! Knows nothing of what is in them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::bindings::Image;

/// Writes an image beside its file first, so that who reads the file meets the old one or the new.
pub(crate) fn write(image: &Image) -> io::Result<()> {
    let folder = if image.folder.is_empty() {
        Path::new(".")
    } else {
        Path::new(&image.folder)
    };
    let draft = folder.join(format!("temp-{}-{}.rdb", std::process::id(), image.number));
    let written = File::create(&draft)
        .and_then(|mut file| {
            file.write_all(&image.bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&draft, folder.join(&image.name)));
    if written.is_err() {
        // It may not even exist.
        let _ = fs::remove_file(&draft);
    }
    written
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

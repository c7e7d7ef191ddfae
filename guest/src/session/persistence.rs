//! SAVE, BGSAVE, LASTSAVE, and saving by itself: when an image of the data is made, and what is known
//! of the last one. What an image looks like is `rdb`'s; the host writes it to a file and says
//! whether it could.

use super::{Call, Caller, Connection, LogLevel, REDIS_VERSION, Server, SessionHandler};
use crate::commands::{CommandError, Outcome, error, options};
use crate::config::SavePoint;
use crate::rdb::Unreadable;
use crate::rdb::image::{self, LoadError, Loaded, Origin};
use crate::resp::Args;

pub(super) const HANDLERS: &[(&str, SessionHandler)] =
    &[("bgsave", bgsave), ("lastsave", lastsave), ("save", save)];

/// How long nothing is saved by itself after it failed (`CONFIG_BGSAVE_RETRY_DELAY`).
const RETRY_US: u64 = 5_000_000;

/// An image as large as this is kept, for DEBUG RELOAD NOSAVE.
const LARGEST_KEPT: usize = 1 << 24;

/// Who has to wait until an image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Nobody.
    Nobody,
    /// Everybody, as on a server that saves in the foreground; this client hears of it.
    Everybody(Connection),
    /// Everybody, and then the server ends; even if it fails, for `forced`.
    Exit {
        /// The client that wants it to end; None for a signal.
        by: Option<Connection>,
        /// Whatever becomes of the image.
        forced: bool,
    },
}

/// An image for the host to write to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFile {
    /// Tells this image from others.
    pub number: u32,
    /// The parameter `dir`.
    pub folder: String,
    /// The parameter `dbfilename`.
    pub name: String,
    /// What to write.
    pub bytes: Vec<u8>,
}

/// An image that the host was given and has not answered for yet.
#[derive(Clone, Copy, Debug)]
struct Saving {
    number: u32,
    waiting: Waiting,
    began_us: u64,
    /// Changes that it holds.
    changes: u64,
}

/// What is known of images.
#[derive(Debug, Default)]
pub struct Persistence {
    saving: Option<Saving>,
    /// BGSAVE was asked for in a transaction.
    scheduled: bool,
    /// How many images were made for the host.
    images: u32,
    /// An image for the host.
    pub image: Option<ImageFile>,
    /// The last image that was made, if it is not large.
    kept: Vec<u8>,
    /// When the data was last saved, in microseconds since the Unix epoch.
    pub saved_us: u64,
    /// Whether the last time in the background failed.
    pub failed: bool,
    tried_us: u64,
    /// How long the last time in the background took, in seconds.
    pub took_s: Option<u64>,
    /// How often the data was to be saved.
    pub saves: u64,
    /// Keys of the last image that was loaded.
    pub loaded: u64,
    /// Keys of it whose time was up.
    pub loaded_expired: u64,
}

impl Persistence {
    /// Nothing saved since the start.
    pub fn since(started_us: u64) -> Self {
        Persistence {
            saved_us: started_us,
            ..Persistence::default()
        }
    }

    /// Forgets the image that the host was given last: it will hear nothing of it. Images that others
    /// made since have numbers up to `made`.
    pub(super) fn forget_saving(&mut self, made: u32) {
        self.saving = None;
        self.image = None;
        self.images = self.images.max(made);
    }

    /// How many images were made for the host.
    pub(super) fn images(&self) -> u32 {
        self.images
    }

    /// The number of the image that everybody waits for.
    pub fn waited_for(&self) -> Option<u32> {
        let saving = self.saving?;
        (saving.waiting != Waiting::Nobody).then_some(saving.number)
    }

    /// True while everybody waits for an image to be written.
    pub fn is_waited_for(&self) -> bool {
        self.waited_for().is_some()
    }

    /// Since when an image is written in the background, in microseconds since the Unix epoch.
    pub fn background_since_us(&self) -> Option<u64> {
        let saving = self.saving?;
        (saving.waiting == Waiting::Nobody).then_some(saving.began_us)
    }
}

/// What comes of an image that the host was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// Nobody waited.
    Unnoticed,
    /// The replies that were held back are as they should be.
    Told,
    /// This client is to hear an error instead.
    Refused(Connection, CommandError),
}

impl Server {
    /// An image of all data.
    pub fn make_image(&mut self) -> Result<Vec<u8>, CommandError> {
        let origin = Origin {
            version: REDIS_VERSION,
            libraries: self.scripts.library_codes().collect(),
        };
        image::save(&self.keyspace, &origin, &self.config).map_err(|unreadable| match unreadable {
            Unreadable::NoRoom => error::OUT_OF_MEMORY,
            Unreadable::Corrupt | Unreadable::Empty => error::CANNOT_SAVE,
        })
    }

    /// Makes an image and hands it to the host.
    pub fn begin_saving(&mut self, waiting: Waiting) -> Outcome {
        self.persistence.saves += 1;
        self.persistence.scheduled = false;
        self.persistence.tried_us = self.now_us();
        let image = self.make_image().inspect_err(|_| {
            self.persistence.failed = true;
        })?;
        self.keep_image(&image);
        self.persistence.images += 1;
        let number = self.persistence.images;
        self.persistence.saving = Some(Saving {
            number,
            waiting,
            began_us: self.now_us(),
            changes: self.keyspace.journal.dirty,
        });
        self.persistence.image = Some(ImageFile {
            number,
            folder: String::from_utf8_lossy(&self.config.dir).into_owned(),
            name: String::from_utf8_lossy(&self.config.dbfilename).into_owned(),
            bytes: image,
        });
        Ok(())
    }

    /// Keeps an image for DEBUG RELOAD NOSAVE, if it is not large.
    pub fn keep_image(&mut self, image: &[u8]) {
        self.persistence.kept.clear();
        if image.len() <= LARGEST_KEPT && self.keyspace.has_room_for(image.len()) {
            self.persistence.kept.extend_from_slice(image);
        }
    }

    /// The host has written the image of that number, or could not. One that another has taken the
    /// place of is of no interest.
    pub fn image_written(&mut self, number: u32, written: bool) -> Saved {
        let saving = &mut self.persistence.saving;
        let Some(saving) = saving.take_if(|saving| saving.number == number) else {
            return Saved::Unnoticed;
        };
        let now_us = self.now_us();
        if written {
            self.log(LogLevel::Notice, "DB saved on disk");
            self.persistence.saved_us = now_us;
            let dirty = &mut self.keyspace.journal.dirty;
            *dirty = dirty.saturating_sub(saving.changes);
            self.persistence.failed = false;
        }
        match saving.waiting {
            Waiting::Nobody => {
                self.persistence.took_s = Some((now_us - saving.began_us) / 1_000_000);
                self.persistence.failed = !written;
                Saved::Unnoticed
            }
            Waiting::Everybody(_) if written => Saved::Told,
            Waiting::Everybody(connection) => Saved::Refused(connection, error::CANNOT_SAVE),
            Waiting::Exit { forced, .. } if written || forced => {
                self.exit = true;
                Saved::Told
            }
            Waiting::Exit { by, .. } => {
                self.stay();
                by.map_or(Saved::Told, |by| {
                    Saved::Refused(by, error::CANNOT_SHUT_DOWN)
                })
            }
        }
    }

    /// Loads an image in place of what is there, or on top of it.
    pub fn load_image(
        &mut self,
        image: &[u8],
        keeps: bool,
        replaces: bool,
    ) -> Result<Loaded, LoadError> {
        if !keeps {
            // To load is no change.
            let dirty = self.keyspace.journal.dirty;
            for db in 0..self.keyspace.databases() {
                self.keyspace.clear(db);
            }
            self.keyspace.journal.dirty = dirty;
            self.scripts.delete_libraries();
        }
        let loaded = image::load(image, &mut self.keyspace, &self.config, replaces)?;
        let libraries = self.scripts.load_libraries(&loaded.libraries, replaces);
        libraries.map_err(LoadError::Library)?;
        self.persistence.loaded = loaded.keys;
        self.persistence.loaded_expired = loaded.expired;
        Ok(loaded)
    }

    /// The last image that was made, if it was kept.
    pub fn take_kept_image(&mut self) -> Option<Vec<u8>> {
        let kept = std::mem::take(&mut self.persistence.kept);
        (!kept.is_empty()).then_some(kept)
    }

    // ---- saving by itself

    /// When the data is to be saved next if nothing changes any more: a save point is reached, or
    /// BGSAVE was put off. In microseconds since the Unix epoch.
    pub fn next_save_us(&self) -> Option<u64> {
        if self.persistence.saving.is_some() {
            return None;
        }
        if self.persistence.scheduled {
            return Some(self.now_us());
        }
        let reached =
            |point: &&SavePoint| self.keyspace.journal.dirty as i128 >= point.changes.into();
        let points = self.config.save.0.iter().filter(reached);
        let due_us = points
            .map(|point| {
                // Redis waits for one second more than was asked for.
                let seconds = (point.seconds as u64).saturating_add(1);
                self.persistence
                    .saved_us
                    .saturating_add(seconds.saturating_mul(1_000_000))
            })
            .min()?;
        if self.persistence.failed {
            Some(due_us.max(self.persistence.tried_us.saturating_add(RETRY_US)))
        } else {
            Some(due_us)
        }
    }

    /// Saves in the background if a save point is reached.
    pub fn save_if_due(&mut self) {
        if self
            .next_save_us()
            .is_some_and(|at_us| at_us <= self.now_us())
        {
            self.log(LogLevel::Notice, "Saving in the background...");
            if let Err(refused) = self.begin_saving(Waiting::Nobody) {
                let text = String::from_utf8_lossy(refused.text()).into_owned();
                self.log(
                    LogLevel::Warning,
                    format!("Can't save in background: {text}"),
                );
            }
        }
    }
}

// ---- commands ----------------------------------------------------------------------------------

/// SAVE
fn save(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    if call.server.persistence.saving.is_some() {
        return Err(error::SAVE_IN_PROGRESS);
    }
    call.server
        .begin_saving(Waiting::Everybody(call.connection))?;
    // Held back until the image is written.
    call.reply.ok();
    Ok(())
}

/// BGSAVE [SCHEDULE]
fn bgsave(call: &mut Call<'_>, args: Args<'_>) -> Outcome {
    let is_well_said = match args.get(1) {
        None => true,
        Some(option) => args.len() == 2 && options::is(option, "SCHEDULE"),
    };
    if !is_well_said {
        return Err(error::SYNTAX);
    }
    if call.server.persistence.saving.is_some() {
        return Err(error::SAVE_IN_PROGRESS);
    }
    if call.caller == Caller::Transaction {
        // Not in the midst of it.
        call.server.persistence.scheduled = true;
        call.reply.simple("Background saving scheduled");
        return Ok(());
    }
    call.server.begin_saving(Waiting::Nobody)?;
    call.server
        .log(LogLevel::Notice, "Background saving started");
    call.reply.simple("Background saving started");
    Ok(())
}

/// LASTSAVE
fn lastsave(call: &mut Call<'_>, _args: Args<'_>) -> Outcome {
    let saved_us = call.server.persistence.saved_us;
    call.reply.integer((saved_us / 1_000_000) as i64);
    Ok(())
}

//! The log in Redis's own form: `PID:M DD Mon YYYY HH:MM:SS.mmm * text`.
//!
//! Owns the form and where lines go. Knows nothing of who writes them.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Redis's `loglevel`, by what matters more and more, as filters.
const LEVELS: [(&str, LevelFilter); 5] = [
    ("debug", LevelFilter::TRACE),
    ("verbose", LevelFilter::DEBUG),
    ("notice", LevelFilter::INFO),
    ("warning", LevelFilter::WARN),
    ("nothing", LevelFilter::OFF),
];

/// Which of them the process's own lines follow: there is one log for all of it.
static CHOSEN: AtomicUsize = AtomicUsize::new(2);

/// Has the process's own lines follow this `loglevel` from now on; false if it is none.
pub(crate) fn set_level(name: &str) -> bool {
    let place = LEVELS
        .iter()
        .position(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some(place) = place {
        CHOSEN.store(place, Ordering::Relaxed);
    }
    place.is_some()
}

/// Whether a line is wanted. The engine follows its own `loglevel` before it says anything.
fn is_wanted(level: Level, target: &str) -> bool {
    let (_, chosen) = LEVELS[CHOSEN.load(Ordering::Relaxed)];
    target == "engine" || level <= chosen
}

/// Sends the process's log to standard error, or to the end of a file.
pub(crate) fn install(file: Option<&Path>) -> io::Result<()> {
    let file = file.map(|path| OpenOptions::new().create(true).append(true).open(path));
    let layer = RedisForm {
        file: file.transpose()?,
    }
    .with_filter(dynamic_filter_fn(|line, _| {
        is_wanted(*line.level(), line.target())
    }));
    // Only the program's first line calls this, so nobody else was here before.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
    Ok(())
}

/// A whole line, with its end. `mark` is what Redis puts for the level: `.`, `-`, `*` or `#`.
pub(crate) fn line(mark: char, text: &str) -> String {
    let now = chrono::Local::now().format("%d %b %Y %H:%M:%S%.3f");
    format!("{}:M {now} {mark} {text}\n", std::process::id())
}

struct RedisForm {
    /// None for standard error.
    file: Option<File>,
}

impl<S: Subscriber> Layer<S> for RedisForm {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mark = match *event.metadata().level() {
            Level::TRACE => '.',
            Level::DEBUG => '-',
            Level::INFO => '*',
            Level::WARN | Level::ERROR => '#',
        };
        let mut text = Text::default();
        event.record(&mut text);
        let line = line(mark, &text.0);
        // A log that cannot be written has nowhere to say so.
        let _ = match &self.file {
            // Files are written through shared references too.
            Some(file) => (&*file).write_all(line.as_bytes()),
            None => io::stderr().lock().write_all(line.as_bytes()),
        };
    }
}

/// The message of an event, and its other fields after it.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_looks_like_one_of_redis() {
        let line = line('*', "Ready to accept connections tcp");
        let (head, text) = line.split_once(" * ").expect("a mark");
        assert_eq!(text, "Ready to accept connections tcp\n");
        let words: Vec<&str> = head.split(' ').collect();
        assert_eq!(words[0], format!("{}:M", std::process::id()));
        assert_eq!(words.len(), 5);
        assert_eq!(words[4].len(), "09:30:00.123".len());
    }

    #[test]
    fn levels_are_those_of_redis_and_can_be_changed() {
        assert!(is_wanted(Level::INFO, "petridis") && !is_wanted(Level::DEBUG, "petridis"));
        assert!(is_wanted(Level::TRACE, "engine"));
        assert!(set_level("Verbose") && is_wanted(Level::DEBUG, "petridis"));
        assert!(set_level("nothing") && !is_wanted(Level::ERROR, "petridis"));
        assert!(!set_level("loud"));
    }
}

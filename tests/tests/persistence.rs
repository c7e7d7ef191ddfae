//! Images of all data: who waits for them to be written, what becomes of one that cannot be, when
//! they are made without being asked for, and what is read from images that others wrote.

use petridis_guest::engine::Effects;
use petridis_tests::stepped::{SECOND_US, START_US, Server, text};

/// How long after commands the engine samples.
const SAMPLE_US: u64 = 100_000;

fn saved(server: &mut Server, number: u32, written: bool) -> Effects {
    let mut batch = server.engine.begin(server.now_us);
    batch.saved(number, written);
    batch.finish()
}

/// When the engine wants to be called after a line, once it has sampled what INFO tells of rates.
fn wanted_after(server: &mut Server, line: &str) -> Option<u64> {
    let effects = server.say(0, line);
    assert_eq!(effects.wake_at_us, Some(server.now_us + SAMPLE_US));
    server.now_us += SAMPLE_US;
    server.wait(0).wake_at_us
}

fn info(server: &mut Server, field: &str) -> String {
    let page = server.ask("INFO persistence");
    let line = page.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split(':').nth(1))
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn everybody_waits_until_save_is_written() {
    let mut server = Server::start(&[("save", "")]);
    assert_eq!(server.ask("SET k v"), "+OK\r\n");
    let effects = server.say(0, "SAVE");
    let image = effects.image.as_ref().expect("an image");
    assert_eq!((&*image.folder, &*image.name), ("", "dump.rdb"));
    assert!(image.bytes.starts_with(b"REDIS0012"));
    assert_eq!(text(&effects), "");
    let number = image.number;
    assert_eq!(text(&server.say(1, "GET k")), "");
    assert_eq!(text(&saved(&mut server, number + 1, true)), "");
    let effects = saved(&mut server, number, true);
    assert_eq!(text(&effects), "+OK\r\n$1\r\nv\r\n");
    assert_eq!(effects.sends.len(), 2);
    assert_eq!(info(&mut server, "rdb_changes_since_last_save"), "0");
    assert_eq!(info(&mut server, "rdb_saves"), "1");
}

#[test]
fn an_image_that_cannot_be_written_is_an_error() {
    let mut server = Server::start(&[("save", "")]);
    server.ask("SET k v");
    let image = server.say(0, "SAVE").image.expect("an image");
    assert_eq!(text(&saved(&mut server, image.number, false)), "-ERR\r\n");
    assert_eq!(info(&mut server, "rdb_changes_since_last_save"), "1");
    assert_eq!(info(&mut server, "rdb_last_bgsave_status"), "ok");
    let image = server.say(0, "BGSAVE").image.expect("an image");
    assert_eq!(info(&mut server, "rdb_bgsave_in_progress"), "1");
    assert_eq!(
        server.ask("SAVE"),
        "-ERR Background save already in progress\r\n"
    );
    assert_eq!(text(&saved(&mut server, image.number, false)), "");
    assert_eq!(info(&mut server, "rdb_bgsave_in_progress"), "0");
    assert_eq!(info(&mut server, "rdb_last_bgsave_status"), "err");
}

#[test]
fn changes_made_while_an_image_is_written_are_not_in_it() {
    let mut server = Server::start(&[("save", "")]);
    server.ask("SET k v");
    let image = server.say(0, "BGSAVE").image.expect("an image");
    server.ask("MSET a 1 b 2");
    server.wait(3);
    saved(&mut server, image.number, true);
    assert_eq!(info(&mut server, "rdb_changes_since_last_save"), "2");
    assert_eq!(info(&mut server, "rdb_last_bgsave_time_sec"), "3");
    let at = (START_US / SECOND_US + 3).to_string();
    assert_eq!(info(&mut server, "rdb_last_save_time"), at);
    assert_eq!(server.ask("LASTSAVE"), format!(":{at}\r\n"));
}

#[test]
fn save_points_are_kept() {
    let mut server = Server::start(&[("save", "100 1 10 2")]);
    assert!(server.wait(1000).image.is_none());
    let effects = server.say(0, "SET k v");
    // The time has passed already: at once, but not within the same step.
    assert_eq!(effects.wake_at_us, Some(START_US + 101 * SECOND_US));
    let image = server.wait(0).image.expect("an image");
    saved(&mut server, image.number, true);
    let saved_us = server.now_us;
    assert_eq!(wanted_after(&mut server, "PING"), None);
    let next = wanted_after(&mut server, "SET k v");
    assert_eq!(next, Some(saved_us + 101 * SECOND_US));
    let next = wanted_after(&mut server, "SET k v");
    assert_eq!(next, Some(saved_us + 11 * SECOND_US));
    assert!(server.wait(10).image.is_none());
    let image = server.wait(1).image.expect("an image");
    // One that fails is tried again, a little later.
    let effects = saved(&mut server, image.number, false);
    assert_eq!(effects.wake_at_us, Some(server.now_us + 5 * SECOND_US));
    assert!(server.wait(5).image.is_some());
}

#[test]
fn who_ends_the_server_saves_first() {
    let mut server = Server::start(&[]);
    let effects = server.say(0, "SHUTDOWN");
    let image = effects.image.expect("an image");
    assert!(!effects.exit);
    let refusal = "-ERR Errors trying to SHUTDOWN. Check logs.\r\n";
    let effects = saved(&mut server, image.number, false);
    assert_eq!((text(&effects).as_str(), effects.exit), (refusal, false));
    let image = server.say(0, "SHUTDOWN FORCE").image.expect("an image");
    assert!(saved(&mut server, image.number, false).exit);

    let mut server = Server::start(&[]);
    assert!(server.say(0, "SHUTDOWN NOSAVE").exit);
    let mut server = Server::start(&[("save", "")]);
    assert!(server.say(0, "SHUTDOWN").exit);
    let mut server = Server::start(&[("save", "")]);
    let image = server.say(0, "SHUTDOWN SAVE").image.expect("an image");
    assert!(saved(&mut server, image.number, true).exit);
}

/// One of each kind, two databases, deadlines.
fn filled() -> Server {
    let mut server = Server::start(&[("enable-debug-command", "yes")]);
    for line in [
        "SET s hello",
        "SET n 12 PX 100000",
        "RPUSH l a b c",
        "SADD i 1 2 3",
        "SADD w a b c",
        "HSET h f v g w",
        "HPEXPIRE h 90000 FIELDS 1 f",
        "ZADD z 1 a 2.5 b",
        "XADD x 1-1 f v",
        "XGROUP CREATE x g 0",
        "XREADGROUP GROUP g c STREAMS x >",
        "SELECT 5",
        "SET other db",
    ] {
        server.ask(line);
    }
    server
}

#[test]
fn an_image_is_loaded_as_it_was_saved() {
    let mut server = filled();
    let digest = server.ask("DEBUG DIGEST");
    let image = server.engine.save().expect("an image");
    let mut other = Server::start(&[]);
    other.ask("SET gone 1");
    assert_eq!(other.engine.load(&image), Ok(9));
    assert_eq!(other.ask("DEBUG DIGEST"), digest);
    assert_eq!(other.ask("EXISTS gone"), ":0\r\n");
    assert_eq!(other.ask("PTTL n"), ":100000\r\n");
    assert_eq!(other.ask("HPTTL h FIELDS 1 f"), "*1\r\n:90000\r\n");
    other.wait(91);
    assert_eq!(other.ask("HLEN h"), ":1\r\n");
    // What is past is left out.
    other.wait(10);
    assert_eq!(other.engine.load(&image), Ok(8));
    assert_eq!(info(&mut other, "rdb_last_load_keys_expired"), "1");
}

/// Cut off anywhere, or with any byte changed, an image is refused, and nothing panics.
#[test]
fn a_damaged_image_is_refused() {
    let image = filled().engine.save().expect("an image");
    let mut other = Server::start(&[]);
    for len in 0..image.len() {
        assert!(other.engine.load(&image[..len]).is_err(), "{len} bytes");
    }
    for at in 0..image.len() {
        let mut image = image.clone();
        image[at] ^= 0x15;
        assert!(other.engine.load(&image).is_err(), "byte {at}");
    }
    let refused = |image: &[u8]| Server::start(&[]).engine.load(image).expect_err("no image");
    assert!(refused(b"RADIS0012\xff").contains("Wrong signature"));
    assert!(refused(b"REDIS0013\xff").contains("RDB format version 13"));
    assert!(refused(b"REDIS0000\xff").contains("RDB format version 0"));
    assert!(refused(b"REDIS0003\xfe\x10\xff").contains("database 16"));
}

/// An image as the first versions wrote it: no checksum, deadlines in seconds; and one with all that
/// is to be passed over.
#[test]
fn images_of_other_versions_are_read() {
    let mut server = Server::start(&[("enable-debug-command", "yes")]);
    let first = b"REDIS0001\xfe\x00\x00\x01a\x01x\xfd\x00\x00\x00\x01\x00\x03old\x01x\
                  \xfd\xff\xff\xff\x7f\x00\x01b\xc0\x05\xff";
    assert_eq!(server.engine.load(first), Ok(2));
    assert_eq!(server.ask("MGET a b"), "*2\r\n$1\r\nx\r\n$1\r\n5\r\n");
    assert_eq!(server.ask("EXPIRETIME b"), ":2147483647\r\n");
    let all = b"REDIS0012\xfa\x03key\x05value\xf5\x39#!lua name=l\nredis.register_function('f', function() end)\xfe\x01\xfb\x01\x00\
                \xf4\x05\x01\x00\xf7\x05\x02\x01\x01\x07\x03abcd\x04abcdefgh\x05\x02hi\x00\
                \xf8\x40\x64\xf9\x07\x00\x01a\x01x\x0e\x01e\x01\x0b\x0b\0\0\0\x0a\0\0\0\0\0\xff\
                \xff\0\0\0\0\0\0\0\0";
    assert_eq!(server.engine.load(all), Ok(1));
    server.ask("SELECT 1");
    assert_eq!(server.ask("KEYS *"), "*1\r\n$1\r\na\r\n");
    assert_eq!(server.ask("OBJECT IDLETIME a"), ":100\r\n");
    // A library of functions is kept as it is.
    let image = server.engine.save().expect("an image");
    assert!(image.windows(12).any(|bytes| bytes == b"#!lua name=l"));
}

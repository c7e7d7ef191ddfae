//! Any bytes as an image of all data, and as a payload of RESTORE: the engine must not panic, and
//! what it takes it must be able to write and to read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use petridis_guest::config::Config;
use petridis_guest::engine::{Engine, Options};
use petridis_guest::rdb::{self, Shapes};
use petridis_guest::value::hash::Seed;

const MEMORY: usize = 256 << 20;

fuzz_target!(|input: &[u8]| {
    let shapes = Shapes::new(&Config::default(), Seed::new(1), MEMORY);
    if let Ok(value) = rdb::read(input, &shapes) {
        let payload = rdb::dump(&value, true);
        assert!(rdb::restore(&payload, &shapes).is_ok());
    }
    let options = Options {
        now_us: 1,
        memory_ceiling: MEMORY as u64,
        ..Options::default()
    };
    let mut engine = Engine::start(options).expect("the defaults are in range");
    // Without a checksum, so that it is not the checksum that is fuzzed.
    let image = [b"REDIS0004", input].concat();
    if engine.load(&image).is_ok() {
        let image = engine.save().expect("there is memory for it");
        assert!(engine.load(&image).is_ok());
    }
});

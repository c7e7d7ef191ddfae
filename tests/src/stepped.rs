//! An engine whose steps and time are the test's own: for what no reply tells, but an effect does.

use petridis_guest::engine::{Effects, Engine, Options, Transport};

/// When the engine starts, in microseconds since the Unix epoch.
pub const START_US: u64 = 1_700_000_000_000_000;

/// Microseconds in a second.
pub const SECOND_US: u64 = 1_000_000;

/// An engine with two clients, 0 and 1.
pub struct Server {
    /// The engine itself.
    pub engine: Engine,
    /// The time of the next step, in microseconds since the Unix epoch.
    pub now_us: u64,
}

impl Server {
    /// Starts one with these parameters.
    ///
    /// # Panics
    ///
    /// If one of them is refused.
    pub fn start(config: &[(&str, &str)]) -> Self {
        let config = config
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let engine = Engine::start(Options {
            now_us: START_US,
            seed: 7,
            memory_ceiling: 1 << 30,
            config,
            ..Options::default()
        });
        let mut server = Server {
            engine: engine.expect("parameters in range"),
            now_us: START_US,
        };
        let mut batch = server.engine.begin(START_US);
        for client in 0..2 {
            let peer = format!("127.0.0.1:{}", 50_000 + client);
            batch.opened(client, Transport::Tcp, peer, "127.0.0.1:6379".to_owned());
        }
        batch.finish();
        server
    }

    /// Has a client say lines, in one step.
    pub fn say(&mut self, client: u32, lines: &str) -> Effects {
        let mut batch = self.engine.begin(self.now_us);
        batch.received(client, format!("{lines}\r\n").as_bytes());
        batch.finish()
    }

    /// What is answered to lines of client 0.
    pub fn ask(&mut self, lines: &str) -> String {
        text(&self.say(0, lines))
    }

    /// A step so many seconds later, in which nobody says anything.
    pub fn wait(&mut self, seconds: u64) -> Effects {
        self.now_us += seconds * SECOND_US;
        self.engine.begin(self.now_us).finish()
    }
}

/// All that is sent in a step.
pub fn text(effects: &Effects) -> String {
    String::from_utf8_lossy(&effects.bytes).into_owned()
}

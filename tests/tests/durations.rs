//! How long things took, as the host tells it: on what the time of a step is booked, and that there is
//! none where nothing is told.

use petridis_guest::engine::{Effects, Engine, Options, Transport};

const START_US: u64 = 1_700_000_000_000_000;
const SECOND_US: u64 = 1_000_000;

/// An engine with one client.
struct Server {
    engine: Engine,
    now_us: u64,
}

impl Server {
    fn start() -> Self {
        let engine = Engine::start(Options {
            now_us: START_US,
            seed: 7,
            memory_ceiling: 1 << 30,
            ..Options::default()
        });
        let mut server = Server {
            engine: engine.expect("it starts"),
            now_us: START_US,
        };
        let mut batch = server.engine.begin(START_US);
        let peer = "127.0.0.1:50000".to_owned();
        batch.opened(0, Transport::Tcp, peer, "127.0.0.1:6379".to_owned());
        batch.finish();
        server
    }

    /// Says lines in one step.
    fn say(&mut self, lines: &str) -> Effects {
        let mut batch = self.engine.begin(self.now_us);
        batch.received(0, format!("{lines}\r\n").as_bytes());
        batch.finish()
    }

    fn ask(&mut self, lines: &str) -> String {
        let effects = self.say(lines);
        String::from_utf8_lossy(&effects.bytes).into_owned()
    }

    /// The fields of INFO that begin so, from the first to the last.
    fn info(&mut self, start: &str) -> Vec<String> {
        let page = self.ask("INFO everything\r\nINFO debug");
        let lines = page.lines().filter(|line| line.starts_with(start));
        lines.map(str::to_owned).collect()
    }
}

#[test]
fn the_time_of_a_step_is_its_commands() {
    let mut server = Server::start();
    server.say("SET k v");
    server.engine.took(1500);
    assert_eq!(
        server.info("cmdstat_set:"),
        ["cmdstat_set:calls=1,usec=1500,usec_per_call=1500.00,rejected_calls=0,failed_calls=0"]
    );
    server.say("SET k v\r\nSET k v\r\nGET k");
    server.engine.took(32);
    assert_eq!(
        server.info("cmdstat_set:"),
        ["cmdstat_set:calls=3,usec=1522,usec_per_call=507.33,rejected_calls=0,failed_calls=0"]
    );
    assert_eq!(
        server.info("cmdstat_get:"),
        ["cmdstat_get:calls=1,usec=10,usec_per_call=10.00,rejected_calls=0,failed_calls=0"]
    );
    // As many calls as ever, and where they belong.
    let histogram = server.ask("LATENCY HISTOGRAM set");
    assert_eq!(
        histogram,
        "*2\r\n$3\r\nset\r\n*4\r\n$5\r\ncalls\r\n:3\r\n$14\r\nhistogram_usec\r\n\
         *4\r\n:16\r\n:2\r\n:2113\r\n:3\r\n"
    );
}

#[test]
fn what_ran_within_another_command_has_no_time_of_its_own() {
    let mut server = Server::start();
    server.say("MULTI\r\nSET k v");
    server.say("EXEC");
    server.engine.took(700);
    assert_eq!(
        server.info("cmdstat_exec:"),
        ["cmdstat_exec:calls=1,usec=700,usec_per_call=700.00,rejected_calls=0,failed_calls=0"]
    );
    assert_eq!(
        server.info("cmdstat_set:"),
        ["cmdstat_set:calls=1,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0"]
    );
}

#[test]
fn a_slow_command_that_ran_alone_is_logged() {
    let mut server = Server::start();
    server.say("CONFIG SET slowlog-log-slower-than 1000 latency-monitor-threshold 2");
    let long = "x".repeat(130);
    server.say(&format!("SET k {long}"));
    server.engine.took(2500);
    let entry = format!(
        "*1\r\n*6\r\n:0\r\n:1700000000\r\n:2500\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n\
         $146\r\n{}... (2 more bytes)\r\n$15\r\n127.0.0.1:50000\r\n$0\r\n\r\n",
        &long[..128]
    );
    assert_eq!(server.ask("SLOWLOG GET"), entry);
    assert_eq!(
        server.ask("LATENCY LATEST"),
        "*1\r\n*4\r\n$7\r\ncommand\r\n:1700000000\r\n:2\r\n:2\r\n"
    );
    // Which of two it was nobody knows.
    server.say("GET k\r\nGET k");
    server.engine.took(2500);
    assert_eq!(server.ask("SLOWLOG LEN"), ":1\r\n");
    server.say("GET k");
    server.engine.took(999);
    assert_eq!(server.ask("SLOWLOG LEN"), ":1\r\n");
}

#[test]
fn what_is_logged_anyway_is_given_its_time() {
    let mut server = Server::start();
    server.say("CONFIG SET slowlog-log-slower-than 0");
    server.say("SLOWLOG RESET");
    server.say("GET k");
    server.engine.took(7);
    let log = server.ask("SLOWLOG GET 1");
    assert!(
        log.starts_with("*1\r\n*6\r\n:2\r\n:1700000000\r\n:7\r\n*2\r\n$3\r\nGET\r\n"),
        "{log}"
    );
}

#[test]
fn time_in_which_keys_go_is_a_cycle() {
    let mut server = Server::start();
    server.say("CONFIG SET latency-monitor-threshold 20");
    server.say("SET k v PX 500");
    server.now_us += SECOND_US;
    server.engine.begin(server.now_us).finish();
    server.engine.took(30_000);
    assert_eq!(
        server.ask("LATENCY HISTORY expire-cycle"),
        "*1\r\n*2\r\n:1700000001\r\n:30\r\n"
    );
    let report = server.ask("LATENCY DOCTOR");
    assert!(
        report.contains("the 'hz' configuration parameter"),
        "{report}"
    );
    assert!(!report.contains("Slow Log"), "{report}");
    // A step in which nothing went is nothing to speak of, and beside commands nobody knows.
    server.engine.begin(server.now_us).finish();
    server.engine.took(30_000);
    server.say("SET k v PX 500");
    server.now_us += SECOND_US;
    server.say("PING");
    server.engine.took(90_000);
    assert_eq!(
        server.ask("LATENCY HISTORY expire-cycle"),
        "*1\r\n*2\r\n:1700000001\r\n:30\r\n"
    );
}

#[test]
fn the_loop_s_figures_are_those_of_all_steps() {
    let mut server = Server::start();
    server.say("CONFIG RESETSTAT");
    server.engine.took(100);
    server.engine.begin(server.now_us).finish();
    server.engine.took(40);
    assert_eq!(
        server.info("eventloop_duration"),
        [
            "eventloop_duration_sum:140",
            "eventloop_duration_cmd_sum:100",
            "eventloop_duration_aof_sum:0",
            "eventloop_duration_cron_sum:40",
            "eventloop_duration_max:100",
        ]
    );
    server.engine.took(60);
    server.now_us += 2 * SECOND_US;
    server.engine.begin(server.now_us).finish();
    let rates = server.info("instantaneous_eventloop");
    assert_eq!(
        rates,
        [
            "instantaneous_eventloop_cycles_per_sec:1",
            "instantaneous_eventloop_duration_usec:33",
        ]
    );
}

#[test]
fn nothing_takes_time_where_nothing_is_told() {
    let mut server = Server::start();
    server.say("SET k v");
    server.say("GET k");
    assert_eq!(
        server.info("cmdstat_set:"),
        ["cmdstat_set:calls=1,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0"]
    );
    assert_eq!(
        server.info("eventloop_duration_sum"),
        ["eventloop_duration_sum:0"]
    );
}

#[test]
fn a_sample_is_taken_once_after_commands_and_then_there_is_nothing_to_wake_for() {
    let mut server = Server::start();
    let effects = server.say("PING");
    assert_eq!(effects.wake_at_us, Some(START_US + SECOND_US / 10));
    server.now_us += SECOND_US / 20;
    let effects = server.say("PING");
    assert_eq!(effects.wake_at_us, Some(START_US + SECOND_US / 10));
    server.now_us += SECOND_US / 20;
    let effects = server.engine.begin(server.now_us).finish();
    assert_eq!(effects.wake_at_us, None);
}

//! How long things took, as the host tells it: on what the time of a step is booked, and that there is
//! none where nothing is told.

use petridis_tests::stepped::{SECOND_US, START_US, Server};

/// The fields of INFO that begin so, from the first to the last.
fn info(server: &mut Server, start: &str) -> Vec<String> {
    let page = server.ask("INFO everything\r\nINFO debug");
    let lines = page.lines().filter(|line| line.starts_with(start));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_time_of_a_step_is_its_commands() {
    let mut server = Server::start(&[]);
    server.say(0, "SET k v");
    server.engine.took(1500);
    assert_eq!(
        info(&mut server, "cmdstat_set:"),
        ["cmdstat_set:calls=1,usec=1500,usec_per_call=1500.00,rejected_calls=0,failed_calls=0"]
    );
    server.say(0, "SET k v\r\nSET k v\r\nGET k");
    server.engine.took(32);
    assert_eq!(
        info(&mut server, "cmdstat_set:"),
        ["cmdstat_set:calls=3,usec=1522,usec_per_call=507.33,rejected_calls=0,failed_calls=0"]
    );
    assert_eq!(
        info(&mut server, "cmdstat_get:"),
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
    let mut server = Server::start(&[]);
    server.say(0, "MULTI\r\nSET k v");
    server.say(0, "EXEC");
    server.engine.took(700);
    assert_eq!(
        info(&mut server, "cmdstat_exec:"),
        ["cmdstat_exec:calls=1,usec=700,usec_per_call=700.00,rejected_calls=0,failed_calls=0"]
    );
    assert_eq!(
        info(&mut server, "cmdstat_set:"),
        ["cmdstat_set:calls=1,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0"]
    );
}

#[test]
fn a_slow_command_that_ran_alone_is_logged() {
    let mut server = Server::start(&[]);
    server.say(
        0,
        "CONFIG SET slowlog-log-slower-than 1000 latency-monitor-threshold 2",
    );
    let long = "x".repeat(130);
    server.say(0, &format!("SET k {long}"));
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
    server.say(0, "GET k\r\nGET k");
    server.engine.took(2500);
    assert_eq!(server.ask("SLOWLOG LEN"), ":1\r\n");
    server.say(0, "GET k");
    server.engine.took(999);
    assert_eq!(server.ask("SLOWLOG LEN"), ":1\r\n");
}

#[test]
fn what_is_logged_anyway_is_given_its_time() {
    let mut server = Server::start(&[]);
    server.say(0, "CONFIG SET slowlog-log-slower-than 0");
    server.say(0, "SLOWLOG RESET");
    server.say(0, "GET k");
    server.engine.took(7);
    let log = server.ask("SLOWLOG GET 1");
    assert!(
        log.starts_with("*1\r\n*6\r\n:2\r\n:1700000000\r\n:7\r\n*2\r\n$3\r\nGET\r\n"),
        "{log}"
    );
}

#[test]
fn time_in_which_keys_go_is_a_cycle() {
    let mut server = Server::start(&[]);
    server.say(0, "CONFIG SET latency-monitor-threshold 20");
    server.say(0, "SET k v PX 500");
    server.wait(1);
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
    server.wait(0);
    server.engine.took(30_000);
    server.say(0, "SET k v PX 500");
    server.now_us += SECOND_US;
    server.say(0, "PING");
    server.engine.took(90_000);
    assert_eq!(
        server.ask("LATENCY HISTORY expire-cycle"),
        "*1\r\n*2\r\n:1700000001\r\n:30\r\n"
    );
}

#[test]
fn the_loop_s_figures_are_those_of_all_steps() {
    let mut server = Server::start(&[]);
    server.say(0, "CONFIG RESETSTAT");
    server.engine.took(100);
    server.wait(0);
    server.engine.took(40);
    assert_eq!(
        info(&mut server, "eventloop_duration"),
        [
            "eventloop_duration_sum:140",
            "eventloop_duration_cmd_sum:100",
            "eventloop_duration_aof_sum:0",
            "eventloop_duration_cron_sum:40",
            "eventloop_duration_max:100",
        ]
    );
    server.engine.took(60);
    server.wait(2);
    let rates = info(&mut server, "instantaneous_eventloop");
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
    let mut server = Server::start(&[]);
    server.say(0, "SET k v");
    server.say(0, "GET k");
    assert_eq!(
        info(&mut server, "cmdstat_set:"),
        ["cmdstat_set:calls=1,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0"]
    );
    assert_eq!(
        info(&mut server, "eventloop_duration_sum"),
        ["eventloop_duration_sum:0"]
    );
}

#[test]
fn a_sample_is_taken_once_after_commands_and_then_there_is_nothing_to_wake_for() {
    let mut server = Server::start(&[]);
    let effects = server.say(0, "PING");
    assert_eq!(effects.wake_at_us, Some(START_US + SECOND_US / 10));
    server.now_us += SECOND_US / 20;
    let effects = server.say(0, "PING");
    assert_eq!(effects.wake_at_us, Some(START_US + SECOND_US / 10));
    server.now_us += SECOND_US / 20;
    let effects = server.wait(0);
    assert_eq!(effects.wake_at_us, None);
}

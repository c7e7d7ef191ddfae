//! Many connections at a time: nothing is lost, order is kept, who does not read hurts nobody else, and
//! who only waits costs nothing.

use std::io::Write as _;
use std::time::{Duration, Instant};

use program::Program;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

mod program;

/// Connections of each test.
const MANY: usize = 1000;

/// Never reached when all is well.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs a test against a server with these flags.
fn with_server(flags: &[&str], test: impl AsyncFnOnce(&Program)) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).expect("up to the maximum is allowed");
    let program = Program::start([&["--port", "0"], flags].concat(), 1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let test = tokio::time::timeout(LIMIT, test(&program));
        test.await.expect("it does not hang");
    });
    let mut stream = std::net::TcpStream::connect(program.address()).expect("it listens still");
    stream
        .write_all(b"SHUTDOWN NOSAVE\r\n")
        .expect("it listens still");
    let (status, _) = program.end();
    assert!(status.success(), "{status}");
}

/// A client that writes requests and compares replies.
struct Client(TcpStream);

impl Client {
    async fn new(program: &Program) -> Self {
        let stream = TcpStream::connect(program.address()).await;
        let stream = stream.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self(stream)
    }

    async fn many(program: &Program, count: usize) -> Vec<Self> {
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(Self::new(program).await);
        }
        clients
    }

    async fn write(&mut self, request: &str) {
        let written = self.0.write_all(request.as_bytes()).await;
        written.expect("the server listens");
    }

    async fn read(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        let read = self.0.read_exact(&mut bytes).await;
        read.expect("the server answers");
        String::from_utf8(bytes).expect("only text was sent")
    }

    async fn expect(&mut self, reply: &str) {
        assert_eq!(self.read(reply.len()).await, reply);
    }

    async fn say(&mut self, request: &str, reply: &str) {
        self.write(request).await;
        self.expect(reply).await;
    }

    /// A number in the server's INFO.
    async fn info(&mut self, name: &str) -> usize {
        self.write("INFO\r\n").await;
        let mut text = String::new();
        // The last section; nothing follows it where there is no key.
        while !(text.contains("# Keyspace\r\n") && text.ends_with("\r\n")) {
            let mut bytes = vec![0; 1 << 16];
            let length = self.0.read(&mut bytes).await.expect("the server answers");
            text += &String::from_utf8_lossy(&bytes[..length]);
        }
        let field = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        field
            .and_then(|value| value.trim().parse().ok())
            .expect(name)
    }

    /// Waits until a number in INFO is this one.
    async fn until(&mut self, name: &str, wanted: usize) {
        while self.info(name).await != wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn subscribed(channel: &str) -> String {
    format!(
        "*3\r\n$9\r\nsubscribe\r\n${}\r\n{channel}\r\n:1\r\n",
        channel.len()
    )
}

fn message(channel: &str, payload: &str) -> String {
    format!(
        "*3\r\n$7\r\nmessage\r\n${}\r\n{channel}\r\n${}\r\n{payload}\r\n",
        channel.len(),
        payload.len()
    )
}

/// PUBLISH of what is too long for a line.
fn publish(channel: &str, payload: &str) -> String {
    format!(
        "*3\r\n$7\r\nPUBLISH\r\n${}\r\n{channel}\r\n${}\r\n{payload}\r\n",
        channel.len(),
        payload.len()
    )
}

#[test]
fn a_thousand_subscribers_hear_everything_in_one_order() {
    const PUBLISHERS: usize = 4;
    const MESSAGES: usize = 50;
    with_server(&[], async |program| {
        let mut subscribers = Client::many(program, MANY).await;
        for subscriber in &mut subscribers {
            subscriber
                .say("SUBSCRIBE news\r\n", &subscribed("news"))
                .await;
        }
        // All four at once, each with many in flight.
        let mut publishing = JoinSet::new();
        for name in 0..PUBLISHERS {
            let mut publisher = Client::new(program).await;
            publishing.spawn(async move {
                for number in 0..MESSAGES {
                    publisher
                        .write(&format!("PUBLISH news {name}:{number:03}\r\n"))
                        .await;
                }
                publisher
                    .expect(&format!(":{MANY}\r\n").repeat(MESSAGES))
                    .await;
            });
        }
        let length = PUBLISHERS * MESSAGES * message("news", "0:000").len();
        let mut listening = JoinSet::new();
        for mut subscriber in subscribers {
            listening.spawn(async move { subscriber.read(length).await });
        }
        publishing.join_all().await;
        let heard = listening.join_all().await;
        for name in 0..PUBLISHERS {
            let own = heard[0]
                .lines()
                .filter(|line| line.starts_with(&format!("{name}:")));
            let sent: Vec<String> = (0..MESSAGES).map(|n| format!("{name}:{n:03}")).collect();
            assert!(
                own.eq(sent.iter()),
                "publisher {name} is heard in its order"
            );
        }
        assert_eq!(heard.len(), MANY);
        assert!(
            heard.iter().all(|other| *other == heard[0]),
            "all hear the same"
        );
    });
}

#[test]
fn a_thousand_waiting_clients_are_served_in_their_order() {
    with_server(&[], async |program| {
        let mut control = Client::new(program).await;
        let mut waiting = Vec::new();
        for number in 0..MANY {
            let mut client = Client::new(program).await;
            client.write("BLPOP first second 0\r\n").await;
            control.until("blocked_clients", number + 1).await;
            waiting.push(client);
        }
        // Every tenth does not wait any longer; what it would have got goes to the next one.
        let mut number = 0;
        waiting.retain(|_| {
            number += 1;
            number % 10 != 0
        });
        control.until("blocked_clients", waiting.len()).await;
        let wanted = waiting.len();
        // One by one, many at a time, in a transaction, by a key that comes to be by another's name.
        let mut served = 0;
        let mut next = |count: usize| -> String {
            let from = served;
            served += count;
            (from..served).map(|n| format!(" {n:04}")).collect()
        };
        for _ in 0..100 {
            control
                .say(&format!("RPUSH second{}\r\n", next(1)), ":1\r\n")
                .await;
        }
        control
            .say(&format!("RPUSH first{}\r\n", next(300)), ":300\r\n")
            .await;
        let (one, other) = (next(100), next(100));
        let transaction = format!("MULTI\r\nRPUSH second{one}\r\nRPUSH second{other}\r\nEXEC\r\n");
        let replies = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:100\r\n:200\r\n";
        control.say(&transaction, replies).await;
        let rest = wanted - 600;
        let push = format!("RPUSH third{}\r\nRENAME third first\r\n", next(rest));
        control.say(&push, &format!(":{rest}\r\n+OK\r\n")).await;
        for (number, client) in waiting.iter_mut().enumerate() {
            let value = format!("{number:04}");
            let key = match number {
                0..100 | 400..600 => "$6\r\nsecond",
                _ => "$5\r\nfirst",
            };
            client
                .expect(&format!("*2\r\n{key}\r\n$4\r\n{value}\r\n"))
                .await;
        }
        control.until("blocked_clients", 0).await;
        control.say("EXISTS first second third\r\n", ":0\r\n").await;
    });
}

#[test]
fn a_slow_reader_is_cut_off_and_hurts_nobody_else() {
    const MESSAGES: usize = 300;
    let limits = ["--client-output-buffer-limit", "pubsub", "2mb", "0", "0"];
    with_server(&limits, async |program| {
        let mut deaf = Client::new(program).await;
        deaf.say("SUBSCRIBE news\r\n", &subscribed("news")).await;
        let payload = "x".repeat(100_000);
        let expected = message("news", &payload);
        let mut listening = JoinSet::new();
        for mut subscriber in Client::many(program, 20).await {
            subscriber
                .say("SUBSCRIBE news\r\n", &subscribed("news"))
                .await;
            let expected = expected.clone();
            listening.spawn(async move {
                for _ in 0..MESSAGES {
                    subscriber.expect(&expected).await;
                }
            });
        }
        let mut publisher = Client::new(program).await;
        let mut bystander = Client::new(program).await;
        let mut heard_by = Vec::new();
        let mut slowest = Duration::ZERO;
        for _ in 0..MESSAGES {
            publisher.write(&publish("news", &payload)).await;
            heard_by.push(publisher.read(":21\r\n".len()).await);
            let began = Instant::now();
            bystander.say("PING\r\n", "+PONG\r\n").await;
            slowest = slowest.max(began.elapsed());
        }
        listening.join_all().await;
        assert_eq!(heard_by.first().map(String::as_str), Some(":21\r\n"));
        assert_eq!(
            heard_by.last().map(String::as_str),
            Some(":20\r\n"),
            "one is cut off"
        );
        assert!(slowest < Duration::from_secs(2), "a PING took {slowest:?}");
        let counted = publisher
            .info("client_output_buffer_limit_disconnections")
            .await;
        assert_eq!(counted, 1);
        // It may still read what the socket holds, and then nothing.
        let mut rest = Vec::new();
        let _ = deaf.0.read_to_end(&mut rest).await;
        assert!(
            rest.len() < MESSAGES * expected.len(),
            "{} bytes",
            rest.len()
        );
    });
}

#[test]
fn a_soft_limit_cuts_off_who_stays_behind() {
    let limits = ["--client-output-buffer-limit", "pubsub", "0", "200kb", "1"];
    with_server(&limits, async |program| {
        let mut deaf = Client::new(program).await;
        deaf.say("SUBSCRIBE news\r\n", &subscribed("news")).await;
        let mut publisher = Client::new(program).await;
        let publish = publish("news", &"x".repeat(1 << 20));
        // More than any socket holds. Where that takes a second, it is cut off meanwhile.
        let began = Instant::now();
        for _ in 0..15 {
            publisher.write(&publish).await;
            publisher.read(":1\r\n".len()).await;
        }
        publisher.until("pubsub_clients", 0).await;
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(1), "cut off after {took:?}");
    });
}

/// Ticks of processor time that a process has used, a hundredth of a second each.
#[cfg(target_os = "linux")]
fn ticks(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let (_, fields) = text.rsplit_once(')').expect("a name");
    let fields: Vec<u64> = fields
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    fields[11] + fields[12]
}

#[cfg(target_os = "linux")]
#[test]
fn a_thousand_clients_that_wait_cost_nothing() {
    with_server(&[], async |program| {
        let mut control = Client::new(program).await;
        control.say("SET key value EX 1000\r\n", "+OK\r\n").await;
        let mut clients = Client::many(program, MANY).await;
        for (number, client) in clients.iter_mut().enumerate() {
            match number % 4 {
                0 => client.say("SUBSCRIBE news\r\n", &subscribed("news")).await,
                1 => client.write("BLPOP list 0\r\n").await,
                2 => client.write("BLPOP list 1000\r\n").await,
                _ => client.say("PING\r\n", "+PONG\r\n").await,
            }
        }
        control.until("blocked_clients", MANY / 2).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = ticks(program.id());
        tokio::time::sleep(Duration::from_secs(1)).await;
        let spent = ticks(program.id()) - before;
        assert!(spent <= 1, "{spent} hundredths of a second in one second");
        control.say("RPUSH list one\r\n", ":1\r\n").await;
    });
}

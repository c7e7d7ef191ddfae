//! PETRIDIS over the wire: snapshots, clocks, forks, faults, and looking in.

use std::io::Read;
use std::time::Duration;

use client::Client;
use petridis::blocking::Server;
use petridis::{Error, Fault, Instance, Template};

mod client;

impl Client {
    /// The text of the next bulk string.
    fn text(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).expect("a reply");
            line.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        let length = line.trim_start_matches('$').trim().parse::<usize>();
        let mut text = vec![0; length.expect(&line) + 2];
        self.0.read_exact(&mut text).expect("a reply");
        String::from_utf8_lossy(&text).trim_end().to_owned()
    }

    fn ends(mut self) -> bool {
        !matches!(self.0.read(&mut [0]), Ok(1..))
    }
}

fn server() -> (Server, Client) {
    let server = Server::builder().seed(1).start().expect("a server");
    let client = Client::to(server.addr());
    (server, client)
}

#[test]
fn snapshots_are_kept_by_name() {
    let (_server, mut client) = server();
    client.say("SET key one", "+OK\r\n");
    client.say("PETRIDIS SNAPSHOT before", "+OK\r\n");
    client.say("SET key two", "+OK\r\n");
    client.say("SET more x", "+OK\r\n");
    client.say(
        "PETRIDIS DIFF before",
        "*6\r\n$5\r\nadded\r\n*1\r\n$4\r\nmore\r\n$7\r\nchanged\r\n*1\r\n$3\r\nkey\r\n$7\r\nremoved\r\n*0\r\n",
    );
    client.say("PETRIDIS RESTORE before\r\nGET key", "+OK\r\n$3\r\none\r\n");
    client.say("EXISTS more", ":0\r\n");
    client.say("PETRIDIS RESTORE before", "+OK\r\n");
    client.say("PETRIDIS DROP before", ":1\r\n");
    client.say("PETRIDIS LIST", "*0\r\n");
    client.say(
        "PETRIDIS RESTORE before",
        "-ERR there is no snapshot of that name\r\n",
    );
    client.say(
        "PETRIDIS RESTORE",
        "-ERR wrong number of arguments for 'petridis|restore' command\r\n",
    );
}

#[test]
fn a_fork_is_a_server_of_its_own() {
    let (_server, mut client) = server();
    client.say("SET key one", "+OK\r\n");
    client.send("PETRIDIS FORK\r\n");
    let url = client.text();
    let address = url.strip_prefix("redis://").expect("a URL");
    let mut other = Client::to(address);
    other.say("GET key", "$3\r\none\r\n");
    other.say("SET key two", "+OK\r\n");
    client.say("GET key", "$3\r\none\r\n");
    client.say(&format!("PETRIDIS DROP {url}"), ":1\r\n");
    assert!(other.ends());
}

#[test]
fn the_clock_is_at_hand() {
    let (_server, mut client) = server();
    client.say("PETRIDIS CLOCK FREEZE", "+OK\r\n");
    client.say("PETRIDIS CLOCK SET 2000000000000", "+OK\r\n");
    client.say("TIME", "*2\r\n$10\r\n2000000000\r\n$1\r\n0\r\n");
    client.say("SET key value PX 5000", "+OK\r\n");
    client.say("PETRIDIS CLOCK ADVANCE 4999", "+OK\r\n");
    client.say("PTTL key", ":1\r\n");
    let mut listener = client_that_waits(&mut client);
    client.say("PETRIDIS CLOCK ADVANCE 1\r\nEXISTS key", "+OK\r\n:0\r\n");
    client.say("PETRIDIS CLOCK", ":2000000005000\r\n");
    client.say(
        "PETRIDIS CLOCK SET 2000000004999",
        "-ERR time never runs backwards, but by RESTORE: it is 2000000005000\r\n",
    );
    client.say("PETRIDIS CLOCK ADVANCE 60000", "+OK\r\n");
    listener.hear("*-1\r\n");
    client.say("PETRIDIS CLOCK RUN", "+OK\r\n");
    client.say("BLPOP nothing 0.01", "*-1\r\n");
}

fn client_that_waits(client: &mut Client) -> Client {
    let mut waiting = Client::to(client.0.peer_addr().expect("connected"));
    waiting.say("PING", "+PONG\r\n");
    waiting.send("BLPOP nothing 60\r\n");
    until_one_waits(client);
    waiting
}

fn until_one_waits(client: &mut Client) {
    loop {
        client.send("INFO clients\r\n");
        if client.text().contains("blocked_clients:1") {
            return;
        }
    }
}

#[test]
fn chance_begins_anew_from_a_seed() {
    let (_server, mut client) = server();
    client.say("SADD set a b c d e f g h i j", ":10\r\n");
    let mut draws = || {
        client.say("PETRIDIS SEED 7", "+OK\r\n");
        let draw = |client: &mut Client| {
            client.send("SRANDMEMBER set\r\n");
            client.text()
        };
        [0; 8].map(|_| draw(&mut client))
    };
    assert_eq!(draws(), draws());
}

#[test]
fn what_is_ordered_goes_wrong() {
    let (server, mut client) = server();
    client.say(
        "PETRIDIS FAULT ADD ERROR \"LOADING not yet\" COMMAND get TIMES 2",
        ":1\r\n",
    );
    client.say("GET key", "-LOADING not yet\r\n");
    client.say("SET key value", "+OK\r\n");
    client.say("GET key", "-LOADING not yet\r\n");
    client.say("GET key", "$5\r\nvalue\r\n");
    client.say("PETRIDIS FAULT LIST", "*0\r\n");
    client.say("PETRIDIS FAULT ADD CLOSE AFTER KEY fragile:*", ":2\r\n");
    let mut victim = Client::to(server.addr());
    victim.say("SET solid 1", "+OK\r\n");
    victim.send("SET fragile:1 x\r\n");
    assert!(victim.ends());
    client.say(
        "GET fragile:1 x",
        "-ERR wrong number of arguments for 'get' command\r\n",
    );
    client.say("PETRIDIS FAULT REMOVE 2", ":1\r\n");
    client.say("GET fragile:1", "$1\r\nx\r\n");
    client.say("PETRIDIS FAULT ADD CUT 3 CLIENT victim", ":3\r\n");
    let mut victim = Client::to(server.addr());
    victim.say("CLIENT SETNAME victim", "+OK\r\n");
    victim.say("GET key", "$5\r");
    assert!(victim.ends());
    client.say("PETRIDIS FAULT CLEAR", "+OK\r\n");
    client.say("PETRIDIS CLOCK FREEZE", "+OK\r\n");
    client.say("PETRIDIS FAULT ADD DELAY 5000 COMMAND incr", ":4\r\n");
    let mut late = Client::to(server.addr());
    late.send("INCR number\r\nINCR number\r\n");
    until_one_waits(&mut client);
    client.say(
        "PETRIDIS CLOCK ADVANCE 4000\r\nEXISTS number",
        "+OK\r\n:0\r\n",
    );
    client.say(
        "PETRIDIS CLOCK ADVANCE 2000\r\nGET number",
        "+OK\r\n$1\r\n1\r\n",
    );
    late.hear(":1\r\n");
    client.say("PETRIDIS CLOCK ADVANCE 5000", "+OK\r\n");
    late.hear(":2\r\n");
    client.say("PETRIDIS FAULT ADD ERROR", "-ERR syntax error\r\n");
    client.say(
        "PETRIDIS FAULT ADD ERROR no COMMAND gte",
        "-ERR unknown command 'gte', with args beginning with: \r\n",
    );
    client.say(
        "PETRIDIS FAULT ADD CUT COMMAND Config|Set TIMES 1",
        ":5\r\n",
    );
    client.say("PETRIDIS FAULT REMOVE 5", ":1\r\n");
    client.say(
        "PETRIDIS FAULT ADD CLOSE SHARE 101",
        "-ERR syntax error\r\n",
    );
}

#[test]
fn a_fault_is_for_whom_it_is_ordered() {
    let (server, mut client) = server();
    client.say("ACL SETUSER guest on nopass ~* +@all", "+OK\r\n");
    let mut guest = Client::to(server.addr());
    guest.say("AUTH guest x", "+OK\r\n");
    guest.say("CLIENT SETNAME worker-1", "+OK\r\n");
    guest.say("CLIENT ID", ":2\r\n");
    for (whom, number) in [
        ("USER guest", 1),
        ("CLIENT worker-*", 2),
        ("ID 2", 3),
        ("ID 2 USER guest CLIENT worker-? COMMAND ping", 4),
    ] {
        let order = format!("PETRIDIS FAULT ADD ERROR \"ERR not you\" {whom}");
        client.say(&order, &format!(":{number}\r\n"));
        guest.say("PING", "-ERR not you\r\n");
        client.say("PING", "+PONG\r\n");
        client.say(&format!("PETRIDIS FAULT REMOVE {number}"), ":1\r\n");
    }
    // All has to fit.
    client.say(
        "PETRIDIS FAULT ADD ERROR \"ERR not you\" USER guest ID 1",
        ":5\r\n",
    );
    guest.say("PING", "+PONG\r\n");
    client.say("PING", "+PONG\r\n");
    const NO_NUMBER: &str = "-ERR value is not an integer or out of range\r\n";
    for (wrong, answer) in [
        ("ID -1", "-ERR syntax error\r\n"),
        ("ID x", NO_NUMBER),
        ("USER", "-ERR syntax error\r\n"),
        ("CLIENT", "-ERR syntax error\r\n"),
    ] {
        client.say(&format!("PETRIDIS FAULT ADD CLOSE {wrong}"), answer);
    }
    client.say(
        "PETRIDIS FAULT LIST",
        "*1\r\n*3\r\n:5\r\n$33\r\nERROR ERR not you USER guest ID 1\r\n$-1\r\n",
    );
}

#[test]
fn a_database_is_text_and_commands_are_logged() {
    let (_server, mut client) = server();
    client.say("PETRIDIS LOG START", "+OK\r\n");
    client.say("CLIENT SETNAME me", "+OK\r\n");
    client.say("SELECT 2", "+OK\r\n");
    client.say("HSET hash b 2 a 1", ":2\r\n");
    client.say("ZADD scores 1.5 x", ":1\r\n");
    client.say("PETRIDIS CLOCK FREEZE", "+OK\r\n");
    client.say("PETRIDIS CLOCK SET 2000000000000", "+OK\r\n");
    client.say("SET text \"two\\nlines\" EX 10", "+OK\r\n");
    client.say("XADD stream 1-1 f v", "$3\r\n1-1\r\n");
    client.say("SADD set 3 1 2", ":3\r\n");
    client.send("PETRIDIS DUMP\r\n");
    let text = client.text();
    let expected = "hash \"hash\"\n  \"a\" = \"1\"\n  \"b\" = \"2\"\nzset \"scores\"\n  1.5 \"x\"\n\
                    set \"set\"\n  \"1\"\n  \"2\"\n  \"3\"\nstream \"stream\"\n  [\"1-1\" [\"f\" \"v\"]]\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.ends_with("string \"text\" until 2000000010000\n  \"two\\nlines\""),
        "{text}"
    );
    client.send("PETRIDIS DUMP 0\r\n");
    assert_eq!(client.text(), "");
    client.send("PETRIDIS LOG 1\r\n");
    client.hear("*1\r\n*5\r\n:2000000000000000\r\n:1\r\n$2\r\nme\r\n:2\r\n*5\r\n$4\r\nSADD\r\n");
}

#[test]
fn no_list_of_commands_shows_it_and_it_can_be_switched_off() {
    let server = Server::builder().control(false).start().expect("a server");
    let mut client = Client::to(server.addr());
    client.say("COMMAND LIST FILTERBY PATTERN petridis*", "*0\r\n");
    client.say(
        "PETRIDIS LIST",
        "-ERR PETRIDIS is switched off (--no-control)\r\n",
    );
    let (_server, mut client) = self::server();
    client.say("ACL SETUSER default -petridis|restore", "+OK\r\n");
    client.say("PETRIDIS SNAPSHOT x", "+OK\r\n");
    client.send("PETRIDIS RESTORE x\r\n");
    client.hear("-NOPERM ");
}

#[test]
fn it_is_not_for_transactions_and_scripts() {
    let (_server, mut client) = server();
    client.say("MULTI", "+OK\r\n");
    client.send("PETRIDIS SNAPSHOT x\r\n");
    client.hear("-ERR ");
    let mut redis = petridis::Instance::new().expect("an instance");
    let reply = redis.execute(b"PETRIDIS SNAPSHOT x\r\n").expect("a reply");
    assert!(reply.starts_with(b"-ERR PETRIDIS can't do this here"));
}

#[test]
fn a_template_is_filled_once() {
    let template = Template::from_commands("SET key value\nRPUSH list a b").expect("filled");
    let mut redis = template.fork().expect("a fork");
    assert_eq!(redis.db(0).lrange("list", 0, -1).expect("a list").len(), 2);
    assert_eq!(
        redis.db(0).keys("*").expect("keys"),
        [b"key".to_vec(), b"list".to_vec()]
    );
    let wrong = redis.db(0).lrange("key", 0, -1);
    assert!(
        matches!(&wrong, Err(Error::Refused(text)) if text.starts_with("WRONGTYPE")),
        "{wrong:?}"
    );
    let server = Server::fork(template.snapshot()).expect("a fork");
    Client::to(server.addr()).say("GET key", "$5\r\nvalue\r\n");
    assert_eq!(
        server
            .look(0, |db| db.get("key"))
            .expect("a value")
            .as_deref(),
        Some(&b"value"[..])
    );
    let failed = Template::from_commands("SET key value\nLPUSH key x");
    assert!(
        matches!(&failed, Err(Error::Load(text)) if text.contains("command 2")),
        "{failed:?}"
    );
}

#[test]
fn each_user_has_an_instance() {
    let server = Server::builder()
        .commands(&b"SET key template\n"[..])
        .per_user_instances(2, Some(Duration::ZERO));
    let server = server.start().expect("a server");
    let user = |name: &str| {
        let mut client = Client::to(server.addr());
        client.say(&format!("AUTH {name} x"), "+OK\r\n");
        client
    };
    let (mut one, mut other) = (user("one"), user("other"));
    one.say("SET key one", "+OK\r\n");
    other.say("GET key", "$8\r\ntemplate\r\n");
    let mut again = user("one");
    again.say("GET key", "$3\r\none\r\n");
    again.say("ACL WHOAMI", "$3\r\none\r\n");
    Client::to(server.addr()).say("GET key", "$8\r\ntemplate\r\n");
    // Where there are no passwords, a name alone will do, as some clients read `redis://one@host`.
    let mut alone = Client::to(server.addr());
    alone.say("AUTH one", "+OK\r\n");
    alone.say("GET key", "$3\r\none\r\n");
    drop(alone);
    let mut third = Client::to(server.addr());
    third.say("AUTH third x", "-ERR max number of instances reached\r\n");
    assert!(third.ends());
    // It goes with its last connection.
    drop(one);
    again.say("QUIT", "+OK\r\n");
    assert!(again.ends());
    let mut third = user_once_there_is_room(&server, "third");
    third.say("GET key", "$8\r\ntemplate\r\n");
    drop(third);
    let mut one = user_once_there_is_room(&server, "one");
    one.say("GET key", "$8\r\ntemplate\r\n");
    other.say("GET key", "$8\r\ntemplate\r\n");
}

fn user_once_there_is_room(server: &Server, name: &str) -> Client {
    loop {
        let mut client = Client::to(server.addr());
        client.send(&format!("AUTH {name} x\r\n"));
        let mut byte = [0];
        client.0.read_exact(&mut byte).expect("a reply");
        if byte == *b"+" {
            client.hear("OK\r\n");
            return client;
        }
    }
}

#[test]
fn faults_are_ordered_from_rust() {
    let (server, mut client) = server();
    client.say("CLIENT SETNAME one", "+OK\r\n");
    let fault = Fault::error("OOM no room").command("set").key("full:*");
    let fault = fault.client("o?e").client_id(1).user("default");
    let number = server.order_fault(&fault).expect("ordered");
    client.say("SET other 1", "+OK\r\n");
    client.say("SET full:1 1", "-OOM no room\r\n");
    assert!(server.remove_fault(number).expect("it runs"));
    assert!(!server.remove_fault(number).expect("it runs"));
    client.say("SET full:1 1", "+OK\r\n");
    for (fault, heard) in [
        (Fault::close_before().times(1), ""),
        (Fault::close_after().times(1), ""),
        (Fault::cut().share(100).times(1), "+O"),
        (Fault::cut_behind(1).times(1), "+"),
    ] {
        let mut victim = Client::to(server.addr());
        victim.say("PING", "+PONG\r\n");
        server.order_fault(&fault).expect("ordered");
        victim.send("SET key value\r\n");
        victim.hear(heard);
        assert!(victim.ends(), "{fault:?}");
    }
    client.say("PETRIDIS CLOCK FREEZE", "+OK\r\n");
    let delay = Fault::delay(Duration::from_secs(60)).command("incr");
    server.order_fault(&delay).expect("ordered");
    client.send("INCR number\r\n");
    let mut other = Client::to(server.addr());
    until_one_waits(&mut other);
    other.say("PETRIDIS CLOCK ADVANCE 60000", "+OK\r\n");
    client.hear(":1\r\n");
    server.clear_faults().expect("it runs");
    client.say("INCR number", ":2\r\n");
    for wrong in [
        Fault::error("two\r\nlines"),
        Fault::cut().times(0),
        Fault::cut().share(101),
    ] {
        let refused = server.order_fault(&wrong);
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
}

#[test]
fn nothing_stands_in_the_way_of_looking() {
    let server = Server::builder().control(false).start().expect("a server");
    let mut client = Client::to(server.addr());
    client.say("SET key value", "+OK\r\n");
    server.log_commands(10).expect("it is for the owner");
    let fault = Fault::error("ERR not today").times(2);
    server.order_fault(&fault).expect("it is for the owner");
    client.say("CLIENT PAUSE 60000", "-ERR not today\r\n");
    let look = || server.look(0, |db| Ok((db.get("key")?, db.dump()?)));
    let (value, dump) = look().expect("no fault");
    assert_eq!(value.as_deref(), Some(&b"value"[..]));
    assert_eq!(dump, "string \"key\"\n  \"value\"\n");
    // Nobody else has used it up.
    client.say("GET key", "-ERR not today\r\n");
    client.say("ACL SETUSER default -@all +ping", "+OK\r\n");
    assert_eq!(look().expect("all rights").1, dump);
    client.say("PING", "+PONG\r\n");
    let mut redis = Instance::new().expect("an instance");
    redis.execute(b"SET key value\r\n").expect("a reply");
    redis.execute(b"CLIENT PAUSE 60000\r\n").expect("a reply");
    let value = redis.db(0).get("key").expect("no pause");
    assert_eq!(value.as_deref(), Some(&b"value"[..]));
    let logged = server.logged_commands().expect("it is for the owner");
    // Those that met a fault were received, too.
    let received: Vec<_> = logged.iter().map(|command| &command.args[0][..]).collect();
    assert_eq!(received, [&b"CLIENT"[..], b"GET", b"ACL", b"PING"]);
}

#[test]
fn looking_leaves_no_trace() {
    let (server, mut client) = server();
    client.say("SET key value", "+OK\r\n");
    client.send("INFO stats commandstats\r\n");
    let counted = |text: &str| {
        let wanted = ["total_commands", "keyspace_", "cmdstat_get"];
        let lines = text
            .lines()
            .filter(|line| wanted.iter().any(|word| line.starts_with(word)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = counted(&client.text());
    for _ in 0..3 {
        server.look(0, |db| db.get("key")).expect("a value");
        server.look(0, |db| db.get("missing")).expect("none");
    }
    client.send("INFO stats commandstats\r\n");
    let after = counted(&client.text());
    assert_eq!(after.len(), before.len());
    assert_eq!(after[1..], before[1..]);
    client.say("CLIENT ID", ":1\r\n");
    Client::to(server.addr()).say("CLIENT ID", ":2\r\n");
}

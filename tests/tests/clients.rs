//! Clients that people use, on the server as they would use it: redis-rs, redis-cli,
//! redis-benchmark.

use std::collections::{BTreeSet, HashMap};
use std::process::Command;

use petridis::blocking::Server;
use petridis_tests::real;
use redis::{AsyncCommands, Commands, RedisResult, Value};

#[test]
fn redis_rs_has_a_session() -> RedisResult<()> {
    let server = Server::start().expect("a server starts");
    for protocol in ["", "/?protocol=resp3"] {
        let client = redis::Client::open(format!("{}{protocol}", server.url()))?;
        let mut connection = client.get_connection()?;
        session(&mut connection)?;
    }
    Ok(())
}

fn session(connection: &mut redis::Connection) -> RedisResult<()> {
    redis::cmd("FLUSHALL").exec(connection)?;
    connection.set::<_, _, ()>("name", "petridis")?;
    assert_eq!(connection.get::<_, String>("name")?, "petridis");
    assert_eq!(connection.get::<_, Option<String>>("missing")?, None);
    assert_eq!(connection.incr::<_, _, i64>("count", 41)?, 41);
    assert_eq!(connection.incr::<_, _, i64>("count", 1)?, 42);
    assert_eq!(
        connection.mget::<_, (String, i64)>(&["name", "count"])?,
        ("petridis".into(), 42)
    );
    assert!(connection.expire::<_, bool>("name", 100)?);
    assert_eq!(connection.ttl::<_, i64>("name")?, 100);
    assert!(connection.exists::<_, bool>("name")?);

    let (first, second): (i64, Option<Vec<u8>>) = redis::pipe()
        .incr("piped", 7)
        .set("bytes", b"\0\xff")
        .ignore()
        .get("bytes")
        .query(connection)?;
    assert_eq!((first, second), (7, Some(b"\0\xff".to_vec())));

    let wrong = connection
        .incr::<_, _, i64>("name", 1)
        .expect_err("a name is no number");
    assert!(wrong.to_string().contains("not an integer"), "{wrong}");

    for index in 0..500 {
        connection.set::<_, _, ()>(format!("scanned:{index}"), index)?;
    }
    let scanned: RedisResult<BTreeSet<String>> = connection.scan_match("scanned:*")?.collect();
    assert_eq!(scanned?.len(), 500);

    let config: HashMap<String, String> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("maxmemory")
        .query(connection)?;
    assert_eq!(config["maxmemory"], "0");
    assert_eq!(redis::cmd("PING").query::<String>(connection)?, "PONG");
    Ok(())
}

#[test]
fn redis_rs_has_a_session_on_tokio() -> RedisResult<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = petridis::Server::start().await.expect("a server starts");
        let client = redis::Client::open(server.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        connection.set::<_, _, ()>("a", 1).await?;
        let mut other = connection.clone();
        let (one, two): (i64, i64) =
            tokio::try_join!(connection.incr("a", 1), other.incr("b", 10))?;
        assert_eq!((one, two), (2, 10));
        let hello: Value = redis::cmd("HELLO")
            .arg(2)
            .query_async(&mut connection)
            .await?;
        assert!(matches!(hello, Value::Array(_)), "{hello:?}");
        Ok(())
    })
}

/// Runs a program that comes with Redis, if there is one.
fn companion(name: &str, arguments: &[&str]) -> Option<(String, Server)> {
    let Some(program) = real::companion(name) else {
        eprintln!("skipped: no {name} found; set PETRIDIS_REDIS_SERVER");
        return None;
    };
    let server = Server::start().expect("a server starts");
    let port = server.port().to_string();
    let output = Command::new(program)
        .args(["-p", &port])
        .args(arguments)
        .output();
    let output = output.expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some((text, server))
}

#[test]
fn redis_cli_sets_and_gets() {
    if let Some((text, _)) = companion("redis-cli", &["-3", "SET", "key", "value", "GET"]) {
        assert_eq!(text.trim(), "");
    }
    if let Some((text, _)) = companion("redis-cli", &["-r", "3", "INCRBY", "n", "5"]) {
        assert_eq!(
            text.split_whitespace().collect::<Vec<_>>(),
            ["5", "10", "15"]
        );
    }
    if let Some((text, _)) = companion("redis-cli", &["--scan"]) {
        assert_eq!(text, "");
    }
    if let Some((text, _)) = companion("redis-cli", &["INFO", "server"]) {
        assert!(text.contains("redis_version:8.0.2"), "{text}");
    }
}

#[test]
fn redis_benchmark_gets_through() {
    let arguments = [
        "-q",
        "-n",
        "2000",
        "-c",
        "20",
        "-P",
        "8",
        "-t",
        "ping,set,get,incr,mset",
    ];
    let Some((text, server)) = companion("redis-benchmark", &arguments) else {
        return;
    };
    for test in ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET"] {
        assert!(text.contains(test), "{text}");
    }
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_connection().expect("it still listens");
    let counted: i64 = connection
        .get("counter:__rand_int__")
        .expect("INCR counted");
    assert_eq!(counted, 2000);
}

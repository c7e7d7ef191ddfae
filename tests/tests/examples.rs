//! Tests with a Redis, to copy: filled once, a fork for each test, a clock to move and faults on order.
//! The same for Python and Node is in `tests/examples/`.

use std::error::Error;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use petridis::{ManualClock, Template, blocking};
use redis::{AsyncCommands, Client, Commands};

const MINUTE: Duration = Duration::from_secs(60);

/// What all tests begin with. Made by the first one that asks; forks share its memory.
static FILLED: LazyLock<Template> = LazyLock::new(|| {
    Template::from_commands("SET visits 100\nHSET user:1 name Ada plan free")
        .expect("they are right")
});

#[tokio::test]
async fn a_visit_is_counted() -> Result<(), Box<dyn Error>> {
    let server = FILLED.fork_server().await?; // on a port of its own, gone when it is dropped
    let client = Client::open(server.url())?;
    let mut redis = client.get_multiplexed_async_connection().await?;

    let visits: u64 = redis.incr("visits", 1).await?;
    assert_eq!(visits, 101);
    // Looks without a client, and leaves no trace.
    let plan = server
        .look(0, |db| Ok(db.hgetall("user:1")?.remove(&b"plan"[..])))
        .await?;
    assert_eq!(plan.as_deref(), Some(&b"free"[..]));
    Ok(())
}

#[test]
fn a_session_ends_after_half_an_hour() -> Result<(), Box<dyn Error>> {
    // Stands still, at the present time: an engine's never runs backwards, so not before the template's.
    let clock = ManualClock::new(SystemTime::now());
    let server = blocking::Server::builder()
        .snapshot(FILLED.snapshot())
        .clock(clock.clone())
        .start()?;
    let mut redis = Client::open(server.url())?.get_connection()?;

    let _: () = redis.set_ex("session", "ada", 30 * 60)?;
    clock.advance(29 * MINUTE);
    assert_eq!(
        redis.get::<_, Option<String>>("session")?.as_deref(),
        Some("ada")
    );
    clock.advance(2 * MINUTE); // what falls due has happened when the next command runs
    assert_eq!(redis.get::<_, Option<String>>("session")?, None);
    Ok(())
}

#[test]
fn a_refusal_is_reported_and_then_it_is_as_before() -> Result<(), Box<dyn Error>> {
    let server = blocking::Server::fork(FILLED.snapshot())?;
    let mut redis = Client::open(server.url())?.get_connection()?;
    let before = server.snapshot()?;

    let fault = ["FAULT", "ADD", "ERROR", "OOM no room", "COMMAND", "set"];
    let _: u64 = redis::cmd("PETRIDIS").arg(&fault).query(&mut redis)?;
    let refused = redis.set::<_, _, ()>("visits", 0);
    assert!(refused.is_err_and(|error| error.code() == Some("OOM")));

    server.restore(&before)?; // the fault goes, the connection stays
    let _: () = redis.set("visits", 0)?;
    Ok(())
}

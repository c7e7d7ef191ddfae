//! What redis-rs can do beyond a session: messages in both protocols, pushes, pools, coming back after a
//! cut, caching at the client's side.

use std::time::Duration;

use futures_util::StreamExt;
use petridis::Server;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::caching::CacheConfig;
use redis::{
    AsyncCommands, AsyncConnectionConfig, Client, Commands, PushInfo, PushKind, RedisResult, Value,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Never reached when all is well.
const LIMIT: Duration = Duration::from_secs(20);

fn with_server<R>(test: impl AsyncFnOnce(Server) -> RedisResult<R>) -> RedisResult<R> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Server::start().await.expect("a server starts");
        let test = tokio::time::timeout(LIMIT, test(server)).await;
        test.expect("it does not hang")
    })
}

/// A client that speaks RESP3.
fn resp3(server: &Server) -> RedisResult<Client> {
    Client::open(format!("{}/?protocol=resp3", server.url()))
}

/// A connection, and what is pushed to it.
async fn with_pushes(
    server: &Server,
) -> RedisResult<(MultiplexedConnection, UnboundedReceiver<PushInfo>)> {
    let (sender, pushes) = unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let connection = resp3(server)?
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    Ok((connection, pushes))
}

#[test]
fn messages_arrive_in_their_order() -> RedisResult<()> {
    with_server(async |server| {
        let client = Client::open(server.url())?;
        let (mut sink, mut messages) = client.get_async_pubsub().await?.split();
        sink.subscribe("news").await?;
        sink.psubscribe("n*").await?;
        let mut publisher = client.get_multiplexed_async_connection().await?;
        for number in 0..100 {
            let heard: i64 = publisher.publish("news", number).await?;
            assert_eq!(heard, 2);
        }
        for number in 0..200 {
            let message = messages.next().await.expect("a message");
            assert_eq!(message.get_payload::<i64>()?, number / 2);
            assert_eq!(message.from_pattern(), number % 2 == 1);
        }
        Ok(())
    })
}

#[test]
fn pushes_come_between_replies() -> RedisResult<()> {
    with_server(async |server| {
        let (mut connection, mut pushes) = with_pushes(&server).await?;
        connection.subscribe("news").await?;
        // The same connection goes on with commands, and hears what it publishes itself.
        for number in 0..50 {
            let heard: i64 = connection.publish("news", number).await?;
            assert_eq!(heard, 1);
            assert_eq!(connection.incr::<_, _, i64>("n", 1).await?, number + 1);
        }
        let first = pushes.recv().await.expect("a push");
        assert_eq!(first.kind, PushKind::Subscribe);
        for number in 0..50 {
            let push = pushes.recv().await.expect("a push");
            let payload = Value::BulkString(number.to_string().into_bytes());
            assert_eq!((push.kind, &push.data[1]), (PushKind::Message, &payload));
        }
        connection.unsubscribe("news").await?;
        let last = pushes.recv().await.expect("a push");
        assert_eq!(last.kind, PushKind::Unsubscribe);
        Ok(())
    })
}

#[test]
fn a_hundred_share_a_connection() -> RedisResult<()> {
    with_server(async |server| {
        let connection = resp3(&server)?.get_multiplexed_async_connection().await?;
        let mut counting = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let mut connection = connection.clone();
            counting.spawn(async move { connection.incr::<_, _, i64>("n", 1).await });
        }
        let mut counted: Vec<i64> = Vec::new();
        while let Some(number) = counting.join_next().await {
            counted.push(number.expect("no panic")?);
        }
        counted.sort_unstable();
        assert!(counted.into_iter().eq(1..=100));
        Ok(())
    })
}

#[test]
fn a_job_reaches_who_waits_for_it() -> RedisResult<()> {
    with_server(async |server| {
        let client = resp3(&server)?;
        // Who waits has no other timeout than the command's.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut waiting = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let nothing: Option<(String, String)> = waiting.blpop("queue", 0.05).await?;
        assert_eq!(nothing, None);
        let job = tokio::spawn(async move { waiting.blpop("queue", 0.0).await });
        let mut pushing = client.get_multiplexed_async_connection().await?;
        while pushing.publish::<_, _, i64>("nobody", 1).await? == 0 {
            let clients: redis::InfoDict = redis::cmd("INFO").query_async(&mut pushing).await?;
            if clients.get::<i64>("blocked_clients") == Some(1) {
                break;
            }
        }
        let _: i64 = pushing.rpush("queue", "job").await?;
        let job: (String, String) = job.await.expect("no panic")?;
        assert_eq!(job, ("queue".into(), "job".into()));
        Ok(())
    })
}

#[test]
fn a_manager_comes_back_after_a_cut() -> RedisResult<()> {
    with_server(async |server| {
        let (sender, mut pushes) = unbounded_channel();
        let config = ConnectionManagerConfig::new()
            .set_min_delay(Duration::from_millis(10))
            .set_push_sender(sender)
            .set_automatic_resubscription();
        let mut managed = ConnectionManager::new_with_config(resp3(&server)?, config).await?;
        managed.subscribe("news").await?;
        managed.set::<_, _, ()>("key", "value").await?;
        let mut other = Client::open(server.url())?
            .get_multiplexed_async_connection()
            .await?;
        let kill: i64 = redis::cmd("CLIENT")
            .arg(&["KILL", "SKIPME", "yes"])
            .query_async(&mut other)
            .await?;
        assert_eq!(kill, 1);
        // The first commands may meet the cut.
        let mut value: RedisResult<String> = managed.get("key").await;
        while value.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            value = managed.get("key").await;
        }
        assert_eq!(value?, "value");
        while other.publish::<_, _, i64>("news", "again").await? == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        while pushes.recv().await.expect("a push").kind != PushKind::Message {}
        Ok(())
    })
}

#[test]
fn a_pool_serves_more_threads_than_it_has_connections() -> RedisResult<()> {
    let server = petridis::blocking::Server::start().expect("a server starts");
    let pool = r2d2::Pool::builder().max_size(5);
    let pool = pool.build(Client::open(server.url())?).expect("a pool");
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut connection = pool.get().expect("a connection");
                    let counted: RedisResult<i64> = connection.incr("n", 1);
                    counted.expect("a reply");
                }
            });
        }
    });
    let mut connection = pool.get().expect("a connection");
    assert_eq!(connection.get::<_, i64>("n")?, 1000);
    let clients: redis::InfoDict = redis::cmd("INFO").query(&mut connection)?;
    assert_eq!(clients.get::<i64>("connected_clients"), Some(5));
    Ok(())
}

#[test]
fn what_is_cached_at_the_clients_side_is_taken_back() -> RedisResult<()> {
    with_server(async |server| {
        let mut other = Client::open(server.url())?
            .get_multiplexed_async_connection()
            .await?;
        let config = AsyncConnectionConfig::new().set_cache_config(CacheConfig::new());
        let cached = resp3(&server)?
            .get_multiplexed_async_connection_with_config(&config)
            .await;
        let mut cached = match cached {
            Err(error) if error.to_string().contains("TRACKING") => {
                eprintln!("skipped: client side caching: {error}");
                return Ok(());
            }
            cached => cached?,
        };
        other.set::<_, _, ()>("key", 1).await?;
        for _ in 0..10 {
            assert_eq!(cached.get::<_, i64>("key").await?, 1);
        }
        let statistics = cached.get_cache_statistics().expect("a cache");
        assert_eq!((statistics.hit, statistics.miss), (9, 1));
        other.set::<_, _, ()>("key", 2).await?;
        while cached.get::<_, i64>("key").await? != 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    })
}

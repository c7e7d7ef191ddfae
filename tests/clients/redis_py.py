"""redis-py on a server, as people use it. `redis_py.py PORT` prints what went well and fails otherwise.

Each function is one thing that people do. What the server does not offer yet is said aloud.
"""

import asyncio
import sys
import threading
import time

import redis
import redis.asyncio
from redis.cache import CacheConfig

PORT = int(sys.argv[1])


def client(**options):
    options.setdefault("decode_responses", True)
    return redis.Redis(port=PORT, socket_timeout=10, **options)


def until(condition):
    """Waits until something is so, ten seconds at most."""
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about")


def values_of_all_kinds(r):
    assert r.set("text", "grüße") and r.get("text") == "grüße"
    assert r.mget("text", "missing") == ["grüße", None]
    assert r.incrbyfloat("number", 1.5) == 1.5
    assert r.hset("hash", mapping={"a": 1, "b": 2}) == 2
    assert r.hgetall("hash") == {"a": "1", "b": "2"}
    assert r.rpush("list", *range(5)) == 5 and r.lrange("list", 1, -2) == ["1", "2", "3"]
    assert r.sadd("set", "x", "y") == 2 and r.smembers("set") == {"x", "y"}
    r.zadd("zset", {"one": 1, "two": 2.5})
    found = r.zrange("zset", 0, -1, withscores=True)
    assert [tuple(pair) for pair in found] == [("one", 1.0), ("two", 2.5)], found
    r.geoadd("places", (13.361389, 38.115556, "Palermo"))
    assert r.geopos("places", "Palermo")[0][0] - 13.361389 < 1e-4
    assert r.set("short", "x", ex=100) and 0 < r.ttl("short") <= 100
    assert {key for key in r.scan_iter("s*")} >= {"set", "short"}
    assert r.info("server")["redis_version"].startswith("8.0")


def streams_and_groups(r):
    ids = [r.xadd("stream", {"n": n}) for n in range(3)]
    assert r.xgroup_create("stream", "group", id="0")
    got = r.xreadgroup("group", "me", {"stream": ">"}, count=2)
    entries = got["stream"] if isinstance(got, dict) else got[0][1]
    entries = entries[0] if isinstance(got, dict) else entries
    assert [entry[0] for entry in entries] == ids[:2], got
    assert r.xack("stream", "group", ids[0]) == 1
    assert r.xpending("stream", "group")["pending"] == 1


def transactions(r):
    with r.pipeline() as pipe:
        pipe.set("n", 1).incr("n").lpush("n", "no list")
        outcome = pipe.execute(raise_on_error=False)
    assert outcome[:2] == [True, 2] and "WRONGTYPE" in str(outcome[2])

    def add(pipe):
        seen = int(pipe.get("n"))
        if seen == 2:
            r.set("n", 10)  # somebody else; the transaction is tried again
        pipe.multi()
        pipe.set("n", seen + 1)

    r.transaction(add, "n")
    assert r.get("n") == "11"
    with r.lock("a-lock", timeout=5) if has_scripts(r) else r.pipeline():
        pass


def has_scripts(r):
    try:
        return r.eval("return 1", 0) == 1
    except redis.ResponseError:
        print("skipped: scripts, locks: no EVAL yet")
        return False


def messages(r):
    with r.pubsub() as listening:
        listening.subscribe("news")
        listening.psubscribe("n*")
        heard = []

        def listen():
            for message in listening.listen():
                heard.append(message)
                if message["data"] == "end":
                    return

        thread = threading.Thread(target=listen)
        thread.start()
        until(lambda: len(heard) == 2)
        for number in range(100):
            assert r.publish("news", number) == 2
        r.publish("nothing", "end")
        thread.join(10)
        assert not thread.is_alive()
        by_name = [m["data"] for m in heard if m["type"] == "message"]
        by_pattern = [m["data"] for m in heard if m["type"] == "pmessage"]
        assert by_name == [str(n) for n in range(100)], by_name
        assert by_pattern == by_name + ["end"], by_pattern


def waiting(r):
    assert client().blpop("queue", timeout=0.05) is None
    got = []
    other = client()
    thread = threading.Thread(target=lambda: got.append(other.blpop("queue", timeout=10)))
    thread.start()
    until(lambda: r.info("clients")["blocked_clients"] == 1)
    r.rpush("queue", "job")
    thread.join(10)
    assert [tuple(pair) for pair in got] == [("queue", "job")], got


def a_pool_of_connections(r):
    pool = redis.BlockingConnectionPool(port=PORT, max_connections=10, timeout=20)
    shared = redis.Redis(connection_pool=pool)

    def count():
        for _ in range(100):
            shared.incr("counted")

    threads = [threading.Thread(target=count) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert r.get("counted") == "3000"
    pool.disconnect()


def coming_back_after_a_cut(r):
    from redis.backoff import ConstantBackoff
    from redis.retry import Retry

    other = client(retry=Retry(ConstantBackoff(0.01), 3))
    before = other.client_id()
    assert r.client_kill_filter(_id=before) == 1
    assert other.ping()
    assert other.client_id() != before


def client_side_caching(r):
    if r.connection_pool.connection_kwargs.get("protocol") != 3:
        return
    try:
        tracking = client(protocol=3)
        tracking.client_tracking_on()
        tracking.close()
    except redis.ResponseError as error:
        print(f"skipped: client side caching: {error}")
        return
    cached = client(protocol=3, cache_config=CacheConfig(max_size=100))
    r.set("cached", "one")
    assert cached.get("cached") == "one" and cached.get("cached") == "one"
    assert cached.get_cache().size == 1
    r.set("cached", "two")
    until(lambda: cached.get("cached") == "two")
    cached.close()


def asynchronously(_):
    async def session():
        r = redis.asyncio.Redis(port=PORT, decode_responses=True)
        await r.set("async", 0)
        await asyncio.gather(*(r.incr("async") for _ in range(50)))
        assert await r.get("async") == "50"
        async with r.pubsub() as listening:
            await listening.subscribe("async-news")
            await listening.get_message(timeout=5)
            await r.publish("async-news", "hello")
            message = await listening.get_message(timeout=5)
            assert message["data"] == "hello", message
        await r.aclose()

    asyncio.run(session())


USES = [
    values_of_all_kinds,
    streams_and_groups,
    transactions,
    messages,
    waiting,
    a_pool_of_connections,
    coming_back_after_a_cut,
    client_side_caching,
    asynchronously,
]

for protocol in (2, 3):
    for use in USES:
        r = client(protocol=protocol)
        r.flushall()
        use(r)
        r.close()
        print(f"ok RESP{protocol} {use.__name__}", flush=True)

"""Fixtures for tests that need a Redis: `petridis run -- pytest`, or `petridis run -- pytest -n 4`.

The data is made once. Each test then begins with it, whatever the test before has done.
"""

import os

import pytest
import redis


def connect(url, **options):
    return redis.Redis.from_url(url, decode_responses=True, **options)


@pytest.fixture(scope="session")
def url():
    """A server of this process's own: with pytest-xdist there are several, which must not meet."""
    with connect(os.environ["REDIS_URL"]) as client:
        own = client.execute_command("PETRIDIS FORK")
        yield own
        client.execute_command("PETRIDIS DROP", own)


@pytest.fixture(scope="session")
def filled(url):
    """The server with what all tests begin with, kept as a snapshot."""
    with connect(url) as client:
        client.set("visits", 100)
        client.hset("user:1", mapping={"name": "Ada", "plan": "free"})
        client.execute_command("PETRIDIS SNAPSHOT", "filled")
    return url


@pytest.fixture
def cache(filled):
    """A client whose server is as it was filled: data, time, parameters, faults and all."""
    with connect(filled) as client:
        client.execute_command("PETRIDIS RESTORE", "filled")
        yield client


@pytest.fixture
def advance(cache):
    """Moves the server's clock. What falls due has happened when the next command runs."""
    return lambda seconds: cache.execute_command("PETRIDIS CLOCK ADVANCE", seconds * 1000)


@pytest.fixture
def fault(cache):
    """Orders something to go wrong, until the next test."""
    return lambda what, *words: cache.execute_command(f"PETRIDIS FAULT ADD {what}", *words)


@pytest.fixture
def fork(cache):
    """Makes servers that begin as this one is now, for what runs beside the test."""
    urls = []

    def make():
        urls.append(cache.execute_command("PETRIDIS FORK"))
        return urls[-1]

    yield make
    for url in urls:
        cache.execute_command("PETRIDIS DROP", url)

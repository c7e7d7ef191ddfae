"""Tests with a Redis that is filled once, can be moved in time and told to fail."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from conftest import connect
from sessions import Sessions


def test_it_begins_as_it_was_filled(cache):
    assert cache.hgetall("user:1") == {"name": "Ada", "plan": "free"}


@pytest.mark.parametrize("which", ["one", "another"])
def test_nothing_is_left_by_other_tests(cache, which):
    sessions = Sessions(cache)
    assert sessions.visit(sessions.open(which)) == which
    assert cache.get("visits") == "101"
    assert cache.dbsize() == 3


def test_a_session_ends_half_an_hour_after_the_last_visit(cache, advance):
    sessions = Sessions(cache)
    token = sessions.open("ada")
    advance(29 * 60)
    assert sessions.visit(token) == "ada"
    advance(29 * 60)
    assert sessions.visit(token) == "ada"
    advance(31 * 60)
    assert sessions.visit(token) is None


def test_a_server_that_hangs_is_given_up(cache, filled, fault):
    fault("DELAY 60000 COMMAND getex")
    with connect(filled, socket_timeout=0.05) as impatient, pytest.raises(redis.TimeoutError):
        Sessions(impatient).visit("token")


def test_a_server_that_refuses_is_reported(cache, fault):
    fault("ERROR", "OOM command not allowed when used memory > 'maxmemory'.", "COMMAND", "set")
    with pytest.raises(redis.OutOfMemoryError):
        Sessions(cache).open("ada")


def test_a_visit_whose_reply_is_lost_counts_twice(cache, filled, fault):
    # Counted, but the connection closes before the client hears of it: so the client tries again.
    fault("CLOSE AFTER COMMAND incrby TIMES 1")  # which redis-py sends for `incr`
    with connect(filled, retry=Retry(NoBackoff(), retries=1)) as stubborn:
        sessions = Sessions(stubborn)
        assert sessions.visit(sessions.open("ada")) == "ada"
    assert cache.get("visits") == "102"


def test_each_worker_has_a_fork(cache, fork):
    cache.set("visits", 0)

    def work(url):
        with connect(url) as own:
            sessions = Sessions(own)
            token = sessions.open("worker")
            for _ in range(10):
                sessions.visit(token)
            return own.get("visits")

    with ThreadPoolExecutor() as workers:
        counted = workers.map(work, [fork() for _ in range(4)])
    assert list(counted) == ["10"] * 4
    assert cache.get("visits") == "0"

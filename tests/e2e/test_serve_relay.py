"""Pub/sub servers that are one over a Redis stream: what each of their clients is promised."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from e2e.harness import Server, serving, tw, until
from e2e.redis import Redis, redis
from e2e.relays import Client

pytestmark = pytest.mark.measured


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Redis]:
    with redis(tmp_path) as found:
        yield found


@contextmanager
def node(engine: Redis, *options: str) -> Iterator[Server]:
    with serving("pubsub", "--via", engine.via(), *options) as server:
        yield server


def subscriber(server: Server) -> Client:
    """A client that is known to be there."""
    before = server.descriptors()
    client = Client(server)
    until(lambda: server.descriptors() > before)
    return client


def test_what_is_published_on_one_reaches_the_clients_of_the_other(engine: Redis) -> None:
    with node(engine) as one, node(engine) as other:
        reader = subscriber(other)
        published = tw("probe", "pubsub", one.target, "--publish", "hello", "--publish", "world")
        assert published.code == 0
        until(lambda: reader.lines == [b"hello", b"world"])
        assert bytes(reader.got).startswith(b"<127.0.0.1:")
        reader.close()


def test_the_probe_finds_every_node_in_order(engine: Redis) -> None:
    with node(engine) as one, node(engine) as other:
        for server in (one, other):
            assert tw("probe", "pubsub", server.target, "--count", "20", "--interval", "10ms").code == 0


def test_a_client_that_half_closes_gets_its_lines_back_before_the_end(engine: Redis) -> None:
    with node(engine) as one, node(engine):
        client = Client(one)
        client.say(b"one\ntwo\nunended")
        client.say_no_more()
        until(lambda: client.is_over)
        assert client.lines == [b"one", b"two", b"unended"]
        client.close()


def test_a_line_that_is_too_long_is_told_of_after_those_before_it(engine: Redis) -> None:
    with node(engine, "--max-line", "10") as one:
        client = Client(one)
        client.say(b"short\n" + b"x" * 50 + b"\n")
        until(lambda: b"too long" in client.got)
        assert client.lines == [b"short", b"line too long (max 10 bytes)"]
        client.close()


def test_a_publisher_without_echo_gets_only_the_lines_of_others(engine: Redis) -> None:
    with node(engine, "--no-echo") as one, node(engine) as other:
        quiet, beside, far = subscriber(one), subscriber(one), subscriber(other)
        for number in range(5):
            quiet.say(b"mine %d\n" % number)
            until(lambda number=number: b"mine %d" % number in beside.lines)
            far.say(b"far %d\n" % number)
            until(lambda number=number: b"far %d" % number in beside.lines)
        until(lambda: len(quiet.lines) == 5)
        assert quiet.lines == [b"far %d" % number for number in range(5)]
        until(lambda: far.lines == beside.lines)
        for client in (quiet, beside, far):
            client.close()


def test_each_server_writes_its_own_line_ends_and_prefixes_what_is_published_there(engine: Redis) -> None:
    with node(engine, "--crlf", "--no-prefix") as one, node(engine) as other:
        there, here = subscriber(one), subscriber(other)
        there.say(b"bare\r\n")
        until(lambda: b"bare" in here.got)
        assert bytes(here.got) == b"bare\n"
        here.say(b"named\n")
        until(lambda: b"named" in there.got)
        assert bytes(there.got).startswith(b"bare\r\n<127.0.0.1:")
        assert bytes(there.got).endswith(b"> named\r\n")
        there.close()
        here.close()


def test_the_history_is_what_was_published_anywhere(engine: Redis) -> None:
    with node(engine) as one:
        assert tw("probe", "pubsub", one.target, *(f"--publish={number}" for number in range(50))).code == 0
    with node(engine, "--history", "7") as other:
        late = Client(other)
        until(lambda: len(late.lines) == 7)
        assert late.lines == [b"%d" % number for number in range(43, 50)]
        late.close()
        assert other.stop()["lines"] == 0


def test_what_was_trimmed_before_a_server_read_it_is_counted_to_the_line(engine: Redis) -> None:
    with node(engine) as one, node(engine) as other:
        here, there = subscriber(one), subscriber(other)
        here.say(b"first\n")
        until(lambda: there.lines == [b"first"])
        os.kill(other.process.pid, signal.SIGSTOP)
        try:
            for number in range(40):
                here.say(b"a\nb %d\n" % number)
                until(lambda number=number: b"b %d" % number in here.lines)
            engine.says("XTRIM", "lines", "MAXLEN", "0")
            here.say(b"last\n")
            until(lambda: b"last" in here.lines)
        finally:
            os.kill(other.process.pid, signal.SIGCONT)
        until(lambda: b"last" in there.lines)
        (notice,) = [line for line in bytes(there.got).split(b"\n") if line.startswith(b"<tw> ")]
        missing = len(here.lines) - len(there.lines) + 1
        assert missing >= 78  # those of the entry that the waiting reader was handed had arrived
        assert notice == b"<tw> dropped %d lines" % missing
        assert there.lines[-2:] == [b"dropped %d lines" % missing, b"last"]
        here.close()
        there.close()
        assert other.stop()["relay_dropped_lines"] == missing
        assert one.stop()["relay_dropped_lines"] == 0


def test_entries_of_strangers_are_counted_and_do_no_harm(engine: Redis) -> None:
    with node(engine) as one:
        reader = subscriber(one)
        for fields in (["x", "y"], ["n", "a", "s", "1", "t", "1", "b", "evil\n"], ["n", "1", "s", "2"]):
            engine.says("XADD", "lines", "*", *fields)
        reader.say(b"fine\n")
        until(lambda: reader.lines == [b"fine"])
        reader.close()
        assert one.stop()["foreign_entries"] == 3


def test_the_stream_does_not_grow_for_ever(engine: Redis) -> None:
    with node(engine, "--via-maxlen", "10") as one:
        client = subscriber(one)
        for number in range(300):
            client.say(b"%d\n" % number)
            until(lambda number=number: b"%d" % number in client.lines)
        assert int(engine.says("XLEN", "lines")) < 150  # a hundred more are cut off at once (XADD: `~`)
        client.close()


def test_a_stop_tells_how_many_lines_redis_never_took(engine: Redis) -> None:
    with node(engine, "--drain-timeout", "0.5") as one:
        client = subscriber(one)
        client.say(b"taken\n")
        until(lambda: client.lines == [b"taken"])
        engine.kill()
        assert one.wait_for("via")["ok"] is False
        client.say(b"lost\nlost too\n")
        one.wait_until_idle()
        summary = one.stop()
        assert summary["unrelayed_lines"] == 2
        until(lambda: client.is_over)
        assert client.lines == [b"taken"]
        client.close()


def test_a_stop_delivers_what_was_published_before_it(engine: Redis) -> None:
    with node(engine, "--drain-timeout", "1m") as one, node(engine) as other:
        reader, writer = subscriber(other), subscriber(one)
        writer.say(b"".join(b"%d\n" % number for number in range(20_000)))
        until(lambda: len(writer.lines) > 0)
        assert one.stop()["unrelayed_lines"] == 0
        until(lambda: writer.is_over)
        until(lambda: len(reader.lines) >= len(writer.lines))
        assert reader.lines == writer.lines == [b"%d" % number for number in range(len(writer.lines))]
        reader.close()
        writer.close()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--via", "http://localhost/"], 2, "no such scheme"),
        (["--via-maxlen", "5"], 2, "--via-maxlen without --via"),
        (["--via", "unix:///nonexistent/redis.sock"], 3, "unix:/nonexistent/redis.sock"),
    ],
)
def test_a_server_that_cannot_share_anything_says_so(words: list[str], code: int, says: str) -> None:
    ran = tw("serve", "pubsub", "--port", "0", *words)
    assert ran.code == code
    assert says in ran.error_line


def test_a_key_of_another_kind_is_refused(engine: Redis) -> None:
    engine.says("SET", "lines", "text")
    ran = tw("serve", "pubsub", "--port", "0", "--via", engine.via())
    assert ran.code == 9
    assert "the key holds something else" in ran.error_line

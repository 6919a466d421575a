"""Connecting to a Redis, and what keeps one from it."""

from collections.abc import Callable

import pytest

from redis_rig import Rig
from tw.core.via import parse_via
from tw.errors import AnswerTimeout, AuthError, ConnectError, ProtocolError, TwError, UsageError
from tw.net.redis import CONNECT_S


def test_a_link_logs_in_chooses_the_database_and_asks_for_the_version() -> None:
    rig = Rig(parse_via("redis://joe@localhost/3", "key"), "pass word")
    rig.redis.user, rig.redis.password = b"joe", b"pass word"
    rig.start()
    assert rig.redis.commands == [
        [b"AUTH", b"joe", b"pass word"],
        [b"SELECT", b"3"],
        [b"PING"],
        [b"INFO", b"server"],
    ]
    assert rig.link.problem is None
    rig.stop()


def test_a_unix_socket_does_as_well() -> None:
    rig = Rig(parse_via("unix:///run/r", "key")).start()
    assert rig.net.dialled == [("/run/r", None)]
    rig.stop()


def test_a_user_without_a_password_is_logged_in_with_an_empty_one() -> None:
    rig = Rig(parse_via("redis://joe@localhost", "key"))
    rig.redis.user, rig.redis.password = b"joe", b""
    rig.start()
    assert rig.redis.commands[0] == [b"AUTH", b"joe", b""]
    rig.stop()


def test_a_password_out_of_a_variable_may_be_any_bytes() -> None:
    rig = Rig(password="p\udcff")
    rig.redis.password = b"p\xff"
    rig.start().stop()


def test_who_may_not_ask_for_the_version_is_served() -> None:
    rig = Rig()
    rig.redis.answers[b"INFO"] = b"-NOPERM this user has no permissions to run the 'info' command\r\n"
    rig.start().stop()


def _nobody(rig: Rig) -> None:
    rig.redis.down()


def _silent_host(rig: Rig) -> None:
    rig.net.silent.add(6379)


def _silent_redis(rig: Rig) -> None:
    rig.redis.is_silent = True


def _old(rig: Rig) -> None:
    rig.redis.info = b"redis_version:4.0.14\r\n"


def _password(rig: Rig) -> None:
    rig.redis.password = b"x"


def _loading(rig: Rig) -> None:
    rig.redis.answers[b"PING"] = b"-LOADING Redis is loading the dataset in memory\r\n"


def _stranger(rig: Rig) -> None:
    rig.redis.answers[b"PING"] = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def _greeter(rig: Rig) -> None:
    rig.net.scripted(6379, meets=lambda peer: peer.say(b"+hello\r\n"))


def _full(rig: Rig) -> None:
    rig.net.scripted(6379, meets=lambda peer: peer.say(b"-ERR max number of clients reached\r\n"))


def _leaver(rig: Rig) -> None:
    rig.net.scripted(6379, meets=lambda peer: peer.leave())


@pytest.mark.parametrize(
    ("fault", "kind", "what"),
    [
        (_nobody, ConnectError, "connection refused"),
        (_silent_host, ConnectError, "timed out"),
        (_silent_redis, AnswerTimeout, "no answer within 5 s"),
        (_old, ProtocolError, "Redis 4.0.14 is too old"),
        (_password, AuthError, "NOAUTH"),
        (_loading, ConnectError, "not ready"),
        (_stranger, ProtocolError, "does not speak Redis's protocol"),
        (_greeter, ProtocolError, "PING was answered with something else"),
        (_full, ConnectError, "max number of clients"),
        (_leaver, ProtocolError, "closed the connection"),
    ],
)
def test_what_cannot_be_used_is_a_typed_error(fault: Callable[[Rig], None], kind: type[TwError], what: str) -> None:
    rig = Rig()
    fault(rig)
    error = rig.fails()
    assert type(error) is kind
    assert what in error.what
    assert "127.0.0.1:6379" in error.where
    assert rig.net.getDelayedCalls() == []


def test_a_name_that_nobody_knows_is_a_typed_error() -> None:
    rig = Rig(parse_via("redis://nowhere", "key"))
    assert "no such host" in rig.fails().what


def test_a_name_server_that_is_silent_is_waited_for_no_longer_than_a_connection() -> None:
    rig = Rig(parse_via("redis://nowhere", "key"))
    rig.net.silent.add("nowhere")
    running = rig.net.run(rig.link.start())
    rig.net.pass_s(CONNECT_S - 0.1)
    assert not running.over
    rig.net.pass_s(0.2)
    assert isinstance(running.error, ConnectError)


def test_no_message_holds_the_password() -> None:
    rig = Rig(password="hunter2")
    rig.redis.password = b"x"
    error = rig.fails()
    assert isinstance(error, AuthError)
    assert "hunter2" not in repr(error) + repr(vars(rig.link))


@pytest.mark.parametrize("text", [b"ERR unknown command 'AUTH', with args beginning with: 'hunter2'", b"NO hunter2"])
def test_a_password_that_redis_repeats_is_told_to_nobody(text: bytes) -> None:
    rig = Rig(password="hunter2")
    rig.redis.answers[b"AUTH"] = b"-" + text + b"\r\n"
    error = rig.fails()
    assert isinstance(error, AuthError)
    assert "hunter2" not in repr(error) + str(error) + repr(vars(rig.link))


def test_a_missing_package_is_a_usage_error_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    monkeypatch.setitem(__import__("sys").modules, "tw.net.redis_protocol", None)
    error = rig.fails()
    assert isinstance(error, UsageError)
    assert error.hint == "pip install 'tw-bench[redis]'"

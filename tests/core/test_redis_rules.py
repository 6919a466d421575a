"""What a Redis says of itself, and what its refusals are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.redis_rules import LEAST_MAJOR, Refusal, least_version_fault, refusal_error, versions
from tw.errors import ExitCode

REFUSALS = [
    ("NOAUTH Authentication required.", ExitCode.AUTH, "TW_VIA_PASSWORD"),
    ("WRONGPASS invalid username-password pair or user is disabled.", ExitCode.AUTH, "check the user"),
    ("ERR invalid password", ExitCode.AUTH, "check the user"),
    ("ERR Client sent AUTH, but no password is set", ExitCode.AUTH, "check the user"),
    ("NOPERM this user has no permissions to run the 'incrby' command", ExitCode.AUTH, "ACL SETUSER"),
    ("DENIED Redis is running in protected mode because no password is set. 1) Just", ExitCode.AUTH, "listen"),
    ("WRONGTYPE Operation against a key holding the wrong kind of value", ExitCode.LOCAL, "another name"),
    ("ERR value is not an integer or out of range", ExitCode.LOCAL, "another name"),
    ("LOADING Redis is loading the dataset in memory", ExitCode.CONNECT, "later"),
    ("ERR max number of clients reached", ExitCode.CONNECT, "later"),
    ("READONLY You can't write against a read only replica.", ExitCode.PROTOCOL, "the primary"),
    ("MOVED 1234 10.0.0.1:6379", ExitCode.PROTOCOL, "that node"),
    ("ERR DB index is out of range", ExitCode.USAGE, "a lower number"),
    ("ERR SELECT is not allowed in cluster mode", ExitCode.USAGE, "a lower number"),
    ("OOM command not allowed when used memory > 'maxmemory'.", ExitCode.PROTOCOL, ""),
]


@pytest.mark.parametrize(("text", "code", "hint"), REFUSALS)
def test_a_refusal_has_an_exit_code_and_a_way_on(text: str, code: ExitCode, hint: str) -> None:
    error = refusal_error(text, "--via h:1")
    assert error.exit_code == code
    assert hint in error.hint
    assert error.where == "--via h:1"


def test_who_got_in_and_may_not_do_something_is_not_told_that_it_was_the_login() -> None:
    error = refusal_error("NOPERM this user has no permissions to run the 'incrby' command", "h")
    assert error.what.startswith("Redis refuses what is asked of it: NOPERM this user ")


def test_of_a_page_of_text_one_sentence_is_told() -> None:
    assert "1) Just" not in str(refusal_error("DENIED Redis is protected. 1) Just disable", "h"))


def test_a_refusals_text_is_safe_and_short() -> None:
    refusal = Refusal("ERR \x1b[2J" + "x" * 1000)
    assert refusal.code == "ERR"
    assert refusal.text.isprintable()
    assert len(refusal.text) <= 200


@pytest.mark.parametrize(
    "text",
    [
        "ERR unknown command 'AUTH', with args beginning with: 'joe' 'hunter2' ",
        "ERR unknown command `AUTH`, with args beginning with: `hunter2`, ",
    ],
)
def test_what_redis_repeats_of_a_command_is_left_out(text: str) -> None:
    refusal = Refusal(text)
    assert "hunter2" not in refusal.text + repr(refusal) + str(refusal)
    assert "unknown command" in refusal.text


@pytest.mark.parametrize(
    ("info", "fault"),
    [
        (b"redis_version:4.0.14\r\n", "Redis 4.0.14 is too old"),
        (b"# Server\r\nredis_version:2.8\r\nredis_mode:standalone\r\n", "Redis 2.8 is too old"),
        (b"redis_version:5.0.0\r\n", None),
        (b"redis_version:7.0.15\r\n", None),
        (b"redis_version:10.1\r\n", None),
        (b"server_name:valkey\r\nredis_version:4.2.4\r\nvalkey_version:8.0.1\r\n", None),
        (b"", None),
        (b"redis_version:x\r\n", None),
        (b"my_redis_version:1\r\n", None),
    ],
)
def test_what_is_older_than_streams_is_too_old(info: bytes, fault: str | None) -> None:
    assert least_version_fault(versions(info)) == fault


@given(major=st.integers(0, 10**30), rest=st.lists(st.integers(0, 999), max_size=3))
def test_only_the_major_number_decides(major: int, rest: list[int]) -> None:
    text = ".".join(map(str, [major, *rest])).encode()
    fault = least_version_fault(versions(b"# Server\r\nredis_version:" + text + b"\r\nos:x\r\n"))
    assert (fault is not None) == (major < LEAST_MAJOR)


@given(st.binary(max_size=200))
def test_any_info_is_read(info: bytes) -> None:
    least_version_fault(versions(info))

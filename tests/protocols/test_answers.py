"""The counter's answers as bytes, and the small rules behind them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counter_memory import AT_S, Rig, get
from tw.protocols.answers import KINDS, http_date, is_host, is_target, wants_json


def test_an_answer_has_these_bytes_and_no_others() -> None:
    rig = Rig()
    rig.send(get())
    assert rig.transport.value() == (
        b"HTTP/1.1 200 OK\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Cache-Control: no-store\r\n"
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        b"X-Instance: 0123456789abcdef\r\n"
        b"Content-Length: 16\r\n"
        b"X-Request-Number: 1\r\n"
        b"\r\n"
        b"I am request #1\n"
    )


def test_a_json_answer_says_what_it_is() -> None:
    (answer,) = Rig().ask(get("/", "Accept: application/json"))
    assert answer.headers["content-type"] == "application/json"
    assert answer.body == b'{"v": 1, "request": 1}\n'


def test_head_has_the_header_of_get_and_takes_a_number() -> None:
    rig = Rig()
    head, after = rig.ask(get(method="HEAD") + get(), heads=[0])
    assert (head.number, after.number) == (1, 2)
    assert head.body == b""
    assert {**head.headers, "x-request-number": "2"} == after.headers
    (json,) = rig.ask(get("/", "Accept: application/json", method="HEAD"), heads=[0])
    assert json.headers["content-length"] == str(len('{"v": 1, "request": 3}\n'))


@pytest.mark.parametrize("number", [0, 9, 10, 99, 100, 2**63 - 1])
def test_the_length_is_right_for_a_number_of_any_length(number: int) -> None:
    from tw.services.state import Numbers

    (answer,) = Rig(Numbers(number)).ask(get())  # the reader of answers checks the length
    assert answer.body == b"I am request #%d\n" % number
    assert answer.number == number


@given(st.lists(st.tuples(st.integers(0, 10_150), st.integers(0, KINDS - 1)), min_size=1, max_size=20), st.booleans())
def test_an_answer_does_not_depend_on_those_before_it(asked: list[tuple[int, int]], ticks: bool) -> None:
    site, alone = Rig().site, Rig()
    site.tick()
    for number, kind in asked:
        alone.now_s += ticks  # makes everything anew
        alone.site.tick()
        site.take = alone.site.take = lambda number=number: number
        told, wire = site.next_answer(kind)
        assert told == number
        assert without_date(wire) == without_date(alone.site.numbered(number, kind))
        head, _, body = wire.partition(b"\r\n\r\n")
        assert b"\r\nX-Request-Number: %d" % number in head
        assert not body or b" #%d\n" % number in body or b": %d}" % number in body
        assert not body or b"\r\nContent-Length: %d\r\n" % len(body) in head


def test_late_numbers_too_are_written_once_for_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    site, written = Rig().site, []
    site.tick()
    anew = site._numbered_anew
    monkeypatch.setattr(site, "_numbered_anew", lambda number, kind: written.append(number) or anew(number, kind))
    for number in range(150, 350):
        assert b" #%d\n" % number in site.numbered(number, 0)
    assert written == [150, 200, 300]


def without_date(wire: bytes) -> bytes:
    before, _, rest = wire.partition(b"Date: ")
    return before + rest.partition(b"\r\n")[2]


def test_the_date_is_made_anew_when_the_second_is_over_and_not_before() -> None:
    rig = Rig()
    dates = []
    for now_s in (AT_S, AT_S + 0.5, AT_S + 0.75, AT_S - 10):
        rig.now_s = now_s
        dates.append(rig.ask(get())[0].headers["date"][17:25])
    assert dates == ["08:49:37", "08:49:37", "08:49:38", "08:49:27"]


@given(st.integers(0, 253_402_300_799))
def test_a_date_is_what_strftime_says_in_the_c_locale(second: int) -> None:
    at = time.gmtime(second)
    assert http_date(second).decode() == time.strftime("%a, %d %b ", at) + f"{at.tm_year:04d}" + time.strftime(
        " %H:%M:%S GMT", at
    )


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        (b"application/json", True),
        (b"APPLICATION/JSON", True),
        (b"text/html, application/json;q=0.9, */*", True),
        (b"application/json ; charset=utf-8", True),
        (b"application/json;q=1.0", True),
        (b"application/json;q=0", False),
        (b"application/json; q=0.000", False),
        (b"application/json;q=0.001", True),
        (b"application/jsonx", False),
        (b"application/problem+json", False),
        (b"*/*", False),
        (b"", False),
        (b",;,", False),
    ],
)
def test_json_is_for_those_who_list_it(accept: bytes, json: bool) -> None:
    assert wants_json(accept) is json


@pytest.mark.parametrize(
    "host", [b"", b"a", b"a.example:80", b"127.0.0.1:", b"[::1]:8080", b"[fe80::1%25eth0]", b" a ", b"a_b", b"%41"]
)
def test_these_are_hosts(host: bytes) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host", [b"a b", b"a,b", b"a/b", b"a@b", b"a:b", b"::1", b"a:80:80", b"[::1", b"a#b", b"a?b", b"\xc3\xa9", b"a\n"]
)
def test_these_are_not(host: bytes) -> None:
    assert not is_host(host)


@pytest.mark.parametrize(
    "target", [b"/", b"/a?b", b"//", b"http://a/b", b"http://a", b"HTTPS://[::1]:8?x", b"http://a:/"]
)
def test_these_are_targets(target: bytes) -> None:
    assert is_target(target)


@pytest.mark.parametrize(
    "target",
    [
        b"*",
        b"a:80",
        b"",
        b"a",
        b"/a#b",
        b"http://u@a/",
        b"http:///",
        b"http://:80/",
        b"ftp://a/",
        b"http://a/#b",
        b"x://a",
    ],
)
def test_these_are_none(target: bytes) -> None:
    assert not is_target(target)

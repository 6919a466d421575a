"""What a `--via` URL means, and what is said of one that means nothing."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tw.core.via import DEFAULT_NAMES, DEFAULT_PORT, MAX_DB, MAX_NAME_BYTES, Shared, ViaPlace, parse_via
from tw.errors import ExitCode, UsageError

GOOD = [
    ("redis://h", ViaPlace(name="tw:counter", host="h")),
    ("redis://h/", ViaPlace(name="tw:counter", host="h")),
    ("REDIS://h:7/3?key=n", ViaPlace(name="n", host="h", port=7, db=3)),
    ("rediss://joe@h:7?key=a%20b%2F%3F%26", ViaPlace(name="a b/?&", host="h", port=7, tls=True, user="joe")),
    ("redis://j%40x@[::1]:7/0", ViaPlace(name="tw:counter", host="::1", port=7, user="j@x")),
    ("redis://h?key=a+b=c", ViaPlace(name="a+b=c", host="h")),
    ("redis://h?key=a@b", ViaPlace(name="a@b", host="h")),
    ("unix:///run/r.sock", ViaPlace(name="tw:counter", path="/run/r.sock")),
    ("unix://joe@/run/r%20s?db=2&key=k", ViaPlace(name="k", path="/run/r s", user="joe", db=2)),
    ("redis+unix:///r?key=k&db=0", ViaPlace(name="k", path="/r")),
]

BAD = [
    ("", "not a URL"),
    ("h:6379", "not a URL"),
    ("redis:h", "not a URL"),
    ("redis://h /0", "not a URL"),
    ("redis://h\n", "not a URL"),
    ("http://h", "no such scheme"),
    ("valkey://h", "no such scheme"),
    ("redis://", "no host"),
    ("redis://:6379", "no host"),
    ("redis://@h", "no user"),
    ("redis://h:x", "not a port"),
    ("redis://h:0", "no such port"),
    ("redis://h:65536", "no such port"),
    ("redis://tcp:h:1", "more than one colon"),
    ("redis://6379", "a number is not a host"),
    ("redis://h/x", "database"),
    ("redis://h/-1", "database"),
    ("redis://h/1/2", "database"),
    (f"redis://h/{MAX_DB + 1}", "database"),
    ("redis://h?db=1", "a key that means nothing here"),
    ("redis://h?stream=x", "a key that means nothing here"),
    ("redis://h?", "the query is not NAME=VALUE"),
    ("redis://h?key", "the query is not NAME=VALUE"),
    ("redis://h?key=", "the query is not NAME=VALUE"),
    ("redis://h?key=a&key=b", "key is given twice"),
    ("redis://h?key=a&", "the query is not NAME=VALUE"),
    ("redis://h?key=a%", "percent sign"),
    ("redis://h?key=%zz", "percent sign"),
    ("redis://h?key=%ff", "not UTF-8"),
    ("redis://h?key=%0a", "control character"),
    ("redis://%00@h", "control character"),
    ("redis://h?key=" + "k" * (MAX_NAME_BYTES + 1), "of over 512 bytes"),
    ("redis://h#x", "a fragment"),
    ("unix://", "no path"),
    ("unix:///", "no path"),
    ("unix://h/x", "a unix socket is on no host"),
    ("unix:///%00", "control character"),
    ("unix:///" + "x" * 107, "of over 107 bytes"),
    ("unix:///x?db=a", "database"),
]

SECRETS = [
    "redis://:hunter2@h",
    "redis://joe:hunter2@h/0?key=k",
    "redis://joe:hun/hunter2@h",
    "redis://joe:a?hunter2@h",
    "redis://joe:a#hunter2@h",
    "unix://joe:hunter2@/x",
    "joe:hunter2@h",
    "http://joe:hunter2@h",
    "redis://joe:hunter2@h:x",
    "redis://joe:hunter2 @h",
    "redis://h/0?password=hunter2",
    "redis://joe@h?key=k&pass=hunter2#x",
    "redis://h:x?key=k&secret=hunter2",
]


@pytest.mark.parametrize(("text", "place"), GOOD)
def test_a_url_names_a_place(text: str, place: ViaPlace) -> None:
    assert parse_via(text, "key") == place


@pytest.mark.parametrize(("text", "problem"), BAD)
def test_a_url_that_names_none_is_a_usage_error_with_the_right_form(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_via(text, "key")
    assert problem in caught.value.what
    assert caught.value.where.startswith("--via ")
    assert caught.value.hint
    assert caught.value.exit_code == ExitCode.USAGE
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", SECRETS)
def test_a_password_in_a_url_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_via(text, "key")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["redis://joe:hunter2@h", "redis://:hunter2@h", "redis://joe:hun/ter2@h", "unix://:x@/r", "redis://h?password=x"],
)
def test_who_gives_a_password_is_told_where_it_belongs(text: str) -> None:
    with pytest.raises(UsageError, match="--via-password-file or TW_VIA_PASSWORD"):
        parse_via(text, "key")


def test_each_server_has_a_query_key_and_a_name_of_its_own() -> None:
    assert parse_via("redis://h?stream=s", "stream").name == "s"
    assert parse_via("redis://h", "stream").name == DEFAULT_NAMES["stream"] != DEFAULT_NAMES["key"]
    with pytest.raises(UsageError, match=r"\?stream=NAME"):
        parse_via("redis://h?key=s", "stream")


def test_places_are_written_as_peers_are() -> None:
    assert str(parse_via("redis://joe@[::1]/1?key=k", "key")) == f"[::1]:{DEFAULT_PORT}"
    assert str(parse_via("unix:///run/r", "key")) == "unix:/run/r"


PRINTABLE = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.isprintable)


@given(
    name=PRINTABLE,
    user=st.none() | PRINTABLE,
    db=st.integers(0, MAX_DB),
    port=st.integers(1, 65535),
    tls=st.booleans(),
    shared=st.sampled_from(["stream", "key"]),
)
def test_what_was_percent_encoded_comes_back(
    name: str, user: str | None, db: int, port: int, tls: bool, shared: Shared
) -> None:
    login = "" if user is None else quote(user, safe="") + "@"
    text = f"redis{'s' * tls}://{login}host:{port}/{db}?{shared}={quote(name, safe='')}"
    assert parse_via(text, shared) == ViaPlace(name=name, host="host", port=port, tls=tls, user=user, db=db)


@given(path=PRINTABLE.filter(lambda text: len(text.encode()) < 107), db=st.integers(0, MAX_DB))
def test_so_does_a_sockets_path(path: str, db: int) -> None:
    place = parse_via(f"unix:///{quote(path, safe='')}?db={db}", "key")
    assert (place.path, place.db) == (f"/{path}", db)


@given(st.text(max_size=60) | st.text(st.sampled_from("redis:/unx@?#[]%&=0k y1"), max_size=60).map("redis://".__add__))
def test_any_text_is_a_place_or_a_usage_error(text: str) -> None:
    try:
        place = parse_via(text, "key")
    except UsageError as caught:
        error = caught
    else:
        assert place.path or place.host
        return
    assert str(error).isprintable()

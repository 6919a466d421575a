"""A password that is looked up for a host and a user: in netrc, in the keyring."""

import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tw.errors import LocalError, TwError, UsageError
from tw.netrc import MAX_NETRC_BYTES
from tw.password import Credentials, PasswordSources, keyring_service, read_credentials

HOST = "imap.example.org"
PAIR = f"machine {HOST} login alice password hunter2\n"


def _find(user: str = "alice", host: str = HOST, environ: dict[str, str] | None = None, **sources: Any) -> Credentials:
    return read_credentials(PasswordSources(**sources), host=host, user=user, environ=environ or {}, timeout_s=30)


def _pair(found: Credentials) -> tuple[str, str]:
    return found.user, found.password.reveal()


def _all_of(error: TwError) -> str:
    """Everything that `-vv` would show of it."""
    return "".join(traceback.format_exception(error)) + str(error) + repr(error)


def _netrc(tmp_path: Path, content: str | bytes, name: str = "netrc") -> str:
    path = tmp_path / name
    path.touch(mode=0o600)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str, str], Any]], None]:
    """A keyring package in place of the one that may or may not be installed."""

    def install(get_password: Callable[[str, str], Any]) -> None:
        monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=get_password))

    return install


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))


@pytest.mark.parametrize(
    ("content", "user", "expected"),
    [
        (PAIR, "alice", ("alice", "hunter2")),
        (PAIR, "", ("alice", "hunter2")),
        (PAIR.replace("imap", "IMAP"), "alice", ("alice", "hunter2")),
        (f"machine {HOST} login bob password b\n{PAIR}", "alice", ("alice", "hunter2")),
        (f"machine {HOST} login bob password b\n{PAIR}", "", ("bob", "b")),
        (f"machine {HOST} password any", "alice", ("alice", "any")),
        ("default login alice password d", "", ("alice", "d")),
        (f'machine {HOST} login "a b" password "p w\\n\\""', "", ("a b", 'p w\n"')),
        (f"machine {HOST} login älice password pÄß€", "", ("älice", "pÄß€")),
        (f"\ufeff{PAIR}", "alice", ("alice", "hunter2")),
        (b"# \xff\nmachine other password \xff\xfe\n" + PAIR.encode(), "alice", ("alice", "hunter2")),
    ],
)
def test_netrc_has_the_password_for_the_host_and_the_user_or_names_the_user(
    tmp_path: Path, content: str | bytes, user: str, expected: tuple[str, str]
) -> None:
    assert _pair(_find(user, netrc_file=_netrc(tmp_path, content))) == expected


def test_the_netrc_is_that_of_the_option_then_of_the_variable_then_of_the_home_directory(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    _netrc(tmp_path, "default password of-home", ".netrc")
    named = home | {"NETRC": _netrc(tmp_path, "default password of-the-variable", "1")}
    file = _netrc(tmp_path, "default password of-the-option", "2")
    assert _pair(_find(netrc=True, environ=home))[1] == "of-home"
    assert _pair(_find(netrc=True, environ=named))[1] == "of-the-variable"
    assert _pair(_find(netrc=True, netrc_file=file, environ=named))[1] == "of-the-option"
    assert _pair(_find(netrc_file=file, environ=named))[1] == "of-the-option"


@pytest.mark.parametrize("content", ["", "machine other password x", f"machine {HOST} login bob password x"])
def test_a_netrc_without_an_entry_that_fits_leads_on(tmp_path: Path, keyring: Any, content: str) -> None:
    keyring(lambda *_: "of the keyring")
    file = _netrc(tmp_path, content)
    assert _pair(_find(netrc_file=file, keyring=True)) == ("alice", "of the keyring")
    with pytest.raises(UsageError) as caught:
        _find(netrc_file=file)
    assert caught.value.what == "no password in netrc, and no terminal to ask on"
    assert caught.value.where == file


@pytest.mark.parametrize("content", ["", "machine other login bob password x", f"machine {HOST} password hunter2"])
def test_where_netrc_names_no_user_either_nobody_is_asked_for_a_password(
    tmp_path: Path, keyring: Any, content: str
) -> None:
    keyring(lambda *_: pytest.fail("asked without a user"))
    file = _netrc(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        _find("", netrc_file=file, keyring=True)
    assert str(caught.value) == f"no user ({file}); give --user, or name a login in netrc"


def test_without_a_host_nothing_is_looked_up(tmp_path: Path, keyring: Any) -> None:
    keyring(lambda *_: pytest.fail("asked without a host"))
    file = _netrc(tmp_path, "default login alice password hunter2")
    for sources, where in (({"netrc_file": file}, file), ({"keyring": True}, "--keyring")):
        with pytest.raises(UsageError) as caught:
            _find(host="", **sources)
        assert str(caught.value) == f"no host to look for ({where}); give --host"


@pytest.mark.parametrize(("name", "why"), [("missing", "No such file or directory"), (".", "Is a directory")])
def test_a_netrc_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path, name: str, why: str) -> None:
    path = str(tmp_path / name)
    for sources, environ in (({"netrc_file": path}, {}), ({"netrc": True}, {"NETRC": path})):
        with pytest.raises(LocalError) as caught:
            _find(environ=environ, **sources)
        assert str(caught.value) == f"cannot read the netrc file: {why} ({path})"


def test_a_netrc_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = _netrc(tmp_path, PAIR)
    Path(file).chmod(0o644)
    with pytest.raises(LocalError) as caught:
        _find(netrc_file=file)
    assert str(caught.value) == f"the netrc file is open to others: mode 0644 ({file}); chmod 600 it"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (f"machine {HOST} password hunter2".encode() + b"\xff", "the password is not UTF-8"),
        (f'machine {HOST} password ""'.encode(), "the password is empty"),
        (f'machine {HOST} password "hunter2'.encode(), "a quote in line 1 that nothing ends"),
        (PAIR.encode() + b"#" * MAX_NETRC_BYTES, f"a netrc file of over {MAX_NETRC_BYTES} bytes"),
        (PAIR.encode() + b"#" * (MAX_NETRC_BYTES + 1 - len(PAIR)), f"a netrc file of over {MAX_NETRC_BYTES} bytes"),
    ],
    ids=["not UTF-8", "empty", "a quote", "far too long", "one byte too long"],
)
def test_what_netrc_cannot_mean_is_told_without_its_text(tmp_path: Path, content: bytes, what: str) -> None:
    file = _netrc(tmp_path, content)
    with pytest.raises(LocalError) as caught:
        _find(netrc_file=file)
    assert (caught.value.what, caught.value.where) == (what, file)
    assert "hunter2" not in _all_of(caught.value)


def test_a_netrc_may_be_as_long_as_curls(tmp_path: Path) -> None:
    file = _netrc(tmp_path, PAIR + "#" * (MAX_NETRC_BYTES - len(PAIR)))
    assert _pair(_find(netrc_file=file)) == ("alice", "hunter2")


def test_a_device_without_an_end_is_not_read_into_memory() -> None:
    with pytest.raises(LocalError, match="a netrc file of over"):
        _find(netrc_file="/dev/zero")


def test_a_netrc_may_come_through_a_fifo(tmp_path: Path) -> None:
    """As with `--netrc-file <(gpg -d netrc.gpg)`."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    thread = threading.Thread(target=path.write_text, args=[PAIR])  # it waits for the reader
    thread.start()
    assert _pair(_find("", netrc_file=str(path))) == ("alice", "hunter2")
    thread.join()


def test_a_socket_is_no_netrc(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        with pytest.raises(LocalError, match="cannot read the netrc file: No such device or address"):
            _find(netrc_file=str(tmp_path / "socket"))


def test_the_keyring_is_asked_for_the_hosts_url_and_the_user(keyring: Any) -> None:
    keyring(lambda *asked: f"of {asked}")
    assert _pair(_find(host="IMAP.Example.org", keyring=True)) == ("alice", "of ('imap://imap.example.org', 'alice')")
    assert keyring_service("IMAP.Example.org") == "imap://imap.example.org"


def test_netrcs_login_is_the_user_of_the_keyring_only_with_its_own_password(tmp_path: Path, keyring: Any) -> None:
    keyring(lambda *_: pytest.fail("netrc goes first"))
    assert _pair(_find("", netrc_file=_netrc(tmp_path, PAIR), keyring=True)) == ("alice", "hunter2")


def test_a_missing_package_is_told_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(LocalError) as caught:
        _find(keyring=True)
    assert str(caught.value) == "the package keyring is missing (--keyring); pip install 'tw-bench[keyring]'"


def test_a_password_that_is_not_stored_is_told_with_the_way_to_store_it(keyring: Any) -> None:
    keyring(lambda *_: None)
    with pytest.raises(LocalError) as caught:
        _find("al ice", keyring=True)
    assert str(caught.value) == "no password stored (--keyring); keyring set imap://imap.example.org 'al ice'"


@pytest.mark.parametrize("error", [RuntimeError, ImportError, OSError, UnicodeEncodeError])
def test_a_failing_keyring_is_told_by_the_errors_type_alone(keyring: Any, error: type[Exception]) -> None:
    def fail(*_: str) -> str:
        raise error("utf-8", "hunter2", 0, 1, "hunter2") if error is UnicodeEncodeError else error("hunter2")

    keyring(fail)
    with pytest.raises(LocalError) as caught:
        _find(keyring=True)
    by_hand = "try it by hand: keyring get imap://imap.example.org alice"
    assert str(caught.value) == f"the keyring failed: {error.__name__} (--keyring); {by_hand}"
    assert "hunter2" not in _all_of(caught.value)


@pytest.mark.parametrize(("stored", "what"), [("", "is empty"), ("hunter2\udcff", "is not UTF-8")])
def test_what_cannot_be_a_password_is_refused_from_the_keyring(keyring: Any, stored: str, what: str) -> None:
    keyring(lambda *_: stored)
    with pytest.raises(LocalError) as caught:
        _find(keyring=True)
    assert (caught.value.what, caught.value.where) == (f"the password {what}", "--keyring")
    assert "hunter2" not in _all_of(caught.value)


def test_a_signal_while_the_keyring_waits_is_not_taken_for_a_failure(keyring: Any) -> None:
    def interrupted(*_: str) -> str:
        raise KeyboardInterrupt

    keyring(interrupted)
    with pytest.raises(KeyboardInterrupt):
        _find(keyring=True)

"""What a settings file may hold, and what is said of one that holds something else."""

import os
from pathlib import Path

import pytest

from tw.errors import LocalError, UsageError
from tw.settings import MAX_CONFIG_BYTES, Table, default_path, load

KNOWN = {
    "": frozenset({"quiet", "color"}),
    "serve.echo": frozenset({"port", "host", "listen", "udp", "drain-timeout"}),
    "serve.counter": frozenset({"port", "start"}),
    "imap": frozenset({"user", "host"}),
}


def _load(tmp_path: Path, content: str | bytes) -> dict[str, Table]:
    path = tmp_path / "config.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(str(path), KNOWN, required=True)


def _refused(tmp_path: Path, content: str | bytes) -> UsageError:
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, content)
    assert caught.value.where == str(tmp_path / "config.toml")
    assert caught.value.hint
    return caught.value


def test_every_table_comes_with_its_values_as_they_are_typed(tmp_path: Path) -> None:
    tables = _load(
        tmp_path,
        """
        quiet = true
        [serve.echo]
        port = 7
        host = "h"
        listen = ["tcp:1", "tcp:2"]
        drain-timeout = 0.5
        [imap]
        user = "me"
        """,
    )
    assert tables == {
        "": {"quiet": True},
        "serve": {},
        "serve.echo": {"port": 7, "host": "h", "listen": ["tcp:1", "tcp:2"], "drain-timeout": 0.5},
        "imap": {"user": "me"},
    }


def test_a_nested_table_may_be_written_in_any_form_of_toml(tmp_path: Path) -> None:
    nested = {"port": 7}
    for content in ("serve.echo.port = 7", "[serve]\necho = {port = 7}", "[serve]\n[serve.echo]\nport = 7"):
        assert _load(tmp_path, content)["serve.echo"] == nested


def test_an_empty_file_has_no_settings(tmp_path: Path) -> None:
    assert _load(tmp_path, "") == {"": {}}


@pytest.mark.parametrize(
    ("content", "what", "hint"),
    [
        ("[serve.echo]\nprot = 1", "unknown key 'serve.echo.prot'", "did you mean 'port'?"),
        ("colour = 'never'", "unknown key 'colour'", "did you mean 'color'?"),
        ("[serve.counter]\nudp = true", "unknown key 'serve.counter.udp'", "known here: port, start"),
        ("[serve]\nport = 1", "unknown key 'serve.port'", "known here: none"),
        ("[serve.ehco]\nport = 1", "unknown table [serve.ehco]", "did you mean 'serve.echo'?"),
        ("[xyzzy]\n", "unknown table [xyzzy]", "known here: imap, serve.counter, serve.echo"),
        ("[ser]\n", "unknown table [ser]", "known here: imap, serve.counter, serve.echo"),
        ("[serve.echo.port]\n", "unknown table [serve.echo.port]", "did you mean 'serve.echo'?"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_known_one(tmp_path: Path, content: str, what: str, hint: str) -> None:
    error = _refused(tmp_path, content)
    assert (error.what, error.hint) == (what, hint)


@pytest.mark.parametrize("value", ["2026-01-01", "07:30:00", "[1, 2]", "['a', 1]", "[['a']]", "[{a = 'b'}]"])
def test_a_value_that_no_option_can_take_is_refused(tmp_path: Path, value: str) -> None:
    assert "'serve.echo.listen' is neither" in _refused(tmp_path, f"[serve.echo]\nlisten = {value}").what


@pytest.mark.parametrize("value", [r'"a\u0000b"', r'["a", "b\u0000"]'])
def test_a_nul_which_only_a_file_could_bring_is_refused(tmp_path: Path, value: str) -> None:
    assert _refused(tmp_path, f"[serve.echo]\nlisten = {value}").what == "a NUL in 'serve.echo.listen'"


@pytest.mark.parametrize(
    "content",
    [
        "port = ",
        "port = 1\nport = 2",
        b"host = '\xff'",
        b"\xff\xfe\x00",
        "quiet = " + "[" * 100_000,
        "quiet = " + "1" * 5_000,
    ],
    ids=["half a line", "a key twice", "not UTF-8", "UTF-16", "nested too deep", "a number too long"],
)
def test_what_is_not_toml_is_refused_in_one_line(tmp_path: Path, content: str | bytes) -> None:
    error = _refused(tmp_path, content)
    assert error.what.startswith("not TOML: ")
    assert "\n" not in str(error)


def test_a_file_of_the_greatest_size_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    line = b"quiet = true\n"
    fitting = line + b"#" * (MAX_CONFIG_BYTES - len(line))
    assert _load(tmp_path, fitting) == {"": {"quiet": True}}
    assert _refused(tmp_path, fitting + b"#").what == f"a configuration of over {MAX_CONFIG_BYTES} bytes"


def test_a_device_without_an_end_is_not_read_into_memory() -> None:
    with pytest.raises(UsageError, match="a configuration of over"):
        load("/dev/zero", KNOWN, required=True)


@pytest.mark.parametrize("name", ["missing.toml", "file/config.toml"])
def test_a_missing_file_is_no_settings_unless_it_was_asked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    assert load(str(tmp_path / name), KNOWN, required=False) == {}
    with pytest.raises(LocalError) as caught:
        load(str(tmp_path / name), KNOWN, required=True)
    assert str(caught.value) == f"no such configuration file ({tmp_path / name}); check --config and TW_CONFIG"


@pytest.mark.parametrize("required", [True, False])
def test_a_file_that_cannot_be_read_is_an_error_also_where_none_is_needed(tmp_path: Path, required: bool) -> None:
    with pytest.raises(LocalError) as caught:
        load(str(tmp_path), KNOWN, required=required)
    assert str(caught.value) == f"cannot read the configuration: Is a directory ({tmp_path})"


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/tw/config.toml"),
        ({"HOME": "/h"}, "/h/.config/tw/config.toml"),
        ({"XDG_CONFIG_HOME": "", "HOME": "/h"}, "/h/.config/tw/config.toml"),
        # the specification has relative paths ignored
        ({"XDG_CONFIG_HOME": "x/y", "HOME": "/h"}, "/h/.config/tw/config.toml"),
    ],
)
def test_the_file_lies_where_xdg_says(environ: dict[str, str], path: str) -> None:
    assert default_path(environ) == path


def test_without_home_the_password_database_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    assert default_path({}) == os.path.expanduser("~/.config/tw/config.toml")


def test_a_user_whom_nobody_knows_has_a_path_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs with any number for a user."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_001)
    assert default_path({}) == "~/.config/tw/config.toml"

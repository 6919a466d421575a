"""Which settings file is read: `--config`, `--no-config`, their variables, and what XDG says."""

from pathlib import Path

import pytest

from command_lines import Shell

LEVELS = ["{} serve echo", "serve {} echo", "serve echo {}"]


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A settings file that says port 9; the one where XDG has it says port 3."""
    path = tmp_path / "other.toml"
    path.write_text("[serve.echo]\nport = 9\n")
    return path


def _port(shell: Shell, line: str, env: dict[str, str] | None = None) -> int:
    port = shell.start(line, env, "[serve.echo]\nport = 3\n").options.port
    assert isinstance(port, int)
    return port


def test_the_file_of_xdg_is_read_and_need_not_exist(shell: Shell) -> None:
    assert _port(shell, "serve echo") == 3
    assert shell.start("serve echo").options.port == 1234


@pytest.mark.parametrize("level", LEVELS)
def test_config_names_another_file_at_every_level(shell: Shell, other: Path, level: str) -> None:
    assert _port(shell, level.format(f"--config {other}")) == 9


@pytest.mark.parametrize("level", LEVELS)
def test_no_config_reads_none_at_every_level(shell: Shell, level: str) -> None:
    assert _port(shell, level.format("--no-config")) == 1234


def test_the_variables_do_the_same(shell: Shell, other: Path) -> None:
    assert _port(shell, "serve echo", {"TW_CONFIG": str(other)}) == 9
    assert _port(shell, "serve echo", {"TW_NO_CONFIG": "yes"}) == 1234
    assert _port(shell, "serve echo", {"TW_NO_CONFIG": "0"}) == 3
    assert _port(shell, "serve echo", {"TW_NO_CONFIG": "1", "TW_CONFIG": str(other)}) == 1234


@pytest.mark.parametrize("level", LEVELS)
def test_what_was_typed_goes_before_the_variables_at_every_level(shell: Shell, other: Path, level: str) -> None:
    assert _port(shell, level.format(f"--config {other}"), {"TW_NO_CONFIG": "1"}) == 9
    assert _port(shell, level.format("--no-config"), {"TW_CONFIG": str(other)}) == 1234
    assert _port(shell, level.format(f"--config {other}"), {"TW_CONFIG": "/nonexistent"}) == 9


def test_the_innermost_of_both_counts(shell: Shell, other: Path) -> None:
    assert _port(shell, f"--config {other} serve echo --no-config") == 1234
    assert _port(shell, f"--no-config serve echo --config {other}") == 9


@pytest.mark.parametrize("line", ["--config f --no-config serve echo", "serve echo --config f --no-config"])
def test_both_in_one_place_are_a_usage_error(shell: Shell, line: str) -> None:
    assert shell.refused(line).startswith("--config beside --no-config; ")


@pytest.mark.parametrize("level", LEVELS)
def test_a_file_that_was_asked_for_must_exist(shell: Shell, capsys: pytest.CaptureFixture[str], level: str) -> None:
    assert shell.run(level.format("--config /nonexistent")) == 9
    err = capsys.readouterr().err
    assert err == "tw: no such configuration file (/nonexistent); check --config and TW_CONFIG\n"


@pytest.mark.parametrize("level", LEVELS)
def test_a_directory_is_no_settings_file(
    shell: Shell, capsys: pytest.CaptureFixture[str], tmp_path: Path, level: str
) -> None:
    assert shell.run(level.format(f"--config {tmp_path}")) == 9
    assert capsys.readouterr().err == f"tw: cannot read the configuration: Is a directory ({tmp_path})\n"


def test_a_place_that_cannot_even_be_looked_at_has_no_file(shell: Shell) -> None:
    """As with `sudo -u` and another's HOME, or a path that is too long."""
    assert shell.start("serve echo", {"XDG_CONFIG_HOME": "/" + "a" * 300}).options.port == 1234


def test_the_groups_read_no_file(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell.run("serve --help", config="not TOML") == 0
    assert capsys.readouterr().out.startswith("Usage: tw serve ")

"""Command lines, run up to where a server or a client would start."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tw.__main__ import run
from tw.cli.command import Session
from tw.options import CommonOptions


@dataclass
class Started:
    """What a run was started with."""

    by: str
    common: CommonOptions
    options: Any

    def value(self, field: str) -> Any:
        """The value of one option; some that commands share are in an object of their own."""
        holders = [self.options, *(getattr(self.options, name, None) for name in ("imap", "judge"))]
        return getattr(next(holder for holder in holders if hasattr(holder, field)), field)


@dataclass
class Shell:
    """A shell with no setting of `tw`'s but those that a line brings: `env`, and `config`, the settings file's text."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    config: Path
    started: list[Started] = field(default_factory=list)

    def run(self, line: str, env: dict[str, str] | None = None, config: str | None = None) -> int:
        if config is not None:
            self.config.write_text(config)
        with self.monkeypatch.context() as surroundings:
            for name, value in (env or {}).items():
                surroundings.setenv(name, value)
            code = run(shlex.split(line), Session())
        self.config.unlink(missing_ok=True)
        return code

    def start(self, line: str, env: dict[str, str] | None = None, config: str | None = None) -> Started:
        """What the line starts."""
        self.started.clear()
        assert self.run(line, env, config) == 0, self.capsys.readouterr().err
        (started,) = self.started
        return started

    def refused(self, line: str, env: dict[str, str] | None = None, config: str | None = None) -> str:
        """What is said of a line that is a usage error, without the `tw: ` in front."""
        self.started.clear()
        assert self.run(line, env, config) == 2
        assert not self.started
        out, err = self.capsys.readouterr()
        assert err.count("\n") == 1, err
        assert err.startswith("tw: ")
        assert out == ""
        return err.removeprefix("tw: ").removesuffix("\n")

"""A shell for the tests of commands; see command_lines.py."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_lines import Shell, Started
from tw.options import CommonOptions

RUNS = (
    "tw.servers.serve_echo",
    "tw.servers.serve_counter",
    "tw.servers.serve_pubsub",
    "tw.clients.probe_echo",
    "tw.clients.probe_counter",
    "tw.clients.probe_pubsub",
    "tw.mail_clients.first_subject",
    "tw.mail_clients.subjects",
    "tw.mail_clients.mailboxes",
    "tw.mail_clients.status",
    "tw.mail_clients.watch",
    "tw.mail_check.check",
    "tw.mail_check_all.check_all",
    "tw.reports.compare",
)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    for name in os.environ:
        if name.startswith("TW_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "tw").mkdir()
    made = Shell(monkeypatch, capsys, tmp_path / "tw" / "config.toml")

    def recorder(name: str) -> Callable[[CommonOptions, Any], int]:
        def start(common: CommonOptions, options: Any) -> int:
            made.started.append(Started(name, common, options))
            return 0

        return start

    for path in RUNS:
        monkeypatch.setattr(path, recorder(path.rpartition(".")[2]))
    return made

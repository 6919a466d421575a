"""What `tw imap first-subject` runs, from the password to the subject on stdout."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imap_memory import Mailbox, Message, twisted_server
from launching import Launch
from memory import Network
from tw import mail_clients, mail_runs
from tw.errors import ExitCode, Interrupted, LocalError
from tw.mail_options import FirstSubjectOptions, ImapOptions
from tw.options import CommonOptions

COMMON = CommonOptions(reactor="stock")

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def net() -> Iterator[Network]:
    made = Network()
    yield made
    made.settle()
    assert made.getDelayedCalls() == []


@pytest.fixture
def launch(net: Network, monkeypatch: pytest.MonkeyPatch) -> Launch:
    made = Launch(net)
    monkeypatch.setattr(mail_runs, "run", made)
    return made


@pytest.fixture
def mail(net: Network, tmp_path: Path) -> ImapOptions:
    class MailFactory:
        def buildProtocol(self, address: object) -> Any:
            return twisted_server(net, {"INBOX": Mailbox(Message({"subject": "hello"}))}, {"me": b"secret"})

    net.ports[143] = MailFactory()
    secret = tmp_path / "secret"
    secret.write_text("secret\n")
    return ImapOptions(user="me", host="127.0.0.1", security="plain", password_file=str(secret))


def first_subject(mail: ImapOptions) -> None:
    mail_clients.first_subject(COMMON, FirstSubjectOptions(imap=mail))


def test_the_subject_is_shown(
    net: Network, launch: Launch, mail: ImapOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    first_subject(mail)
    net.pass_s(1.0)
    assert launch.running.result == ExitCode.OK
    assert capsys.readouterr().out == "hello\n"


def test_a_signal_ends_it(net: Network, launch: Launch, mail: ImapOptions) -> None:
    net.silent.add(143)
    first_subject(mail)
    launch.signal(signal.SIGINT)
    assert isinstance(launch.running.error, Interrupted)


def test_a_signal_that_comes_with_the_answer_counts(
    net: Network, launch: Launch, mail: ImapOptions, capsys: pytest.CaptureFixture[str]
) -> None:
    launch.stop.on_signal(signal.SIGINT, None)
    first_subject(mail)
    net.pass_s(1.0)
    assert isinstance(launch.running.error, Interrupted)
    assert capsys.readouterr().out == ""
    net.hear_thread()


@pytest.mark.parametrize("at_first", [False, True])
def test_nobody_to_read_it_is_the_end(net: Network, launch: Launch, mail: ImapOptions, at_first: bool) -> None:
    net.silent.add(143)
    if at_first:
        launch.stop.fire()
    first_subject(mail)
    launch.stop.fire()
    assert launch.running.result == ExitCode.OK


def test_an_output_that_is_full_is_the_error(
    net: Network, launch: Launch, mail: ImapOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        first_subject(mail)
        net.pass_s(1.0)
        assert isinstance(launch.running.error, LocalError)
        assert launch.running.error.exit_code == ExitCode.LOCAL

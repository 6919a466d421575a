"""Runs of `tw imap` on a network in memory: shared by the tests of the probes."""

from typing import Any

from ends import Peer
from imap_script import FETCHED, GREETING, LOGGED_IN, OPENED, PASSWORD
from memory import Network
from running import Running
from tw.core.imap_errands import FirstMessage
from tw.mail_options import ImapOptions
from tw.mail_report import FirstSubject
from tw.probes.imap import MailRun
from tw.schema import Json
from tw.secret import Secret


async def first_subject(net: Any, options: ImapOptions, password: Secret) -> Json:
    """What `tw imap first-subject --json` prints."""
    errand = FirstMessage(options.mailbox)
    await MailRun(net, options, errand, password=password).run()
    assert errand.answer is not None
    return FirstSubject(errand.answer).to_json()


PORT = 143
TURNS = [(b"AUTHENTICATE", LOGGED_IN), (b"FETCH", OPENED + FETCHED)]
"""What the server answers to a command that holds the word."""


def options(**more: Any) -> ImapOptions:
    return ImapOptions(**{"user": "alice", "security": "plain", "timeout_s": 5.0, **more})


def visit(net: Network, **more: Any) -> Running:
    return net.run(first_subject(net, options(**more), Secret(PASSWORD)))


def greets(peer: Peer) -> None:
    peer.say(GREETING)


def answers(peer: Peer, data: bytes) -> None:
    for word, answer in TURNS:
        if word in data:
            peer.say(answer)


def all_closed(net: Network) -> bool:
    return bool(net.ends) and not any(end.connected for end in net.ends)

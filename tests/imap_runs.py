"""Runs of `tw imap` on a network in memory: shared by the tests of the probes."""

from typing import Any

from tw.core.imap_errands import FirstMessage
from tw.mail_options import ImapOptions
from tw.mail_report import FirstSubject
from tw.password import Secret
from tw.probes.imap import MailRun
from tw.report import Json


async def first_subject(net: Any, options: ImapOptions, password: Secret) -> Json:
    """What `tw imap first-subject --json` prints."""
    errand = FirstMessage(options.mailbox)
    await MailRun(net, options, errand, password=password).run()
    assert errand.answer is not None
    return FirstSubject(errand.answer).to_json()

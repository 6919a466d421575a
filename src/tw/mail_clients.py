"""What the commands of `tw imap` run: the password, the errand, and its result on the display.

A reactor is loaded only where one is needed: it would be most of what reading one subject takes.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tw.errors import ExitCode
from tw.mail_display import MailDisplay, make_mail_display
from tw.mail_options import (
    FirstSubjectOptions,
    ImapOptions,
    MailboxesOptions,
    StatusOptions,
    SubjectsOptions,
    WatchOptions,
    mail_host,
)
from tw.mail_report import FirstSubject, Mailboxes, MailResult, Statuses, Subjects
from tw.options import CommonOptions
from tw.output import Output

if TYPE_CHECKING:
    from tw.core.imap_types import Errand
    from tw.secret import Secret

Secrets = dict[str, "Secret | None"]


def first_subject(common: CommonOptions, options: FirstSubjectOptions) -> int:
    """Print the subject of a mailbox's first message. Gives the exit code."""
    from tw.core.imap_errands import FirstMessage

    errand = FirstMessage(options.imap.mailbox)
    return _look(common, options.imap, errand, FirstSubject, raw=options.raw)


def subjects(common: CommonOptions, options: SubjectsOptions) -> int:
    """Print the subjects of several messages. Gives the exit code."""
    from tw.core.imap_errands import FoundMessages, LastMessages, NewestMessage

    mailbox = options.imap.mailbox
    errand: Errand
    if options.search is not None:
        errand = FoundMessages(mailbox, options.search, options.last)
    elif options.newest:
        errand = NewestMessage(mailbox)
    else:
        errand = LastMessages(mailbox, options.last)
    return _look(common, options.imap, errand, Subjects, raw=options.raw)


def mailboxes(common: CommonOptions, options: MailboxesOptions) -> int:
    """Print the names of the mailboxes. Gives the exit code."""
    from tw.core import imap_listing

    return _look(common, options.imap, imap_listing.Mailboxes(options.pattern), Mailboxes)


def status(common: CommonOptions, options: StatusOptions) -> int:
    """Print how many messages mailboxes hold. Gives the exit code: that of the first one that could not be had."""
    from tw.core import imap_listing

    errand = imap_listing.Statuses(options.mailboxes)
    return _look(common, options.imap, errand, lambda found: Statuses(found, errand.failure))


def watch(common: CommonOptions, options: WatchOptions) -> int:
    """Print the subject of each message as it comes in, until a signal or `--count`. Gives the exit code."""
    from tw.mail_runs import watch as run

    imap, secrets = secrets_of(options.imap)
    return run(common, imap, options, show=shown(imap), **secrets)


def _look(
    common: CommonOptions,
    options: ImapOptions,
    errand: Any,
    result: Callable[[Any], MailResult],
    *,
    raw: bool = False,
) -> int:
    """Do the errand, and show what `result` makes of its answer."""

    def done(display: MailDisplay, _certificate_end_s: float | None) -> int:
        assert errand.answer is not None
        found = result(errand.answer)
        display.mail(found, raw=raw)
        failed = getattr(found, "error", None)
        if failed is not None and display.out.failure is None:
            failed.reported = True
            raise failed
        return ExitCode.OK

    # Before the clock runs: a prompt and a command may take their time, and `--timeout` is for the network.
    imap, secrets = secrets_of(options)
    return visit(common, imap, secrets, errand, done)


def visit(
    common: CommonOptions,
    imap: ImapOptions,
    secrets: Secrets,
    errand: "Errand",
    done: Callable[[MailDisplay, float | None], int],
) -> int:
    """Connect, do the errand, then `done`, which shows what was found: it gets when the server's certificate expires,
    and gives the exit code."""
    from tw.net.direct import CertificateRejected
    from tw.probes.imap_direct import goes_direct

    if common.reactor == "auto" and goes_direct(imap):
        # A certificate that has expired, say, is looked at once more, by who can say which one and since when. The
        # errand has not begun by then.
        with suppress(CertificateRejected):
            return _visit_directly(common, imap, secrets, errand, done)
    from tw.mail_runs import visit as run

    return run(common, imap, errand, done, show=shown(imap), **secrets)


def _visit_directly(
    common: CommonOptions,
    imap: ImapOptions,
    secrets: Secrets,
    errand: "Errand",
    done: Callable[[MailDisplay, float | None], int],
) -> int:
    from tw.probes.imap_direct import DirectRun

    display = make_mail_display(common, as_json=imap.json)
    err = Output(sys.stderr)
    direct = DirectRun(
        imap,
        errand,
        told=lambda text: err.line(f"tw: {text}"),
        explain=common.verbosity > 0,
        show=shown(imap),
        **secrets,
    )
    direct.run()
    code = done(display, direct.certificate_end_s)
    if display.out.failure is not None:
        raise display.out.failure
    return code


def shown(options: ImapOptions) -> Callable[[str], None] | None:
    """Where a trace goes."""
    return Output(sys.stderr).line if options.trace else None


def secrets_of(options: ImapOptions, *, ask: bool = True) -> tuple[ImapOptions, Secrets]:
    """The password, or the token where there is a command for one; and the options, with the user whom netrc names.

    It may take its time: files, commands, and with `ask` the person at the terminal. Raises UsageError and LocalError.
    """
    from tw.password import PasswordSources, read_credentials, read_token

    if options.token_command is not None:
        return options, {"token": read_token(options.token_command, options.timeout_s)}
    asked = (options.password_file, options.password_fd, options.password_command, options.netrc_file)
    if options.tunnel is not None and not (options.netrc or options.keyring or any(one is not None for one in asked)):
        # Who comes through it is let in as a rule, and nobody is asked for a password that nobody needs.
        return options, {}
    found = read_credentials(
        PasswordSources(
            file=options.password_file,
            fd=options.password_fd,
            command=options.password_command,
            netrc=options.netrc,
            netrc_file=options.netrc_file,
            keyring=options.keyring,
        ),
        host=mail_host(options),
        user=options.user,
        environ=os.environ,
        timeout_s=options.timeout_s,
        prompt=f"Password of {options.user}: " if ask else None,
    )
    return replace(options, user=found.user), {"password": found.password}

"""What the commands of `tw imap` run: the password, the errand, and its result on the display."""

import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tw.errors import ExitCode, Interrupted
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
from tw.mail_report import MailResult
from tw.options import CommonOptions
from tw.output import Output
from tw.runtime import Stop, run, spawn, until_stopped

if TYPE_CHECKING:
    from tw.password import Secret

Secrets = dict[str, "Secret | None"]


def first_subject(common: CommonOptions, options: FirstSubjectOptions) -> int:
    """Print the subject of a mailbox's first message. Gives the exit code."""

    async def look(reactor: Any, imap: ImapOptions, secrets: Secrets) -> MailResult:
        from tw.core.imap_errands import FirstMessage
        from tw.mail_report import FirstSubject

        errand = FirstMessage(options.imap.mailbox)
        await _visit(reactor, imap, errand, secrets)
        assert errand.answer is not None
        return FirstSubject(errand.answer)

    return _look(common, options.imap, look, raw=options.raw)


def subjects(common: CommonOptions, options: SubjectsOptions) -> int:
    """Print the subjects of several messages. Gives the exit code."""

    async def look(reactor: Any, imap: ImapOptions, secrets: Secrets) -> MailResult:
        from tw.core.imap_errands import FoundMessages, LastMessages, NewestMessage
        from tw.mail_report import Subjects

        mailbox = options.imap.mailbox
        errand: FoundMessages | LastMessages | NewestMessage
        if options.search is not None:
            errand = FoundMessages(mailbox, options.search, options.last)
        elif options.newest:
            errand = NewestMessage(mailbox)
        else:
            errand = LastMessages(mailbox, options.last)
        await _visit(reactor, imap, errand, secrets)
        assert errand.answer is not None
        return Subjects(errand.answer)

    return _look(common, options.imap, look, raw=options.raw)


def mailboxes(common: CommonOptions, options: MailboxesOptions) -> int:
    """Print the names of the mailboxes. Gives the exit code."""

    async def look(reactor: Any, imap: ImapOptions, secrets: Secrets) -> MailResult:
        from tw.core import imap_listing
        from tw.mail_report import Mailboxes

        errand = imap_listing.Mailboxes(options.pattern)
        await _visit(reactor, imap, errand, secrets)
        assert errand.answer is not None
        return Mailboxes(errand.answer)

    return _look(common, options.imap, look)


def status(common: CommonOptions, options: StatusOptions) -> int:
    """Print how many messages mailboxes hold. Gives the exit code: that of the first one that could not be had."""

    async def look(reactor: Any, imap: ImapOptions, secrets: Secrets) -> MailResult:
        from tw.core import imap_listing
        from tw.mail_report import Statuses

        errand = imap_listing.Statuses(options.mailboxes)
        await _visit(reactor, imap, errand, secrets)
        assert errand.answer is not None
        return Statuses(errand.answer, errand.failure)

    return _look(common, options.imap, look)


def watch(common: CommonOptions, options: WatchOptions) -> int:
    """Print the subject of each message as it comes in, until a signal or `--count`. Gives the exit code."""
    imap, secrets = secrets_of(options.imap)

    async def main(reactor: Any, stop: Stop) -> int:
        from tw.core.imap_watch import Watch
        from tw.probes.imap import MailRun

        display = display_of(common, imap.json, stop)
        mailbox = imap.mailbox
        errand = Watch(
            mailbox,
            lambda message: display.new_mail(mailbox, message, raw=options.raw),
            poll_s=options.poll_s,
            timeout_s=imap.timeout_s,
            count=options.count,
        )
        visit = MailRun(reactor, imap, errand, show=shown(imap), **secrets)
        await until_stopped(stop, spawn(visit.watch(errand)))
        return ended(display, stop)

    return run(common, main)


def _look(
    common: CommonOptions,
    options: ImapOptions,
    look: Callable[[Any, ImapOptions, Secrets], Coroutine[Any, Any, MailResult]],
    *,
    raw: bool = False,
) -> int:
    # Before the reactor runs: a prompt and a command may take their time, and `--timeout` is for the network.
    ready, secrets = secrets_of(options)

    async def main(reactor: Any, stop: Stop) -> int:
        display = display_of(common, options.json, stop)
        result = await until_stopped(stop, spawn(look(reactor, ready, secrets)))
        if result is not None and stop.signal is None:
            display.mail(result, raw=raw)
            failed = getattr(result, "error", None)
            if failed is not None and display.out.failure is None:
                failed.reported = True
                raise failed
        return ended(display, stop)

    return run(common, main)


async def _visit(reactor: Any, options: ImapOptions, errand: Any, secrets: Secrets) -> None:
    from tw.probes.imap import MailRun

    await MailRun(reactor, options, errand, show=shown(options), **secrets).run()


def display_of(common: CommonOptions, as_json: bool, stop: Stop) -> MailDisplay:
    """The display; where its output breaks, the run ends."""
    display = make_mail_display(common, as_json=as_json)
    display.out.on_failure = stop.fire
    return display


def ended(display: MailDisplay, stop: Stop) -> int:
    """The exit code of a run that came to its end. Raises Interrupted and LocalError for one that did not."""
    if stop.signal is not None:
        raise Interrupted(stop.signal.name)
    if display.out.failure is not None:
        raise display.out.failure
    return ExitCode.OK


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

"""The runs of `tw imap` on a reactor: whatever is more than one errand on one plain connection."""

from collections.abc import Callable
from typing import Any, TypeAlias

from tw.core.imap_types import Errand
from tw.core.imap_watch import Watch
from tw.errors import ExitCode, Interrupted
from tw.mail_display import MailDisplay, make_mail_display
from tw.mail_options import ImapOptions, WatchOptions
from tw.options import CommonOptions
from tw.probes.imap import MailRun
from tw.runtime import Stop, run, spawn, until_stopped

Done: TypeAlias = Callable[[MailDisplay, float | None], int]
"""Shows what an errand has found; gets when the server's certificate expires, and gives the exit code."""


def visit(common: CommonOptions, imap: ImapOptions, errand: Errand, done: Done, **how: Any) -> int:
    """Do the errand, then `done`. Gives the exit code. `how` is for `MailRun`."""

    async def main(reactor: Any, stop: Stop) -> int:
        display = display_of(common, imap.json, stop)
        visiting = MailRun(reactor, imap, errand, **how)

        async def whole() -> bool:
            await visiting.run()
            return True

        code: int = ExitCode.OK
        if await until_stopped(stop, spawn(whole())) and stop.signal is None:
            code = done(display, visiting.certificate_end_s)
        return ended(display, stop) or code

    return run(common, main)


def watch(common: CommonOptions, imap: ImapOptions, options: WatchOptions, **how: Any) -> int:
    """Print the subject of each message as it comes in. Gives the exit code. `how` is for `MailRun`."""

    async def main(reactor: Any, stop: Stop) -> int:
        display = display_of(common, imap.json, stop)
        errand = Watch(
            imap.mailbox,
            lambda message: display.new_mail(imap.mailbox, message, raw=options.raw),
            poll_s=options.poll_s,
            timeout_s=imap.timeout_s,
            count=options.count,
        )
        await until_stopped(stop, spawn(MailRun(reactor, imap, errand, **how).watch(errand)))
        return ended(display, stop)

    return run(common, main)


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

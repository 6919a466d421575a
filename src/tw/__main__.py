"""The edge: everything that went wrong becomes one line on stderr and one exit code, here and nowhere else."""

import os
import signal
import sys

if (__name__ == "__main__" or os.path.basename(sys.argv[0]) == "tw") and (
    signal.getsignal(signal.SIGINT) is signal.default_int_handler
):
    # As the command, that is, and not imported into some other one. ^C while click loads ends it as it ends any
    # program, where Python would print a traceback. `main` puts its own handler in place.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import errno
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import click

from tw.cli.command import Session
from tw.cli.texts import worded
from tw.errors import MAY_BE_IGNORED, SIGNALS, ExitCode, Interrupted, LocalError, TwError, UsageError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""A disk that takes no more of what click prints (help, versions, completions)."""


class EarlySignal(BaseException):
    """A signal arrived where no reactor runs."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    raise EarlySignal(number)


def main() -> NoReturn:
    """The console script."""
    try:
        _listen_to_signals()
        _mend_streams()
        code = _flush(run(sys.argv[1:], Session()))
    except EarlySignal as error:
        # While `run` was telling of something else, or had not begun.
        code = 128 + error.number
    for number in SIGNALS:
        if signal.getsignal(number) is _interrupt:
            # Nobody is there any more to catch what it raises.
            signal.signal(number, signal.SIG_DFL)
    if _busy_threads():
        # A resolver that hangs in `getaddrinfo` would keep the interpreter waiting (DESIGN 4.10).
        os._exit(code)
    sys.exit(code)


def _listen_to_signals() -> None:
    for number in SIGNALS:
        if number not in MAY_BE_IGNORED or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _mend_streams() -> None:
    """Open what the shell closed (`>&-`) on nothing: no socket takes its number then, and nobody meets None. That
    holds for processes that we start as well: workers, a command that tells a password.

    What the locale's encoding lacks comes out as an escape, never as an error.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode)  # noqa: SIM115 - open for as long as the process lives
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def run(args: Sequence[str], session: Session) -> int:
    """Run one command line; gives the exit code, and writes what failed to stderr."""
    try:
        from tw.cli.root import root

        # Not `root.main`: that makes a broken pipe exit 1, and writes an empty line on Ctrl-C (DESIGN 4.12).
        with root.make_context("tw", list(args), obj=session) as ctx:
            result = root.invoke(ctx)
        return int(result) if isinstance(result, int) else ExitCode.OK
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        _say(error.ctx.get_help() if error.ctx else str(error))
        return ExitCode.USAGE
    except click.ClickException as error:
        return _fail(_usage(error), session)
    except TwError as error:
        return _fail(error, session)
    except (KeyboardInterrupt, click.Abort):
        return _fail(Interrupted("SIGINT"), session)
    except EarlySignal as error:
        return _fail(Interrupted(signal.Signals(error.number).name), session)
    except BrokenPipeError:
        _silence_stdout()
        return ExitCode.OK
    except OSError as error:
        if error.errno not in FULL:
            return _bug(error, session)
        _silence_stdout()
        return _fail(_unwritten(error), session)
    except Exception as error:
        return _bug(error, session)


def _unwritten(error: OSError) -> LocalError:
    return LocalError(f"cannot write the output: {os.strerror(error.errno or 0)}", "stdout")


def _usage(error: click.ClickException) -> UsageError:
    text = worded(" ".join(error.format_message().split()).rstrip("."))
    if isinstance(error, click.BadParameter) and error.param is not None:
        # click names the variable also where the value was typed; `_origin` knows where it came from.
        text = text.replace(f" (env var: {error.param.envvar!r})", "")
        # An argument it names as the help shows it, `[TARGET]...`.
        name = error.param.human_readable_name
        text = text.replace(f"'{name}'", f"'{name.strip('[].')}'")
    ctx = getattr(error, "ctx", None)
    hint = f"try '{ctx.command_path} --help'" if ctx is not None else ""
    return UsageError(text[:1].lower() + text[1:] if text[:2].istitle() else text, _origin(error), hint)


def _origin(error: click.ClickException) -> str:
    """Where a bad value came from, when it was not typed."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None or not error.param.name:
        return ""
    source = error.ctx.get_parameter_source(error.param.name)
    if source is click.core.ParameterSource.ENVIRONMENT:
        return f"from {error.param.envvar}"
    return "from the settings file" if source is click.core.ParameterSource.DEFAULT_MAP else ""


def _fail(error: TwError, session: Session) -> int:
    if session.json_client and not session.nagios and not error.reported:
        _print_failure(error, streamed="json_stream" in session.json_forms)
    from tw.core.text import safe, safe_lines

    if session.common.get("verbosity", 0) > 1:
        import traceback

        # Made safe, since the errors underneath quote what a peer said.
        _say(safe_lines("".join(traceback.format_exception(error)).rstrip()))
    if session.nagios:
        return _fail_as_nagios(error)
    if not isinstance(error, Interrupted):
        _say(f"tw: {safe(str(error))}")  # one line, whatever is quoted in it
    return error.exit_code


def _fail_as_nagios(error: TwError) -> int:
    """One line on stdout, which is all that Nagios reads, and one of its four codes."""
    from tw.core.nagios import state_of, status

    state = state_of(error)
    try:
        click.echo(status(state, str(error)))
    except OSError:
        _silence_stdout()
    return state


def _say(text: str) -> None:
    """Write to stderr. Where that cannot be written either, the exit code is all that is left."""
    with suppress(OSError):
        click.echo(text, err=True)


def _print_failure(error: TwError, *, streamed: bool) -> None:
    from tw.output import as_utf8, to_text
    from tw.schema import failure_json

    try:
        click.echo(to_text(failure_json(error, streamed=streamed)), file=as_utf8(sys.stdout))
    except OSError:
        _silence_stdout()


def _bug(error: Exception, session: Session) -> int:
    from tw.core.text import safe

    detail = safe(f"{type(error).__name__}: {error}", 300)
    failure = TwError(f"a bug in tw: {detail}", "", "run it with -vv to see where, and report that")
    failure.__cause__ = error
    return _fail(failure, session)


def _silence_stdout() -> None:
    from tw.output import silence

    silence(sys.stdout)


def _flush(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    except OSError as error:
        _silence_stdout()
        _say(f"tw: {_unwritten(error)}")
        return code or ExitCode.LOCAL
    return code


def _busy_threads() -> bool:
    import threading

    return any(not thread.daemon and thread is not threading.main_thread() for thread in threading.enumerate())


if __name__ == "__main__":
    main()

"""The edge: everything that went wrong becomes one line on stderr and one exit code, here and nowhere else."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from tw.cli.command import Session
from tw.errors import ExitCode, Interrupted, TwError, UsageError


class EarlySignal(BaseException):
    """A signal arrived before the reactor ran, or after it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    raise EarlySignal(number)


def main() -> NoReturn:
    """The console script."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    session = Session()
    code = run(sys.argv[1:], session)
    code = _flush(code)
    if _busy_threads():
        # A resolver that hangs in `getaddrinfo` would keep the interpreter waiting (DESIGN 4.10).
        os._exit(code)
    sys.exit(code)


def run(args: Sequence[str], session: Session) -> int:
    """Run one command line; gives the exit code, and writes what failed to stderr."""
    from tw.cli.root import root

    try:
        result = root.main(args=list(args), prog_name="tw", standalone_mode=False, obj=session)
        return int(result) if isinstance(result, int) else ExitCode.OK
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else str(error), err=True)
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
    except Exception as error:
        return _bug(error, session)


def _usage(error: click.ClickException) -> UsageError:
    text = " ".join(error.format_message().split()).rstrip(".")
    ctx = getattr(error, "ctx", None)
    hint = f"try '{ctx.command_path} --help'" if ctx is not None else ""
    return UsageError(
        text[:1].lower() + text[1:] if text[:2].istitle() or text[1:2] == " " else text, _origin(error), hint
    )


def _origin(error: click.ClickException) -> str:
    """Where a bad value came from, when it was not typed."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None or not error.param.name:
        return ""
    source = error.ctx.get_parameter_source(error.param.name)
    if source is click.core.ParameterSource.ENVIRONMENT:
        return f"from {error.param.envvar}"
    return "from the settings file" if source is click.core.ParameterSource.DEFAULT_MAP else ""


def _fail(error: TwError, session: Session) -> int:
    if session.json_client and not error.reported:
        _print_failure(error)
    if session.common.get("verbosity", 0) > 1:
        import traceback

        traceback.print_exception(error)
    if not isinstance(error, Interrupted):
        click.echo(f"tw: {error}", err=True)
    return error.exit_code


def _print_failure(error: TwError) -> None:
    from tw.display import to_text
    from tw.report import failure_json

    try:
        click.echo(to_text(failure_json(error)))
    except BrokenPipeError:
        _silence_stdout()


def _bug(error: Exception, session: Session) -> int:
    if session.common.get("verbosity", 0) > 1:
        import traceback

        traceback.print_exception(error)
    from tw.core.text import safe

    detail = safe(f"{type(error).__name__}: {error}", 300)
    return _fail(TwError(f"a bug in tw: {detail}", "", "run it with -vv to see where, and report that"), session)


def _silence_stdout() -> None:
    from tw.display import silence

    silence(sys.stdout)


def _flush(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    except OSError as error:
        _silence_stdout()
        click.echo(f"tw: cannot write the output: {os.strerror(error.errno or 0)} (stdout)", err=True)
        return code or ExitCode.LOCAL
    return code


def _busy_threads() -> bool:
    import threading

    return any(not thread.daemon and thread is not threading.main_thread() for thread in threading.enumerate())


if __name__ == "__main__":
    main()

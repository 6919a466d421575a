"""Where a password comes from: a file, a command, the environment, a prompt; never an argument.

A password is held in `Secret`, whose `repr` hides it, so that no log, message or traceback shows it by accident.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import IO

from tw.errors import LocalError, UsageError

VARIABLE = "TW_IMAP_PASSWORD"
MAX_PASSWORD_BYTES = 65_536
"""A token of OAuth stays below 4 KiB; more is a file named by mistake, and is not read into memory."""

LOOK_S = 0.05
"""How often to look whether a password command has ended without closing its output."""


class Secret:
    """Text that must not be shown. `reveal` is the only way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not to be pickled")


def read_password(
    *,
    file: str | None,
    command: str | None,
    environ: Mapping[str, str],
    timeout_s: float,
    prompt: str = "Password: ",
) -> Secret:
    """The password from the first source given, in the order file, command, `TW_IMAP_PASSWORD`, prompt.

    One line end is cut off. The command may take `timeout_s`. Raises LocalError where a source fails, and UsageError
    where there is none and no terminal to ask on.
    """
    if file is not None:
        return _from_file(file)
    if command is not None:
        return _from_command(command, timeout_s)
    if environ.get(VARIABLE):  # set to nothing counts as unset, as for every option
        return Secret(environ[VARIABLE])
    return _from_prompt(prompt)


def _from_file(path: str) -> Secret:
    try:
        if path == "-":
            return _decoded(_bounded(sys.stdin.buffer, "stdin"), "stdin")
        with open(path, "rb") as file:
            return _decoded(_bounded(file, path), path)
    except OSError as error:
        raise LocalError(f"cannot read the password file: {os.strerror(error.errno or 0)}", path) from error


def _bounded(file: IO[bytes], where: str) -> bytes:
    data = file.read(MAX_PASSWORD_BYTES + 1)
    if len(data) > MAX_PASSWORD_BYTES:
        raise LocalError(f"a password of over {MAX_PASSWORD_BYTES} bytes", where, "is it the right file?")
    return data


def _from_command(command: str, timeout_s: float) -> Secret:
    # Its stderr goes to ours: a password manager explains itself there. The command's text may hold a secret, so no
    # message repeats it.
    where = "--password-command"
    try:
        process = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE)  # noqa: S602 - a shell command is what the option takes
    except (OSError, ValueError) as error:
        raise LocalError(f"cannot be run: {type(error).__name__}", where, "try it by hand") from None
    with process:
        try:
            output = _output_of(process, timeout_s)
        except subprocess.TimeoutExpired:
            raise LocalError(
                f"no password within {timeout_s:g} s", where, "try it by hand, or raise --timeout"
            ) from None
        finally:
            # After a signal too: `with` waits for the command. Its own children may hold the pipe open for longer;
            # nobody waits for them.
            process.kill()
    if len(output) > MAX_PASSWORD_BYTES:
        raise LocalError(f"a password of over {MAX_PASSWORD_BYTES} bytes", where, "is it the right command?")
    if process.returncode != 0:
        how = f"exit {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
        raise LocalError(f"the password command failed: {how}", where, "try it by hand")
    if not output.strip():
        raise LocalError("the password command printed nothing", where, "try it by hand")
    return _decoded(output, where)


def _output_of(process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """What the command prints until it ends, read no further than a little over the limit (`yes` never ends)."""
    assert process.stdout is not None
    end_s = time.monotonic() + timeout_s
    readable = select.poll()
    readable.register(process.stdout, select.POLLIN)
    output = b""
    while len(output) <= MAX_PASSWORD_BYTES:
        # Asked first: what a command printed is in the pipe by the time that it has ended. The pipe's own end may be
        # far away then: what the command left in the background holds it open.
        ended = process.poll() is not None
        left_s = max(0.0, end_s - time.monotonic())
        if readable.poll(0 if ended else min(left_s, LOOK_S) * 1000):
            piece = os.read(process.stdout.fileno(), MAX_PASSWORD_BYTES + 1)
            if not piece:
                process.wait(left_s)
                break
            output += piece
        elif ended:
            break
        elif not left_s:
            raise subprocess.TimeoutExpired(process.args, timeout_s)
    return output


def _decoded(data: bytes, where: str) -> Secret:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise LocalError("the password is not UTF-8", where, "store it as UTF-8") from None
    password = text.removesuffix("\n").removesuffix("\r")
    if not password:
        raise LocalError("the password is empty", where, "a secret that was never set looks like this")
    return Secret(password)


def _from_prompt(prompt: str) -> Secret:
    if not sys.stdin.isatty():
        raise UsageError(
            "no password, and no terminal to ask on",
            "",
            f"use --password-file, --password-command or {VARIABLE}",
        )
    import getpass

    # The user's name is in it, and may come from anywhere. (`core.text` lies above this layer.)
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in prompt)
    answered = False
    try:
        secret = Secret(getpass.getpass(shown, stream=sys.stderr))
        answered = True
    except EOFError:
        raise UsageError("no password given", "", f"use --password-file, --password-command or {VARIABLE}") from None
    except UnicodeDecodeError:
        raise LocalError("the password is not UTF-8", "the terminal", "type it in a UTF-8 terminal") from None
    finally:
        if not answered:
            # Also after ^C, which the edge ends quietly: what comes next has a line of its own.
            sys.stderr.write("\n")
            sys.stderr.flush()
    return secret

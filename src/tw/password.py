"""Where a password comes from: a file, a command, the environment, a keyring, a prompt, ...; never an argument.

A password is held in `Secret`, whose `repr` hides it, so that no log, message or traceback shows it by accident.
"""

import errno
import os
import select
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from tw.errors import LocalError, UsageError
from tw.secret import Secret

if TYPE_CHECKING:
    import subprocess

VARIABLE = "TW_IMAP_PASSWORD"
WAYS = f"use --password-file, --password-fd, --password-command, {VARIABLE}, --netrc or --keyring"
MAX_PASSWORD_BYTES = 65_536
"""A token of OAuth stays below 4 KiB; more is a file named by mistake, and is not read into memory."""

LOOK_S = 0.05  # how often to look whether a command has ended without closing its output
running: "set[subprocess.Popen[bytes]]" = set()  # in whatever thread: who leaves without waiting for it ends them first


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSources:
    """What was asked for, of the sources that have an option each. `netrc_file` goes before `netrc`, as with curl."""

    file: str | None = None
    fd: int | None = None
    command: str | None = field(default=None, repr=False)  # it may hold a secret
    netrc: bool = False
    netrc_file: str | None = None
    keyring: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    user: str
    password: Secret


def read_credentials(
    sources: PasswordSources,
    *,
    host: str,
    user: str,
    environ: Mapping[str, str],
    timeout_s: float,
    prompt: str | None = "Password: ",
) -> Credentials:
    """The password from the first source: file, fd, command, `TW_IMAP_PASSWORD`, netrc, keyring, prompt, in this order.

    The user is the one who was given; where that is empty, netrc's login takes its place. One line end is cut off.
    A source that fails is the end of it, but a netrc without an entry that fits leads on, as with curl.

    A file, a FIFO, a descriptor and a command may take `timeout_s`: what nobody writes to is waited for no longer.
    stdin (`-`), the keyring and the prompt wait for the person; without a `prompt` nobody is asked. Raises LocalError
    where a source fails, and UsageError where there is none and no terminal to ask on, or where nobody names a user,
    or the host for netrc or the keyring.
    """
    secret, netrc = _handed(sources, environ, timeout_s), ""
    if secret is None and (sources.netrc or sources.netrc_file is not None):
        from tw.netrc import default_path

        netrc = default_path(environ) if sources.netrc_file is None else sources.netrc_file
        user, secret = _from_netrc(netrc, host, user, timeout_s)
    if not user:
        raise UsageError("no user", netrc, "give --user, or name a login in netrc")
    if secret is None:
        secret = _from_keyring(host, user) if sources.keyring else _from_prompt(prompt, netrc)
    return Credentials(user=user, password=secret)


def read_password(file: str | None, variable: str, environ: Mapping[str, str], timeout_s: float) -> Secret | None:
    """The password in a file, or else in a variable; None where there is neither. Raises LocalError."""
    if file is not None:
        return _from_file(file, timeout_s)
    return Secret(environ[variable]) if environ.get(variable) else None


def read_token(command: str, timeout_s: float) -> Secret:
    """The OAuth token that a shell command prints, without the white space around it. Raises LocalError."""
    return _from_command(command, _Origin("--token-command", timeout_s, "token"))


def keyring_service(host: str) -> str:
    """Under what name the keyring holds the passwords for `host`.

    Mail programs agree on none. A URL, as pip and twine have it, keeps IMAP's apart from the host's others.
    """
    return f"imap://{host.lower()}"


def _handed(sources: PasswordSources, environ: Mapping[str, str], timeout_s: float) -> Secret | None:
    if sources.file is not None:
        return _from_file(sources.file, timeout_s)
    if sources.fd is not None:
        return _from_fd(sources.fd, timeout_s)
    if sources.command is not None:
        return _from_command(sources.command, _Origin("--password-command", timeout_s))
    return Secret(environ[VARIABLE]) if environ.get(VARIABLE) else None  # set to nothing counts as unset, as elsewhere


@dataclass(frozen=True, slots=True)
class _Origin:
    """What something is read from, as errors name it, and what it may take."""

    where: str
    timeout_s: float = 0.0
    noun: str = "password"
    limit: int = MAX_PASSWORD_BYTES

    def bounded(self, data: bytes) -> bytes:
        if len(data) > self.limit:
            raise LocalError(f"a {self.noun} of over {self.limit} bytes", self.where, "is it the right one?")
        return data

    def late(self) -> LocalError:
        hint = "try it by hand, or raise --timeout"
        return LocalError(f"no {self.noun} within {self.timeout_s:g} s", self.where, hint)

    def decoded(self, data: bytes) -> Secret:
        return self.secret(data.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r"))

    def secret(self, text: str) -> Secret:
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise LocalError(f"the {self.noun} is not UTF-8", self.where, "store it as UTF-8")
        if not text:
            raise LocalError(f"the {self.noun} is empty", self.where, "a secret that was never set looks like this")
        return Secret(text)


def _from_file(path: str, timeout_s: float) -> Secret:
    origin = _Origin("stdin" if path == "-" else path, timeout_s)
    try:
        if path == "-":
            return origin.decoded(origin.bounded(sys.stdin.buffer.read(MAX_PASSWORD_BYTES + 1)))
        with _opened(path) as file:
            return origin.decoded(_poured(file.fileno(), origin))
    except OSError as error:
        raise LocalError(f"cannot read the password file: {os.strerror(error.errno or 0)}", path) from error


def _from_fd(fd: int, timeout_s: float) -> Secret:
    # Its first line, as for gpg's --passphrase-fd: the end is not waited for, and what follows is left to others.
    origin = _Origin(f"--password-fd {fd}", timeout_s)
    if fd in (1, 2):
        raise UsageError("no password comes from an output", origin.where, "use 0, or 3 and up")
    try:
        os.read(fd, 0)  # fails where nothing can be read; poll() would wait
        return origin.decoded(_poured(fd, origin, line=True))
    except (OSError, OverflowError) as error:
        why = os.strerror((error.errno if isinstance(error, OSError) else errno.EBADF) or 0)
        hint = f"is it open for reading, as with {fd}<FILE?"
        raise LocalError(f"cannot read the password: {why}", origin.where, hint) from error


def _from_command(command: str, origin: _Origin) -> Secret:
    # Its stderr goes to ours: a password manager explains itself there. The command's text may hold a secret, so no
    # message repeats it.
    noun, where, end_s = origin.noun, origin.where, time.monotonic() + origin.timeout_s
    import subprocess  # here, since loading it costs every run, and few have a command

    try:
        process = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE)  # noqa: S602 - a shell command is what the option takes
    except (OSError, ValueError) as error:
        raise LocalError(f"cannot be run: {type(error).__name__}", where, "try it by hand") from None
    running.add(process)
    with process:
        assert process.stdout is not None
        try:
            output = _poured(process.stdout.fileno(), origin, process=process)
            process.wait(max(0.0, end_s - time.monotonic()))  # it may have closed its output long before its end
        except subprocess.TimeoutExpired:
            raise origin.late() from None
        finally:
            # After a signal too: `with` waits for the command. Its own children may hold the pipe open for longer;
            # nobody waits for them.
            process.kill()
            running.discard(process)
    if process.returncode != 0:
        how = f"exit {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
        raise LocalError(f"the {noun} command failed: {how}", where, "try it by hand")
    if not output.strip():
        raise LocalError(f"the {noun} command printed nothing", where, "try it by hand")
    return origin.decoded(output.strip() if noun == "token" else output)


def _from_netrc(path: str, host: str, user: str, timeout_s: float) -> tuple[str, Secret | None]:
    """The user, from the file where none is given, and the password, if there is one."""
    from tw.netrc import MAX_NETRC_BYTES, find, parse_netrc, refuse_open

    if not host:
        raise UsageError("no host to look for", path, "give --host")
    try:
        with _opened(path) as file:
            refuse_open(os.fstat(file.fileno()), path)
            data = _poured(file.fileno(), _Origin(path, timeout_s, "netrc file", MAX_NETRC_BYTES))
    except OSError as error:
        raise LocalError(f"cannot read the netrc file: {os.strerror(error.errno or 0)}", path) from error
    # Bytes that are not UTF-8 do no harm elsewhere in the file.
    entry = find(parse_netrc(data.decode("utf-8-sig", "surrogateescape"), path), host, user)
    if entry is None or entry.password is None:
        return user, None
    return entry.login or user, _Origin(path).secret(entry.password)


def _from_keyring(host: str, user: str) -> Secret:
    from importlib import import_module
    from shlex import quote

    where = "--keyring"
    if not host:
        raise UsageError("no host to look for", where, "give --host")
    service = keyring_service(host)
    try:
        keyring = import_module("keyring")
    except ImportError:
        raise LocalError("the package keyring is missing", where, "pip install 'tw-bench[keyring]'") from None
    try:
        password = keyring.get_password(service, user)
    except Exception as error:  # whatever its backend has; its text may tell anything
        hint = f"try it by hand: keyring get {quote(service)} {quote(user)}"
        raise LocalError(f"the keyring failed: {type(error).__name__}", where, hint) from None
    if password is None:
        raise LocalError("no password stored", where, f"keyring set {quote(service)} {quote(user)}")
    return _Origin(where).secret(password)


def _opened(path: str) -> IO[bytes]:
    """A FIFO is opened at once, with or without somebody at its other end."""
    return open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY))


def _poured(fd: int, origin: _Origin, *, line: bool = False, process: "subprocess.Popen[bytes] | None" = None) -> bytes:
    """All that comes out of `fd` in time, or its first `line`, or what `process` prints until it ends; no further than
    a little over the limit (`yes` never ends)."""
    end_s = time.monotonic() + origin.timeout_s
    readable = select.poll()
    readable.register(fd, select.POLLIN)
    data = b""
    while not (line and data.endswith(b"\n")):
        # Asked first: what a command printed is in the pipe by the time that it has ended. The pipe's own end may be
        # far away then: what the command left in the background holds it open.
        ended = process is not None and process.poll() is not None
        left_s = max(0.0, end_s - time.monotonic())
        # Not read before it is readable: a FIFO without a writer would pass for an empty file.
        if readable.poll(0 if ended else min(left_s, LOOK_S) * 1000):
            try:
                piece = os.read(fd, 1 if line else origin.limit + 1)
            except BlockingIOError:
                continue
            if not piece:
                break
            data = origin.bounded(data + piece)
        elif ended:
            break
        elif not left_s:
            raise origin.late()
    return data


def _from_prompt(prompt: str | None, netrc: str) -> Secret:
    missed = " in netrc" if netrc else ""
    if prompt is None:
        raise UsageError(f"no password{missed}", netrc, WAYS)
    if not sys.stdin.isatty():
        raise UsageError(f"no password{missed}, and no terminal to ask on", netrc, WAYS)
    import getpass

    # The user's name is in it, and may come from anywhere. (`core.text` lies above this layer.)
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in prompt)
    answered = False
    try:
        secret = Secret(getpass.getpass(shown, stream=sys.stderr))
        answered = True
    except EOFError:
        raise UsageError("no password given", "", WAYS) from None
    except UnicodeDecodeError:
        raise LocalError("the password is not UTF-8", "the terminal", "type it in a UTF-8 terminal") from None
    finally:
        if not answered:
            # Also after ^C, which the edge ends quietly: what comes next has a line of its own.
            sys.stderr.write("\n")
            sys.stderr.flush()
    return secret

"""Files that hold a result beside the screen's: whole or not at all, for whoever waits for them."""

import os
import re
import stat
from contextlib import suppress

from tw.errors import LocalError

STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}
DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,6})", re.ASCII)
"""Names of what is open here. Opened anew, a file would be at its start: it is written into where it stands."""


def check_place(path: str, what: str) -> None:
    """Raise LocalError where `what` could not be written to `path`: better told before a run than after it."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if os.path.isdir(path):
        raise LocalError(f"cannot write {what}: it is a folder", path, "name a file")
    if _is_stream(path):
        place = path
    elif os.path.isdir(folder):
        place = folder
    else:
        raise LocalError(f"cannot write {what}: there is no such folder", path, "make it first")
    if not os.access(place, os.W_OK):
        raise LocalError(f"cannot write {what}: permission denied", path, "choose another place")


def write_whole(path: str, data: bytes, what: str) -> None:
    """Replace the file at once (temporary file and rename), so that a reader never sees half of it.

    A link is followed, and a device or a pipe (/dev/stdout) written into. Raises LocalError; nothing is left behind
    then, and what was there before stays.
    """
    try:
        if _is_stream(path):
            descriptor = _descriptor(path)
            with open(path if descriptor is None else os.dup(descriptor), "ab") as file:
                file.write(data)
        else:
            _replace(os.path.realpath(path), data)
    except OSError as error:
        raise LocalError(f"cannot write {what}: {os.strerror(error.errno or 0).lower()}", path) from error


def _replace(target: str, data: bytes) -> None:
    temporary = os.path.join(os.path.dirname(target), f".tw-{os.urandom(8).hex()}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            with suppress(FileNotFoundError):
                os.fchmod(file.fileno(), stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _is_stream(path: str) -> bool:
    """Whether it is to be written into, and not replaced."""
    if _descriptor(path) is not None:
        return True
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _descriptor(path: str) -> int | None:
    name = os.path.abspath(path)
    match = DESCRIPTOR.fullmatch(name)
    return int(match[1]) if match else STANDARD.get(name)

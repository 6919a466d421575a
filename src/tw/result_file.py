"""Files that hold a result beside the screen's: whole or not at all, for whoever waits for them."""

import os
import secrets
import stat
from contextlib import suppress

from tw.errors import LocalError


def check_place(path: str, what: str) -> None:
    """Raise LocalError where `what` could not be written to `path`: better told before a run than after it."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if os.path.isdir(target):
        raise LocalError(f"cannot write {what}: it is a folder", path, "name a file")
    if not os.path.isdir(folder):
        raise LocalError(f"cannot write {what}: there is no such folder", path, "make it first")
    place = target if _is_special(target) else folder
    if not os.access(place, os.W_OK):
        raise LocalError(f"cannot write {what}: permission denied", path, "choose another place")


def write_whole(path: str, data: bytes, what: str) -> None:
    """Replace the file at once (temporary file and rename), so that a reader never sees half of it.

    A link is followed, and a device or a pipe (/dev/stdout) written into. Raises LocalError; nothing is left behind
    then, and what was there before stays.
    """
    target = os.path.realpath(path)
    try:
        if _is_special(target):
            with open(target, "wb") as file:
                file.write(data)
        else:
            _replace(target, data)
    except OSError as error:
        raise LocalError(f"cannot write {what}: {os.strerror(error.errno or 0).lower()}", path) from error


def _replace(target: str, data: bytes) -> None:
    temporary = os.path.join(os.path.dirname(target), f".tw-{secrets.token_hex(8)}")
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


def _is_special(target: str) -> bool:
    """Whether something other than a regular file is there."""
    try:
        return not stat.S_ISREG(os.stat(target).st_mode)
    except OSError:
        return False

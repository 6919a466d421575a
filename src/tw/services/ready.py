"""The ready file: tells whoever started a server that every listener is bound, and where."""

import json
import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from tw.errors import LocalError
from tw.schema import Json


class ReadyFile:
    """Written at once (temporary file and rename), so that a reader never sees half of it; removed at exit.

    One JSON object a line: the `listening` events.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._handle: int | None = None

    def write(self, events: Sequence[Json]) -> None:
        """Raises LocalError where the file cannot be written, or what is there is no file to replace.

        Nothing is left behind then, but for what an earlier call has written.
        """
        if _is_no_file(self.path):
            raise LocalError("cannot write the ready file: what is there is not a regular file", self.path)
        # In ASCII, since a path may hold bytes that are not UTF-8.
        text = "".join(json.dumps(event) + "\n" for event in events)
        temporary, handle = "", None
        try:
            handle, temporary = tempfile.mkstemp(prefix=".tw-ready-", dir=os.path.dirname(self.path) or ".")
            with open(handle, "w", encoding="utf-8", closefd=False) as file:
                file.write(text)
            os.fchmod(handle, 0o644)
            os.replace(temporary, self.path)
        except OSError as error:
            if handle is not None:
                os.close(handle)
                with suppress(OSError):
                    os.unlink(temporary)
            raise LocalError(f"cannot write the ready file: {os.strerror(error.errno or 0)}", self.path) from error
        if self._handle is not None:
            os.close(self._handle)
        # Held open until it is removed: the number of a file that is gone may be given to another one.
        self._handle = handle

    def remove(self) -> None:
        """Remove what was written; never a file of someone else's, whether it could not be replaced or came later."""
        if self._handle is None:
            return
        handle, self._handle = self._handle, None
        with suppress(OSError):
            if os.path.samestat(os.fstat(handle), os.lstat(self.path)):
                os.unlink(self.path)
        os.close(handle)


def _is_no_file(path: str) -> bool:
    """Whether something other than a file is there: a device, a pipe, a folder, a link such as /dev/stdout."""
    try:
        return not stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False

"""The ready file: tells whoever started a server that every listener is bound, and where."""

import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from tw.errors import LocalError
from tw.report import Json


class ReadyFile:
    """Written at once (temporary file and rename), so that a reader never sees half of it; removed at exit.

    One JSON object a line: the `listening` events.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._written = False

    def write(self, events: Sequence[Json]) -> None:
        """Raises LocalError where the file cannot be written; nothing is left behind then."""
        # In ASCII, since a path may hold bytes that are not UTF-8.
        text = "".join(json.dumps(event) + "\n" for event in events)
        temporary = ""
        try:
            handle, temporary = tempfile.mkstemp(prefix=".tw-ready-", dir=os.path.dirname(self.path) or ".")
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, 0o644)
            os.replace(temporary, self.path)
        except OSError as error:
            if temporary:
                with suppress(OSError):
                    os.unlink(temporary)
            raise LocalError(f"cannot write the ready file: {os.strerror(error.errno or 0)}", self.path) from error
        self._written = True

    def remove(self) -> None:
        """Remove what was written; never a file of someone else's that could not be replaced."""
        if self._written:
            self._written = False
            with suppress(OSError):
                os.unlink(self.path)

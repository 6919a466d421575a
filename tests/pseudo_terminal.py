"""A terminal that keeps what it is given to show."""

import os
import pty


class Terminal:
    """A stream that is a terminal, and what it was given to show."""

    def __init__(self) -> None:
        self._seen, shown = pty.openpty()
        self.stream = open(shown, "w", encoding="utf-8")  # noqa: SIM115 - `close` closes it

    def shown(self) -> str:
        """Everything so far, up to a mark: a terminal passes it on in pieces."""
        self.stream.write("<end>")
        self.stream.flush()
        text = b""
        while not text.endswith(b"<end>"):
            text += os.read(self._seen, 65_536)
        return text.decode().removesuffix("<end>").replace("\r\n", "\n")

    def close(self) -> None:
        self.stream.close()
        os.close(self._seen)

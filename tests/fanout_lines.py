"""What tests of the fan-out share: whole turns, and the lines of what is taken."""

from tw.core.cursor import Cursor
from tw.core.fanout import FanOut

ALL = 1 << 60


def whole_lines(data: bytes) -> list[bytes]:
    """Cut at line feeds, keeping them; all must be whole."""
    assert data == b"" or data.endswith(b"\n")
    return [line + b"\n" for line in data.split(b"\n")[:-1]]


def publish_turn(fanout: FanOut, *lines: bytes, source: Cursor | None = None) -> None:
    fanout.publish(source, b"", lines)
    assert fanout.seal()

"""Names, hosts and files as the command line takes them; none is empty.

An empty one is a script's variable that was never set, and would mean something else: every interface, no certificate.
(click takes a variable of ours that is set to nothing for one that is not set.)
"""

from typing import Any

import click


class TextType(click.ParamType[Any]):
    """Any text that has something in it."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not text:
            self.fail("an empty text", param, ctx)
        return text


class HostType(TextType):
    """A name or an address; an IPv6 address may have the brackets that it has in a URL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        return text[1:-1] if text.startswith("[") and text.endswith("]") and ":" in text else text


class FileType(click.Path):
    """A file's name. Whether the file is there and of use is for whoever opens it to say, with an exit code of its own.

    `dash`: whether `-` is stdin; elsewhere it is refused, for whoever writes it does not mean a file of that name.
    """

    def __init__(self, *, dash: bool = False) -> None:
        super().__init__(readable=False, allow_dash=dash)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        path = TEXT.convert(value, param, ctx)
        if path == "-" and not self.allow_dash:
            self.fail("'-' is no file here; write ./- for one of that name", param, ctx)
        return path


def worded(message: str) -> str:
    """What click says of a value, where its own words are the name of a class."""
    return message.replace("is not a valid integer range", "is not a whole number")


TEXT = TextType()
HOST = HostType()
FILE = FileType()
FILE_OR_STDIN = FileType(dash=True)

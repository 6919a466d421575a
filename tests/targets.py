"""TARGETs as two probes read them: one of the web, and one with schemes of its own."""

import pytest

from tw.core.target import Target, parse_target
from tw.errors import UsageError

WEB = {"http": False, "https": True}
ECHO = {"tcp": False, "tls": True, "echo": False}


def web(text: str | None, *, tls: bool = False) -> Target:
    return parse_target(text, default_port=8080, tls=tls, schemes=WEB, endpoint_types=("plug",))


def echo(text: str | None, *, tls: bool = False) -> Target:
    return parse_target(text, default_port=1234, tls=tls, schemes=ECHO)


def complaint(text: str, *, tls: bool = False, schemes: dict[str, bool] = ECHO) -> str:
    with pytest.raises(UsageError) as caught:
        parse_target(text, default_port=1234, tls=tls, schemes=schemes)
    message = str(caught.value)
    assert message.isprintable(), "an error is one line, safe to print"
    assert caught.value.hint
    assert caught.value.where.startswith("probe target ")
    assert len(message) < 400
    return message

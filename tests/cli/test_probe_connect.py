"""How connections begin, as it is typed."""

from typing import Any

import click
import pytest

from command_lines import Shell
from tw.cli.probe_connect import SourceType


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("192.0.2.1:5", ("192.0.2.1", 5)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[2001:DB8:0::7]:65535", ("2001:db8::7", 65535)),
        ("[::ffff:192.0.2.1]:1", ("::ffff:c000:201", 1)),
        (("::1", 7), ("::1", 7)),
    ],
)
def test_a_source_is_an_address_and_a_port(text: Any, source: tuple[str, int]) -> None:
    assert SourceType().convert(text, None, None) == source


WRONG = ["", "192.0.2.1", "192.0.2.1:", ":5", "2001:db8::7:5", "[192.0.2.1]:5", "192.0.2.1:65536", "192.0.2.1:-1"]


@pytest.mark.parametrize("text", [*WRONG, "192.0.2.1:٣", "name:5", "[fe80::1%eth0]:5", "[::1:5", "::1]:5", "[[::1]]:5"])
def test_anything_else_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"write 203\.0\.113\.7:5 or \[2001:db8::7\]:5"):
        SourceType().convert(text, None, None)


@pytest.mark.parametrize("service", ["echo", "counter", "pubsub"])
def test_a_header_is_asked_for_with_its_version(shell: Shell, service: str) -> None:
    options = shell.start(f"probe {service} --send-proxy v2 --proxy-source 192.0.2.1:5").options
    assert (options.send_proxy, options.proxy_source) == ("v2", ("192.0.2.1", 5))
    options = shell.start(f"probe {service}").options
    assert (options.send_proxy, options.proxy_source) == (None, None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("probe echo --send-proxy v3", "'v3' is not one of 'v1', 'v2'"),
        ("probe echo --send-proxy v1 --udp", "--send-proxy beside --udp; datagrams carry no PROXY header here"),
        ("probe counter --proxy-source 192.0.2.1:5", "--proxy-source without --send-proxy; add --send-proxy v1 or v2"),
        ("probe pubsub --send-proxy v1 --proxy-source h:5", "'h:5' is not ADDRESS:PORT"),
    ],
)
def test_what_cannot_be_said_is_a_usage_error(shell: Shell, line: str, words: str) -> None:
    assert words in shell.refused(line)

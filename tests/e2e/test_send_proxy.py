"""`--send-proxy`: what stands behind takes the header, be it tw itself, HAProxy or nginx."""

import subprocess
from pathlib import Path

import pytest

from e2e.haproxy import haproxy
from e2e.harness import TIMEOUT_S, TW, Server, environment, serving, tw
from e2e.nginx import nginx

ASKS = ("--proxy-protocol", "--access-log")
SOURCE = ("--proxy-source", "203.0.113.7:4711")
AS_NAMED = "203.0.113.7:4711"
QUICK = ("--count", "3", "--interval", "0", "--json")

versions = pytest.mark.parametrize("version", ["v1", "v2"])


def opened(server: Server) -> list[str]:
    """Who the server took its connections to be from, once it has stopped."""
    server.stop()
    assert [event for event in server.events if event["event"] == "refused"] == []
    return [event["peer"] for event in server.events if event["event"] == "open"]


@pytest.mark.parametrize(("version", "tls"), [("v1", False), ("v2", True)])
@pytest.mark.parametrize("service", ["echo", "counter", "pubsub"])
def test_each_server_takes_the_header_of_its_probe(service: str, tls: bool, version: str) -> None:
    with serving(service, *ASKS, *["--tls-self-signed"] * tls) as server:
        pin = ["--tls", "--pin", server.listening[0]["pin"]] if tls else []
        own = tw("probe", service, server.target, "--send-proxy", version, "--bind", "127.0.0.2", *QUICK, *pin)
        named = tw("probe", service, server.target, "--send-proxy", version, *SOURCE, *QUICK, *pin)
        assert [(ran.code, ran.json["received"]) for ran in (own, named)] == [(0, 3), (0, 3)]
        seen = opened(server)
    half = len(seen) // 2
    assert {peer.rpartition(":")[0] for peer in seen[:half]} == {"127.0.0.2"}
    assert set(seen[half:]) == {AS_NAMED}


@pytest.mark.parametrize(("service", "version"), [("echo", "v1"), ("counter", "v2"), ("pubsub", "v2")])
def test_the_server_of_its_own_asks_for_one(service: str, version: str) -> None:
    ran = tw("probe", service, "--self", "--send-proxy", version, *QUICK)
    assert (ran.code, ran.json["received"]) == (0, 3)


def test_a_server_that_asks_for_a_header_refuses_who_sends_none_and_one_that_does_not_takes_it_for_bytes() -> None:
    with serving("echo", *ASKS) as server:
        assert tw("probe", "echo", server.target, *QUICK).code == 7
    with serving("echo") as server:
        ran = tw("probe", "echo", server.target, "--send-proxy", "v1", *QUICK)
        assert (ran.code, ran.json["ok"]) == (1, False)


@versions
def test_every_mode_sends_one(version: str) -> None:
    proxy = ("--send-proxy", version, *SOURCE)
    with serving("pubsub", *ASKS) as server:
        listening = subprocess.Popen(
            [TW, "probe", "pubsub", server.target, "--subscribe", "--count", "3", *proxy],
            stdout=subprocess.PIPE,
            env=environment(),
        )
        server.wait_for("open")
        assert tw("probe", "pubsub", server.target, "--publish", "one", "--publish", "two", *proxy).code == 0
        talked = tw("probe", "pubsub", server.target, "-i", *proxy, "--idle", "1m", stdin="three\n")
        assert (talked.code, talked.out) == (0, f"<{AS_NAMED}> three\n")
        heard, _ = listening.communicate(timeout=TIMEOUT_S)
        assert heard.decode().splitlines() == [f"<{AS_NAMED}> {word}" for word in ("one", "two", "three")]
        assert set(opened(server)) == {AS_NAMED}


@versions
def test_so_does_each_connection_of_a_load(version: str) -> None:
    with serving("echo", *ASKS) as server:
        load = ("--connections", "20", "--count", "100", "--json")
        ran = tw("probe", "echo", server.target, "--send-proxy", version, *SOURCE, *load)
        assert (ran.code, ran.json["received"]) == (0, 100)
        assert opened(server) == [AS_NAMED] * 20


@versions
def test_over_a_unix_socket_the_connection_is_the_proxys_own_unless_it_is_named(version: str, tmp_path: Path) -> None:
    with serving("echo", *ASKS, place=("--listen", f"unix:{tmp_path}/s")) as server:
        place = ("probe", "echo", f"unix:{tmp_path}/s", "--send-proxy", version, *QUICK)
        assert tw(*place).code == 0
        assert tw(*place, *SOURCE).code == 0
        assert opened(server) == ["unix:1", AS_NAMED]


@versions
def test_an_ipv6_source_is_heard_over_ipv4(version: str) -> None:
    with serving("echo", *ASKS) as server:
        source = ("--proxy-source", "[2001:db8::7]:5")
        assert tw("probe", "echo", server.target, "--send-proxy", version, *source, *QUICK).code == 0
        assert opened(server) == ["[2001:db8::7]:5"]


def test_who_waits_for_the_server_sends_it_to_the_one_that_comes(tmp_path: Path) -> None:
    place = f"unix:{tmp_path}/s"
    command = [TW, "probe", "echo", place, "--send-proxy", "v2", *SOURCE, *QUICK, "--wait-for", "30s"]
    waiting = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment())
    with serving("echo", *ASKS, place=("--listen", place)) as server:
        waiting.communicate(timeout=TIMEOUT_S)
        assert waiting.returncode == 0
        assert opened(server) == [AS_NAMED]


# Other people's servers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("service", "version"), [("echo", "v2"), ("counter", "v1"), ("pubsub", "v2")])
def test_haproxy_takes_it_and_hands_the_source_on(service: str, version: str) -> None:
    with serving(service, *ASKS) as server:
        with haproxy(server.target, "send-proxy-v2", door="accept-proxy") as port:
            ran = tw("probe", service, f"127.0.0.1:{port}", "--send-proxy", version, *SOURCE, *QUICK)
        assert (ran.code, ran.json["received"]) == (0, 3)
        assert set(opened(server)) == {AS_NAMED}


@versions
def test_nginx_takes_it(version: str) -> None:
    page = "location / { return 200 'I am request #1\\n'; }"
    log = "$proxy_protocol_addr:$proxy_protocol_port $status"
    with nginx(page, listen="proxy_protocol", log=log) as front:
        ran = tw("probe", "counter", front.target, "--send-proxy", version, *SOURCE, "--count", "1", "--json")
        assert (ran.code, ran.json["received"]) == (0, 1)
        assert front.seen() == [f"{AS_NAMED} 200"]

"""What `tw probe pubsub` runs for a delivery matrix: with its server beside it, and room for all connections."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from launching import Launch
from memory import Network
from tw import clients
from tw.clients import _own_server, connections_of, tcp_places
from tw.errors import ExitCode
from tw.load_options import LoadOptions
from tw.matrix_options import MatrixOptions
from tw.options import CommonOptions
from tw.probe_options import ProbePubSubOptions

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def net() -> Iterator[Network]:
    made = Network()
    yield made
    made.settle()
    assert made.getDelayedCalls() == []


def options(publishers: int, subscribers: int, **more: Any) -> ProbePubSubOptions:
    load = LoadOptions(connections=publishers, count=2 * publishers)
    shape = MatrixOptions(publishers=publishers, subscribers=subscribers)
    return ProbePubSubOptions(self_test=True, json=True, load=load, matrix=shape, **more)


@pytest.mark.parametrize("more", [{}, {"tls": True, "send_proxy": "v1"}], ids=str)
def test_a_matrix_proves_its_own_server(
    net: Network, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: dict[str, Any]
) -> None:
    launch = Launch(net)
    monkeypatch.setattr(clients, "run", launch)
    clients.probe_pubsub(CommonOptions(), options(2, 3, **more))
    net.pass_s(20.0)
    assert launch.running.result == ExitCode.OK
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["sent"], report["received"]) == (True, 4, 12)
    assert net.ports == {}


def test_everyone_who_takes_part_has_a_connection() -> None:
    assert connections_of(options(2, 3)) == 5
    assert _own_server(options(2, 10_000))["max_connections"] == 10_002


@pytest.mark.parametrize(
    ("targets", "bind", "places"),
    [
        (("h:1", "h:2", "unix:/s"), None, 2),
        (("h:1", "h:1"), None, 1),
        (("h:1", "h:2"), "127.0.0.1", 1),
        (("unix:/s", "unix:/t"), None, 0),
    ],
)
def test_each_of_several_targets_can_be_connected_to_from_all_ports(
    targets: tuple[str, str, *tuple[str, ...]], bind: str | None, places: int
) -> None:
    shape = MatrixOptions(publishers=3)
    options = ProbePubSubOptions(target=targets[0], more_targets=targets[1:], bind=bind, matrix=shape)
    assert tcp_places(options) == places

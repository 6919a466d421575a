"""Whatever a peer does, and whenever: with delays alone every byte comes back once, in order, and nothing is left."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counter_memory import get, responses
from faulty_memory import FaultyRig, lose
from tw.protocols.outlet import HELD_BYTES

pytestmark = pytest.mark.usefixtures("quiet")

ACTIONS = st.lists(
    st.one_of(
        st.sampled_from([b"", b"one\n", b"no end", b"\n" * 2000, b"x" * 70_000, b"y" * 5000 + b"\n"]),
        st.sampled_from(["stops reading", "reads", "turn"]),
        st.sampled_from([0.1, 0.7, 3.0]),
    ),
    max_size=25,
)
DELAYS = {"delay_s": 0.5, "delay_percent": 40.0, "jitter_s": 0.5}
MODEL = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def act(rig: FaultyRig, transport: object, action: object) -> bytes:
    """Let time pass, or the peer read or stop; gives what it read."""
    if isinstance(action, float):
        rig.pass_s(action)
    elif action == "turn":
        rig.turn()
    else:
        transport.reads = action == "reads"  # type: ignore[attr-defined]
    read: bytes = transport.read() if transport.reads else b""  # type: ignore[attr-defined]
    return read


def read_all(rig: FaultyRig, transport: object) -> bytes:
    """Read until nothing is to come; the peer has shut its side, so that the connection ends."""
    transport.reads = True  # type: ignore[attr-defined]
    came = b""
    for _ in range(2000):
        came += transport.read()  # type: ignore[attr-defined]
        if transport.disconnecting:  # type: ignore[attr-defined]
            return came + transport.read()  # type: ignore[attr-defined, no-any-return]
        rig.pass_s(1.0)
    raise AssertionError("it does not end")


@MODEL
@given(ACTIONS, st.integers(0, 100), st.sampled_from(["readConnectionLost", "drain"]))
def test_echo(actions: list[object], seed: int, end: str) -> None:
    rig = FaultyRig(seed=seed, **DELAYS)
    echo, transport = rig.echo()
    sent = came = b""
    for action in actions:
        if isinstance(action, bytes):
            if transport.is_reading:  # as the kernel would deliver it
                echo.dataReceived(action)
                sent += action
        else:
            came += act(rig, transport, action)
        assert echo._outlet._cost_bytes <= HELD_BYTES + 70_000
    getattr(echo, end)()
    came += read_all(rig, transport)
    assert came == sent
    lose(echo)
    assert rig.clock.getDelayedCalls() == []


@MODEL
@given(ACTIONS, st.integers(0, 100), st.sampled_from(["readConnectionLost", "drain"]))
def test_counter(actions: list[object], seed: int, end: str) -> None:
    rig = FaultyRig(seed=seed, **DELAYS)
    counter, transport = rig.counter()
    sent, came = 0, b""
    for action in actions:
        if isinstance(action, bytes):
            if transport.is_reading:
                count = 1 + len(action) % 400
                counter.dataReceived(get() * count)
                sent += count
        else:
            came += act(rig, transport, action)
    if end == "drain":
        rig.turn()
    getattr(counter, end)()
    came += read_all(rig, transport)
    answers = [answer.number for answer in responses(came)]
    # A stop answers what is under way; what was only read, it need not.
    assert answers == list(range(1, len(answers) + 1))
    assert len(answers) == sent or (end == "drain" and len(answers) < sent)
    lose(counter)
    assert rig.clock.getDelayedCalls() == []

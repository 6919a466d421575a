"""Echo with faults: late in order, harmed by the line, cut off, and nothing held without bound."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faulty_memory import FaultyRig, lose
from tw.core.faults import PIECE_BYTES
from tw.protocols.faulty_echo import LINGER_S, QUIET_S
from tw.protocols.outlet import HELD_BYTES

pytestmark = pytest.mark.usefixtures("quiet")
LINES = [b"%04d some words\n" % number for number in range(200)]


def test_a_delay_is_kept_and_so_is_the_order() -> None:
    rig = FaultyRig(delay_s=1.0, delay_percent=50, jitter_s=1.0)
    echo, transport = rig.echo()
    for line in LINES:
        echo.dataReceived(line)
    rig.pass_s(0.99)
    early = transport.read()
    assert early == b"".join(LINES[: early.count(b"\n")])
    assert early.count(b"\n") < 20
    rig.pass_s(1.01)
    assert early + transport.read() == b"".join(LINES)
    assert 80 < rig.made()["delay"] < 120


def test_one_connection_waits_for_no_other() -> None:
    rig = FaultyRig(delay_s=5.0, delay_percent=50, seed=2)
    pairs = [rig.echo() for _ in range(20)]
    for echo, _ in pairs:
        echo.dataReceived(b"line\n")
    at_once = [transport.read() for _, transport in pairs]
    assert set(at_once) == {b"", b"line\n"}
    assert at_once.count(b"") < 20
    rig.pass_s(5.0)
    assert [early + transport.read() for early, (_, transport) in zip(at_once, pairs, strict=True)] == [b"line\n"] * 20


@pytest.mark.parametrize("options", [{"corrupt_percent": 30.0}, {"truncate_percent": 30.0}], ids=str)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.integers(1, 2000))
def test_the_same_lines_meet_the_same_faults_however_they_are_split(options: dict[str, float], size: int) -> None:
    whole, pieces = FaultyRig(**options), FaultyRig(**options)
    (one, first), (other, second) = whole.echo(), pieces.echo()
    data = b"".join(LINES)
    one.dataReceived(data)
    for at in range(0, len(data), size):
        other.dataReceived(data[at : at + size])
    whole.turn(), pieces.turn()
    came = first.read()
    assert came == second.read()
    assert came != data
    assert whole.made() == pieces.made()
    for each, rig in ((one, whole), (other, pieces)):
        lose(each)
        assert rig.clock.getDelayedCalls() == []


def test_every_corrupted_line_differs_in_one_byte() -> None:
    rig = FaultyRig(corrupt_percent=30)
    echo, transport = rig.echo()
    echo.dataReceived(b"".join(LINES))
    came = transport.read().split(b"\n")[:-1]
    pairs = zip((line[:-1] for line in LINES), came, strict=True)
    differing = [sum(a != b for a, b in zip(*pair, strict=True)) for pair in pairs]
    assert set(differing) == {0, 1}
    assert sum(differing) == rig.made()["corrupt"]


def test_a_line_behind_a_cut_one_is_not_corrupted_as_well() -> None:
    rig = FaultyRig(corrupt_percent=50, truncate_percent=50)
    echo, transport = rig.echo()
    for line in LINES:
        echo.dataReceived(line)
    counts = rig.made()
    assert counts["corrupt"] + counts["truncate"] < 200
    behind = [after for cut, after in pairwise(transport.writes) if not cut.endswith(b"\n")]
    assert len(behind) > 20
    assert all(after in LINES or not after.endswith(b"\n") for after in behind)


def test_a_reset_comes_instead_of_the_line_and_nothing_after_it() -> None:
    rig = FaultyRig(reset_percent=10, seed=3)
    echo, transport = rig.echo()
    echo.dataReceived(b"".join(LINES))
    assert transport.aborted
    came = transport.read()
    assert 0 < came.count(b"\n") < 100
    assert came == b"".join(LINES[: came.count(b"\n")])
    echo.dataReceived(b"more\n")
    assert (transport.read(), rig.made()) == (b"", {"reset": 1})


def test_after_so_many_bytes_comes_the_end_of_the_stream_and_the_rest_is_read_and_dropped() -> None:
    rig = FaultyRig(close_after_bytes=100)
    echo, transport = rig.echo()
    for line in LINES:
        echo.dataReceived(line)
    assert transport.read() == b"".join(LINES)[:100]
    assert (transport.half_closed, transport.is_reading, transport.disconnecting) == (True, True, False)
    assert rig.made() == {"close": 1}
    rig.pass_s(LINGER_S)
    assert transport.disconnecting


def test_a_peer_that_closes_after_that_is_not_waited_for_longer() -> None:
    rig = FaultyRig(close_after_bytes=10)
    echo, transport = rig.echo()
    echo.dataReceived(LINES[0])
    echo.readConnectionLost()
    assert transport.disconnecting
    lose(echo)
    assert rig.clock.getDelayedCalls() == []


# What has no line feed ------------------------------------------------------------------------------------------------


def test_what_comes_after_the_cut_was_not_harmed() -> None:
    rig = FaultyRig(close_after_bytes=40, corrupt_percent=100)
    echo, transport = rig.echo()
    echo.dataReceived(b"".join(LINES))
    rig.turn()
    assert len(transport.read()) == 40
    assert (rig.made()["corrupt"], rig.made()["close"]) == (-(-40 // len(LINES[0])), 1)
    lose(echo)


def test_raw_bytes_go_back_at_64_kib_after_a_quiet_while_and_at_the_end() -> None:
    rig = FaultyRig(corrupt_percent=100)
    echo, transport = rig.echo()
    echo.dataReceived(bytes(PIECE_BYTES + 10))
    assert len(transport.read()) == PIECE_BYTES
    rig.pass_s(QUIET_S - 0.01)
    assert transport.read() == b""
    rig.pass_s(0.01)
    assert len(transport.read()) == 10
    echo.dataReceived(b"ab")
    echo.readConnectionLost()
    assert len(transport.read()) == 2
    assert (transport.disconnecting, rig.made()) == (True, {"corrupt": 3})
    assert rig.clock.getDelayedCalls() == []


# Ends -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["readConnectionLost", "drain"])
def test_what_is_delayed_is_delivered_before_the_end(end: str) -> None:
    rig = FaultyRig(delay_s=3.0)
    echo, transport = rig.echo()
    echo.dataReceived(b"one\ntwo")
    getattr(echo, end)()
    assert not transport.disconnecting
    rig.pass_s(3.0)
    assert (transport.read(), transport.disconnecting) == (b"one\ntwo", True)
    assert rig.clock.getDelayedCalls() == []


def test_while_lines_wait_the_peer_is_not_idle() -> None:
    rig = FaultyRig(delay_s=3.0)
    echo, _ = rig.echo()
    assert not echo.held
    echo.dataReceived(b"one\n")
    assert echo.held
    rig.pass_s(3.0)
    assert not echo.held


def test_a_connection_that_is_lost_leaves_nothing_behind() -> None:
    rig = FaultyRig(delay_s=3.0)
    echo, _ = rig.echo()
    echo.dataReceived(b"one\ntwo")
    lose(echo)
    assert rig.clock.getDelayedCalls() == []
    assert rig.made() == {}


# Bounds ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"\n", b"x" * 99 + b"\n", b"x" * 60_000 + b"\n"])
def test_what_is_delayed_is_bounded_and_goes_on_where_it_stood(line: bytes) -> None:
    rig = FaultyRig(delay_s=1.0)
    echo, transport = rig.echo()
    sent = 0
    while transport.is_reading:
        echo.dataReceived(line * 50)
        sent += 50
        assert sent < 10_000
    assert echo._outlet._cost_bytes <= HELD_BYTES + len(line) + 256
    came = b""
    while not transport.is_reading:
        rig.pass_s(1.0)
        came += transport.read()
    rig.pass_s(1.0)
    assert came + transport.read() == line * sent
    assert rig.made() == {"delay": sent}


def test_a_peer_that_does_not_read_is_not_read_from_until_it_does() -> None:
    rig = FaultyRig(corrupt_percent=0.001)
    echo, transport = rig.echo()
    transport.reads = False
    sent = 0
    while transport.is_reading:
        echo.dataReceived(LINES[0] * 100)
        rig.turn()
        sent += 100
    rig.turn()
    assert transport.largest_bytes < 2 * 65_536
    came = b""
    while len(came) < sent * len(LINES[0]):
        came += transport.read()
        rig.turn()
    assert came == LINES[0] * sent
    assert transport.is_reading


def test_what_is_due_waits_for_a_peer_that_does_not_read() -> None:
    rig = FaultyRig(delay_s=1.0)
    echo, transport = rig.echo()
    transport.reads = False
    echo.dataReceived((b"x" * 999 + b"\n") * 200)
    rig.pass_s(5.0)
    assert 65_536 < transport.largest_bytes < 67_000
    came = b""
    for _ in range(3):
        assert not transport.is_reading
        came += transport.read()
    assert transport.is_reading
    assert len(came + transport.read()) == 200_000


def test_a_full_outlet_is_not_read_for_because_the_peer_reads_again() -> None:
    rig = FaultyRig(delay_s=1.0)
    echo, transport = rig.echo()
    transport.reads = False
    echo.dataReceived((b"x" * 999 + b"\n") * 66)
    rig.pass_s(0.9)
    while transport.is_reading:
        echo.dataReceived(b"y" * 999 + b"\n")
    rig.pass_s(0.1)
    assert transport.paused_producer
    transport.reads = True
    assert len(transport.read()) == 66_000
    assert not transport.is_reading
    rig.pass_s(1.0)
    assert transport.is_reading


def test_what_comes_though_reading_stopped_waits_its_turn() -> None:
    """Over TLS, what was decrypted before."""
    rig = FaultyRig(corrupt_percent=0.001)
    echo, transport = rig.echo()
    echo.dataReceived(b"\n" * 10_000)
    echo.dataReceived(b"\n" * 10_000)
    assert len(transport.value()) == 500
    rig.turn()
    assert len(transport.value()) == 20_000


def test_many_lines_at_once_are_taken_in_turns() -> None:
    rig = FaultyRig(corrupt_percent=0.001)
    echo, transport = rig.echo()
    echo.dataReceived(b"\n" * 10_000)
    assert len(transport.value()) == 500
    assert not transport.is_reading
    rig.turn()
    assert len(transport.value()) == 10_000
    assert transport.is_reading

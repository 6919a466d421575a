"""`tw probe` against real servers, and through a proxy that harms what passes."""

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.certificates import make_certificates
from e2e.harness import TIMEOUT_S, TW, environment, serving, tw
from e2e.programs import need
from e2e.proxy import Harm, by_line, proxy
from ports import closed_udp_port, held_port
from tw.errors import ExitCode

FAST = ("--interval", "10ms")
FIELDS = {
    "v", "probe", "target", "ok", "sent", "received", "lost", "duplicated", "reordered", "corrupted", "errors",
    "rtt_ms", "connect_ms", "duration_s", "rate_per_s", "sent_bytes", "received_bytes", "phases_ms", "truncated",
    "first_fault",
}  # fmt: skip
FIGURES = {"min", "mean", "p50", "p90", "p95", "p99", "p999", "max"}


@pytest.mark.parametrize("probe", ["echo", "counter", "pubsub"])
@pytest.mark.parametrize("options", [(), ("--tls",)])
def test_self_stands_up_the_server_probes_it_and_leaves(probe: str, options: tuple[str, ...]) -> None:
    ran = tw("probe", probe, "--self", *options, *FAST, "--json")
    assert (ran.code, ran.err) == (0, ""), ran
    report = ran.json
    assert (report["ok"], report["sent"], report["received"], report["lost"]) == (True, 5, 5, 0)
    assert report["rtt_ms"]["min"] <= report["rtt_ms"]["p50"] <= report["rtt_ms"]["max"]
    delivery = {"published", "delivered", "expected", "foreign"}
    extra = {"counter": {"numbers", "retried"}, "pubsub": {"stalled", *delivery}, "echo": {"stalled"}}[probe]
    assert set(report) == FIELDS | extra
    assert set(report["rtt_ms"]) == set(report["connect_ms"]) == FIGURES
    if probe == "counter":
        numbers = report["numbers"]
        (share,) = numbers.pop("shares")
        assert (share["answers"], share["share"]) == (5, 1.0)
        expected = {"first": 1, "last": 5, "gaps": 0, "duplicates": 0, "resets": 0, "instances": 1}
        assert numbers == {**expected, "unanswered": 0, "doubtful": 0}
    if probe == "pubsub":
        assert (report["published"], report["delivered"], report["expected"], report["foreign"]) == (5, 5, 5, 0)


@pytest.mark.parametrize("size", [20, 64, 65_507])
def test_udp_payloads_come_back(size: int) -> None:
    ran = tw("probe", "echo", "--udp", "--self", "--size", str(size), *FAST, "--json")
    assert (ran.code, ran.json["received_bytes"]) == (0, 5 * size)


@pytest.mark.parametrize("pace", [("--connections", "3"), ("--rate", "300")])
def test_a_load_over_udp(pace: tuple[str, ...]) -> None:
    ran = tw("probe", "echo", "--udp", "--self", *pace, "--count", "60", "--json")
    assert (ran.json["sent"], ran.json["received"], ran.code) == (60, 60, 0)


@pytest.mark.parametrize("options", [(), ("--connections", "3"), ("--rate", "300")])
def test_a_closed_udp_port_is_refused(options: tuple[str, ...]) -> None:
    with closed_udp_port() as port:
        ran = tw("probe", "echo", "--udp", f":{port}", *options, "--json")
    assert (ran.code, ran.json["error"]["kind"]) == (ExitCode.CONNECT, "connect")


@pytest.mark.parametrize("reactor", ["auto", "stock"])
@pytest.mark.parametrize("size", ["20", "1M"])
def test_any_size_comes_back_on_either_reactor(reactor: str, size: str) -> None:
    ran = tw("probe", "echo", "--self", "--size", size, "--reactor", reactor, "--interval", "0", "--json")
    assert (ran.code, ran.json["corrupted"]) == (0, 0)


def test_many_samples_without_a_pause_are_all_accounted_for() -> None:
    ran = tw("probe", "echo", "--self", "--interval", "0", "--count", "20000", "--json")
    assert (ran.code, ran.json["received"], ran.json["sent"]) == (0, 20_000, 20_000)


def number_in(data: bytes) -> int:
    match = re.search(rb"[0-9a-f]{8}-(\d{10})", data)
    return int(match[1]) if match else 0


def dropping() -> Harm:
    return by_line(lambda line: [] if number_in(line) == 2 else [line])


def doubling() -> Harm:
    return by_line(lambda line: [line, line] if number_in(line) == 2 else [line])


def corrupting() -> Harm:
    return by_line(lambda line: [line[:-10] + b"#" + line[-9:]] if number_in(line) == 2 else [line])


def swapping() -> Harm:
    """Holds the second payload back until the third has passed."""
    held: list[bytes] = []

    def swap(line: bytes) -> list[bytes]:
        if number_in(line) == 2:
            held.append(line)
            return []
        passed = [line, *held]
        held.clear()
        return passed

    return by_line(swap)


@pytest.mark.parametrize(
    ("harm", "fault"),
    [(dropping, "lost"), (doubling, "duplicated"), (corrupting, "corrupted"), (swapping, "reordered")],
)
@pytest.mark.parametrize("probe", ["echo", "pubsub"])
def test_each_fault_is_told_from_the_others(probe: str, harm: Callable[[], Harm], fault: str) -> None:
    with serving(probe) as server, proxy(server.port, harm) as target:
        short = ("--timeout", "2s") if fault == "lost" else ()  # the others come, however long they take
        ran = tw("probe", probe, target, *FAST, *short, "--json")
    report = ran.json
    assert ran.code == ExitCode.BAD_VERDICT, ran
    assert report["ok"] is False
    counts = {name: report[name] for name in ("lost", "duplicated", "reordered", "corrupted")}
    assert counts == {"lost": 0, "duplicated": 0, "reordered": 0, "corrupted": 0} | {fault: 1}


@pytest.mark.parametrize("split", [1, 7, 65_536])
def test_a_proxy_that_splits_and_joins_writes_harms_nothing(split: int) -> None:
    with serving("echo") as server, proxy(server.port, split=split) as target:
        ran = tw("probe", "echo", target, "--interval", "0", "--count", "50", "--json")
    assert (ran.code, ran.json["received"]) == (0, 50)


def test_a_duplicated_number_is_a_bad_verdict() -> None:
    """A cache in between answers twice with the same number."""
    kept: list[bytes] = []

    def caching(data: bytes) -> list[bytes]:
        kept.append(data)
        return [kept[0] if len(kept) == 2 else data]

    with serving("counter") as server, proxy(server.port, lambda: caching) as target:
        ran = tw("probe", "counter", target, *FAST, "--json")
    assert ran.code == ExitCode.BAD_VERDICT
    numbers = ran.json["numbers"]
    assert (numbers["duplicates"], numbers["gaps"], ran.json["duplicated"]) == (1, 1, 1)


def test_an_unexpected_status_is_a_bad_verdict_and_an_expected_one_is_not() -> None:
    with serving("counter") as server:
        bad = tw("probe", "counter", server.target, "--method", "POST", *FAST, "--json")
        assert (bad.code, bad.json["errors"]) == (ExitCode.BAD_VERDICT, {"status 405": 5})
        good = tw("probe", "counter", server.target, "--method", "POST", "--expect-status", "405", *FAST, "--json")
        assert good.code == 0


def test_curls_way_of_naming_things_works(tmp_path: Path) -> None:
    ours = make_certificates(tmp_path, "counter.test")
    with serving("counter", "--tls-cert", ours.cert, "--tls-key", ours.key, "--access-log") as server:
        url = f"https://counter.test:{server.port}/from/url?q=1"
        resolve = f"counter.test:{server.port}:127.0.0.1"
        ran = tw(
            "probe", "counter", url, "--resolve", resolve, "--ca-file", ours.ca, "-H", "X-Test: yes",
            "--method", "HEAD", "--no-keepalive", "--count", "2", *FAST, "--json",
        )  # fmt: skip
        assert ran.code == 0, ran
        request = server.wait_for("request")
        assert (request["path"], request["method"], request["status"]) == ("/from/url?q=1", "HEAD", 200)
        assert server.stop()["connections"] == 2


def test_mutual_tls(tmp_path: Path) -> None:
    ours = make_certificates(tmp_path, "localhost")
    tls = ("--tls-cert", ours.cert, "--tls-key", ours.key, "--tls-client-ca", ours.ca)
    with serving("echo", *tls) as server:
        base = ("probe", "echo", f"localhost:{server.port}", "-4", "--tls", "--ca-file", ours.ca, *FAST, "--json")
        known = tw(*base, "--client-cert", ours.client_cert, "--client-key", ours.client_key)
        assert known.code == 0, known
        unknown = tw(*base)
        assert (unknown.code, unknown.json["error"]["kind"]) == (ExitCode.TLS, "tls"), unknown


def test_a_unix_socket_and_an_endpoint_string_are_targets(tmp_path: Path) -> None:
    with serving("echo", "--listen", f"unix:{tmp_path}/e", place=()):
        assert tw("probe", "echo", f"unix:{tmp_path}/e", *FAST).code == 0
    with serving("echo", "--tls-self-signed") as server:
        endpoint = server.listening[0]["endpoint"]
        assert endpoint == f"tls:127.0.0.1:{server.port}"
        assert tw("probe", "echo", endpoint, "--pin", server.listening[0]["pin"], *FAST).code == 0
        assert tw("probe", "echo", server.target, "--tls", "--insecure", *FAST).code == 0


@pytest.mark.parametrize("probe", ["echo", "counter", "pubsub"])
def test_over_tls_the_server_is_taken_leave_of(probe: str) -> None:
    with serving(probe, "--tls-self-signed", "--access-log") as server:
        assert tw("probe", probe, server.target, "--tls", "--pin", server.listening[0]["pin"], *FAST).code == 0
        server.stop()
    assert {event["reason"] for event in server.events if event["event"] == "close"} == {"closed"}


def test_many_datagrams_without_a_pause_all_come_back() -> None:
    assert tw("probe", "echo", "--udp", "--self", "--interval", "0", "--count", "3000").code == 0


def test_address_families_and_source_addresses() -> None:
    with serving("echo", "--access-log", place=("--port", "0", "--host", "::")) as server:
        assert tw("probe", "echo", f"localhost:{server.port}", "-4", "--bind", "127.0.0.5", *FAST).code == 0
        assert server.wait_for("open")["peer"].startswith("127.0.0.5:")
        assert tw("probe", "echo", f"[::1]:{server.port}", "-6", *FAST).code == 0
        assert tw("probe", "echo", f"127.0.0.1:{server.port}", "-6", *FAST).code == ExitCode.CONNECT


def test_wait_for_meets_a_server_that_comes_late() -> None:
    with held_port() as port:
        probe = subprocess.Popen(
            [TW, "probe", "echo", f":{port}", "--wait-for", "1m", *FAST], env=environment(), stdout=subprocess.PIPE
        )
        with pytest.raises(subprocess.TimeoutExpired):
            probe.wait(0.7)
        with serving("echo", place=("--port", str(port))):
            assert probe.wait(TIMEOUT_S) == 0
        probe.communicate()
        gone = tw("probe", "echo", f":{port}", "--wait-for", "300ms")
    assert gone.code == ExitCode.CONNECT
    assert "waited 0.3 s" in gone.error_line


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("probe", ["echo", "counter", "pubsub"])
def test_a_signal_ends_a_probe_with_its_summary(probe: str, number: int, code: int) -> None:
    with serving(probe, "--access-log") as server:
        process = subprocess.Popen(
            [TW, "probe", probe, server.target, "--json", "--interval", "60s"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        server.wait_for("request" if probe == "counter" else "open")
        process.send_signal(number)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (code, b"")
    report = json.loads(out)
    assert (report["error"]["kind"], report["error"]["exit"], report["lost"]) == ("interrupted", code, 0)


def test_foreign_lines_and_history_are_counted_apart() -> None:
    need("nc")
    with serving("pubsub", "--history", "10") as server:
        subprocess.run(["nc", "-N", "127.0.0.1", str(server.port)], input=b"old\n" * 3, check=True, capture_output=True)
        ran = tw("probe", "pubsub", server.target, *FAST, "--json")
    assert (ran.code, ran.json["foreign"], ran.json["delivered"]) == (0, 3, 5)


def test_a_server_without_prefixes_or_with_crlf_is_probed_as_well() -> None:
    with serving("pubsub", "--no-prefix", "--crlf", "--no-echo") as server:
        assert tw("probe", "pubsub", server.target, *FAST).code == 0


def test_a_plain_echo_server_of_another_make_is_probed_as_well() -> None:
    need("ncat")
    with held_port() as port:
        ncat = subprocess.Popen(["ncat", "-l", "127.0.0.1", str(port), "--exec", "/bin/cat"])
        try:
            assert tw("probe", "echo", f":{port}", "--wait-for", "30s", *FAST).code == 0
        finally:
            ncat.kill()
            ncat.wait()

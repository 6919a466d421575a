"""What makes a probe a load run, and which combinations are refused."""

import pytest

from command_lines import Shell
from tw.load_options import LoadOptions

PROBES = ["probe echo", "probe counter", "probe pubsub"]


@pytest.mark.parametrize("command", PROBES)
@pytest.mark.parametrize(
    ("typed", "load"),
    [
        ("", None),
        ("--count 7", None),
        ("--connections 3", LoadOptions(connections=3, duration_s=10.0)),
        ("--connections 3 --count 7", LoadOptions(connections=3, count=7)),
        ("--duration 2s", LoadOptions(connections=1, duration_s=2.0)),
        ("--duration 2s --count 7", LoadOptions(connections=1, duration_s=2.0, count=7)),
        ("--rate 0.5 --connections 2", LoadOptions(connections=2, rate_per_s=0.5, duration_s=10.0)),
        (
            "--connections 9 --warmup 500ms --connect-rate 3",
            LoadOptions(connections=9, duration_s=10.0, warmup_s=0.5, connect_rate_per_s=3.0),
        ),
    ],
)
def test_connections_a_rate_or_a_duration_make_a_load(
    shell: Shell, command: str, typed: str, load: LoadOptions | None
) -> None:
    assert shell.start(f"{command} {typed}").options.load == load


@pytest.mark.parametrize("command", ["probe echo", "probe counter"])
@pytest.mark.parametrize(
    ("typed", "load"),
    [
        ("--rate 50", LoadOptions(connections=10, rate_per_s=50.0, duration_s=10.0)),
        ("--rate 50 --count 4", LoadOptions(connections=4, rate_per_s=50.0, count=4)),
    ],
)
def test_requests_at_a_rate_do_not_wait_for_each_other(
    shell: Shell, command: str, typed: str, load: LoadOptions
) -> None:
    assert shell.start(f"{command} {typed}").options.load == load


@pytest.mark.parametrize("command", PROBES)
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--warmup 1s", "--warmup without a load; add --connections, --rate or --duration"),
        ("--connect-rate 1 --count 5", "--connect-rate without a load; add --connections, --rate or --duration"),
        ("--rate 5 --interval 1s", "--interval beside a load; it is for ping mode, --rate sets the pace of a load"),
        ("--connections 9 --count 8", "--count 8 is less than --connections 9; give each connection one message"),
        ("--connections 0", "Invalid value for '--connections': 0 is not in the range 1<=x<=50000"),
        ("--rate 0", "Invalid value for '--rate': '0' is out of range; use 0.001 to 10,000,000"),
        ("--rate x", "Invalid value for '--rate': 'x' is not a rate; write 0.5, 1000 or 20k for so many a second"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_right_form(shell: Shell, command: str, typed: str, said: str) -> None:
    assert shell.refused(f"{command} {typed}").lower().startswith(said.lower())


def test_a_load_goes_not_beside_a_conversation(shell: Shell) -> None:
    assert shell.refused("probe echo --rate 5 -i").startswith("-i beside a load; ")


def test_load_options_need_an_end() -> None:
    with pytest.raises(Exception, match="a load run without an end"):
        LoadOptions(connections=3)

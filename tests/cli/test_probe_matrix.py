"""What makes a probe of pub/sub a delivery matrix, and which combinations are refused."""

import pytest

from command_lines import Shell
from tw.load_options import LoadOptions
from tw.matrix_options import MatrixOptions

TEN_SECONDS = LoadOptions(duration_s=10.0)


@pytest.mark.parametrize(
    ("typed", "load", "matrix"),
    [
        ("--publishers 3", LoadOptions(connections=3, duration_s=10.0), MatrixOptions(publishers=3)),
        ("--subscribers 3", TEN_SECONDS, MatrixOptions(subscribers=3)),
        ("--duration 10s", TEN_SECONDS, MatrixOptions()),
        ("--rate 50 --count 4", LoadOptions(rate_per_s=50.0, count=4), MatrixOptions()),
        (
            "--connections 3 --count 9",
            LoadOptions(connections=3, count=9),
            MatrixOptions(publishers=3, subscribers=3),
        ),
        (
            "--publishers 2 --subscribers 3 --count 4 --window 8",
            LoadOptions(connections=2, count=4),
            MatrixOptions(publishers=2, subscribers=3, window=8),
        ),
        (
            "--subscribers 3 --read-rate 64k",
            TEN_SECONDS,
            MatrixOptions(subscribers=3, read_rate_bytes_per_s=65_536, slow_subscribers=1),
        ),
        (
            "--subscribers 3 --read-rate 64k --slow-subscribers 2",
            TEN_SECONDS,
            MatrixOptions(subscribers=3, read_rate_bytes_per_s=65_536, slow_subscribers=2),
        ),
        ("--subscribers 3 --size 100", TEN_SECONDS, MatrixOptions(subscribers=3, size_bytes=100)),
        ("--count 7", None, None),
    ],
)
def test_publishers_subscribers_and_every_load_make_a_matrix(
    shell: Shell, typed: str, load: LoadOptions | None, matrix: MatrixOptions | None
) -> None:
    options = shell.start(f"probe pubsub {typed}").options
    assert (options.load, options.matrix) == (load, matrix)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--window 8", "--window without a load; add --publishers P --subscribers S"),
        ("--read-rate 64k", "--read-rate without a load; add --publishers P --subscribers S"),
        ("--slow-subscribers 2 --count 5", "--slow-subscribers without a load; add --publishers P --subscribers S"),
        ("--connections 2 --publishers 2", "--connections beside --publishers; it means so many of both"),
        ("--connections 2 --subscribers 2", "--connections beside --subscribers; it means so many of both"),
        ("--rate 5 --window 2", "--window beside --rate; a rate sends at fixed times"),
        ("--publishers 3 --count 2", "--count 2 is less than --publishers 3; give each publisher one line at least"),
        ("--publishers 3 --interval 1s", "--interval beside a load"),
        ("--publishers 3 --subscribe", "--subscribe beside a load; choose one mode"),
        ("--publishers 3 --publish x", "--publish beside a load; choose one mode"),
        ("--publishers 3 -i", "-i beside a load; choose one mode"),
        ("--publishers 0", "Invalid value for '--publishers': 0 is not in the range 1<=x<=2048"),
        ("--subscribers 2 --slow-subscribers 1", "--slow-subscribers without --read-rate; add --read-rate 64k"),
        ("--read-rate 1k --slow-subscribers 3 --subscribers 2", "--slow-subscribers 3 of --subscribers 2; "),
        ("--publishers 2000 --subscribers 2000", "--publishers 2000 x --subscribers 2000 are 4000000 pairs; "),
        (
            "--publishers 100 --window 60000",
            "--publishers 100 x --window 60000 x --size 64 is over 256 MiB; ",
        ),
        ("--subscribers 1000 --size 2M", "--size 2097152 x --subscribers 1000 is over 1 GiB at once; "),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_right_form(shell: Shell, typed: str, said: str) -> None:
    assert shell.refused(f"probe pubsub {typed}").lower().startswith(said.lower())


def test_what_is_typed_comes_before_connections_of_the_settings(shell: Shell) -> None:
    options = shell.start("probe pubsub --publishers 2", {"TW_PROBE_PUBSUB_CONNECTIONS": "5"}).options
    assert options.matrix == MatrixOptions(publishers=2, subscribers=5)

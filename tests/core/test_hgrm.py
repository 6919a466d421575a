"""The percentile output beside HdrHistogram's own, and as those read it who plot it."""

import io
import random
import re

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from tw.core.hgrm import hgrm
from tw.core.histogram import Histogram

UNIT_S = 2.0**-30


def of(values: list[float]) -> Histogram:
    histogram = Histogram()
    histogram.record_many(values)
    return histogram


def rows(text: str) -> list[tuple[float, float, int]]:
    """Value, percentile and count of every line, read as hdr-plot does: split at spaces, no `#`, no header."""
    lines = [line.split() for line in text.splitlines()[1:] if line and not line.startswith("#")]
    return [(float(line[0]), float(line[1]), int(line[2])) for line in lines]


def test_a_small_file_is_this() -> None:
    assert hgrm(of([0.001, 0.002, 0.003, 0.004])) == (
        "       Value     Percentile TotalCount 1/(1-Percentile)\n"
        "\n"
        "    1.000404 0.000000000000          1           1.00\n"
        "    1.000404 0.100000000000          1           1.11\n"
        "    1.000404 0.200000000000          1           1.25\n"
        "    2.000809 0.300000000000          2           1.43\n"
        "    2.000809 0.400000000000          2           1.67\n"
        "    2.000809 0.500000000000          2           2.00\n"
        "    3.000259 0.550000000000          3           2.22\n"
        "    3.000259 0.600000000000          3           2.50\n"
        "    3.000259 0.650000000000          3           2.86\n"
        "    3.000259 0.700000000000          3           3.33\n"
        "    3.000259 0.750000000000          3           4.00\n"
        "    4.000000 0.775000000000          4           4.44\n"
        "    4.000000 1.000000000000          4\n"
        "#[Mean    =     2.500000, StdDeviation   =     1.118380]\n"
        "#[Max     =     4.000000, Total count    =            4]\n"
        "#[Buckets =           32, SubBuckets     =         2048]\n"
    )


def test_of_nothing_there_is_a_header_and_a_footer() -> None:
    text = hgrm(Histogram())
    assert rows(text) == []
    assert "Total count    =            0]" in text
    assert "nan" not in text.lower()


def test_the_frame_is_hdrhistograms() -> None:
    """The header and the footer's names, but for one that the Python port calls otherwise than the original."""
    theirs, out = HdrHistogram(1, 10**6, 3), io.BytesIO()
    theirs.record_value(5)
    theirs.output_percentile_distribution(out, 1.0)
    ours = hgrm(of([5.0])).splitlines()
    expected = out.getvalue().decode().splitlines()
    assert ours[:2] == expected[:2]

    def shape(line: str) -> str:
        return re.sub(r"[\d.]+", "N", re.sub(r" +", " ", line)).replace("TotalCount", "Total count")

    assert [shape(line) for line in ours[-3:]] == [shape(line) for line in expected[-3:]]
    assert [shape(line) for line in ours[2:3] + ours[-4:-3]] == [
        shape(line) for line in expected[2:3] + expected[-4:-3]
    ]


@pytest.mark.parametrize("seed", range(3))
def test_every_line_is_true_of_hdrhistograms_distribution(seed: int) -> None:
    rng = random.Random(seed)
    units = [max(2048, int(rng.lognormvariate(14 + seed, 1))) for _ in range(5000)]
    theirs = HdrHistogram(1, 2**40, 3)
    for unit in units:
        theirs.record_value(unit)
    found = rows(hgrm(of([unit * UNIT_S for unit in units])))
    assert len(found) > 50
    counted = sorted(theirs.get_highest_equivalent_value(unit) for unit in units)
    for value_ms, percentile, total in found:
        # The nanosecond that it is rounded to may be the first one of the next bucket.
        upper = theirs.get_highest_equivalent_value(int((value_ms / 1000 - 1e-9) / UNIT_S))
        assert sum(unit <= upper for unit in counted) == total
        assert total / len(units) >= percentile


@given(st.lists(st.floats(0, 8000) | st.floats(-6, 3.5).map(lambda power: 10.0**power), min_size=1, max_size=200))
def test_the_columns_rise_to_the_whole(values: list[float]) -> None:
    found = rows(hgrm(of(values)))
    for column in range(3):
        assert [row[column] for row in found] == sorted(row[column] for row in found)
    assert found[0][1:] == (0.0, found[0][2])
    assert found[-1][1:] == (1.0, len(values))
    assert found[-1][0] == pytest.approx(max(values) * 1000, abs=1e-6)


def test_steps_to_the_whole_halve() -> None:
    """Five lines for each half of what is left, as long as there are buckets for them."""
    found = rows(hgrm(of([0.001 + number * 1e-6 for number in range(100_000)])))
    levels = [percentile for _, percentile, _ in found]
    assert levels[:11] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75])
    halves = [sum(1 - 2.0**-n <= level < 1 - 2.0 ** -(n + 1) for level in levels) for n in range(9)]
    assert halves == [5] * 9

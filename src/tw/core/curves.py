"""The lines of a chart: where they go in a box of so many points, as SVG's paths have it."""

from collections.abc import Iterator, Sequence
from math import log10

from tw.core.shapes import Axis, Shape, density

COLUMNS = 180


def outline(shape: Shape, axis: Axis, width: float, height: float) -> str:
    """The distribution as a filled outline, up to its own peak."""
    heights = density(shape, axis, COLUMNS)
    step, peak = width / COLUMNS, max(heights)
    points = [f"M0 {height:.1f}"]
    for column, share in enumerate(heights):
        y = height - share / peak * height
        points.append(f"L{column * step:.1f} {y:.1f}L{(column + 1) * step:.1f} {y:.1f}")
    return "".join((*points, f"L{width:.1f} {height:.1f}Z"))


def nines(shapes: Sequence[Shape]) -> int:
    """How many nines the longest of the distributions reaches: 3 where 1 value in 1,000 can be told."""
    most = max((sum(count for _, count in shape) for shape in shapes if shape), default=1)
    return max(2, min(7, int(log10(most)) + 1))


def rise(shape: Shape, axis: Axis, width: float, height: float, decades: int) -> str:
    """The value at each percentile. Each nine takes the same room, so that the tail can be seen."""
    steps = [(log10(rarity) / decades * width, axis.place(upper)) for rarity, upper in _rarities(shape)]
    begun = f"M0 {height - steps[0][1] * height:.1f}"
    return begun + "".join(f"V{height - place * height:.1f}H{min(x, width):.1f}" for x, place in steps)


def _rarities(shape: Shape) -> Iterator[tuple[float, float]]:
    """One value in how many is higher than each bucket's end: 1/(1-p). None is higher than the last, which is drawn
    where half a value would be."""
    total = above = sum(count for _, count in shape)
    for upper, count in shape:
        above -= count
        yield total / max(above, 0.5), upper

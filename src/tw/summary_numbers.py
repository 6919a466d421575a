"""What the counter's numbers say, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from tw.core.counted import counted

if TYPE_CHECKING:
    from tw.report import InstanceShare, Numbers

Row: TypeAlias = tuple[str, str, bool | None]
"""A name, its value, and whether that is good (None: neither)."""


def numbers_rows(numbers: Numbers) -> list[Row]:
    """The rows of a report that has numbers; a line for each instance where there is more than one."""
    counts = ((numbers.gaps, "gaps"), (numbers.duplicates, "duplicates"), (numbers.resets, "resets"))
    lines = [", ".join(counted(count, what) for count, what in (*counts, (numbers.instances, "instances")))]
    if numbers.unanswered:
        others = numbers.gaps - numbers.unanswered
        lines.append(
            f"{numbers.unanswered} of the gaps can be its own unanswered requests, at least {others} went to others"
        )
    if numbers.doubtful:
        again = f"{counted(numbers.doubtful, 'numbers')} came again, not saying whose"
        lines.append(f"{again}: copies, or other instances', by their pattern")
    if len(numbers.shares) > 1:
        lines.extend(map(_share_text, numbers.shares))
    return [("numbers", _span_text(numbers), None), *(("", line, None) for line in lines)]


def _span_text(numbers: Numbers) -> str:
    """From the lowest to the highest: under load the first and the last answer seldom are that. After a reset they say
    more."""
    first, last = numbers.first, numbers.last
    if numbers.shares and not numbers.resets:
        first, last = min(share.first for share in numbers.shares), max(share.last for share in numbers.shares)
    return f"{first} to {last}"


def _share_text(share: InstanceShare) -> str:
    name = "an instance without a name" if share.instance is None else f"instance {share.instance}"
    answers, gaps = counted(share.answers, "answers"), counted(share.gaps, "gaps")
    return f"{name}: {answers} ({100 * share.share:.1f} %), {share.first} to {share.last}, {gaps}"

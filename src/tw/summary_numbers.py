"""What the counter's numbers say, in words."""

from typing import TypeAlias

from tw.report import InstanceShare, Numbers

Row: TypeAlias = tuple[str, str, bool | None]
"""A name, its value, and whether that is good (None: neither)."""


def numbers_rows(numbers: Numbers) -> list[Row]:
    """The rows of a report that has numbers; a line for each instance where there is more than one."""
    counts = f"{numbers.gaps} gaps, {numbers.duplicates} duplicates, {numbers.resets} resets"
    lines = [f"{counts}, {numbers.instances} instances"]
    if numbers.unanswered:
        others = numbers.gaps - numbers.unanswered
        lines.append(
            f"{numbers.unanswered} of the gaps can be its own unanswered requests, at least {others} went to others"
        )
    if numbers.doubtful:
        lines.append(
            f"{numbers.doubtful} numbers came again, not saying whose: copies, or other instances', by their pattern"
        )
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
    return (
        f"{name}: {share.answers} answers ({100 * share.share:.1f} %), {share.first} to {share.last}, {share.gaps} gaps"
    )

"""Counts in sentences for people: `1 line`, `2 lines`. Not where the form is contract (`<tw> dropped N lines`)."""

_ENDINGS = (("ies", "y"), ("ches", "ch"), ("s", ""))
"""Of a plural, and what its singular has instead: all that the words of `tw` need."""


def counted(count: int, plural: str) -> str:
    """The count and its noun, in the right number.

    `plural` is the noun as it stands for many; words before it stay as they are (`foreign entries`).
    """
    return f"{count} {noun(count, plural)}"


def noun(count: int, plural: str) -> str:
    """`plural` itself, or its singular for one."""
    if count == 1:
        for ending, instead in _ENDINGS:
            if plural.endswith(ending):
                return plural.removesuffix(ending) + instead
    return plural

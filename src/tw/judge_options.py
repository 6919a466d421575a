"""How a run is judged, and where the judgement goes beside the screen."""

import os
from dataclasses import dataclass

from tw.options import require


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeOptions:
    """`asserted` are the texts of `--assert`; `junit` and `hgrm` name files that are written at the end."""

    asserted: tuple[str, ...] = ()
    junit: str | None = None
    hgrm: str | None = None

    def __post_init__(self) -> None:
        junit, hgrm = self.junit, self.hgrm
        same = junit is not None and hgrm is not None and os.path.realpath(junit) == os.path.realpath(hgrm)
        require(not same, "--junit and --hgrm name the same file", "give each a file of its own", junit or "")

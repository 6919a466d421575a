"""Results of clients: frozen values, and their JSON form. The schema lives here, in `events` and `schema`.

Every object carries `"v": 1`. Units end keys. What was not measured is null, never NaN. A field that is named here
keeps its name and meaning.
"""

from tw.report.assertion import Checked
from tw.report.distribution import Distribution
from tw.report.harm import FirstFault, HarmFigures
from tw.report.idle import IdleTimeout
from tw.report.lines import LineReceived, SubscribeSummary
from tw.report.load import LoadFigures, Snapshot, Warmup
from tw.report.numbers import InstanceShare, Numbers
from tw.report.phases import PhaseFigures
from tw.report.probe import Delivery, ProbeReport, Sample

__all__ = [
    "Checked",
    "Delivery",
    "Distribution",
    "FirstFault",
    "HarmFigures",
    "IdleTimeout",
    "InstanceShare",
    "LineReceived",
    "LoadFigures",
    "Numbers",
    "PhaseFigures",
    "ProbeReport",
    "Sample",
    "Snapshot",
    "SubscribeSummary",
    "Warmup",
]

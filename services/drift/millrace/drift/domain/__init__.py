"""What the service decides, without IO: monitors, when they ring, and whether a ring is news."""

from millrace.drift.domain.decisions import Drift, Key, Outcome, begin, decide, drift_detected, judged, watched
from millrace.drift.domain.monitor import Alarm, Monitor, Observation
from millrace.drift.domain.series import Point, series
from millrace.drift.domain.times import milliseconds, moment

__all__ = [
    "Alarm",
    "Drift",
    "Key",
    "Monitor",
    "Observation",
    "Outcome",
    "Point",
    "begin",
    "decide",
    "drift_detected",
    "judged",
    "milliseconds",
    "moment",
    "series",
    "watched",
]

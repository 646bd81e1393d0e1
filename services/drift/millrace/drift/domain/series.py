"""A monitor's history for a chart: means over time in the signal's own unit."""

from dataclasses import dataclass
from datetime import datetime

from millrace.drift.domain.history import Block
from millrace.drift.domain.monitor import Monitor
from millrace.drift.domain.times import moment


@dataclass(frozen=True, slots=True)
class Point:
    """The mean of `n` successive values, the first of them at `at`."""

    at: datetime
    mean: float
    n: int


def series(monitor: Monitor, points: int) -> list[Point]:
    """At most about `points` means of at least ten values each, oldest first; old stretches may be coarser.

    Empty until a fitted scale has its reference.
    """
    scale, least = monitor.scale, max(10, monitor.history.count // points)
    if scale is None:
        return []
    made: list[Point] = []
    gathered: list[Block] = []
    for block in monitor.history.blocks():
        gathered.append(block)
        count = sum(one.size for one in gathered)
        if count >= least:
            mean = scale.natural(sum(one.total for one in gathered) / count)
            made.append(Point(moment(gathered[0].at), mean, count))
            gathered = []
    return made

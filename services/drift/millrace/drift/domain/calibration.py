"""From a workspace's rate of false alarms to the detectors' levels, by a table made by bench/drift_calibration.py."""

import json
import math
from functools import cache
from importlib.resources import files
from itertools import pairwise

Curve = tuple[tuple[float, float], ...]


@cache
def curves() -> dict[tuple[str, str], Curve]:
    """By detector and signal: levels with the rate of false alarms of each, rarest last."""
    table = json.loads(files("millrace.drift.domain").joinpath("calibration.json").read_text())["rates"]
    return {
        (detector, signal): tuple((level, rate) for level, rate in rows)
        for detector, signals in table.items()
        for signal, rows in signals.items()
    }


def level_for(detector: str, signal: str, rate: float) -> float:
    """The level at which a detector rings falsely `rate` times a value: between two measured ones on log axes.

    Beyond the rarest measured rate it goes on along the last two, which errs on the side of fewer alarms, since the
    rates there are upper bounds; above the most frequent it stays. Raises KeyError for a pair that was not measured.
    """
    curve = _falling(curves()[detector, signal])
    if rate >= curve[0][1]:
        return curve[0][0]
    for (level, often), (next_level, seldom) in pairwise(curve):
        if rate >= seldom or next_level == curve[-1][0]:
            part = math.log(often / rate) / math.log(often / seldom)
            return math.exp(math.log(level) + part * math.log(next_level / level))
    return curve[-1][0]


def _falling(curve: Curve) -> Curve:
    """The curve without points whose rate is no lower than one before: there the bench saw too few alarms to tell."""
    kept = [curve[0]]
    for level, rate in curve[1:]:
        if rate < kept[-1][1]:
            kept.append((level, rate))
    return tuple(kept)

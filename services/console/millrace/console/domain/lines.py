"""Series to draw, and what happened along them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace.console.domain.words import moment, short
from millrace.pages.words import counted

SIGNALS = {"confidence": "confidence", "error": "error rate", "novelty": "novelty", "label_share": "label surprise"}
SMOOTH = 100
"""Values behind each drawn point: fewer jump about, more hide the change."""


@dataclass(frozen=True)
class Line:
    """A series: (time, value) in order. Lines of one `version` share a colour; a dashed one is not production's."""

    name: str
    points: list[tuple[datetime, float]]
    version: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Mark:
    """Something that happened at a time, drawn across a chart."""

    at: datetime
    text: str
    kind: str


def smooth(points: Sequence[tuple[datetime, float, int]], n: int = SMOOTH) -> list[tuple[datetime, float]]:
    """At each point the mean of the latest ones that hold at least `n` values together; the first ones hold fewer."""
    made, begin, held, whole = [], 0, 0, 0.0
    for at, value, size in points:
        held, whole = held + size, whole + value * size
        while held - points[begin][2] >= n:
            held, whole = held - points[begin][2], whole - points[begin][1] * points[begin][2]
            begin += 1
        made.append((at, whole / held))
    return made


def quality(told: Mapping[str, Any] | None, workspace: str) -> list[Line]:
    """Accuracy by labels over time, a line for each version and arm."""
    lines = []
    for one in (told or {}).get("versions", []):
        name, beside = short(one["version"], workspace), one["arm"] != "production"
        points = smooth([(moment(p["at"]), float(p["accuracy"]), p["n"]) for p in one["series"]])
        if points:
            lines.append(Line(f"{name} {one['arm']}" if beside else name, points, name, beside))
    return sorted(lines, key=lambda line: (line.dashed, line.points[0][0]))


def signals(told: Sequence[Mapping[str, Any]], workspace: str) -> dict[str, list[Line]]:
    """Each monitored signal's means over time, a line for each version and lane."""
    found: dict[str, list[Line]] = {title: [] for title in SIGNALS.values()}
    for answer in told:
        version = short(answer.get("version"), workspace)
        lanes = {one["lane"] for one in answer["monitors"]}
        for one in answer["monitors"]:
            points = smooth([(moment(p["at"]), float(p["mean"]), p["n"]) for p in one["series"]])
            if points:
                name = f"{version} lane {one['lane']}" if len(lanes) > 1 else version
                line = Line(name, points, version, one["lane"] > 0)
                found.setdefault(SIGNALS.get(one["signal"], one["signal"]), []).append(line)
    return {title: sorted(lines, key=lambda line: line.points[0][0]) for title, lines in found.items() if lines}


def marks(monitors: Sequence[Mapping[str, Any]], ledger: Sequence[Mapping[str, Any]], workspace: str) -> list[Mark]:
    """Change points and alarms of announced drifts, promotions and roll-backs, in order."""
    found = set()
    for alarm in (alarm for answer in monitors for alarm in answer.get("alarms", [])):
        if alarm.get("outcome", "announced") == "announced":
            found.add(Mark(moment(alarm["change_point"]), "change", "change"))
            found.add(Mark(moment(alarm["rang_at"]), "alarm", "alarm"))
    for row in ledger:
        name = short(row.get("version"), workspace)
        if row.get("stage") == "production":
            found.add(Mark(moment(row["at"]), f"{name} live", "promoted"))
        elif row.get("stage") == "rolled-back":
            found.add(Mark(moment(row["at"]), f"{name} back", "back"))
    return sorted(found, key=lambda mark: (mark.at, mark.text))


def alarms(monitors: Sequence[Mapping[str, Any]], workspace: str) -> list[str]:
    """The latest alarms in words, the newest first."""
    rows = [alarm for answer in monitors[:1] for alarm in answer.get("alarms", [])]
    return [
        f"{moment(row['rang_at']):%H:%M:%S} {SIGNALS.get(row['signal'], row['signal'])} of"
        f" {short(row['version'], workspace)} went from {row['before']:.3f} to {row['after']:.3f}:"
        f" dated {moment(row['change_point']):%H:%M:%S}, found {counted(row['since_change'], 'prediction')} later"
        f" ({'same drift' if row['outcome'] == 'same' else row['outcome']})"
        for row in rows
    ]

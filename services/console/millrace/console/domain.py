"""From what the owners say to what a page shows. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FLOW: dict[str, tuple[int, int]] = {
    "ingestion": (0, 0),
    "dedup": (1, 0),
    "datasets": (2, 0),
    "training": (3, 0),
    "registry": (4, 0),
    "evaluation": (4, 1),
    "serving": (3, 1),
    "feedback": (2, 1),
    "drift": (1, 1),
}
"""Column and row of each service in the picture: data runs right, answers run left, and the circle closes."""

LINKS = [
    ("ingestion", "dedup", "document.accepted"),
    ("dedup", "datasets", "document.kept"),
    ("datasets", "training", "dataset.released"),
    ("training", "registry", "model.trained"),
    ("registry", "evaluation", "evaluation.requested"),
    ("registry", "serving", "workspace.routed"),
    ("evaluation", "registry", "model.evaluated"),
    ("serving", "feedback", "prediction.served"),
    ("feedback", "drift", "feedback.recorded"),
    ("feedback", "dedup", "feedback.recorded"),
    ("drift", "training", "drift.detected"),
]

SIGNALS = {"confidence": "confidence", "error": "error rate", "novelty": "novelty", "label_share": "label surprise"}


@dataclass(frozen=True)
class Node:
    """A service in the picture; counts are since its process started."""

    name: str
    column: int
    row: int
    up: bool
    taken: int = 0
    emitted: int = 0
    lag: int = 0
    dead: int = 0


@dataclass(frozen=True)
class Line:
    """A series to draw: a name and points of (time, value)."""

    name: str
    points: list[tuple[datetime, float]]


@dataclass(frozen=True)
class Mark:
    """Something that happened at a time, drawn across a chart."""

    at: datetime
    text: str
    kind: str


@dataclass(frozen=True)
class Page:
    """Everything that one look shows."""

    workspace: str
    made_at: datetime
    workspaces: list[str]
    known: bool
    owner: str = ""
    task: str = ""
    nodes: list[Node] = field(default_factory=list)
    topics: dict[str, int] = field(default_factory=dict)
    figures: list[tuple[str, str]] = field(default_factory=list)
    story: list[dict[str, Any]] = field(default_factory=list)
    cycle: dict[str, Any] | None = None
    runs: list[dict[str, Any]] = field(default_factory=list)
    rollout: dict[str, Any] | None = None
    versions: list[dict[str, Any]] = field(default_factory=list)
    quality: list[Line] = field(default_factory=list)
    signals: dict[str, list[Line]] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)


def page(workspace: str, told: Mapping[str, Any], now: datetime) -> Page:
    """A page from the owners' answers; None stands for one that did not answer."""
    about = told["workspace"]
    cycles = told["cycles"] or []
    cycle = cycles[0] if cycles else None
    return Page(
        workspace=workspace,
        made_at=now,
        workspaces=told["workspaces"],
        known=about is not None,
        owner=(about or {}).get("owner", ""),
        task=(about or {}).get("task", ""),
        nodes=nodes(told["counters"]),
        topics=topics(told["counters"]),
        figures=figures(told),
        story=story(told["ledger"] or [], cycle),
        cycle=cycle,
        runs=[run for run in told["runs"] or [] if cycle and run.get("cycle_id") == cycle["id"]],
        rollout=next((step for step in told["rollouts"] or [] if not step.get("verdict")), None),
        versions=versions(told["versions"] or [], about),
        quality=quality(told["quality"]),
        signals=signals(told["monitors"]),
        marks=marks(told["monitors"], told["ledger"] or []),
        alerts=told["alerts"] or [],
    )


def nodes(counters: Mapping[str, Mapping[str, Mapping[str, float]] | None]) -> list[Node]:
    found = []
    for name, (column, row) in FLOW.items():
        known = counters.get(name)

        def total(metric: str, known: Mapping[str, Mapping[str, float]] | None = known) -> int:
            return round(sum((known or {}).get(metric, {}).values()))

        found.append(
            Node(
                name,
                column,
                row,
                up=known is not None,
                taken=total("millrace_events"),
                emitted=total("millrace_events_emitted"),
                lag=total("millrace_lag_events"),
                dead=total("millrace_dead_letters"),
            )
        )
    return found


def topics(counters: Mapping[str, Mapping[str, Mapping[str, float]] | None]) -> dict[str, int]:
    """Events emitted by topic, without the version suffix."""
    found: dict[str, int] = {}
    for known in counters.values():
        for topic, value in (known or {}).get("millrace_events_emitted", {}).items():
            name = topic.removesuffix(".v1")
            found[name] = found.get(name, 0) + round(value)
    return found


def figures(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures at the top of the page, those that are known."""
    shown: list[tuple[str, str]] = []
    if (ingested := told["ingested"]) is not None:
        shown.append(("documents taken", f"{ingested.get('submitted', 0):,}"))
        masked = ingested.get("masked", 0)
        shown.append(("masked", f"{masked if isinstance(masked, int) else sum(masked.values()):,}"))
        shown.append(("rejected", f"{ingested.get('rejected', 0):,}"))
    if (kept := told["deduplicated"]) is not None:
        shown.append(("kept", f"{kept['kept']:,}"))
        shown.append(("duplicates", f"{sum(kept['duplicated'].values()):,}"))
    production = production_quality(told["quality"])
    if production is not None:
        shown.append(("accuracy in production", f"{production['accuracy']:.1%}"))
    return shown


def production_quality(told: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The quality of the version in production that was labelled last."""
    known = [one for one in (told or {}).get("versions", []) if one["arm"] == "production" and one["series"]]
    return max(known, key=lambda one: moment(one["series"][-1]["at"])) if known else None


def story(ledger: Sequence[Mapping[str, Any]], cycle: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """What registry wrote down of the cycle, the oldest first; of the latest moves where no cycle is known."""
    mine = [row for row in ledger if cycle and row.get("cycle_id") == cycle["id"]]
    return [{**row, "at": moment(row["at"])} for row in reversed(mine or ledger[:8])]


def versions(known: Sequence[Mapping[str, Any]], about: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Versions with their main scores, the newest first, and where each stands in the route."""
    canary = ((about or {}).get("route") or {}).get("canary") or {}
    shown = []
    for one in known:
        scores = one.get("scores") or {}
        share = canary.get("share") if (canary.get("deployment") or {}).get("version") == one["version"] else None
        shown.append(
            {
                **one,
                "share": share,
                "golden": value(scores.get("golden.macro_f1")),
                "fresh": value(scores.get("fresh.macro_f1")),
                "typos": value(scores.get("typos.macro_f1")),
                "created_at": moment(one["created_at"]),
            }
        )
    return shown


def value(score: Any) -> float | None:
    """A score's value, given alone or with its interval."""
    if isinstance(score, Mapping):
        return value(score.get("value"))
    return float(score) if isinstance(score, int | float) else None


def quality(told: Mapping[str, Any] | None) -> list[Line]:
    """Accuracy over time, a line for each version and arm."""
    lines = []
    for one in (told or {}).get("versions", []):
        name = one["version"] if one["arm"] == "production" else f"{one['version']} ({one['arm']})"
        points = [(moment(point["at"]), float(point["accuracy"])) for point in one["series"]]
        if points:
            lines.append(Line(name, points))
    return sorted(lines, key=lambda line: line.points[0][0])


def signals(told: Mapping[str, Any] | None) -> dict[str, list[Line]]:
    """Each monitor's means over time, a line for each lane."""
    found: dict[str, list[Line]] = {}
    for one in (told or {}).get("monitors", []):
        points = [(moment(point["at"]), float(point["mean"])) for point in one["series"]]
        if points:
            name = SIGNALS.get(one["signal"], one["signal"])
            found.setdefault(name, []).append(Line(f"lane {one['lane']}", points))
    return found


def marks(monitors: Mapping[str, Any] | None, ledger: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """Change points, alarms and promotions."""
    found = []
    for alarm in (monitors or {}).get("alarms", []):
        found.append(Mark(moment(alarm["change_point"]), "change point", "change"))
        found.append(Mark(moment(alarm["rang_at"]), "drift found", "alarm"))
    for row in ledger:
        if row.get("stage") == "production" and row.get("version"):
            found.append(Mark(moment(row["at"]), f"{row['version']} in production", "promoted"))
    return sorted(found, key=lambda mark: mark.at)


def moment(at: str | datetime) -> datetime:
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)

"""From what the owners say to what a page shows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from millrace.console.domain.counters import emitted, total
from millrace.console.domain.figures import Figure, figures
from millrace.console.domain.lines import Line, Mark, alarms, marks, quality, signals
from millrace.console.domain.nodes import Node, answers, nodes
from millrace.console.domain.story import ENDS, WHY, Chapter, Told, tell
from millrace.console.domain.versions import Listed, versions
from millrace.console.domain.words import clock, lasting, maybe, moment, short, shorten


@dataclass(frozen=True)
class Past:
    """A cycle in the list of cycles."""

    id: str
    at: str
    because: str
    became: str
    took: str
    state: str


@dataclass(frozen=True)
class Page:
    """Everything that one look shows. `known` is None where registry is silent; `silent` says since when who is."""

    workspace: str
    made_at: datetime
    workspaces: list[str]
    known: bool | None
    silent: dict[str, datetime | None] = field(default_factory=dict)
    owner: str = ""
    task: str = ""
    nodes: list[Node] = field(default_factory=list)
    topics: dict[str, int] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    cycle_id: str | None = None
    cycle_open: bool = False
    story: list[Chapter] = field(default_factory=list)
    cycles: list[Past] = field(default_factory=list)
    waits: list[tuple[str, str]] = field(default_factory=list)
    versions: list[Listed] = field(default_factory=list)
    versions_in_all: int = 0
    quality: list[Line] = field(default_factory=list)
    signals: dict[str, list[Line]] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)
    alerts: list[tuple[str, str, str]] = field(default_factory=list)


NOTHING: dict[str, Any] = dict.fromkeys(
    (
        "workspace", "versions", "ledger", "cycles", "runs", "alerts", "datasets", "evaluations", "rollouts", "quality",
        "monitors", "ingested", "deduplicated",
    )
)  # fmt: skip
"""What is asked for a page, before anyone has said anything; None stands for knowing nothing."""


def page(
    workspace: str,
    told: Mapping[str, Any],
    now: datetime,
    *,
    rates: Mapping[str, float],
    silent: Mapping[str, datetime | None],
    cycle_id: str | None = None,
) -> Page:
    """A page from the owners' answers. `cycle_id` is the cycle whose story is told, the newest unless given."""
    about, ledger = told["workspace"], told["ledger"] or []
    cycles: list[Mapping[str, Any]] = told["cycles"] or []
    cycle = next((one for one in cycles if one["id"] == cycle_id), cycles[0] if cycles else None)
    monitors: list[Mapping[str, Any]] = told["monitors"] or []
    return Page(
        workspace=workspace,
        made_at=now,
        workspaces=told["workspaces"] or [],
        known=True if about is not None else None if "registry" in silent else False,
        silent=dict(silent),
        owner=(about or {}).get("owner", ""),
        task=(about or {}).get("task", ""),
        nodes=nodes(told["counters"], rates, workspace),
        topics=counts(told["counters"]),
        rates=dict(rates),
        figures=figures(workspace, told, rates),
        cycle_id=cycle["id"] if cycle else None,
        cycle_open=bool(cycle and cycle["state"] != "closed"),
        story=tell(of_cycle(workspace, cycle, told, now)) if cycle else [],
        cycles=[past(one, workspace, now) for one in cycles],
        waits=waits(about, told["versions"] or [], workspace),
        versions=versions(told["versions"] or [], about, ledger),
        versions_in_all=(about or {}).get("versions", 0),
        quality=quality(told["quality"], workspace),
        signals=signals(monitors, workspace),
        marks=marks(monitors, ledger, workspace),
        alarms=alarms(monitors, workspace),
        alerts=[
            (clock(moment(row["at"]), now), row["kind"], shorten(row["reason"], workspace))
            for row in told["alerts"] or []
        ],
    )


def counts(all_counters: Mapping[str, Any]) -> dict[str, int]:
    """What moves along the arrows: events by topic, and the two that no topic shows."""
    taken = total(all_counters.get("ingestion"), "millrace_ingestion_records")
    return {**emitted(all_counters), "taken": taken, "answers": sum(answers(all_counters.get("serving")))}


def of_cycle(workspace: str, cycle: Mapping[str, Any], told: Mapping[str, Any], now: datetime) -> Told:
    """What belongs to one cycle."""
    datasets = told["datasets"] or {"datasets": [], "cuts": []}
    key = f"{cycle['id']}/{cycle['attempt']}"
    version = next((one for one in told["versions"] or [] if one["cycle_id"] == cycle["id"]), None)
    name = version["version"] if version else None
    return Told(
        workspace=workspace,
        now=now,
        cycle=cycle,
        cut=next((one for one in datasets["cuts"] if one["key"] == key), None),
        dataset=next((one for one in datasets["datasets"] if one["dataset"] == cycle.get("dataset")), None),
        runs=[run for run in told["runs"] or [] if run["cycle_id"] == cycle["id"]],
        evaluations=[one for one in told["evaluations"] or [] if name and one["version"] == name],
        steps=[one for one in told["rollouts"] or [] if one["cycle_id"] == cycle["id"]],
        planned=planned(told["workspace"], name),
    )


def planned(about: Mapping[str, Any] | None, version: str | None) -> Sequence[tuple[str, float | None]]:
    """The steps to production: of the rollout under way, or as the workspace declares them."""
    if about is None:
        return [("production", None)]
    rollout = about.get("rollout")
    if rollout and rollout["version"] == version:
        return [(step["stage"], step.get("share")) for step in rollout["steps"]]
    if not (about.get("route") or {}).get("production"):
        return [("production", None)]
    declared = about["spec"].get("rollout") or {}
    shares: Collection[float] = (declared.get("canary") or {}).get("shares") or []
    shadow: list[tuple[str, float | None]] = [("shadow", None)] if declared.get("shadow") else []
    return [*shadow, *(("canary", share) for share in shares), ("production", None)]


def waits(
    about: Mapping[str, Any] | None, versions: Sequence[Mapping[str, Any]], workspace: str
) -> list[tuple[str, str]]:
    """What waits for people, and the command that goes on."""
    told = about or {}
    rollout, request = told.get("rollout") or {}, told.get("request") or {}
    found = []
    if rollout.get("awaiting"):
        found.append(
            (f"{short(rollout['version'], workspace)} has passed and waits for a person's yes", "millrace approve")
        )
    if request:
        what = (
            f"{request['by']} asks for {short(request['version'], workspace)} in production, and somebody else decides"
        )
        found.append((what, "millrace approve"))
    for one in versions:
        if hold := one.get("hold"):
            what = f"{short(one['version'], workspace)} is held by {hold['by']} ({hold['reason']})"
            found.append((what, "millrace release"))
    return found


def past(cycle: Mapping[str, Any], workspace: str, now: datetime) -> Past:
    opened, closed = moment(cycle["opened_at"]), maybe(cycle.get("closed_at"))
    outcome = cycle.get("outcome")
    name = f"{short(cycle['became'], workspace)} " if cycle.get("became") else ""
    return Past(
        id=cycle["id"],
        at=clock(opened, now),
        because=WHY.get(cycle["because"], cycle["because"]) + (", again" if cycle["attempt"] > 1 else ""),
        became=f"{name}{ENDS.get(outcome, outcome).lower()}" if outcome else cycle["state"],
        took=lasting((closed or now) - opened),
        state=outcome or "now",
    )

"""One cycle as a story: why it opened, the rows, the runs, the gate, the rollout, how it ended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from millrace.console.domain import evidence
from millrace.console.domain.evidence import Bar, Check
from millrace.console.domain.words import lasting, maybe, moment, percent, short, shorten
from millrace.pages.words import counted

WHY = {
    "drift": "The world changed",
    "growth": "Enough new documents came",
    "schedule": "The schedule's time came",
    "hand": "A person asked for it",
}
SPLITS = {"train": "to train", "validation": "to validate", "fresh": "fresh", "golden": "golden"}
ENDS = {
    "production": "Promoted",
    "rejected": "Stopped at the gate",
    "refused": "Refused before it was loaded",
    "failed": "Ended without a candidate",
    "rolled-back": "Rolled back",
}


@dataclass(frozen=True)
class Chapter:
    """`state` is done, now, ahead or bad. `bars` are how far things are, `checks` conditions with their evidence."""

    title: str
    state: str
    at: datetime | None = None
    took: timedelta | None = None
    words: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


@dataclass(frozen=True)
class Told:
    """What the owners say of one cycle."""

    workspace: str
    now: datetime
    cycle: Mapping[str, Any]
    cut: Mapping[str, Any] | None
    dataset: Mapping[str, Any] | None
    runs: Sequence[Mapping[str, Any]]
    evaluations: Sequence[Mapping[str, Any]]
    steps: Sequence[Mapping[str, Any]]
    planned: Sequence[tuple[str, float | None]]

    @property
    def open(self) -> bool:
        return bool(self.cycle["state"] != "closed")

    def left(self, at: datetime | None) -> str:
        return f"{lasting(at - self.now)} left" if at and at > self.now else "its time is over"


def tell(told: Told) -> list[Chapter]:
    """The chapters so far, then those that lie ahead while the cycle is open."""
    chapters = [_opened(told), _rows(told), *_runs(told), *_gate(told), *_steps(told)]
    chapters += _ahead(told) if told.open else [_ended(told)]
    return [replace(one, words=[shorten(words, told.workspace) for words in one.words]) for one in chapters]


def _opened(told: Told) -> Chapter:
    cycle = told.cycle
    words = [cycle["note"]] if cycle.get("note") else []
    if cycle.get("change_point"):
        at, opened = moment(cycle["change_point"]), moment(cycle["opened_at"])
        words.append(f"The change is dated {at:%H:%M:%S}, {lasting(opened - at)} before.")
    if cycle["attempt"] > 1:
        words.append(f"Attempt {cycle['attempt']} for the same reason.")
    return Chapter(WHY.get(cycle["because"], cycle["because"]), "done", moment(cycle["opened_at"]), words=words)


def _rows(told: Told) -> Chapter:
    cycle, cut = told.cycle, told.cut
    opened, ended = moment(cycle["opened_at"]), maybe(cycle.get("cut_at"))
    if cycle.get("dataset"):
        rows = (told.dataset or {}).get("rows") or {}
        parts = [f"{rows[name]:,} {what}" for name, what in SPLITS.items() if name in rows]
        words = [", ".join(parts)] if parts else [f"dataset {cycle['dataset'][:12]}"]
        return Chapter("A dataset was cut", "done", ended, (ended or opened) - opened, words)
    if cut is None:
        return Chapter("Rows wait", "now" if told.open else "bad", opened, words=["datasets has not said anything yet"])
    if cut["state"] not in ("waiting", "cutting"):
        return Chapter("No dataset", "bad", opened, words=[cut.get("reason") or cut["state"]])
    asked, seen = cut["min_labels"], cut["seen"]
    bar = Bar("labelled rows", min(1.0, seen / asked) if asked else None, f"{seen:,} of {asked:,}")
    title = "Rows are being cut" if cut["state"] == "cutting" else "Rows gather"
    return Chapter(title, "now", opened, words=[told.left(maybe(cut.get("deadline")))], bars=[bar])


def _runs(told: Told) -> Iterator[Chapter]:
    if not told.runs:
        return
    over = all(run.get("ended_at") for run in told.runs)
    begun = [moment(run["started_at"]) for run in told.runs if run.get("started_at")]
    ended = max((moment(run["ended_at"]) for run in told.runs if run.get("ended_at")), default=told.now)
    failed = over and not any(run["state"] == "trained" for run in told.runs)
    yield Chapter(
        f"{counted(len(told.runs), 'candidate')} {'trained' if over else 'train'} side by side",
        "bad" if failed else "done" if over else "now",
        min(begun, default=None),
        ended - min(begun) if begun else None,
        words=[
            *(f"{run['method']}: {run['why']}" for run in told.runs if run.get("picked") and run.get("why")),
            *([f"The search is over: {told.cycle['searched']}."] if told.cycle.get("searched") else []),
            *([f"It waits for {told.cycle['waits_for']}."] if not over and told.cycle.get("waits_for") else []),
        ],
        bars=[_run(run, (told.cycle.get("plan") or {}).get("metric", "")) for run in told.runs],
    )


def _run(run: Mapping[str, Any], metric: str) -> Bar:
    asked = "".join(f", {name} {value:.4g}" for name, value in sorted(run.get("asked", {}).items()))
    name = run["method"] + asked + ("" if run["untrusted"] else ", trusted rows alone")
    if run.get("failed"):
        return Bar(name, 1.0, run["failed"], "bad")
    if run.get("ended_at"):
        scored = [f"{metric} {run['scores'][metric]:.3f}"] if metric in run["scores"] else []
        words = ", ".join([*scored, lasting(timedelta(seconds=run["seconds"]))])
        return Bar(name, 1.0, words, "picked" if run.get("picked") else "done")
    if not run.get("started_at"):
        return Bar(name, 0.0, "queued")
    steps, step = run.get("steps"), run.get("step") or 0
    loss = f", loss {run['loss']:.3f}" if run.get("loss") is not None else ""
    words = (
        f"{run.get('stage') or 'starting'} {f'{step:,} of {steps:,}' if steps else f'{step:,}' if step else ''}{loss}"
    )
    return Bar(name, step / steps if steps else None, words.strip(), "now")


def _gate(told: Told) -> Iterator[Chapter]:
    for one in sorted(told.evaluations, key=lambda one: str(one["requested_at"])):
        name, against = short(one["version"], told.workspace), one.get("against")
        asked, judged = moment(one["requested_at"]), maybe(one.get("judged_at"))
        titles = {None: "is judged at the gate", "pass": "passed the gate", "failed": "could not be judged"}
        verdict = one.get("verdict")
        words = [
            f"compared with {short(against, told.workspace)}" if against else "there is no production to compare with"
        ]
        yield Chapter(
            f"{name} {titles.get(verdict, 'did not pass the gate')}",
            "now" if judged is None else "done" if verdict == "pass" else "bad",
            asked,
            (judged or told.now) - asked,
            [one["reason"]] if one.get("reason") else words,
            checks=list(evidence.gate(one)),
        )


def _steps(told: Told) -> Iterator[Chapter]:
    for step in sorted(told.steps, key=lambda step: int(step["revision"])):
        routed, judged = moment(step["routed_at"]), maybe(step.get("judged_at"))
        verdict = step.get("verdict")
        share = f" at {percent(step['share'], 0)}" if step.get("share") else ""
        words = [step["because"]] if step.get("because") else []
        if not verdict:
            words = [f"waits for {step['waits_for']}" if step.get("waits_for") else "the verdict is near"]
            words += [told.left(maybe(step.get("closes_at")))] if step.get("closes_at") else []
        yield Chapter(
            f"{short(step['version'], told.workspace)} in {step['step']}{share}",
            "now" if not verdict else "done" if verdict in ("promote", "superseded") else "bad",
            routed,
            (judged or told.now) - routed,
            words,
            list(evidence.bars(step)) if not verdict else [],
            list(evidence.checks(step)),
        )


def _ended(told: Told) -> Chapter:
    cycle = told.cycle
    outcome = cycle.get("outcome") or "closed"
    closed, opened = maybe(cycle.get("closed_at")), moment(cycle["opened_at"])
    words = [cycle["reason"]] if cycle.get("reason") else []
    if closed:
        words.append(f"{lasting(closed - opened)} after the cycle opened.")
    name = f"{short(cycle['became'], told.workspace)}: " if cycle.get("became") else ""
    return Chapter(
        f"{name}{ENDS.get(outcome, outcome)}", "done" if outcome == "production" else "bad", closed, words=words
    )


def _ahead(told: Told) -> Iterator[Chapter]:
    """What a version has still to pass, by the rollout under way or else as the workspace declares it."""
    if not told.runs:
        yield Chapter("Candidates train side by side", "ahead")
    if not told.evaluations:
        yield Chapter("The gate", "ahead")
    passed = {(step["step"], step.get("share")) for step in told.steps}
    for stage, share in told.planned:
        if (stage, share) not in passed:
            name = {"shadow": "Shadow", "canary": "Canary", "production": "Production"}.get(stage, stage)
            yield Chapter(name + (f" at {percent(share, 0)}" if share else ""), "ahead")

"""Ledger events in a reader's words."""

from functools import singledispatch

from millrace.events import (
    DatasetFailed,
    DatasetReleased,
    DriftDetected,
    EvaluationFailed,
    Event,
    ModelEvaluated,
    ModelRegistered,
    ModelStaged,
    ModelTrained,
    RetrainingRequested,
    RolloutJudged,
    RouteApplied,
    TrainingFailed,
    TrainingStarted,
)
from millrace.pages.words import counted


@singledispatch
def sentence(event: Event) -> str | None:
    """One line about an event; None for one that is not worth a line."""
    return None


@sentence.register
def _(event: DriftDetected) -> str:
    return (
        f"[bold red]drift[/]: {event.monitor} of {event.version} went from {event.before:.2f} to {event.after:.2f}, "
        f"says {event.detector} after {counted(event.since_change, 'prediction')}"
    )


@sentence.register
def _(event: RetrainingRequested) -> str:
    wanted = f", waits for {event.min_labels} labelled texts" if event.min_labels else ""
    return f"a cycle opens because of {event.because}{wanted}"


@sentence.register
def _(event: DatasetReleased) -> str:
    rows = ", ".join(f"{count} {name}" for name, count in event.rows.items())
    return f"dataset [bold]{_short(event.dataset)}[/] is cut: {rows}; {counted(len(event.labels), 'label')}"


@sentence.register
def _(event: DatasetFailed) -> str:
    return f"[red]no dataset[/]: {event.reason}"


@sentence.register
def _(event: TrainingStarted) -> str:
    return f"training side by side: {', '.join(run.method for run in event.runs)}"


@sentence.register
def _(event: TrainingFailed) -> str:
    return f"[red]training failed[/]: {event.reason}"


@sentence.register
def _(event: ModelTrained) -> str:
    runs = "; ".join(
        f"{run.method} {run.scores.get('macro_f1', 0):.3f} in {run.seconds:.0f} s"
        if not run.failed
        else f"{run.method} failed"
        for run in event.runs
    )
    return f"trained: {runs}; [bold]{event.method}[/] goes on"


@sentence.register
def _(event: ModelRegistered) -> str:
    return f"[bold]{event.version}[/] is registered, {event.method} on {_short(event.dataset)}"


@sentence.register
def _(event: ModelEvaluated) -> str:
    scores = ", ".join(
        f"{suite} {metrics['macro_f1'].value:.3f}" for suite, metrics in event.scores.items() if "macro_f1" in metrics
    )
    colour = "green" if event.verdict == "pass" else "red"
    broken = "; ".join(c.condition for c in event.conditions if c.verdict != "pass")
    return f"the gate: [{colour}]{event.verdict}[/] ({scores}){f'; broken: {broken}' if broken else ''}"


@sentence.register
def _(event: EvaluationFailed) -> str:
    return f"[red]could not be judged[/]: {event.reason}"


@sentence.register
def _(event: RolloutJudged) -> str:
    step = event.step if event.share is None else f"canary at {event.share:.0%}"
    colour = "green" if event.verdict == "promote" else "red"
    return f"{step}: [{colour}]{event.verdict}[/], {event.because}"


@sentence.register
def _(event: ModelStaged) -> str | None:
    if event.stage == "registered":
        return None
    colour = {"production": "bold green", "shadow": "cyan", "canary": "cyan", "superseded": "dim"}.get(
        event.stage, "bold red"
    )
    return f"{event.version or 'no version'} -> [{colour}]{event.stage}[/] ({event.reason})"


@sentence.register
def _(event: RouteApplied) -> str | None:
    return None if event.ok else f"[red]route {event.revision} failed[/]: {event.reason}"


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:10]

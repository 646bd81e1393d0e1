"""Which candidates a cycle trains side by side, and which of them goes to be judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal
from uuid import UUID, uuid5

from millrace.training.domain.imports import IMPORTED

DECLARE = "declare"
"""Trains nothing: production's weights under the serving parameters that the workspace now declares."""

UNTAUGHT = frozenset({DECLARE, IMPORTED})
"""Methods that train nothing, and so have nothing to search and cost nobody's budget."""

FINE_TUNES = frozenset({"full", "prompt", "sft", "sft-lora", "dpo", "kto"})
"""Methods that may start from what is in production: its encoder, or the model that speaks."""

ENDED = ("trained", "failed", "pruned")


@dataclass(frozen=True, slots=True)
class Candidate:
    """`untrusted` says whether untrusted rows may be among its training rows; `settings` are parameters of its method,
    where they are not the method's own."""

    run_id: UUID
    method: str
    base: str
    untrusted: bool = True
    settings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A candidate and how it ended. `bytes` are those of its artifact, `seconds` of its training."""

    candidate: Candidate
    state: Literal["queued", "running", "trained", "failed", "pruned"]
    scores: Mapping[str, float] = field(default_factory=dict)
    bytes: int = 0
    seconds: float = 0.0
    failed: str | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


def candidates(
    cycle_id: UUID,
    *,
    bases: Sequence[str],
    methods: Sequence[str],
    most: int,
    untrusted: bool,
    settings: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> list[Candidate]:
    """Every method on every base, or on none where there are none; where there are untrusted rows, each a second time
    without them. At most `most`."""
    chosen = [
        (base, method, rows)
        for rows in ((True, False) if untrusted else (True,))
        for base, method in ((base, method) for base in bases or ("",) for method in methods)
    ]
    return [
        Candidate(uuid5(cycle_id, f"run|{base}|{method}|{rows}"), method, base, rows, settings.get(method, {}))
        for base, method, rows in chosen
    ][:most]


@dataclass(frozen=True, slots=True)
class Pick:
    """`why_not` has a reason for each run that was not picked, by run id."""

    run: Run
    why: str
    why_not: Mapping[UUID, str]


def pick(runs: Sequence[Run], metric: str, *, lower: bool = False) -> Pick | None:
    """The cheapest run within one standard error of the best on validation (Breiman et al., 1984, the 1 SE rule).

    Cheap is a small artifact, then no need of untrusted rows, then little training. None where no run was trained.
    `metric` is a score, higher is better but where `lower` is; its standard error is the score `<metric>_se`.
    """
    trained = [run for run in runs if run.state == "trained" and metric in run.scores]
    if not trained:
        return None
    sign = -1.0 if lower else 1.0
    best = max(trained, key=lambda run: sign * run.scores[metric])
    bar = best.scores[metric] - sign * best.scores.get(f"{metric}_se", 0.0)
    near = [run for run in trained if sign * run.scores[metric] >= sign * bar]
    chosen = min(near, key=lambda run: (run.bytes, run.candidate.untrusted, run.seconds, run.candidate.run_id))
    side, wrong = ("below", "above") if lower else ("above", "below")
    why = f"{metric} {chosen.scores[metric]:.4f}, the cheapest of {len(near)} at or {side} {bar:.4f}"
    worse = {run.candidate.run_id: wrong for run in trained if run not in near}
    why_not = {
        run.candidate.run_id: _why_not(run, chosen, metric, bar, worse.get(run.candidate.run_id))
        for run in runs
        if run is not chosen
    }
    return Pick(chosen, why, why_not)


def _why_not(run: Run, chosen: Run, metric: str, bar: float, worse: str | None) -> str:
    if run.state != "trained" or metric not in run.scores:
        return run.failed or f"it has no {metric}"
    if worse:
        return f"{metric} {run.scores[metric]:.4f} is more than one standard error {worse} the best ({bar:.4f})"
    return f"as good within one standard error, and dearer than {chosen.candidate.method}"

"""The gate: each condition passes only when a bound proves it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.domain.bounds import Floats, percentile
from millrace.evaluation.domain.figures import SAMPLES, Figure, Key, measure
from millrace.events import ConditionResult, Verdict
from millrace.workspace.conditions import Baseline, Condition, Linear, Metric

ALPHA = 0.05
MIN_CLUSTERS = 20

Figures = Mapping[tuple[str, str, str], Figure]


@dataclass(frozen=True)
class Evidence:
    """What a gate is judged on.

    `answers` are by (who, suite), where who is candidate, production or best: the version that holds the highest
    score, there only when its answers to the same rows are known; its scores alone are in `best`, by suite.metric.
    `labels` are the labels each of them knows.
    """

    answers: Mapping[Key, Answers]
    best: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, Collection[str]] = field(default_factory=dict)
    seed: int = 0
    samples: int = SAMPLES

    def knows(self, who: str, suite: str) -> bool:
        return bool(len(self.answers.get((who, suite), ())))


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    conditions: list[ConditionResult]
    figures: dict[tuple[str, str, str], Figure]


def judge_gate(conditions: Iterable[Condition], evidence: Evidence) -> Judgement:
    """Pass when every condition passes, fail when one is disproven, else inconclusive.

    A condition asks one question with one side, so its bound is one-sided at 95 %; all must pass, so none needs a
    correction for the others (an intersection-union test, Berger 1982): a version that breaks any condition passes
    with at most 5 % chance.
    """
    figures = measure(evidence.answers, seed=evidence.seed, samples=evidence.samples)
    shared = _shared(evidence, figures)
    results = [judge_condition(condition, evidence, figures, shared) for condition in conditions]
    verdicts = {result.verdict for result in results}
    verdict: Verdict = "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"
    return Judgement(verdict, results, figures)


def _shared(evidence: Evidence, figures: Figures) -> Figures:
    """Figures over the classes that candidate and baseline both know, for non-regression."""
    candidate, production = (set(evidence.labels.get(who, ())) for who in ("candidate", "production"))
    both = candidate & production
    if not both or candidate == production:
        return figures
    known = {key: answers.among(both) for key, answers in evidence.answers.items()}
    return measure(known, seed=evidence.seed, samples=evidence.samples)


def judge_condition(condition: Condition, evidence: Evidence, figures: Figures, shared: Figures) -> ConditionResult:
    """How one condition fares. `shared` are the figures for `>=` and `<=` against a version; `>` wants gain overall."""
    left, right = condition.left, condition.right
    suite = left.suite or ""
    if vacuous := _vacuous(condition, evidence):
        return ConditionResult(condition=str(condition), verdict="pass", note=vacuous)
    if not evidence.knows("candidate", suite):
        return ConditionResult(condition=str(condition), verdict="inconclusive", note=f"no rows in {suite}")
    paired = condition.baseline == "production" or evidence.knows("best", suite)
    over = shared if condition.baseline and paired and condition.op in (">=", "<=") else figures
    measured = over.get(("candidate", suite, left.name))
    if measured is None:
        return ConditionResult(condition=str(condition), verdict="inconclusive", note=f"no rows in {suite} to compare")
    reference = _reference(right, condition.left, evidence, over)
    if reference is None:
        return ConditionResult(condition=str(condition), verdict="inconclusive", note=f"{right.of} has no rows")
    return _compare(condition, measured, *reference)


def _vacuous(condition: Condition, evidence: Evidence) -> str:
    if condition.baseline == "production" and not any(who == "production" for who, _ in evidence.answers):
        return "holds: nothing in production yet"
    if condition.baseline == "best" and str(condition.left) not in evidence.best:
        return "holds: no best yet"
    return ""


def _reference(
    right: Linear, left: Metric, evidence: Evidence, figures: Figures
) -> tuple[float, Floats | float, int | None] | None:
    """What stands right: its value, its samples (or one number), and its clusters where it has any."""
    if right.of is None:
        return right.offset, right.offset, None
    if isinstance(right.of, Metric):
        figure = figures.get(("candidate", right.of.suite or "", right.of.name))
    elif right.of == Baseline("best") and not evidence.knows("best", left.suite or ""):
        bound = right.at(evidence.best[str(left)])
        return bound, bound, None
    else:
        figure = figures.get((right.of.name, left.suite or "", left.name))
    if figure is None:
        return None
    return right.at(figure.value), right.factor * figure.samples + right.offset, figure.clusters


def _compare(
    condition: Condition, left: Figure, right: float, samples: Floats | float, clusters: int | None
) -> ConditionResult:
    n = left.clusters if clusters is None else min(left.clusters, clusters)
    bounds = percentile(left.value - right, np.asarray(left.samples - samples), n, alpha=ALPHA)
    verdict, note = _verdict(condition.op, bounds.low, bounds.high), ""
    if n < MIN_CLUSTERS:
        verdict, note = "inconclusive", f"too few rows: {n} of {MIN_CLUSTERS} clusters"
    finite = bool(np.isfinite([bounds.low, bounds.high]).all())
    return ConditionResult(
        condition=str(condition),
        verdict=verdict,
        left=left.value,
        right=right,
        low=bounds.low if finite else None,
        high=bounds.high if finite else None,
        n=left.rows,
        note=note,
    )


def _verdict(op: str, low: float, high: float) -> Verdict:
    """`low` and `high` bound left minus right. A strict comparison is not proven by a bound that touches zero."""
    if op in ("<", "<="):
        low, high = -high, -low
    if low > 0 or (op in (">=", "<=") and low == 0):
        return "pass"
    return "fail" if high < 0 or (op in (">", "<") and high == 0) else "inconclusive"

"""The gate: each condition passes only when a bound proves it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.domain.bounds import percentile
from millrace.evaluation.domain.figures import SAMPLES, Figure, Key, exact, measure
from millrace.evaluation.domain.outcomes import PASS
from millrace.events import ConditionResult, Verdict
from millrace.workspace.conditions import Baseline, Condition, Metric

ALPHA = 0.05
MIN_CLUSTERS = 20

Figures = Mapping[tuple[str, str, str], Figure]


@dataclass(frozen=True)
class Evidence:
    """What a gate is judged on.

    `answers` are by (who, suite), where who is candidate, production or best: the version that holds the highest
    score, there only when its answers are known; its scores alone are in `best`, by suite.metric. `labels` are the
    labels each of them knows; `production` is whether there is one. Of the suites in `outcomes` the answers are what
    became of units, whose measure is the share that passed; `sizes` are exact.
    """

    answers: Mapping[Key, Answers]
    best: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, Collection[str]] = field(default_factory=dict)
    production: bool = True
    seed: int = 0
    samples: int = SAMPLES
    outcomes: Collection[str] = ()
    sizes: Mapping[Key, Mapping[str, float]] = field(default_factory=dict)
    paired: Collection[str] = ()
    """Metrics that are measured beside production."""

    def knows(self, who: str, suite: str) -> bool:
        return bool(len(self.answers.get((who, suite), ())))

    def measure(self, answers: Mapping[Key, Answers]) -> Figures:
        figures = measure(answers, seed=self.seed, samples=self.samples)
        apart = {name: figure for name, figure in figures.items() if name[1] in self.outcomes}
        shares = {(who, suite, PASS): one for (who, suite, metric), one in apart.items() if metric == "accuracy"}
        return {name: figure for name, figure in figures.items() if name not in apart} | shares

    def weigh(self) -> Figures:
        """Sizes as figures: no sample is another."""
        return {(*key, name): exact(value) for key, sizes in self.sizes.items() for name, value in sizes.items()}


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    conditions: list[ConditionResult]
    figures: Figures


def judge_gate(conditions: Iterable[Condition], evidence: Evidence) -> Judgement:
    """Pass when every condition passes, fail when one is disproven, else inconclusive.

    A condition asks one question with one side, so its bound is one-sided at 95 %; all must pass, so none needs a
    correction for the others (an intersection-union test, Berger 1982): a version that breaks any condition passes
    with at most 5 % chance.
    """
    figures = {**evidence.measure(evidence.answers), **evidence.weigh()}
    results = [judge_condition(condition, evidence, figures) for condition in conditions]
    verdicts = {result.verdict for result in results}
    verdict: Verdict = "fail" if "fail" in verdicts else "inconclusive" if "inconclusive" in verdicts else "pass"
    return Judgement(verdict, results, figures)


def judge_condition(condition: Condition, evidence: Evidence, figures: Figures) -> ConditionResult:
    """How one condition fares; `figures` are those of all of the evidence."""
    suite = condition.left.suite or ""
    if vacuous := _vacuous(condition, evidence):
        return ConditionResult(condition=str(condition), verdict="pass", note=vacuous)
    if any(of == suite for _, of in evidence.sizes):
        return _weighed(condition, figures)
    if not evidence.knows("candidate", suite):
        return _undecided(condition, f"no rows in {suite}")
    left = figures.get(("candidate", suite, condition.left.name))
    if left is None:
        return _undecided(condition, f"production has no answers to {suite}")
    match condition.right.of:
        case None:
            return _compare(condition, left, condition.right.offset)
        case Metric(suite=other, name=name):
            right = figures.get(("candidate", other or "", name))
            return _compare(condition, left, right) if right else _undecided(condition, f"no rows in {other}")
        case Baseline(name=who) if evidence.knows(who, suite):
            return _against(condition, evidence, who)
        case Baseline(name="best"):
            return _compare(condition, left, condition.right.at(evidence.best[str(condition.left)]))
        case _:
            return _undecided(condition, f"production has no answers to {suite}")


def _weighed(condition: Condition, figures: Figures) -> ConditionResult:
    """A size against a number or production's: it is what it is, so no bound lies beside it."""
    suite, name, right = condition.left.suite or "", condition.left.name, condition.right
    left, other = figures["candidate", suite, name].value, figures.get(("production", suite, name))
    if right.of is not None and other is None:
        return _undecided(condition, "production has not been weighed")
    bound = right.at(other.value if other else 0.0)
    difference = left - bound
    return ConditionResult(
        condition=str(condition),
        verdict=_verdict(condition.op, difference, difference),
        left=left,
        right=bound,
        low=difference,
        high=difference,
        n=1,
    )


def _vacuous(condition: Condition, evidence: Evidence) -> str:
    beside = condition.baseline == "production" or condition.left.name in evidence.paired
    if beside and not evidence.production:
        return "holds: nothing in production yet"
    if condition.baseline == "best" and str(condition.left) not in evidence.best:
        return "holds: no best yet"
    return ""


def _undecided(condition: Condition, why: str) -> ConditionResult:
    return ConditionResult(condition=str(condition), verdict="inconclusive", note=why)


def _against(condition: Condition, evidence: Evidence, who: str) -> ConditionResult:
    """Against another version, on the rows that both answered.

    A gain is judged over all their classes. A condition that forbids a loss fails as well when a loss is proven on
    the classes that both know: answering new ones must not pay for forgetting old ones.
    """
    suite, name = condition.left.suite or "", condition.left.name
    ours, theirs = evidence.answers["candidate", suite], evidence.answers[who, suite]
    both = {("candidate", suite): ours.common(theirs), (who, suite): theirs.common(ours)}
    if not len(both["candidate", suite]):
        return _undecided(condition, f"no rows in {suite} that {who} answered too")

    def judged(answers: Mapping[Key, Answers]) -> ConditionResult:
        figures = evidence.measure(answers)
        return _compare(condition, figures["candidate", suite, name], figures[who, suite, name])

    result = judged(both)
    shared = set(evidence.labels.get("candidate", ())) & set(evidence.labels.get(who, ()))
    old = {key: answers.among(shared) for key, answers in both.items()}
    kept = len(old["candidate", suite])
    if condition.op in (">", "<") or not 0 < kept < len(both["candidate", suite]):
        return result
    loss = judged(old)
    return loss.model_copy(update={"note": "on the classes that both know"}) if loss.verdict == "fail" else result


def _compare(condition: Condition, left: Figure, right: Figure | float) -> ConditionResult:
    """Left against right: a figure under the condition's factor and offset, or a bound as it stands."""
    if isinstance(right, Figure):
        linear, n = condition.right, min(left.clusters, right.clusters)
        bound, differences = linear.at(right.value), left.samples - linear.factor * right.samples - linear.offset
    else:
        bound, differences, n = right, left.samples - right, left.clusters
    bounds = percentile(left.value - bound, differences, n, alpha=ALPHA, bounded=left.bounded)
    verdict, note = _verdict(condition.op, bounds.low, bounds.high), ""
    if n < MIN_CLUSTERS:
        verdict, note = "inconclusive", f"too few rows: {n} of {MIN_CLUSTERS} clusters"
    finite = bool(np.isfinite([bounds.low, bounds.high]).all())
    return ConditionResult(
        condition=str(condition),
        verdict=verdict,
        left=left.value,
        right=bound,
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

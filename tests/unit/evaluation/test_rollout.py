import json

import numpy as np
import pytest

from millrace.evaluation.domain.canary import Canary
from millrace.evaluation.domain.shadow import Shadow
from millrace.evaluation.domain.verdicts import Inconclusive, Promote, RollBack, Verdict, Wait
from millrace.workspace.conditions import Condition

HARM = [
    Condition.parse(text)
    for text in (
        "error_rate <= production + 0.02",
        "latency.p99 <= 1.5 * production",
        "feedback.negative <= production + 0.05",
    )
]


def shadow(labels: int = 100) -> Shadow:
    return Shadow.of(Condition.parse("accuracy >= production - 0.05"), labels=labels, alpha=0.05)


def canary(share: float = 0.2, labels: int = 50, **more: object) -> Canary:
    return Canary.of(HARM, labels=labels, alpha=0.05, share=share, **more)  # type: ignore[arg-type]


def run(
    step: Canary,
    seed: int,
    *,
    units: int,
    slow: tuple[float, float] = (0.0, 0.0),
    failed: tuple[float, float] = (0.0, 0.0),
    negative: tuple[float, float] = (0.0, 0.0),
    actual: float | None = None,
) -> Verdict:
    """Units one by one, half of them labelled; rates are (production, canary). The first verdict, or the last wait."""
    random = np.random.default_rng(seed)
    share = step.allocation.share if actual is None else actual
    for arm, *places, labelled in random.random((units, 5)).tolist():
        of_canary = arm < share
        bad = [place < rates[of_canary] for place, rates in zip(places, (slow, failed, negative), strict=True)]
        step.serve(canary=of_canary, failed=bad[1], latency_ms=100.0 if bad[0] else 10.0)
        step.mature(canary=of_canary, negative=bad[2])
        if labelled < 0.5:
            step.label(canary=of_canary, correct=True)
        verdict = step.judge()
        if not isinstance(verdict, Wait):
            return verdict
    return step.judge()


def test_shadow_waits_for_labels_and_then_for_proof() -> None:
    step = shadow()
    for _ in range(99):
        step.observe(production=True, candidate=True)
    assert step.judge() == Wait("1 paired labels")
    step.observe(production=True, candidate=True)
    assert step.judge() == Wait("proof of accuracy >= production - 0.05")
    for _ in range(16):
        step.observe(production=True, candidate=True)
    assert isinstance(step.judge(), Promote)


def test_shadow_rolls_back_what_is_proven_worse() -> None:
    step = shadow()
    for number in range(60):
        step.observe(production=True, candidate=number % 3 > 0)
    assert isinstance(step.judge(), RollBack)


def test_a_good_canary_is_promoted_at_its_labels() -> None:
    step = canary(usual_p99_ms=20.0)
    assert isinstance(run(step, 1, units=2000), Promote)
    assert step.candidate.n == 50


@pytest.mark.parametrize(
    ("rates", "metric"),
    [
        ({"slow": (0.1, 0.95)}, "latency.p99"),
        ({"failed": (0.0, 0.9)}, "error_rate"),
        ({"negative": (0.02, 0.9)}, "feedback.negative"),
    ],
)
def test_a_harmful_canary_is_rolled_back_for_its_harm(rates: dict[str, tuple[float, float]], metric: str) -> None:
    verdicts = [run(canary(usual_p99_ms=20.0), seed, units=2000, **rates) for seed in range(10)]
    assert all(isinstance(verdict, RollBack) and verdict.because.startswith(metric) for verdict in verdicts)


def test_equal_canaries_are_rolled_back_no_more_often_than_alpha() -> None:
    """No labels are needed here, so that every canary runs to the end of its units."""
    equal = {"slow": (0.1, 0.1), "failed": (0.03, 0.03), "negative": (0.1, 0.1)}
    verdicts = [run(canary(usual_p99_ms=20.0, labels=10**6), seed, units=600, **equal) for seed in range(60)]
    assert sum(isinstance(verdict, RollBack) for verdict in verdicts) <= 6


def test_a_sample_ratio_mismatch_voids_the_verdict() -> None:
    step = canary(usual_p99_ms=20.0, labels=10**6)
    verdict = run(step, 1, units=3000, actual=0.35)
    assert step.evidence()["void"]
    assert isinstance(verdict, Inconclusive)
    assert "sample-ratio mismatch" in verdict.because


def test_latency_is_held_against_productions_first_hundred_where_nothing_was_known_before() -> None:
    step = canary(labels=10**6)
    verdict = run(step, 1, units=3000, slow=(0.0, 0.9))
    assert step.usual_p99_ms == 10.0
    assert isinstance(verdict, RollBack)


def test_the_next_share_keeps_the_evidence_of_harm_and_counts_labels_anew() -> None:
    before = canary(usual_p99_ms=20.0)
    assert isinstance(run(before, 1, units=2000, slow=(0.0, 0.02)), Promote)
    after = canary(share=0.5, usual_p99_ms=99.0, before=before)
    assert after.usual_p99_ms == 20.0
    assert [harm.test.canary.n for harm in after.harms] == [harm.test.canary.n for harm in before.harms]
    assert after.judge() == Wait("50 labels of the canary")


def test_restarts_change_no_verdict_and_no_bit() -> None:
    whole, halved = canary(usual_p99_ms=20.0), canary(usual_p99_ms=20.0)
    for place in np.random.default_rng(2).random(300).tolist():
        for step in (whole, halved):
            step.serve(canary=place < 0.2, failed=place < 0.01, latency_ms=place * 50)
            step.mature(canary=place < 0.2, negative=place < 0.05)
            step.label(canary=place < 0.2, correct=place > 0.02)
        halved = Canary.from_json(json.loads(json.dumps(halved.to_json())))
    assert whole == halved
    assert whole.evidence() == halved.evidence()


def test_evidence_can_be_written_as_json() -> None:
    for step in (shadow(), canary()):
        json.dumps(step.evidence(), allow_nan=False)

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.evaluation.domain.rates import RateTest, nearest_null


def answers_until_proven(
    seed: int, *, production: float, canary: float, offset: float, share: float, answers: int, alpha: float
) -> int | None:
    test = RateTest.of(1.0, offset)
    test.share(share)
    random = np.random.default_rng(seed)
    arms, places = random.random(answers) < share, random.random(answers)
    for number, (arm, place) in enumerate(zip(arms.tolist(), places.tolist(), strict=True), 1):
        test.observe(arm, place < (canary if arm else production))
        if test.proven(alpha):
            return number
    return None


rates = st.floats(0.001, 0.999)


@given(a=rates, b=rates, x=rates, size=st.integers(1, 20), offset=st.floats(0, 0.5))
@settings(max_examples=200, deadline=None)
def test_no_null_lets_the_evidence_grow(a: float, b: float, x: float, size: int, offset: float) -> None:
    """The e-value of a block has a mean of at most one under every null, not only under the nearest."""
    if b <= a + offset:
        return
    null_a, null_b = nearest_null(a, b, size, 1.0, offset)
    for y in (0.0, x / 2, x, min(1.0, x + offset)):
        of_production = x * a / null_a + (1 - x) * (1 - a) / (1 - null_a)
        of_canary = y * b / null_b + (1 - y) * (1 - b) / (1 - null_b)
        assert of_production**size * of_canary <= 1 + 1e-6


def test_an_equal_canary_is_rolled_back_no_more_often_than_alpha() -> None:
    alarms = [
        answers_until_proven(seed, production=0.1, canary=0.1, offset=0.0, share=0.5, answers=1000, alpha=0.05)
        for seed in range(80)
    ]
    assert sum(alarm is not None for alarm in alarms) <= 8


def test_a_canary_at_the_allowed_rate_is_rarely_rolled_back() -> None:
    alarms = [
        answers_until_proven(seed, production=0.02, canary=0.04, offset=0.02, share=0.2, answers=1000, alpha=0.05)
        for seed in range(80)
    ]
    assert sum(alarm is not None for alarm in alarms) <= 8


@pytest.mark.parametrize(("canary", "within"), [(1.0, 60), (0.3, 250)])
def test_a_harmful_canary_is_found_soon(canary: float, within: int) -> None:
    alarms = [
        answers_until_proven(seed, production=0.0, canary=canary, offset=0.01, share=0.2, answers=1000, alpha=0.05 / 3)
        for seed in range(20)
    ]
    assert all(alarm is not None and alarm <= within for alarm in alarms)


def test_old_answers_of_one_arm_do_not_wait_for_the_other_for_ever() -> None:
    test = RateTest.of(1.0, 0.0)
    for _ in range(1000):
        test.observe(canary=False, outcome=True)
    assert len(test.production.outcomes) == 64


def test_a_larger_share_keeps_what_was_learnt() -> None:
    test = RateTest.of(1.0, 0.0)
    test.share(0.2)
    for number in range(50):
        test.observe(number % 5 == 0, number % 5 == 0)
    before = test.evidence
    test.share(0.5)
    assert (test.size, test.evidence) == (1, before)
    assert before > 0


def test_a_restart_in_the_middle_changes_no_bit() -> None:
    random = np.random.default_rng(7)
    whole, halved = RateTest.of(1.0, 0.02), RateTest.of(1.0, 0.02)
    for arm, place in random.random((300, 2)).tolist():
        for test in (whole, halved):
            test.observe(arm < 0.2, place < 0.3)
        halved = RateTest.from_json(json.loads(json.dumps(halved.to_json())))
    assert whole == halved

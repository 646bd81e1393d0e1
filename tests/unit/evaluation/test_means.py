import json

import numpy as np
import pytest

from millrace.evaluation.domain.means import BettingMean, PairedDifference


def labels_until_proven(difference: PairedDifference, pairs: list[tuple[bool, bool]]) -> int | None:
    for number, (production, shadow) in enumerate(pairs, 1):
        difference.observe(production, shadow)
        if difference.mean.proven(0.05):
            return number
    return None


@pytest.mark.parametrize(("margin", "labels"), [(0.05, 116), (0.02, 296)])
def test_identical_answers_prove_a_margin_as_fast_as_the_bets_allow(margin: float, labels: int) -> None:
    assert labels_until_proven(PairedDifference.against(1.0, -margin), [(True, True)] * 500) == labels


def test_a_large_gain_is_proven_after_about_thirty_labels() -> None:
    random = np.random.default_rng(3)
    needed = []
    for _ in range(40):
        pairs = [(bool(place < 0.64), True) for place in random.random(300) * 0.92]
        needed.append(labels_until_proven(PairedDifference.against(1.0, 0.0), pairs))
    assert all(needed)
    assert 15 <= np.median([n for n in needed if n]) <= 40


def test_a_difference_at_the_margin_is_rarely_proven_over_a_thousand_looks() -> None:
    random = np.random.default_rng(4)
    proven = 0
    for _ in range(50):
        difference = PairedDifference.against(1.0, -0.05)
        places = random.random(1000)
        pairs = [(True, False) if place < 0.07 else (False, True) if place < 0.09 else (True, True) for place in places]
        proven += labels_until_proven(difference, pairs) is not None
    assert proven <= 6


def test_a_loss_is_disproven() -> None:
    random = np.random.default_rng(5)
    difference = PairedDifference.against(1.0, -0.05)
    for place in random.random(400):
        difference.observe(True, bool(place > 0.2))
    assert difference.mean.disproven(0.05)
    assert not difference.mean.proven(0.05)


def test_the_interval_holds_the_mean_at_every_look() -> None:
    random = np.random.default_rng(6)
    missed = 0
    for _ in range(60):
        mean = BettingMean(0.5)
        outside = False
        for value in random.random(400) < 0.3:
            mean.observe(float(value))
            bounds = mean.interval(0.05)
            outside |= not bounds.low <= 0.3 <= bounds.high
        missed += outside
    assert missed <= 9


def test_the_interval_narrows_on_the_difference() -> None:
    difference = PairedDifference.against(1.0, -0.05)
    for number in range(600):
        difference.observe(number % 10 > 2, True)
    bounds = difference.interval(0.05)
    assert 0.15 < bounds.low < 0.3 < bounds.high < 0.5


def test_a_restart_in_the_middle_changes_no_bit() -> None:
    random = np.random.default_rng(7)
    pairs = [(bool(a), bool(b)) for a, b in random.random((200, 2)) < 0.8]
    whole, halved = PairedDifference.against(1.0, -0.05), PairedDifference.against(1.0, -0.05)
    for production, shadow in pairs:
        whole.observe(production, shadow)
        halved.observe(production, shadow)
        halved = PairedDifference.from_json(json.loads(json.dumps(halved.to_json())))
    assert whole.to_json() == halved.to_json()


def test_a_value_outside_the_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        BettingMean(0.5).observe(1.2)

"""The draw of answers to label is reproducible, and its weights are honest."""

import random

from hypothesis import given
from hypothesis import strategies as st

from millrace.feedback.domain import Candidate, draw

POPULATION = [Candidate(f"p-{number}", number / 1000, disputed=number < 5) for number in range(1000)]


def test_seven_of_ten_are_the_least_sure_and_the_disputed_come_first() -> None:
    drawn = draw(POPULATION, 100, "d-1")
    uncertain = [one.prediction_id for one in drawn if one.reason == "uncertain"]
    assert len(drawn) == 100 and len(uncertain) == 70
    assert set(uncertain[:5]) == {f"p-{number}" for number in range(5)}
    assert set(uncertain[5:]) == {f"p-{number}" for number in range(935, 1000)}


@given(st.integers(0, 60), st.integers(0, 60), st.randoms(use_true_random=False))
def test_no_answer_is_drawn_twice_and_the_order_of_candidates_does_not_matter(
    size: int, wanted: int, shuffle: random.Random
) -> None:
    candidates = POPULATION[:size]
    drawn = draw(candidates, wanted, "d-1")
    shuffle.shuffle(candidates)
    assert draw(candidates, wanted, "d-1") == drawn
    assert len({one.prediction_id for one in drawn}) == len(drawn) == min(size, wanted)


def test_a_mean_weighted_by_inclusion_is_unbiased() -> None:
    """The error is concentrated where the model is unsure; a plain mean over the draw would be far off."""
    wrong = {one.prediction_id: float(one.uncertainty > 0.8) for one in POPULATION}
    truth = sum(wrong.values()) / len(POPULATION)
    weighted, plain = [], []
    for seed in range(400):
        drawn = draw(POPULATION, 100, str(seed))
        weighted.append(sum(wrong[one.prediction_id] / one.inclusion for one in drawn) / len(POPULATION))
        plain.append(sum(wrong[one.prediction_id] for one in drawn) / len(drawn))
    assert abs(sum(weighted) / 400 - truth) < 0.01
    assert sum(plain) / 400 > truth + 0.3

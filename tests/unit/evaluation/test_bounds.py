import numpy as np
import pytest
from scipy.stats import binom

from millrace.evaluation.domain.bounds import effective, percentile, unseen, wilson


def test_wilson_agrees_with_the_published_example() -> None:
    # Newcombe 1998, table I: 81 of 263
    found = wilson(81 / 263, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize("truth", [0.02, 0.3, 0.9])
def test_wilson_covers_as_often_as_it_says(truth: float) -> None:
    counts = np.arange(201)
    bounds = [wilson(count / 200, 200) for count in counts]
    covered = np.array([bound.low <= truth <= bound.high for bound in bounds])
    assert binom.pmf(counts, 200, truth)[covered].sum() > 0.93


def test_nothing_seen_bounds_nothing() -> None:
    assert wilson(0.0, 0).low == 0.0
    assert wilson(0.0, 0).high == 1.0


def test_equal_answers_on_few_rows_do_not_prove_a_small_margin() -> None:
    equal = np.zeros(2000)
    assert percentile(0.0, equal, 149, alpha=0.05).low >= -0.02
    assert percentile(0.0, equal, 147, alpha=0.05).low < -0.02
    assert unseen(60, 0.05) == pytest.approx(0.0487, abs=1e-4)


def test_clusters_that_agree_within_are_worth_fewer_rows() -> None:
    correct = np.repeat(np.arange(50) % 4 > 0, 4)
    together, apart = np.repeat(np.arange(50), 4), np.arange(200)
    assert effective(correct, together) == pytest.approx(50, rel=0.01)
    assert effective(correct, apart) == pytest.approx(200, rel=0.01)

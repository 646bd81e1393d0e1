import numpy as np
import pytest
from sklearn.metrics import f1_score

from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.domain.figures import estimate, measure


def answers(truth: list[str], prediction: list[str], clusters: list[str] | None = None) -> Answers:
    ids = [str(number) for number in range(len(truth))]
    return Answers.of(ids, clusters or ids, truth, prediction)


def test_macro_f1_is_that_of_scikit_learn_over_the_suites_classes() -> None:
    random = np.random.default_rng(1)
    truth = random.choice(list("abcd"), 300).tolist()
    prediction = random.choice(list("abcdxyz"), 300).tolist()
    expected = f1_score(truth, prediction, labels=list("abcd"), average="macro", zero_division=0)
    assert estimate(answers(truth, prediction))["macro_f1"] == pytest.approx(expected, abs=1e-12)


def test_an_answer_outside_the_suites_classes_costs_recall_and_adds_no_class() -> None:
    assert estimate(answers(["a", "a", "b", "b"], ["a", "z", "b", "b"]))["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)


def test_the_same_seed_gives_the_same_samples() -> None:
    rows = {("candidate", "golden"): answers(list("abab") * 20, list("abbb") * 20)}
    first, again, other = (measure(rows, seed=seed) for seed in (5, 5, 6))
    key = ("candidate", "golden", "macro_f1")
    assert np.array_equal(first[key].samples, again[key].samples)
    assert not np.array_equal(first[key].samples, other[key].samples)


def test_samples_of_two_versions_are_paired() -> None:
    rows = answers(list("ab") * 100, (list("ab") * 80) + list("ba") * 20)
    figures = measure({("candidate", "golden"): rows, ("production", "golden"): rows}, seed=1)
    for metric in ("macro_f1", "accuracy"):
        difference = figures["candidate", "golden", metric].samples - figures["production", "golden", metric].samples
        assert not difference.any()


def test_a_suite_and_its_misspelt_twin_are_drawn_together_and_another_suite_apart() -> None:
    golden = answers(list("ab") * 100, list("ab") * 90 + list("ba") * 10)
    fresh = Answers.of([f"f{i}" for i in range(50)], [f"f{i}" for i in range(50)], list("ab") * 25, list("aa") * 25)
    alone = measure({("candidate", "golden"): golden}, seed=3)
    both = measure(
        {("candidate", "golden"): golden, ("candidate", "typos"): golden, ("candidate", "fresh"): fresh}, seed=3
    )
    key = ("candidate", "golden", "accuracy")
    assert np.array_equal(both[key].samples, both["candidate", "typos", "accuracy"].samples)
    assert both[key].samples.std() == pytest.approx(alone[key].samples.std(), rel=0.1)
    assert both["candidate", "fresh", "accuracy"].rows == 50


def test_rows_of_one_cluster_widen_the_interval() -> None:
    truth, prediction = list("ab") * 100, (["a", "b"] * 3 + ["b", "a"]) * 25
    apart = measure({("candidate", "golden"): answers(truth, prediction)}, seed=1)
    clusters = [str(number // 8 * 4 + (number % 8 > 5)) for number in range(200)]
    together = measure({("candidate", "golden"): answers(truth, prediction, clusters)}, seed=1)
    key = ("candidate", "golden", "macro_f1")
    assert together[key].interval.high - together[key].interval.low > apart[key].interval.high - apart[key].interval.low


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ"):
        Answers.of(["1"], ["1"], ["a", "b"], ["a"])

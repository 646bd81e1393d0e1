import math

import numpy as np
import pytest

from millrace.learn import Row, TooFewRows, UnknownLabel
from millrace.learn.scores import accuracy, calibration_error, codes_of, macro_f1, standard_error
from millrace.learn.tasks.classify import (
    entropies,
    nll,
    novelty_among,
    prepare,
    references_of,
    softmax,
    temperature_for,
)


def row(row_id: str, label: str, split: str = "train", weight: float = 1.0) -> Row:
    return Row(row_id, f"text {row_id}", label, split, row_id, weight)


ROWS = [row("1", "late"), row("2", "lost"), row("3", "late", "validation"), row("4", "lost", "test")]


def test_other_splits_and_labels_that_were_never_trained_are_left_out_and_counted() -> None:
    rows = [*ROWS, row("5", "new", "validation"), row("6", "nil", weight=0.0)]
    prepared = prepare(rows, ["lost", "late", "new", "nil"])
    assert prepared.labels == ["lost", "late"]
    assert prepared.without_rows == ["new", "nil"]
    assert [r.id for r in prepared.train.rows] == ["1", "2"]
    assert prepared.train.targets.tolist() == [1, 0]
    assert prepared.ignored == 3


def test_a_label_that_the_request_does_not_name_is_an_error() -> None:
    with pytest.raises(UnknownLabel, match="row 2 has the label 'lost'"):
        prepare(ROWS, ["late", "damaged"])


def test_one_label_or_no_validation_is_too_few() -> None:
    with pytest.raises(TooFewRows):
        prepare([row("1", "late"), row("2", "late", "validation")], None)
    with pytest.raises(TooFewRows):
        prepare(ROWS[:2], None)


def test_macro_f1_averages_the_classes_that_the_suite_contains() -> None:
    truth, said = codes_of(["a", "a", "b", "b"], ["a", "c", "b", "b"])
    assert macro_f1(truth, said) == pytest.approx((2 / 3 + 1) / 2)
    assert accuracy(truth, said) == 0.75


def test_near_duplicates_of_one_cluster_make_the_error_wider() -> None:
    chance = np.random.default_rng(1)
    truth = np.zeros(400, dtype=np.int64)
    said = np.repeat((chance.random(40) < 0.3).astype(np.int64), 10)
    alone = standard_error(accuracy, truth, said, [str(i) for i in range(400)], seed=1)
    clustered = standard_error(accuracy, truth, said, [str(i // 10) for i in range(400)], seed=1)
    assert alone == pytest.approx(math.sqrt(said.mean() * (1 - said.mean()) / 400), rel=0.2)
    assert clustered > 2 * alone


def test_the_temperature_brings_certainty_down_to_the_truth() -> None:
    chance = np.random.default_rng(5)
    logits = chance.normal(size=(2000, 4)) * 2
    targets = np.array([chance.choice(4, p=p) for p in softmax(logits)], dtype=np.int64)
    assert temperature_for(logits * 3, targets) == pytest.approx(3, rel=0.1)
    found = temperature_for(logits * 3, targets)
    assert nll(logits * 3, targets, found) < nll(logits * 3, targets)
    calibrated, raw = softmax(logits * 3, found), softmax(logits * 3)
    errors = [calibration_error(p.argmax(axis=1) == targets, p.max(axis=1)) for p in (calibrated, raw)]
    assert errors[0] < 0.05 < 3 * errors[0] < errors[1]


def test_a_handful_of_right_rows_does_not_make_the_temperature_fall_for_ever() -> None:
    assert temperature_for(np.eye(3) * 5, np.arange(3)) >= 0.2


def test_entropy_is_in_nats() -> None:
    assert entropies(np.full((1, 8), 1 / 8))[0] == pytest.approx(math.log(8))
    assert entropies(np.array([[1.0, 0.0]]))[0] == pytest.approx(0)


def test_references_come_from_every_label_in_turn() -> None:
    targets = np.array([0] * 90 + [1] * 10, dtype=np.int64)
    kept = references_of(targets, seed=1, most=20)
    assert np.bincount(targets[kept]).tolist() == [10, 10]
    assert kept.tolist() == sorted(kept.tolist()) == references_of(targets, seed=1, most=20).tolist()


def test_a_held_out_row_is_not_its_own_nearest_reference() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    assert novelty_among(vectors, np.array([0, 2])) == pytest.approx([0.4, 0.2, 0.4])
    assert novelty_among(vectors[:1], np.array([0])) == pytest.approx([1.0])

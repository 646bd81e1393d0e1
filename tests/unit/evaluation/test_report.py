"""What a report tells beside scores: calibration, slices, flips; and its page."""

from typing import Any

import numpy as np
import pytest

from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.domain.bounds import quantile
from millrace.evaluation.domain.calibration import calibration
from millrace.evaluation.domain.slices import flips, lengths, slices
from millrace.evaluation.page import render


def answers(right: list[bool], confidence: list[float] | None = None) -> Answers:
    ids = [f"r-{number:03}" for number in range(len(right))]
    said = ["late" if one else "lost" for one in right]
    return Answers.of(ids, ids, ["late"] * len(right), said, confidence=confidence)


def test_calibration_is_the_gap_between_confidence_and_being_right() -> None:
    found = calibration(answers([True] * 90 + [False] * 10, [0.7] * 100), seed=1)
    assert found is not None
    assert found.error == pytest.approx(0.2)
    assert found.interval.low < 0.2 < found.interval.high
    assert [(one.rows, round(one.confidence, 3), one.right) for one in found.bins] == [(100, 0.7, 0.9)]


def test_a_version_whose_confidence_is_true_has_little_error_within_its_interval() -> None:
    chance = np.random.default_rng(3)
    confidence = chance.uniform(0.5, 1.0, 4000)
    found = calibration(answers((chance.uniform(size=4000) < confidence).tolist(), confidence.tolist()), seed=1)
    assert found is not None
    assert found.error < 0.04
    assert found.interval.low <= found.error <= found.interval.high
    assert sum(one.rows for one in found.bins) == 4000


def test_calibration_is_the_same_for_the_same_seed_and_none_without_confidence() -> None:
    told = answers([True, False] * 50, [0.6, 0.9] * 50)
    assert calibration(told, seed=5) == calibration(told, seed=5)
    assert calibration(answers([True, False]), seed=5) is None


def test_slices_leave_out_the_small_and_the_unknown_and_compare_on_the_same_rows() -> None:
    now, before = answers([True] * 30 + [False] * 10), answers([False] * 40)
    kinds = {"source": np.array(["web"] * 20 + ["app"] * 15 + ["few"] * 3 + [""] * 2)}
    found = slices(now, kinds, before)
    assert [(one.name, one.rows, one.accuracy, one.production) for one in found] == [
        ("web", 20, 1.0, 0.0),
        ("app", 15, pytest.approx(10 / 15), 0.0),
    ]
    assert all(one.interval.low <= one.accuracy <= one.interval.high for one in found)
    assert [one.production for one in slices(now, kinds, before.only(np.arange(40) < 5))] == [None, None]


def test_lengths_are_thirds_and_a_text_that_is_gone_has_none() -> None:
    assert lengths([1, 2, 3, 40, 50, 60, 700, 800, 900, None]).tolist() == (
        ["short"] * 3 + ["middle"] * 3 + ["long"] * 3 + [""]
    )
    assert lengths([None, None]).tolist() == ["", ""]


def test_flips_are_rows_that_one_answers_rightly_and_the_other_wrongly() -> None:
    now, before = answers([True, False, True, False]), answers([True, True, False, False])
    found = flips(now, before)
    assert found.mended == [("r-002", "late", "late", "lost")]
    assert found.broken == [("r-001", "late", "lost", "late")]
    assert flips(now, before.only(np.array([True, False, False, True]))).broken == []


def test_a_quantile_lies_between_order_statistics_that_cover_it() -> None:
    chance = np.random.default_rng(9)
    covered = 0
    for _ in range(400):
        value, bounds = quantile(chance.exponential(size=200), 0.5)
        covered += bounds.low <= np.log(2) <= bounds.high
        assert bounds.low <= value <= bounds.high
    assert covered >= 0.93 * 400
    with pytest.raises(ValueError, match="no values"):
        quantile(np.zeros(0), 0.5)


SCORE = {"value": 0.9, "low": 0.85, "high": 0.94, "n": 200}
SUITE: dict[str, Any] = {
    "digest": "d",
    "perturb": None,
    "blob": "rows",
    "rows": 200,
    "since_the_cut": 12,
    "classes": {"late": {"recall": 0.9, "low": 0.8, "high": 0.95, "n": 100}},
    "confused": [],
    "confusion": {"labels": ["late", "<lost>"], "counts": [[90, 10], [5, 95]]},
    "calibration": {"ece": 0.03, "low": 0.02, "high": 0.05, "bins": [{"confidence": 0.9, "right": 0.92, "rows": 200}]},
    "latency_ms": None,
    "slices": [
        {
            "kind": "source",
            "name": "web",
            "rows": 80,
            "accuracy": 0.9,
            "interval": {"low": 0.8, "high": 0.95},
            "production": 0.8,
        }
    ],
    "flips": {
        "mended": {"n": 0, "rows": []},
        "broken": {
            "n": 2,
            "rows": [
                {"id": "r-1", "truth": "late", "candidate": "<lost>", "production": "late"},
                {"id": "r-2", "truth": "late", "candidate": "<lost>", "production": "late"},
            ],
        },
    },
}
CONDITION = {
    "condition": "a > 1",
    "verdict": "pass",
    "left": 0.9,
    "right": 0.8,
    "low": 0.05,
    "high": 0.1,
    "n": 200,
    "note": "",
}
EVALUATION: dict[str, Any] = {
    "judged_at": "2026-01-05T09:00:00+00:00",
    "result": {
        "version": "parcels-2",
        "against": "parcels-1",
        "dataset": "sha256:d",
        "verdict": "fail",
        "conditions": [CONDITION, {**CONDITION, "verdict": "fail", "left": None, "right": None, "low": None}],
        "scores": {
            "candidate": {"fresh": {"macro_f1": SCORE, "accuracy": SCORE}},
            "production": {"fresh": {"macro_f1": {**SCORE, "value": 0.8}}},
        },
        "suites": {"fresh": SUITE},
        "method": {"figures": "bootstrap"},
    },
}


def test_the_page_has_every_part_escapes_what_people_wrote_and_says_what_is_gone() -> None:
    html = render(EVALUATION, {"fresh": {"r-1": "<script>where is it"}})
    for part in (
        "parcels-2: fail",
        "expected calibration error",
        "12 of which came after",
        "Right in production, wrong",
    ):
        assert part.lower() in html.lower()
    assert "&lt;script&gt;where is it" in html
    assert "<script" not in html
    assert "its text is no longer kept" in html
    assert html.index('class="fail"') < html.index('class="pass"')


def test_the_page_of_a_first_version_has_nothing_to_compare() -> None:
    result = {**EVALUATION["result"], "against": None, "suites": {"fresh": {**SUITE, "flips": None, "slices": []}}}
    result["scores"] = {"candidate": result["scores"]["candidate"]}
    html = render({**EVALUATION, "result": result}, {})
    assert "with nothing in production" in html
    assert "Right in production" not in html

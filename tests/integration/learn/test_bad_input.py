"""Rows as teams send them on a bad day: each ends in a model, or in an error that names what is wrong."""

from pathlib import Path
from typing import Any

import pytest
from small_runs import SAID, request, rows, rows_file, silent

from millrace.learn import Shelf, TooFewRows, UnknownLabel, WrongRows
from millrace.learn.errors import DiskFull, OutOfMemory
from millrace.learn.lines import want_of
from millrace.learn.training import Trained, train

METHODS = pytest.mark.parametrize("method", ["linear-probe", "lora", "full"])
SHORT: dict[str, dict[str, Any]] = {
    "linear-probe": {},
    "lora": {"epochs": 1, "batch": 6},
    "full": {"epochs": 1, "batch": 6},
}


def learned(folder: Path, given: list[dict[str, Any]], method: str = "linear-probe", **fields: Any) -> Trained:
    asked = request(folder, "model", method=method, settings=SHORT[method], **fields)
    rows_file(folder, given)
    return train(asked, silent)


def refused(folder: Path, given: list[dict[str, Any]], kind: type[Exception], because: str, **fields: Any) -> None:
    with pytest.raises(kind, match=because):
        learned(folder, given, **fields)
    assert {path.name for path in folder.iterdir()} == {"rows.jsonl"}, "no half version"


@METHODS
def test_one_class_only(tmp_path: Path, method: str) -> None:
    given = [row for row in rows() if row["label"] == "late"]
    because = "split train has too few rows or labels that can be used: 1, where it needs 2"
    refused(tmp_path, given, TooFewRows, because, method=method)


def test_one_row(tmp_path: Path) -> None:
    refused(tmp_path, rows()[:1], TooFewRows, "split train has too few rows or labels")


def test_no_row(tmp_path: Path) -> None:
    refused(tmp_path, [], TooFewRows, "split train has too few rows or labels that can be used: 0")


@METHODS
def test_one_row_of_each_label(tmp_path: Path, method: str) -> None:
    given = [row for row in rows() if row["id"].endswith(("-0", "-7"))]
    assert learned(tmp_path, given, method).labels == sorted(SAID)


@METHODS
def test_empty_texts_are_learned_and_answered(tmp_path: Path, method: str) -> None:
    given = [row | ({"text": ""} if row["id"].endswith(("-1", "-6")) else {}) for row in rows()]
    learned(tmp_path, given, method)
    answers = Shelf().load(tmp_path / "model").predict(["", " ", "\u0000"])
    assert all(sum(answer.probabilities) == pytest.approx(1) for answer in answers)


@METHODS
def test_texts_of_100_kilobytes_are_cut(tmp_path: Path, method: str) -> None:
    given = [
        row | ({"text": row["text"] + " and so on" * 10_000} if row["id"].endswith("-0") else {}) for row in rows()
    ]
    learned(tmp_path, given, method, max_length=32)
    (answer,) = Shelf().load(tmp_path / "model").predict(["refund me " * 10_000])
    assert answer.tokens == 32


def test_a_misspelt_label_is_told_with_the_one_that_is_near(tmp_path: Path) -> None:
    given = [*rows(), {"id": "x", "text": "it is torn", "label": "damagd", "split": "train"}]
    because = "row x has the label 'damagd', which the request does not name; 'damaged' is near it"
    refused(tmp_path, given, UnknownLabel, because, labels=sorted(SAID))


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1])
def test_a_weight_that_is_no_weight(tmp_path: Path, weight: float) -> None:
    refused(tmp_path, [*rows(), rows()[0] | {"id": "x", "weight": weight}], WrongRows, "row 25: weight")


def test_a_label_whose_rows_weigh_nothing_is_left_out(tmp_path: Path) -> None:
    given = [row | ({"weight": 0.0} if row["label"] == "late" else {}) for row in rows()]
    assert learned(tmp_path, given, labels=sorted(SAID)).without_rows == ["late"]


def test_what_the_machine_had_too_little_of_is_told_by_name() -> None:
    assert isinstance(want_of(OSError(28, "No space left on device")), DiskFull)
    assert isinstance(want_of(RuntimeError("CUDA out of memory. Tried to allocate 20 GiB")), OutOfMemory)
    assert isinstance(want_of(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")), OutOfMemory)
    assert isinstance(want_of(MemoryError()), OutOfMemory)
    assert want_of(RuntimeError("a bug")) is None
    assert want_of(OSError(2, "No such file")) is None

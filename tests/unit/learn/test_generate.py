"""Rows of answers, pairs and ratings, and what is said of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from millrace.learn import DamagedModel, TooFewRows, WrongRequest, WrongRows
from millrace.learn.folder import read_version
from millrace.learn.requests import parsed
from millrace.learn.tasks import task_named, tasks
from millrace.learn.tasks.generate import Request, Told, Version, prepare, validation_scores
from millrace.workspace import Decoding

ROW: dict[str, Any] = {"id": "a", "text": "where is it?", "label": "On its way.", "split": "train"}


def rows_file(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(ROW | {"id": f"r{number}"} | row) + "\n" for number, row in enumerate(rows)))
    return path


@pytest.mark.parametrize(
    ("row", "because"),
    [
        ({"label": " \n"}, "row 2: label, the answer, is empty"),
        ({"label": None}, "row 2: label is missing"),
        ({"rejected": ""}, "row 2: rejected is empty"),
        ({"rejected": 3}, "row 2: rejected is missing or is not a text"),
        ({"rejected": " On its way. "}, "row 2: label and rejected are the same"),
        ({"rating": 2}, "row 2: rating: 2 is not a number from -1 to 1"),
        ({"rating": float("nan")}, "row 2: rating: nan"),
        ({"rating": True}, "row 2: rating: True"),
        ({"weight": -1}, "row 2: weight"),
        ({"id": "r0"}, "an id stands twice"),
    ],
)
def test_a_wrong_row_names_its_number_and_its_key(tmp_path: Path, row: dict[str, Any], because: str) -> None:
    with pytest.raises(WrongRows, match=because):
        prepare(rows_file(tmp_path, {}, row), "answers")


def test_a_method_takes_the_rows_that_serve_it_and_counts_the_others(tmp_path: Path) -> None:
    held_out = {"split": "validation"}
    given = [{}, {"rejected": "No."}, {"rating": 0.5}, {"rating": -1}, {"rating": 0}, {"weight": 0}]
    path = rows_file(tmp_path, *given, held_out, held_out | {"rating": -1}, {"split": "test"})
    taken = {uses: prepare(path, uses) for uses in ("answers", "pairs", "ratings")}
    assert {uses: [row.id for row in one.train] for uses, one in taken.items()} == {
        "answers": ["r0", "r1", "r2"],
        "pairs": ["r1"],
        "ratings": ["r2", "r3"],
    }
    assert all([row.id for row in one.validation] == ["r6"] for one in taken.values())
    assert (taken["answers"].ignored, prepare(path, None).ignored) == (5, 8)


def test_too_few_rows_of_a_kind(tmp_path: Path) -> None:
    held_out = {"split": "validation"}
    with pytest.raises(TooFewRows, match="split validation has too few rows or labels that can be used: 0"):
        prepare(rows_file(tmp_path, {}), "answers")
    with pytest.raises(TooFewRows, match="split train has too few rows or labels that can be used: 0"):
        prepare(rows_file(tmp_path, {}, held_out), "pairs")
    with pytest.raises(WrongRows, match="all 2 rated rows are bad"):
        prepare(rows_file(tmp_path, {"rating": -1}, {"rating": -0.2}, held_out), "ratings")


def test_held_out_loss_is_of_a_token_and_pairs_are_won_by_the_likelier() -> None:
    told = [Told("a", "a", 10, -10.0, -12.0), Told("b", "b", 30, -10.0, -9.0), Told("c", "c", 10, -5.0, None)]
    scores = validation_scores(told, seed=1)
    assert scores["nll"] == pytest.approx(25 / 50)
    assert (scores["rows"], scores["pairs"], scores["preference_accuracy"]) == (3, 2, 0.5)
    assert 0 < scores["nll_se"] < 1
    assert "preference_accuracy" not in validation_scores(told[2:], seed=1)


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"labels": ["a", "b"]}, "labels"),
        ({"pad_to": 64}, "pad_to"),
        ({"max_length": 100_000}, "max_length"),
        ({"prompt": {"system": ""}}, "prompt.system"),
        ({"prompt": {"sistem": "x"}}, "prompt.sistem: another key"),
        ({"decoding": {"temperature": 3}}, "decoding.temperature"),
        ({"decoding": {"top_p": 0}}, "decoding.top_p"),
        ({"decoding": {"stop": [""]}}, "decoding.stop"),
    ],
)
def test_a_wrong_request_names_the_key(fields: dict[str, Any], because: str) -> None:
    raw = {"task": "generate", "method": "sft", "rows": "rows.jsonl", "out": "out"}
    assert parsed(Request, raw).base == "smollm2"
    with pytest.raises(WrongRequest, match=because):
        parsed(Request, raw | fields)


def test_a_task_is_a_file() -> None:
    assert {"classify", "generate"} <= set(tasks())
    assert task_named("generate").Request is Request
    with pytest.raises(WrongRequest, match="task: 'generat' is not one of"):
        task_named("generat")


def test_a_version_with_an_adapter_says_so_twice_or_is_damaged(tmp_path: Path) -> None:
    version = {
        "task": "generate",
        "method": "sft",
        "base": {"name": "smollm2", "digest": "sha256:1"},
        "weights": "own",
        "prompt": {"system": "Be kind.", "examples": []},
        "decoding": Decoding().model_dump(mode="json"),
        "max_length": 64,
        "training": {"rows": 1, "seed": 1, "settings": {}, "steps": 1, "planned_steps": 1},
        "environment": {},
    }
    (tmp_path / "version.json").write_text(json.dumps(version))
    assert read_version(tmp_path, Version).prompt.system == "Be kind."
    (tmp_path / "version.json").write_text(json.dumps(version | {"weights": "adapted"}))
    with pytest.raises(DamagedModel, match="come together"):
        read_version(tmp_path, Version)
    with pytest.raises(DamagedModel):
        read_version(tmp_path)

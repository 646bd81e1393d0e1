"""Models of features: what a run promises of both methods and both kinds of target."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_runs import silent
from small_tables import FEATURES, asked, rows, target, written

from millrace.learn import DamagedModel, Shelf, TooFewRows, UnknownLabel, UnsafeFile, WrongFeature, digest
from millrace.learn.folder import TREES, Made
from millrace.learn.requests import ScoreRequest, TrainRequest, parsed
from millrace.learn.score import score
from millrace.learn.tabular.training import train
from millrace.learn.tasks import task_named, tasks

BOTH = pytest.mark.parametrize("method", ["lightgbm", "linear"])
KINDS = pytest.mark.parametrize("kind", ["regression", "classification"])


@BOTH
@KINDS
def test_it_learns_what_follows_and_two_runs_are_the_same_bytes(tmp_path: Path, kind: str, method: str) -> None:
    first, again = (train(asked(tmp_path, out, kind, method), silent) for out in ("first", "again"))
    assert (first.digest, first.weights_digest) == (again.digest, again.weights_digest)
    if kind == "regression":
        # the noise alone leaves an absolute error of 0.4, the mean of all one of 5
        assert 0.3 < first.scores["mae"] < 2.0 and first.labels == []
        assert first.scores["mae_se"] > 0
    else:
        assert first.scores["accuracy"] > 0.9 and first.labels == ["high", "low"]
        assert first.scores["ece"] < 0.1


@BOTH
def test_a_changed_seed_or_row_is_another_model(tmp_path: Path, method: str) -> None:
    first = train(asked(tmp_path, "first", "regression", method), silent)
    made = rows("regression")
    made[1]["label"] = "1000.0"
    assert train(asked(tmp_path, "other", "regression", method, made), silent).weights_digest != first.weights_digest


@BOTH
@KINDS
def test_what_is_loaded_says_what_the_run_said(tmp_path: Path, kind: str, method: str) -> None:
    import pyarrow.parquet as pq

    train(asked(tmp_path, "model", kind, method), silent)
    model = Shelf().open(tmp_path / "model")
    held_out = [row for row in rows(kind) if row["split"] == "validation"]
    told = model.predict([row["text"] for row in held_out])
    said = pq.read_table(tmp_path / "model.validation.parquet").to_pydict()
    assert [one.label for one in told] == said["prediction"]
    assert (told[0].top_probability is None) == (kind == "regression")
    assert all(sum(one.probabilities) == pytest.approx(1) for one in told if one.probabilities)


@BOTH
def test_what_no_row_was_like_is_novel(tmp_path: Path, method: str) -> None:
    train(asked(tmp_path, "model", "regression", method), silent)
    model = Shelf().open(tmp_path / "model")
    usual, strange = ({"load_now": now, "load_1h": now, "wind": 5.0, "region": "n"} for now in (10.0, 1e4))
    known, far = model.predict([json.dumps(usual), json.dumps(strange)])
    assert far.novelty > 10 * known.novelty


@BOTH
def test_what_is_missing_is_the_median_to_the_linear_model_and_missing_to_trees(tmp_path: Path, method: str) -> None:
    made = rows("regression")
    for row in made:
        told = json.loads(row["text"])
        if row["split"] == "train" and int(row["id"][1:]) % 3 == 0:
            told["load_now"], row["label"] = None, "500.0"
        row["text"] = json.dumps(told)
    train(asked(tmp_path, "model", "regression", method, made), silent)
    model = Shelf().open(tmp_path / "model")
    asked_for: dict[str, Any] = {"load_now": None, "load_1h": 10.0, "wind": 5.0, "region": "n"}
    nan = json.dumps(asked_for | {"load_now": float("nan")})
    missing, not_a_number = (float(one.label) for one in model.predict([json.dumps(asked_for), nan]))
    assert missing == not_a_number
    known = sorted(told for row in made if row["split"] == "train" and (told := json.loads(row["text"])["load_now"]))
    middle = known[(len(known) - 1) // 2]
    at_the_median = float(model.predict([json.dumps(asked_for | {"load_now": middle})])[0].label)
    if method == "linear":
        assert missing == pytest.approx(at_the_median)
    else:
        assert missing > 400 > at_the_median  # that a value is missing told something, and trees learned it


@BOTH
@pytest.mark.parametrize("infinite", ["Infinity", "-Infinity", "1e999"])
def test_an_infinite_feature_is_named_with_its_row(tmp_path: Path, method: str, infinite: str) -> None:
    made = rows("regression")
    made[5]["text"] = f'{{"load_now": 1.0, "load_1h": null, "wind": {infinite}, "region": "n"}}'
    with pytest.raises(WrongFeature, match="row r5: wind is infinite"):
        train(asked(tmp_path, "model", "regression", method, made), silent)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"load_now": "much", "load_1h": 1, "wind": 1, "region": "n"}', "load_now is 'much', where a number"),
        ('{"load_now": 1, "load_1h": 1, "wind": [1], "region": "n"}', r"wind is '\[1\]', where a number"),
        ('{"load_now": 1, "load_1h": 1, "wind": 1, "region": 3}', "region is 3, where a category is a text"),
        ("10", "the features are no JSON object"),
        ("{", "the features are no JSON object"),
        ("[" * 100_000, "the features are no JSON object"),
    ],
)
def test_a_bad_field_is_named(tmp_path: Path, text: str, said: str) -> None:
    train(asked(tmp_path, "model", "regression", "linear"), silent)
    with pytest.raises(WrongFeature, match=said):
        Shelf().open(tmp_path / "model").predict([text])


def test_a_feature_that_is_not_there_is_named_to_a_run_and_missing_to_a_version(tmp_path: Path) -> None:
    made = rows("regression")
    train(asked(tmp_path, "model", "regression", "linear", made), silent)
    without = '{"load_now": 1, "load_1h": 1, "region": "n"}'
    null = without.replace("}", ', "wind": null}')
    first, second = Shelf().open(tmp_path / "model").predict([without, null])
    assert first == second
    made[8]["text"] = without
    with pytest.raises(WrongFeature, match="row r8: wind is not there"):
        train(asked(tmp_path, "again", "regression", "linear", made), silent)


def test_yes_and_no_are_numbers_and_another_category_is_unknown(tmp_path: Path) -> None:
    train(asked(tmp_path, "model", "regression", "lightgbm"), silent)
    model = Shelf().open(tmp_path / "model")
    told: dict[str, Any] = {"load_now": True, "load_1h": False, "wind": 5, "region": "elsewhere"}
    same = {"load_now": 1.0, "load_1h": 0.0, "wind": 5.0, "region": None}
    first, second = model.predict([json.dumps(told), json.dumps(same)])
    assert first == second


@BOTH
@pytest.mark.parametrize("label", ["nan", "inf", "much"])
def test_a_truth_that_is_no_finite_number_is_named_with_its_row(tmp_path: Path, method: str, label: str) -> None:
    made = rows("regression")
    made[9]["label"] = label
    with pytest.raises(WrongFeature, match="row r9: the target is"):
        train(asked(tmp_path, "model", "regression", method, made), silent)


@BOTH
def test_one_class_or_one_row_is_too_few(tmp_path: Path, method: str) -> None:
    one_class = [{**row, "label": "low"} for row in rows("classification")]
    with pytest.raises(TooFewRows, match="train has too few rows or labels that can be used: 1"):
        train(asked(tmp_path, "a", "classification", method, one_class), silent)
    one_row = [row for row in rows("regression") if row["split"] == "validation" or row["id"] == "r1"]
    with pytest.raises(TooFewRows, match="train has too few rows"):
        train(asked(tmp_path, "b", "regression", method, one_row), silent)
    nothing_held_out = [row for row in rows("regression") if row["split"] == "train"]
    with pytest.raises(TooFewRows, match="split validation"):
        train(asked(tmp_path, "c", "regression", method, nothing_held_out), silent)
    with pytest.raises(UnknownLabel, match="near it"):
        made = rows("classification")
        made[1]["label"] = "hihg"
        train(asked(tmp_path, "d", "classification", method, made, labels=["high", "low"]), silent)


@BOTH
def test_few_rows_extreme_numbers_and_a_feature_of_nothing_are_learned(tmp_path: Path, method: str) -> None:
    made = rows("regression", 12)
    for number, row in enumerate(made):
        told = json.loads(row["text"])
        told["load_1h"], told["wind"] = None, 1e308 if number % 2 else -1e308
        row["text"] = json.dumps(told)
    train(asked(tmp_path, "model", "regression", method, made), silent)
    [one] = Shelf().open(tmp_path / "model").predict([made[0]["text"]])
    assert abs(float(one.label)) < 1e6


def test_pickles_and_damaged_trees_are_refused(tmp_path: Path) -> None:
    train(asked(tmp_path, "model", "regression", "lightgbm"), silent)
    folder = tmp_path / "model"
    (folder / TREES).write_text("tree\nversion=v4\n", encoding="utf-8")
    with pytest.raises(DamagedModel, match=TREES):
        Shelf().open(folder)
    (folder / "model.pkl").write_bytes(b"")
    with pytest.raises(UnsafeFile, match="pickled"):
        digest(folder)


@BOTH
@KINDS
def test_versions_are_scored_on_suites(tmp_path: Path, kind: str, method: str) -> None:
    import pyarrow.parquet as pq

    train(asked(tmp_path, "model", kind, method), silent)
    suite = written(tmp_path / "fresh.jsonl", [{**row, "id": f"f{row['id']}"} for row in rows(kind, 100, seed=2)])
    raw = {
        "models": [{"name": "candidate", "path": str(tmp_path / "model")}],
        "suites": [{"name": "fresh", "rows": str(suite)}],
        "out": str(tmp_path / "scores"),
    }
    found = score(parsed(ScoreRequest, raw).model_dump(mode="json"))
    told = found["scores"]["candidate"]["fresh"]
    columns = pq.read_table(told["path"]).column_names
    assert ("top_probability" in columns) == (kind == "classification")
    assert told["mae"] < 2.5 if kind == "regression" else told["accuracy"] > 0.85
    assert found["digests"]["candidate"] == digest(tmp_path / "model")


def test_a_version_is_scored_on_rows_of_a_later_declaration(tmp_path: Path) -> None:
    train(asked(tmp_path, "model", "regression", "linear"), silent)
    made = rows("regression", 40, seed=2)
    for row in made:
        told = json.loads(row["text"]) | {"new": 1.0}
        row["text"] = json.dumps({name: cell for name, cell in told.items() if name != "wind"})
    raw = {
        "models": [{"name": "production", "path": str(tmp_path / "model")}],
        "suites": [{"name": "fresh", "rows": str(written(tmp_path / "fresh.jsonl", made))}],
        "out": str(tmp_path / "scores"),
    }
    found = score(parsed(ScoreRequest, raw).model_dump(mode="json"))["scores"]["production"]["fresh"]
    assert found["rows"] == 40 and found["mae"] > 0


@BOTH
def test_the_command_says_lines_of_json_and_names_what_is_wrong(tmp_path: Path, method: str) -> None:
    made = rows("regression")
    made[3]["text"] = made[3]["text"].replace('"region": "', '"region": 7, "was": "')
    path = tmp_path / "request.json"
    for number, some in enumerate((rows("regression"), made)):
        source = written(tmp_path / f"{number}.jsonl", some)
        request = {"task": "tabular", "method": method, "rows": str(source), "out": str(tmp_path / f"out{number}")}
        path.write_text(json.dumps({**request, "features": FEATURES, "target": target("regression")}))
        ran = subprocess.run(
            [sys.executable, "-m", "millrace.learn.run", path], capture_output=True, text=True, check=False
        )
        lines = [json.loads(line) for line in ran.stdout.splitlines()]
        if number == 0:
            assert (ran.returncode, lines[-1]["kind"]) == (0, "result"), ran.stderr
        else:
            assert ran.returncode == 2
            assert lines[-1]["error"] == "WrongFeature" and "row r3: region is 7" in lines[-1]["detail"]


@pytest.mark.parametrize("name", tasks())
def test_every_task_says_what_it_is_trained_scored_and_loaded_by(name: str) -> None:
    task = task_named(name)
    assert task.METHODS and issubclass(task.Request, TrainRequest) and issubclass(task.Version, Made)
    modules = {task.TRAINING: "train", task.SCORING: "scored", task.LOADING: "opened"}
    assert all(hasattr(importlib.import_module(module), what) for module, what in modules.items() if module)

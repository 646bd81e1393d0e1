"""On the real base and some forty texts: what a run promises, not how good it is."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from small_runs import request, rows_file, silent

from millrace.learn import Parameters, Shelf, WrongRequest, WrongRows, digest, read_version, weights_digest
from millrace.learn.requests import ScoreRequest, parsed
from millrace.learn.training import Trained, train


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    folder = tmp_path_factory.mktemp("probe")
    return folder, train(request(folder, "model"), silent)


def test_two_probes_of_the_same_rows_and_seed_are_the_same_bytes(probe: tuple[Path, Trained]) -> None:
    folder, first = probe
    second = train(request(folder, "again"), silent)
    assert (second.digest, second.weights_digest) == (first.digest, first.weights_digest)


def test_a_loaded_model_answers_in_the_order_asked_and_finds_strange_texts_novel(probe: tuple[Path, Trained]) -> None:
    model = Shelf().load(probe[0] / "model")
    texts = [
        "a cracked mirror and a broken frame with glass all over the floor of the hall",
        "refund me",
        "parcel late",
    ]
    answers = model.predict(texts)
    assert [answer.label for answer in answers] == ["damaged", "refund", "late"]
    assert all(sum(answer.probabilities) == pytest.approx(1) for answer in answers)
    assert model.predict([texts[1]])[0].probabilities == pytest.approx(answers[1].probabilities, abs=1e-5)
    strange = model.predict(["the orchestra tunes its violins before dawn"])[0]
    assert strange.novelty > max(answer.novelty for answer in answers)


def test_padding_changes_the_work_not_the_answer(probe: tuple[Path, Trained]) -> None:
    shelf = Shelf()
    plain, padded = (shelf.load(probe[0] / "model", Parameters(pad_to=pad_to)) for pad_to in (None, 256))
    assert plain.embedder is padded.embedder, "heads on one base share one encoder"
    lengths: list[int] = []
    hook = padded.embedder.asked.register_forward_hook(lambda _, inputs, output: lengths.append(inputs[0].shape[1]))
    [fast], [slow] = plain.predict(["my parcel is late"]), padded.predict(["my parcel is late"])
    hook.remove()
    assert lengths == [6, 256]
    assert slow.probabilities == pytest.approx(fast.probabilities, abs=0.02)


def test_declaring_another_length_keeps_the_weights_and_makes_another_version(probe: tuple[Path, Trained]) -> None:
    folder, first = probe
    settings = {"from": str(folder / "model")}
    declared = train(request(folder, "declared", method="declare", pad_to=256, settings=settings), silent)
    assert declared.weights_digest == first.weights_digest
    assert declared.digest != first.digest
    assert read_version(folder / "declared").pad_to == 256


def test_a_fine_tuning_goes_on_from_an_earlier_one(tmp_path: Path) -> None:
    settings = {"epochs": 4, "rate": 1e-3}
    first = train(request(tmp_path, "first", method="full", settings=settings), silent)
    rest = {"method": "full", "steps": 0, "planned_steps": 1}
    same = train(request(tmp_path, "same", start=tmp_path / "first", **rest), silent)
    other = train(request(tmp_path, "other", **rest), silent)
    encoders = [load_file(tmp_path / name / "weights.safetensors") for name in ("first", "same", "other")]
    started, went_on, base = (weights["encoder.encoder.layer.5.output.dense.weight"] for weights in encoders)
    assert (went_on == started).all()
    assert (base != started).any()
    assert read_version(tmp_path / "same").environment["start"] == first.weights_digest
    assert "start" not in read_version(tmp_path / "other").environment
    assert same.digest != other.digest


@pytest.mark.parametrize(
    ("fields", "because"),
    [
        ({"epochs": 3}, "epochs: another key: there is none of this name"),
        ({"settings": {"C": -1}}, "settings.C"),
        ({"settings": {"rate": 1}}, "settings.rate"),
        ({"method": "dora"}, "method: 'dora' is not one of declare, full, imported, linear-probe, lora"),
        ({"method": "full", "accumulate": 33}, "accumulate: a batch of 32 rows has no 33 parts"),
        ({"method": "lora", "settings": {"rank": 0}}, "settings.rank: 0 is not a positive int"),
        ({"task": "chat"}, "task: 'chat' is not one of classify, "),
    ],
)
def test_a_wrong_request_names_the_key(tmp_path: Path, fields: dict[str, Any], because: str) -> None:
    with pytest.raises(WrongRequest, match=because):
        train(request(tmp_path, "model", **fields), silent)


def test_a_wrong_row_names_its_number(tmp_path: Path) -> None:
    wrong = request(tmp_path, "model")
    with wrong.rows.open("a") as file:
        file.write('{"id": "x", "text": null, "label": "late", "split": "train"}\n')
    with pytest.raises(WrongRows, match="row 25: text"):
        train(wrong, silent)


def test_scoring_writes_a_prediction_for_every_row(probe: tuple[Path, Trained], tmp_path: Path) -> None:
    from millrace.learn.score import score

    suite = {"name": "golden", "rows": str(rows_file(tmp_path))}
    raw = {
        "models": [{"name": "candidate", "path": str(probe[0] / "model")}],
        "suites": [suite, suite | {"name": "typos", "perturb": "typos"}],
        "out": str(tmp_path / "scores"),
        "format": "jsonl",
    }
    scored = score(parsed(ScoreRequest, raw).model_dump(mode="json"))
    golden = scored["scores"]["candidate"]["golden"]
    lines = [json.loads(line) for line in Path(golden["path"]).read_text().splitlines()]
    assert [line["id"] for line in lines][:2] == ["late-0", "late-1"]
    assert golden["accuracy"] == sum(line["truth"] == line["prediction"] for line in lines) / 24
    assert scored["digests"] == {"candidate": digest(probe[0] / "model")}
    assert weights_digest(probe[0] / "model") == probe[1].weights_digest


def test_heads_on_one_encoder_share_its_work_and_padding_is_left_out(
    probe: tuple[Path, Trained], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from millrace.learn.score import score

    model = str(probe[0] / "model")
    raw = {
        "models": [
            {"name": "plain", "path": model},
            {"name": "padded", "path": model, "parameters": {"pad_to": 256}},
            {"name": "cut", "path": model, "parameters": {"max_length": 8}},
        ],
        "suites": [{"name": "golden", "rows": str(rows_file(tmp_path))}],
        "out": str(tmp_path / "scores"),
        "format": "jsonl",
    }
    score(parsed(ScoreRequest, raw).model_dump(mode="json"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["stage"] for line in lines} == {"plain/golden", "cut/golden"}
    plain, padded = (tmp_path / "scores" / name / "golden.jsonl" for name in ("plain", "padded"))
    assert padded.read_bytes() == plain.read_bytes()


def test_what_an_encoder_said_is_remembered_for_the_next_version(
    probe: tuple[Path, Trained], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from millrace.learn.score import score

    raw = {
        "models": [{"name": "candidate", "path": str(probe[0] / "model")}],
        "suites": [{"name": "golden", "rows": str(rows_file(tmp_path))}],
        "format": "jsonl",
        "memory": str(tmp_path / "memory.sqlite"),
    }
    written = []
    for turn in ("first", "second"):
        score(parsed(ScoreRequest, raw | {"out": str(tmp_path / turn)}).model_dump(mode="json"))
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        written.append(((tmp_path / turn / "candidate" / "golden.jsonl").read_bytes(), len(told)))
    (first, computed), (second, recomputed) = written
    assert second == first
    assert computed and not recomputed
    assert b"parcel" not in (tmp_path / "memory.sqlite").read_bytes()


def test_importing_learn_costs_no_torch() -> None:
    code = "import sys, millrace.learn; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_fine_tuning_is_judged_at_each_quarter_and_learns_the_same(tmp_path: Path, method: str) -> None:
    told: list[tuple[int, int, float | None]] = []

    def hear(stage: str, step: int, of: int, loss: float | None, seconds: float) -> None:
        if stage == "judge":
            told.append((step, of, loss))

    settings = {"epochs": 4, "batch": 8}
    judged = train(request(tmp_path, "judged", method=method, settings=settings, judge=True), hear)
    plain = train(request(tmp_path, "plain", method=method, settings=settings), hear)
    assert [(step, of) for step, of, _ in told] == [(1, 4), (2, 4), (3, 4)]
    assert all(score is not None and 0 <= score <= 1 for _, _, score in told)
    assert judged.weights_digest == plain.weights_digest

"""Models that were made elsewhere come in as versions, and answer as they did there."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightgbm
import mlflow.lightgbm
import mlflow.sklearn
import mlflow.transformers
import numpy as np
import pandas
import pytest
import small_runs
import small_tables
import tiny_models
import torch
from sklearn.linear_model import LogisticRegression
from small_runs import SAID, request, rows_file, silent
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    pipeline,
)

import millrace.learn.model
from millrace.learn import ImportRefused, Shelf, bases, read_version
from millrace.learn.exporting import export
from millrace.learn.importing import examine
from millrace.learn.score import score
from millrace.learn.tabular.training import train as train_of_features
from millrace.learn.training import train

ASKED = ["please refund me", "the box arrived torn and broken", "where is it", "?"]
LABELS = ["refund", "late", "damaged"]
NAMES = {"id2label": dict(enumerate(LABELS)), "label2id": {label: at for at, label in enumerate(LABELS)}}
SMALL: dict[str, Any] = {**tiny_models.SMALL, "intermediate_size": 32, "pad_token_id": 0}
FAMILIES: dict[str, Callable[[], Any]] = {
    "bert": lambda: BertForSequenceClassification(BertConfig(**SMALL, **NAMES)),
    "roberta": lambda: RobertaForSequenceClassification(RobertaConfig(**{**SMALL, "pad_token_id": 1}, **NAMES)),
    "distilbert": lambda: DistilBertForSequenceClassification(
        DistilBertConfig(vocab_size=tiny_models.VOCABULARY, dim=16, hidden_dim=32, n_layers=2, n_heads=2, **NAMES)
    ),
    "llama": lambda: LlamaForSequenceClassification(LlamaConfig(num_key_value_heads=1, **SMALL, **NAMES)),
}


@pytest.fixture(autouse=True)
def of_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sums as others compute them."""
    monkeypatch.setattr(millrace.learn.model, "bfloat16_is_fast", lambda: False)


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Repositories as the hub has them, each of another family."""
    folder = tmp_path_factory.mktemp("hub")

    def made(family: str) -> Path:
        if not (folder / family).is_dir():
            tiny_models._saved(folder / family, FAMILIES[family]())
        return folder / family

    yield made


def plain(folder: Path, out: Path) -> dict[str, Any]:
    """What a run is told of a folder, whose files lie as they are uploaded."""
    found = examine(folder)
    for name, path in found.files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, out / name)
    return {"from": str(out), "source": folder.name, "digest": found.digest, "licence": "mit"}


def imported(tmp_path: Path, folder: Path, **fields: Any) -> Path:
    told = plain(folder, tmp_path / "plain") | fields.pop("told", {})
    train(request(tmp_path, "version", method="imported", base="", settings=told, **fields), silent)
    return tmp_path / "version"


def answers(folder: Path) -> list[list[float]]:
    """In the order of LABELS."""
    model = Shelf().load(folder)
    places = [model.version.labels.index(label) for label in LABELS]
    return [[one.probabilities[at] for at in places] for one in model.predict(ASKED)]


def theirs(folder: Path) -> list[list[float]]:
    """As transformers itself answers, text by text."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()
    tokens = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    with torch.inference_mode():
        logits = [model(input_ids=torch.tensor([tokens(text)["input_ids"]])).logits[0] for text in ASKED]
    return [torch.softmax(one.double(), dim=-1).tolist() for one in logits]


def near(found: list[list[float]], expected: list[list[float]]) -> None:
    assert found == [pytest.approx(one, abs=1e-5) for one in expected]
    assert len({tuple(round(value, 3) for value in one) for one in expected}) > 1, "the texts are told apart"


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_sequence_classifier_of_transformers_answers_as_it_did(
    tmp_path: Path, classifiers: Callable[[str], Path], family: str
) -> None:
    folder = imported(tmp_path, classifiers(family))
    near(answers(folder), theirs(classifiers(family)))
    version = read_version(folder)
    assert (version.method, version.encoder, version.temperature) == ("imported", "classifier", 1.0)
    assert version.labels == LABELS and version.base_needed is None
    assert version.base.name == family and version.base.licence == "mit" and version.training.rows == 0
    assert version.training.settings["folder"] == version.base.digest == examine(classifiers(family)).digest


def test_it_leaves_again_as_what_it_was(tmp_path: Path, classifiers: Callable[[str], Path]) -> None:
    folder = imported(tmp_path, classifiers("roberta"))
    export(folder, tmp_path / "out", "huggingface", name="parcels-1")
    near(theirs(tmp_path / "out"), theirs(classifiers("roberta")))
    export(folder, tmp_path / "mlflow", "mlflow", name="parcels-1")
    found = mlflow.pyfunc.load_model(str(tmp_path / "mlflow")).predict(pandas.DataFrame({"text": ASKED}))
    near(found[[f"p_{label}" for label in LABELS]].to_numpy().tolist(), theirs(classifiers("roberta")))


def test_its_weights_are_declared_anew(tmp_path: Path, classifiers: Callable[[str], Path]) -> None:
    folder = imported(tmp_path, classifiers("bert"))
    settings = {"from": str(folder)}
    train(request(tmp_path, "again", method="declare", labels=LABELS, pad_to=32, settings=settings), silent)
    near(answers(tmp_path / "again"), theirs(classifiers("bert")))


@pytest.mark.parametrize("form", ["huggingface", "mlflow"])
@pytest.mark.parametrize("method", ["linear-probe", "full"])
def test_one_of_ours_that_left_comes_back_and_answers_the_same(tmp_path: Path, form: Any, method: str) -> None:
    settings: dict[str, Any] = {} if method == "linear-probe" else {"epochs": 1, "batch": 6}
    train(request(tmp_path, "ours", method=method, settings=settings), silent)
    export(tmp_path / "ours", tmp_path / "out", form, name="parcels-3")
    folder = imported(tmp_path, tmp_path / "out")
    near(answers(folder), answers(tmp_path / "ours"))
    assert read_version(folder).encoder == "own"


def test_mlflow_s_transformers_are_imported(tmp_path: Path, classifiers: Callable[[str], Path]) -> None:
    folder = classifiers("bert")
    tokens = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    saved = tmp_path / "saved"
    asked = pipeline("text-classification", model=model, tokenizer=tokens, device="cpu")
    mlflow.transformers.save_model(asked, str(saved), pip_requirements=[])
    near(answers(imported(tmp_path, saved)), theirs(folder))


def test_an_older_tokenizer_is_rewritten(tmp_path: Path, classifiers: Callable[[str], Path]) -> None:
    folder = tmp_path / "older"
    shutil.copytree(classifiers("bert"), folder)
    whole = json.loads((folder / "tokenizer.json").read_text())
    words = sorted(whole["model"]["vocab"], key=whole["model"]["vocab"].__getitem__)
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    assert "vocab.txt" in examine(folder).files
    near(answers(imported(tmp_path, folder)), theirs(classifiers("bert")))
    assert AutoTokenizer.from_pretrained(folder)("hello")["input_ids"]


def test_labels_that_differ_are_named(tmp_path: Path, classifiers: Callable[[str], Path]) -> None:
    folder = classifiers("bert")
    with pytest.raises(ImportRefused, match="the workspace has no 'refund' and the model has no 'lost'"):
        imported(tmp_path, folder, labels=["late", "damaged", "lost"])
    with pytest.raises(ImportRefused, match="2 labels are named, and it has 3 outputs"):
        imported(tmp_path, folder, told={"labels": ["late", "lost"]})
    told = {"labels": ["damaged", "refund", "late"]}
    version = read_version(imported(tmp_path, folder, told=told, labels=sorted(SAID)))
    assert version.labels == told["labels"], "names that are given go before its own"


def test_other_bytes_than_were_told_are_refused(tmp_path: Path, classifiers: Callable[[str], Path]) -> None:
    with pytest.raises(ImportRefused, match="where sha256:0 were told"):
        imported(tmp_path, classifiers("bert"), told={"digest": "sha256:0"})


def test_weights_that_are_missing_are_not_made_up(tmp_path: Path, classifiers: Callable[[str], Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "broken"
    shutil.copytree(classifiers("bert"), folder)
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {name: value for name, value in tensors.items() if "pooler" not in name},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(ImportRefused, match=r"its weights lack bert\.pooler"):
        imported(tmp_path, folder)


def test_pickles_code_of_its_own_and_other_heads_are_refused(
    tmp_path: Path, classifiers: Callable[[str], Path]
) -> None:
    def other(name: str, **config: Any) -> Path:
        shutil.copytree(classifiers("bert"), tmp_path / name)
        tiny_models.reconfigured(tmp_path / name, **config)
        return tmp_path / name

    refused = {
        other("remote", auto_map={"AutoModel": "m.M"}): "trust_remote_code is never given",
        other("bare", architectures=["BertModel"]): "a model with a head is imported",
        other("several", problem_type="multi_label_classification"): "one label out of several",
        other("number", id2label={"0": "x"}): "it tells a number",
        bases.find("minilm"): "Normalize, Dense in folders of their number end in labels",
    }
    pickled = other("pickled")
    (pickled / "model.safetensors").unlink()
    torch.save({}, pickled / "pytorch_model.bin")
    refused[pickled] = "pickled weights run code when they are loaded"
    for folder, why in refused.items():
        with pytest.raises(ImportRefused, match=why):
            examine(folder)


def test_mlflow_s_pickles_are_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    model = LogisticRegression().fit(np.eye(2), [0, 1])
    mlflow.sklearn.save_model(model, str(tmp_path / "sk"), serialization_format="cloudpickle", pip_requirements=[])
    with pytest.raises(
        ImportRefused, match=r"python_function, sklearn \(model.pkl\).*save it as MLflow's `transformers`"
    ):
        examine(tmp_path / "sk")
    trees = lightgbm.LGBMClassifier(n_estimators=2, verbosity=-1).fit(np.eye(4), [0, 1, 0, 1])
    options = {"serialization_format": "cloudpickle", "pip_requirements": []}
    mlflow.lightgbm.save_model(trees, str(tmp_path / "lgb"), **options)
    with pytest.raises(ImportRefused, match=r"model\.pkl is a .*LGBMClassifier.*save its Booster"):
        examine(tmp_path / "lgb")


def test_what_mlmodel_names_has_to_lie_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {lightgbm: {data: ../../etc/passwd}}")
    with pytest.raises(ImportRefused, match="which is not in the folder"):
        examine(folder)


def frame(kind: str) -> tuple[pandas.DataFrame, list[str]]:
    rows = [row for row in small_tables.rows(kind) if row["split"] == "train"]
    told = pandas.DataFrame([json.loads(row["text"]) for row in rows])
    known = ["n", "s"]
    told["region"] = pandas.Categorical(told["region"].where(told["region"].isin(known)), categories=known)
    return told, [row["label"] for row in rows]


def boosted(folder: Path, kind: str) -> Any:
    """As MLflow saves one."""
    columns, labels = frame(kind)
    targets = [float(label) for label in labels] if kind == "regression" else [int(label == "low") for label in labels]
    parameters = {"objective": "regression" if kind == "regression" else "binary", "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(columns, targets), num_boost_round=20)
    mlflow.lightgbm.save_model(booster, str(folder), pip_requirements=[])
    return booster


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_mlflow_s_lightgbm_answers_as_it_did(tmp_path: Path, kind: str) -> None:
    booster = boosted(tmp_path / "saved", kind)
    told = plain(tmp_path / "saved", tmp_path / "plain")
    told |= {"labels": ["high", "low"]} if kind == "classification" else {}
    asked = small_tables.asked(tmp_path, "version", kind, "imported", settings=told)
    made = train_of_features(asked, silent)
    columns, _ = frame(kind)
    theirs = booster.predict(columns)
    texts = [row["text"] for row in small_tables.rows(kind) if row["split"] == "train"]
    found = Shelf().open(tmp_path / "version").predict(texts)
    if kind == "regression":
        assert [float(one.label) for one in found] == pytest.approx(theirs.tolist())
        assert made.scores["mae"] < 3
    else:
        assert [one.probabilities[1] for one in found] == pytest.approx(theirs.tolist())
        assert made.labels == ["high", "low"] and made.scores["accuracy"] > 0.8


def test_trees_of_other_columns_categories_or_answers_are_refused(tmp_path: Path) -> None:
    boosted(tmp_path / "saved", "classification")
    told = plain(tmp_path / "saved", tmp_path / "plain")
    features = dict(small_tables.FEATURES)
    refused = [
        ({"settings": told}, "classification", "it names no labels"),
        ({"settings": told}, "regression", "it answers with labels, the workspace predicts a number"),
        (
            {"settings": told | {"labels": ["high", "low"]}, "features": {"wind": features.pop("wind"), **features}},
            "classification",
            "the workspace declares wind, load_now",
        ),
        (
            {
                "settings": told | {"labels": ["high", "low"]},
                "features": small_tables.FEATURES | {"region": {"category": ["s", "n"], "unknown": "other"}},
            },
            "classification",
            "its categories are",
        ),
    ]
    for number, (fields, kind, why) in enumerate(refused):
        asked = small_tables.asked(tmp_path, f"out{number}", kind, "imported", **fields)
        with pytest.raises(ImportRefused, match=why):
            train_of_features(asked, silent)


def test_a_model_of_another_task_is_refused(tmp_path: Path, classifiers: Callable[[str], Path]) -> None:
    boosted(tmp_path / "saved", "classification")
    with pytest.raises(ImportRefused, match="of lightgbm is of task tabular, the workspace of classify"):
        imported(tmp_path, tmp_path / "saved")


def test_it_is_scored_beside_ours_and_remembered_texts_count_the_same(
    tmp_path: Path, classifiers: Callable[[str], Path]
) -> None:
    folder = imported(tmp_path, classifiers("distilbert"))
    train(request(tmp_path, "ours"), silent)
    told = []
    for number in (1, 2):
        asked = {
            "models": [{"name": "theirs", "path": str(folder)}, {"name": "ours", "path": str(tmp_path / "ours")}],
            "suites": [{"name": "golden", "rows": str(rows_file(tmp_path))}],
            "out": str(tmp_path / f"scores{number}"),
            "format": "jsonl",
            "memory": str(tmp_path / "memory.sqlite"),
        }
        score(asked)
        path = tmp_path / f"scores{number}" / "theirs" / "golden.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        told.append([[row["prediction"], row["top_probability"], row["novelty"]] for row in rows])
    model = Shelf().load(folder)
    said = model.predict([row["text"] for row in small_runs.rows()])
    for found in told:
        assert [row[0] for row in found] == [one.label for one in said]
        assert [row[1:] for row in found] == [
            pytest.approx([one.top_probability, one.novelty], abs=1e-5) for one in said
        ]
    assert all(0 <= row[2] <= 2 for row in told[0])

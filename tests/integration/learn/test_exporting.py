"""A version that left: others load it without Millrace, and it answers the same."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from sentence_transformers import SentenceTransformer
from small_runs import request, silent
from transformers import AutoModel

import millrace.learn.model
from millrace.learn import Shelf, WrongRequest, bases
from millrace.learn.exporting import export
from millrace.learn.training import train

SHORT = {"epochs": 2, "batch": 6}
ASKED = ["please refund me", "the box arrived torn and broken", "where is it " * 200]
MADE = [
    ("minilm", "linear-probe"),
    ("minilm", "lora"),
    ("encoder", "full"),
    ("speaker", "lora"),
    ("classifier", "full"),
]
MAKERS = {"encoder": tiny_models.encoder, "classifier": tiny_models.classifier, "speaker": tiny_models.language_model}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Bases of random weights beside the one of the wheel; all sums of float32, as others compute them."""
    folder = tmp_path_factory.mktemp("bases")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(millrace.learn.model, "bfloat16_is_fast", lambda: False)
        bases.find.cache_clear()
        for name, make in MAKERS.items():
            bases.add(name, str(make(folder / name)))
        yield
    bases.find.cache_clear()


def made(tmp_path: Path, base: str, method: str) -> tuple[Path, list[Any]]:
    """A version, and what it answers."""
    settings: dict[str, Any] = {} if method == "linear-probe" else SHORT
    train(request(tmp_path, "model", base=base, method=method, settings=settings), silent)
    return tmp_path / "model", Shelf().load(tmp_path / "model").predict(ASKED)


@pytest.mark.parametrize(("base", "method"), MADE)
def test_hugging_face_loads_it_and_answers_the_same(tmp_path: Path, base: str, method: str) -> None:
    folder, answers = made(tmp_path, base, method)
    files = export(folder, tmp_path / "out", "huggingface", name="parcels-3", readme="# parcels-3\n")
    assert not {path.suffix for path in files} & {".bin", ".pt", ".pkl"}
    model = SentenceTransformer(str(tmp_path / "out"), device="cpu", local_files_only=True)
    logits = model.encode(ASKED, convert_to_tensor=True)
    found = torch.softmax(logits.double(), dim=-1)
    assert found.tolist() == [pytest.approx(answer.probabilities, abs=1e-4) for answer in answers]
    _, report = AutoModel.from_pretrained(tmp_path / "out", local_files_only=True, output_loading_info=True)
    assert [name for name in report["missing_keys"] if "pooler" not in name] == []


ASK = """
import json, sys
import mlflow.pyfunc, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
found = model.predict(pandas.DataFrame({"text": json.loads(sys.argv[2])}))
assert not [name for name in sys.modules if name.startswith("millrace.")], "it needs Millrace"
print(found.to_json(orient="records"))
"""


@pytest.mark.parametrize(("base", "method"), [("minilm", "linear-probe"), ("speaker", "lora")])
def test_mlflow_loads_it_without_millrace_and_predicts_the_same(tmp_path: Path, base: str, method: str) -> None:
    folder, answers = made(tmp_path, base, method)
    export(folder, tmp_path / "out", "mlflow", name="parcels-3")
    command = [sys.executable, "-c", ASK, str(tmp_path / "out"), json.dumps(ASKED)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert [row["label"] for row in found] == [answer.label for answer in answers]
    assert [[value for key, value in row.items() if key.startswith("p_")] for row in found] == [
        pytest.approx(answer.probabilities, abs=1e-4) for answer in answers
    ]


def test_what_is_there_stays_and_half_of_a_folder_never_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = made(tmp_path, "encoder", "linear-probe")
    (tmp_path / "out").mkdir()
    with pytest.raises(WrongRequest, match="is there already"):
        export(folder, tmp_path / "out", "huggingface", name="parcels-3")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("millrace.learn.exporting.huggingface._modules", full)
    with pytest.raises(OSError, match="No space"):
        export(folder, tmp_path / "other", "huggingface", name="parcels-3")
    assert sorted(path.name for path in tmp_path.glob(".*part")) == [] and not (tmp_path / "other").exists()

"""Fine-tuning on the real base and some twenty texts: what a run promises, not how good it is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import request, silent

from millrace.learn import Shelf
from millrace.learn.training import Trained, train

SHORT = {"method": "full", "settings": {"epochs": 4, "batch": 6, "rate": 2e-5}}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    folder = tmp_path_factory.mktemp("full")
    return folder, train(request(folder, "model", **SHORT), silent)


def test_a_fine_tuned_model_stands_alone_and_a_run_of_the_same_steps_is_the_same(full: tuple[Path, Trained]) -> None:
    folder, first = full
    assert sorted(path.name for path in (folder / "model").iterdir()) == [
        "config.json",
        "tokenizer.json",
        "version.json",
        "weights.safetensors",
    ]
    assert (first.steps, first.stopped) == (12, "epochs")
    again = train(request(folder, "again", **SHORT), silent)
    assert again.weights_digest == first.weights_digest
    assert Shelf().load(folder / "model").predict(["please refund me"])[0].label == "refund"


def test_a_killed_run_goes_on_from_its_checkpoint_to_the_same_weights(full: tuple[Path, Trained]) -> None:
    folder, first = full

    class Killed(Exception):
        pass

    def dying(stage: str, step: int, of: int, loss: float | None, seconds: float) -> None:
        if stage == "fit" and step == 10:
            raise Killed

    fields = SHORT | {"checkpoint": folder / "checkpoint", "checkpoint_seconds": 1e-3}
    with pytest.raises(Killed):
        train(request(folder, "resumed", **fields), dying)
    assert not (folder / "resumed").exists()
    resumed = train(request(folder, "resumed", **fields), silent)
    assert resumed.resumed_from == 9
    assert resumed.weights_digest == first.weights_digest


def test_a_run_that_its_budget_stopped_can_be_replayed_by_its_steps(full: tuple[Path, Trained]) -> None:
    folder, _ = full
    settings = {"epochs": 500, "batch": 6, "rate": 2e-5}
    short = train(request(folder, "short", method="full", settings=settings, budget_seconds=3), silent)
    assert short.stopped == "budget"
    assert 0 < short.steps < 1500
    replayed = train(
        request(
            folder, "replayed", method="full", settings=settings, steps=short.steps, planned_steps=short.planned_steps
        ),
        silent,
    )
    assert replayed.weights_digest == short.weights_digest


def test_the_command_speaks_json_lines_and_a_sigkill_is_survived(tmp_path: Path) -> None:
    fields = {"settings": {"epochs": 40, "batch": 6}, "checkpoint": str(tmp_path / "ck"), "checkpoint_seconds": 0.01}
    asked = request(tmp_path, "model", method="full", **fields)
    (tmp_path / "request.json").write_text(asked.model_dump_json())
    command = [sys.executable, "-m", "millrace.learn.run", str(tmp_path / "request.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        for line in first.stdout:
            if json.loads(line).get("stage") == "fit" and json.loads(line)["step"] == 20:
                first.kill()
                break
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in second.stdout.splitlines()]
    assert lines[-1]["kind"] == "result"
    assert 10 <= lines[-1]["resumed_from"] <= 20
    assert next(line for line in lines if line.get("stage") == "fit")["step"] == lines[-1]["resumed_from"] + 1
    assert {line["kind"] for line in lines[:-1]} == {"progress", "checkpoint"}


def test_a_request_that_no_retry_would_mend_exits_with_2_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"task": "classify"}')
    command = [sys.executable, "-m", "millrace.learn.run", str(tmp_path / "request.json")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    line = json.loads(ended.stdout)
    assert (line["kind"], line["error"], line["retry"]) == ("error", "WrongRequest", False)
    assert "method: Field required" in line["detail"]

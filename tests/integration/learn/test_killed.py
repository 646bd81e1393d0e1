"""A run that is killed at any step, again and again, ends at the weights of one that was left alone."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_runs import request, silent

from millrace.learn.training import train

EPOCHS = 12
STEPS = 3 * EPOCHS


def run_once(command: list[str], kill_at: int) -> dict[str, Any]:
    """The last line of a run; it is killed when it tells of step `kill_at`, if it comes so far."""
    last: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            last = json.loads(line)
            if last.get("stage") == "fit" and last["step"] == kill_at:
                child.kill()
    return last


@pytest.mark.parametrize("method", ["full", "lora"])
def test_killed_at_steps_of_chance_it_ends_at_the_same_weights(tmp_path: Path, method: str) -> None:
    settings = {"epochs": EPOCHS, "batch": 6, "rate": 1e-3}
    alone = train(request(tmp_path, "alone", method=method, settings=settings), silent)
    assert alone.steps == STEPS
    asked = request(
        tmp_path,
        "killed",
        method=method,
        settings=settings,
        checkpoint=str(tmp_path / "checkpoint"),
        checkpoint_seconds=0.5,
    )
    (tmp_path / "request.json").write_text(asked.model_dump_json())
    command = [sys.executable, "-m", "millrace.learn.run", str(tmp_path / "request.json")]
    chance = random.Random(f"{method} 11")
    kills = [chance.randrange(4, 16), chance.randrange(18, STEPS)]
    resumed = []
    for kill_at in [*kills, STEPS + 1]:
        last = run_once(command, kill_at)
        state = tmp_path / "checkpoint" / "state.json"
        resumed.append(json.loads(state.read_text())["step"] if state.exists() else 0)
    assert last["kind"] == "result", kills
    assert last["resumed_from"] == resumed[-2] > 0
    assert last["weights_digest"] == alone.weights_digest, kills

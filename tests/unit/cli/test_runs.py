"""Runs on the command line: what is asked of training, and what a person reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.cli.commands.runs import line
from millrace.cli.main import run

RUN: dict[str, Any] = {
    "id": "0d0f7c1e-3c0b-4a52-8f5e-b5cf0a6a1c11",
    "workspace": "parcels",
    "opened_at": "2026-01-05T09:00:00Z",
    "method": "full",
    "base": "minilm",
    "dataset": "sha256:d",
    "version": "parcels-3",
    "state": "trained",
    "stage": "validate",
    "stopped": "epochs",
    "picked": True,
    "why": "the best",
    "failed": None,
    "step": 60,
    "steps": 60,
    "seconds": 31.2,
    "cost": 0.0043,
    "scores": {"macro_f1": 0.91},
    "parameters": {"rate": 1e-4, "seed": 7},
    "measured": {"peak_mb": 1240.5},
    "environment": {},
    "curve": [{"step": n, "loss": 1.0 / n, "seconds": n} for n in range(1, 61)],
}
OTHER = {**RUN, "id": "1" + RUN["id"][1:], "version": None, "method": "lora"}
Training = Callable[..., list[httpx.Request]]


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Training:
    """Has training answer with a body, and gives what it was asked."""
    asked: list[httpx.Request] = []

    def answering(body: Any, *, total: int = 1) -> list[httpx.Request]:
        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            if isinstance(body, str):
                return httpx.Response(200, text=body)
            return httpx.Response(200, json=body, headers={"X-Total-Count": str(total)})

        monkeypatch.setenv("MILLRACE_TRAINING_URL", "http://training")
        monkeypatch.setattr(httpx.Client, "_init_transport", lambda self, **_: httpx.MockTransport(answer))
        return asked

    return answering


def test_a_search_names_conditions_and_says_how_many_there_are(
    training: Training, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = training([RUN], total=1200)
    assert (
        run(["runs", "list", "parcels", "-w", "scores.macro_f1 > 0.9", "-w", "method = full", "--sort", "-cost"]) == 0
    )
    printed = capsys.readouterr().out
    assert RUN["id"] in printed
    assert "1 to 1 of 1,200" in printed
    assert asked[0].url.params.get_list("where") == ["scores.macro_f1 > 0.9", "method = full"]
    assert (asked[0].url.params["workspace"], asked[0].url.params["sort"]) == ("parcels", "-cost")


def test_a_run_is_shown_with_its_curve(training: Training, capsys: pytest.CaptureFixture[str]) -> None:
    training(RUN)
    assert run(["runs", "show", RUN["id"][:8]]) == 0
    printed = capsys.readouterr().out
    assert "█" in printed and "parcels-3" in printed and "60 of 60" in printed


def test_a_comparison_shows_what_differs(training: Training, capsys: pytest.CaptureFixture[str]) -> None:
    training({"runs": [RUN, OTHER], "same": {"base": "minilm"}, "differs": {"method": ["full", "lora"]}})
    assert run(["runs", "compare", "a", "b"]) == 0
    printed = capsys.readouterr().out
    assert "lora" in printed and "parcels-3" in printed and "1 more" in printed


def test_a_comparison_can_be_a_page(training: Training, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = training("<html>")
    assert run(["runs", "compare", "a", "b", "--out", str(tmp_path / "page.html"), "--json"]) == 0
    assert (tmp_path / "page.html").read_text() == "<html>"
    assert asked[0].url.path == "/v1/compared-runs.html"
    assert json.loads(capsys.readouterr().out)["bytes"] == 6
    assert run(["runs", "compare", "a", "b", "--out", str(tmp_path / "page.csv")]) != 0
    assert run(["runs", "compare", "a"]) != 0


def test_a_curve_is_drawn_from_low_to_high() -> None:
    assert line([0.0, 1.0]) == "▁█"
    assert line([1.0] * 3) == "▁▁▁"
    assert len(line([float(n) for n in range(1000)])) == 40

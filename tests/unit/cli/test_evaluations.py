"""Evaluations on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from millrace.cli.main import run

SCORE = {"value": 0.9, "low": 0.85, "high": 0.94, "n": 1200}
JUDGED: dict[str, Any] = {
    "id": "0d0f7c1e-3c0b-4a52-8f5e-b5cf0a6a1c11",
    "version": "parcel-support-2",
    "against": "parcel-support-1",
    "requested_at": "2026-01-05T09:00:00Z",
    "verdict": "fail",
    "reason": None,
    "result": {
        "conditions": [
            {
                "condition": "golden.macro_f1 >= best - 0.03",
                "verdict": "fail",
                "left": 0.8,
                "right": 0.87,
                "low": -0.1,
                "high": -0.02,
                "note": "",
            }
        ],
        "scores": {
            "candidate": {"golden": {"macro_f1": SCORE}},
            "production": {"golden": {"macro_f1": {**SCORE, "value": 0.912}}},
        },
    },
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[httpx.Request]]:
    """What evaluation was asked; it knows one evaluation."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path.endswith(".html"):
            return httpx.Response(200, text="<html>")
        return httpx.Response(200, json=[JUDGED] if request.url.path == "/v1/evaluations" else JUDGED)

    monkeypatch.setenv("MILLRACE_EVALUATION_URL", "http://evaluation")
    monkeypatch.setattr(httpx.Client, "_init_transport", lambda self, **_: httpx.MockTransport(answer))
    yield asked


def test_a_list_says_what_failed(asked: list[httpx.Request], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluations", "list", "parcel-support"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "parcel-support-2" in printed and "fail" in printed


def test_a_version_is_shown_with_its_conditions_and_scores(
    asked: list[httpx.Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluations", "show", "parcel-support-2"]) == 0
    printed = capsys.readouterr().out
    assert "-0.100 to -0.020" in printed and "0.912" in printed and "1,200" in printed
    assert asked[0].url.params["workspace"] == "parcel-support"
    assert run(["evaluations", "show", "parcel-support-7"]) != 0


def test_a_report_is_written_as_a_page_or_as_figures(asked: list[httpx.Request], tmp_path: Path) -> None:
    assert run(["evaluations", "show", "parcel-support-2", "--out", str(tmp_path / "report.html")]) == 0
    assert (tmp_path / "report.html").read_text() == "<html>"
    assert run(["evaluations", "show", "parcel-support-2", "--out", str(tmp_path / "report.json")]) == 0
    assert json.loads((tmp_path / "report.json").read_text())["version"] == "parcel-support-2"
    assert run(["evaluations", "show", "parcel-support-2", "--out", str(tmp_path / "report.pdf")]) != 0

"""Runs for an MLflow server: what it is told, once, whatever was broken off."""

import json
import re
from typing import Any

import httpx
import pytest

from millrace.cli.main import run
from millrace.cli.mirroring import BATCH, batches

RUN: dict[str, Any] = {
    "id": "0d0f7c1e-3c0b-4a52-8f5e-b5cf0a6a1c11",
    "workspace": "parcels",
    "cycle_id": "77",
    "method": "full",
    "base": "minilm",
    "dataset": "sha256:d",
    "version": "parcels-3",
    "state": "trained",
    "why": "the best",
    "failed": None,
    "started_at": "2026-01-05T09:00:00+00:00",
    "ended_at": "2026-01-05T09:01:00+00:00",
    "step": 60,
    "seconds": 31.2,
    "cost": None,
    "scores": {"macro_f1": 0.91},
    "parameters": {"rate": 1e-4},
    "measured": {"peak_mb": 1240.5},
    "environment": {"torch": "2.15.0"},
    "curve": [{"step": n, "loss": 1.0 / n, "seconds": n} for n in range(1, 1501)],
}
FAILED = {**RUN, "id": "1" + RUN["id"][1:], "state": "failed", "failed": "OutOfMemory", "scores": {}, "curve": []}
WAITS = {**RUN, "id": "2" + RUN["id"][1:], "started_at": None, "ended_at": None}


class Server:
    """As much of a tracking server as is spoken to: it keeps what it is told, and refuses what MLflow refuses."""

    def __init__(self, runs: list[dict[str, Any]]) -> None:
        self.runs = runs
        self.kept: dict[str, dict[str, Any]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "training":
            one = request.url.path.removeprefix("/v1/runs").strip("/")
            found: Any = next(run for run in self.runs if run["id"] == one) if one else self.runs
            return httpx.Response(200, json=found, headers={"X-Total-Count": str(len(self.runs))})
        path, body = request.url.path.partition("/api/2.0/mlflow/")[2], json.loads(request.content)
        return httpx.Response(200, json=getattr(self, path.replace("/", "_").replace("-", "_"))(body))

    def experiments_search(self, body: Any) -> Any:
        return {"experiments": [{"experiment_id": "1"}]} if self.kept else {}

    def experiments_create(self, body: Any) -> Any:
        assert body == {"name": "millrace/parcels"}
        return {"experiment_id": "1"}

    def runs_search(self, body: Any) -> Any:
        (ours,) = re.findall(r"tags.`millrace.run` = '(.*)'", body["filter"])
        return {"runs": [run for run in self.kept.values() if run["ours"] == ours]}

    def runs_create(self, body: Any) -> Any:
        id = f"r{len(self.kept)}"
        info = {"run_id": id, "status": "RUNNING"}
        self.kept[id] = {"info": info, "ours": body["tags"][0]["value"], "metrics": [], "params": [], "tags": []}
        return {"run": self.kept[id]}

    def runs_delete(self, body: Any) -> Any:
        self.kept[body["run_id"]]["ours"] = "deleted"
        return {}

    def runs_log_batch(self, body: Any) -> Any:
        for name, most in BATCH.items():
            assert len(body.get(name, [])) <= most
            self.kept[body["run_id"]][name] += body.get(name, [])
        return {}

    def runs_update(self, body: Any) -> Any:
        self.kept[body["run_id"]]["info"]["status"] = body["status"]
        return {}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server([RUN, FAILED, WAITS])
    monkeypatch.setenv("MILLRACE_TRAINING_URL", "http://training")
    monkeypatch.setattr(httpx.Client, "_init_transport", lambda self, **_: httpx.MockTransport(server))
    return server


def mirrored(capsys: pytest.CaptureFixture[str]) -> Any:
    assert run(["runs", "mirror", "parcels", "--to", "http://mlflow:5000", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_every_run_that_has_ended_is_told_once(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert mirrored(capsys) == {"told": 2, "known": 0}
    assert mirrored(capsys) == {"told": 0, "known": 2}
    assert [one["info"]["status"] for one in server.kept.values()] == ["FINISHED", "FAILED"]
    first = server.kept["r0"]
    losses = [metric for metric in first["metrics"] if metric["key"] == "loss"]
    assert [metric["step"] for metric in losses] == list(range(1, 1501))
    assert {metric["key"] for metric in first["metrics"]} == {"loss", "validation.macro_f1", "peak_mb", "seconds"}
    assert {"key": "rate", "value": "0.0001"} in first["params"]
    assert {"key": "environment.torch", "value": "2.15.0"} in first["tags"]


def test_what_was_told_by_half_is_told_anew(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.runs_create({"tags": [{"key": "millrace.run", "value": RUN["id"]}]})
    assert mirrored(capsys) == {"told": 2, "known": 0}
    assert [one["ours"] for one in server.kept.values()] == ["deleted", RUN["id"], FAILED["id"]]


def test_a_place_that_is_no_server_is_refused(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "mirror", "--to", "file:/tmp/mlruns"]) == 1
    assert "http://..." in capsys.readouterr().err


def test_a_run_of_many_parameters_goes_in_parts() -> None:
    parts = list(batches({**RUN, "parameters": {f"p{n}": n for n in range(250)}}))
    assert [len(part.get("params", [])) for part in parts] == [100, 100, 52]

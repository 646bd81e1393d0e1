"""Runs told to an MLflow tracking server, by its REST API 2.0 (mlflow.org, "REST API"), each once."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import httpx

from .failure import Failure

API = "/api/2.0/mlflow"
BATCH = {"metrics": 1000, "params": 100, "tags": 100}
"""The most that one log-batch takes."""
LONGEST = 6000
"""Characters of a parameter."""
OURS = "millrace.run"
"""The tag by which a run is found again."""


class Mirror:
    """A tracking server. Raises Failure where it refuses or does not answer.

    MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN, are honoured, as MLflow's own client does.
    """

    def __init__(self, url: str) -> None:
        told = os.environ
        user, token = told.get("MLFLOW_TRACKING_USERNAME"), told.get("MLFLOW_TRACKING_TOKEN")
        self._http = httpx.Client(
            base_url=url.rstrip("/") + API,
            timeout=60.0,
            auth=(user, told.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None,
            headers={"Authorization": f"Bearer {token}"} if token else None,
        )
        self._experiments: dict[str, str] = {}

    def tell(self, run: dict[str, Any]) -> bool:
        """Tells of a run that has ended; False where the server knows it. What was half told is told anew."""
        experiment = self._experiment(f"millrace/{run['workspace']}")
        asked = {"experiment_ids": [experiment], "filter": f"tags.`{OURS}` = '{run['id']}'", "max_results": 2}
        for known in self._call("runs/search", asked).get("runs", []):
            if known["info"]["status"] != "RUNNING":
                return False
            self._call("runs/delete", {"run_id": known["info"]["run_id"]})
        started = _ms(run["started_at"])
        made = {"experiment_id": experiment, "start_time": started, "run_name": f"{run['method']} {run['id'][:8]}"}
        id = self._call("runs/create", {**made, "tags": [{"key": OURS, "value": run["id"]}]})["run"]["info"]["run_id"]
        for batch in batches(run):
            self._call("runs/log-batch", {"run_id": id, **batch})
        status = "FINISHED" if run["state"] == "trained" else "FAILED"
        self._call("runs/update", {"run_id": id, "status": status, "end_time": _ms(run["ended_at"])})
        return True

    def _experiment(self, name: str) -> str:
        if name not in self._experiments:
            found = self._call("experiments/search", {"filter": f"name = '{name}'", "max_results": 1})
            known = found.get("experiments") or [self._call("experiments/create", {"name": name})]
            self._experiments[name] = str(known[0]["experiment_id"])
        return self._experiments[name]

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._http.post(f"/{path}", json=body)
        except httpx.HTTPError as error:
            raise Failure(f"the tracking server does not answer: {error}", kind="unreachable") from error
        if answer.is_error:
            raise Failure(f"the tracking server answered {path} with {answer.status_code}: {answer.text[:500]}")
        return dict(answer.json())


def batches(run: dict[str, Any]) -> Iterator[dict[str, list[Any]]]:
    """What a run is, in as many parts as the server takes at once."""
    told = {"metrics": list(_metrics(run)), "params": _pairs(_params(run)), "tags": _pairs(_tags(run))}
    for at in range(max(-(-len(rows) // BATCH[name]) for name, rows in told.items())):
        parts = {name: rows[at * BATCH[name] : (at + 1) * BATCH[name]] for name, rows in told.items()}
        yield {name: rows for name, rows in parts.items() if rows}


def _metrics(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    started, ended = _ms(run["started_at"]), _ms(run["ended_at"])
    for point in run["curve"]:
        at = started + int(point["seconds"] * 1000)
        yield {"key": "loss", "value": point["loss"], "timestamp": at, "step": point["step"]}
    last = run["step"] or 0
    figures = {**{f"validation.{name}": value for name, value in run["scores"].items()}, **run["measured"]}
    figures |= {name: run[name] for name in ("seconds", "cost") if run[name] is not None}
    for name, value in figures.items():
        yield {"key": name, "value": value, "timestamp": ended, "step": last}


def _params(run: dict[str, Any]) -> dict[str, Any]:
    return {"method": run["method"], "base": run["base"], **run["parameters"]}


def _tags(run: dict[str, Any]) -> dict[str, Any]:
    told = {name: run[name] for name in ("cycle_id", "dataset", "version", "why", "failed") if run[name]}
    about = {f"millrace.{name}": value for name, value in told.items()}
    return about | {f"environment.{name}": value for name, value in run["environment"].items()}


def _pairs(told: dict[str, Any]) -> list[dict[str, str]]:
    return [{"key": name, "value": str(value)[:LONGEST]} for name, value in told.items()]


def _ms(at: str) -> int:
    return int(datetime.fromisoformat(at).timestamp() * 1000)


def ended(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that began and are over."""
    return [run for run in runs if run["ended_at"] and run["started_at"]]

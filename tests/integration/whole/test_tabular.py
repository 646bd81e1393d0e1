"""A tabular workspace to its end: history published, a cycle asked for, its versions compared, judged and served."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from whole import Whole, until

DOCKS = Path(__file__).parents[3] / "examples" / "bike-docks"
FILES = {"regression": ("bikes", DOCKS / "bikes.yaml"), "classification": ("bikes-state", DOCKS / "state.yaml")}


def begun(whole: Whole, kind: str) -> str:
    """The example with its history, of which a cycle was asked for."""
    name, file = FILES[kind]
    applied = whole.millrace("apply", str(file))
    assert applied.code == 0, applied
    columns = ("--entity", "dock", "--time", "measured", "--known-since", "entered")
    published = whole.millrace("publish", str(DOCKS / "history.csv"), "-w", name, "-s", "archive", *columns)
    assert published.code == 0, published
    asked = whole.millrace("train", name, "--json")
    assert asked.code == 0, asked
    return name


def production(whole: Whole, name: str) -> str | None:
    found = whole.millrace("versions", name, "--json").json
    return next((one["version"] for one in found if one["stage"] == "production"), None)


def infer(whole: Whole, name: str, *tensors: dict[str, Any]) -> httpx.Response:
    return whole.post("serving", f"/v2/models/{name}/infer", {"inputs": list(tensors)})


def served(whole: Whole, name: str) -> httpx.Response | None:
    """What is answered, once serving has the route."""
    answer = infer(whole, name, *FEATURES)
    return answer if answer.status_code != 503 else None


def column(name: str, *values: Any, datatype: str = "FP64") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(values)], "data": list(values)}


FEATURES = [
    column("bikes_now", 1, 17, datatype="INT32"),
    column("bikes_2h", 2.0, 16.0),
    column("taken_2h", 2.0, 0.0),
    column("rain", 0.1, None),
    column("quarter", "hill", "nowhere", datatype="BYTES"),
]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", list(FILES))
def test_from_history_to_answers(whole: Whole, kind: str, tmp_path: Path) -> None:
    name = begun(whole, kind)
    version = until(lambda: production(whole, name), within=240)
    runs = whole.millrace("runs", "list", "--where", f"workspace = {name}", "--json").json
    runs = runs["runs"] if isinstance(runs, dict) else runs
    metric = "mae" if kind == "regression" else "macro_f1"
    assert {run["method"] for run in runs} == {"linear", "lightgbm"}
    assert all(run["scores"][metric] > 0 and run["state"] == "trained" for run in runs)
    assert sum(run["picked"] for run in runs) == 1

    answer = until(lambda: served(whole, name))
    assert answer.status_code == 200, answer.text
    outputs = {one["name"]: one["data"] for one in answer.json()["outputs"]}
    assert answer.json()["model_version"] == version
    if kind == "regression":
        few, many = outputs["value"]
        assert few < 8 < 12 < many
    else:
        assert outputs["label"] == ["few", "enough"]
        assert len(outputs["probabilities"]) == 4

    looked_up = whole.post("serving", f"/v1/workspaces/{name}/predict", {"entity": "dock-1", "request_id": f"{name}-1"})
    assert looked_up.status_code == 200, looked_up.text
    told = looked_up.json()
    assert ("value" in told, "label" in told) == (kind == "regression", kind == "classification")
    recorded = until(lambda: [one for one in whole.records(name) if one.body.get("request_id") == f"{name}-1"])
    vector = json.loads(recorded[0].body["text"])
    assert list(vector) == [one["name"] for one in FEATURES] and vector["quarter"] == "other"

    evaluated = whole.running.url("evaluation") + f"/v1/evaluations?workspace={name}"
    report = httpx.get(evaluated, timeout=30).json()[0]
    score = report["result"]["scores"]["candidate"]["fresh"][metric]
    assert report["verdict"] == "pass" and score["low"] < score["value"] < score["high"]
    page = httpx.get(whole.running.url("evaluation") + f"/v1/evaluations/{report['id']}.html", timeout=30)
    assert page.status_code == 200, page.text
    assert ("How far off it is" in page.text) == (kind == "regression")

    for run in runs:
        again = whole.millrace("reproduce", run["id"], "--json")
        assert again.code == 0 and again.json["state"] == "same", again
    refused = whole.millrace("export", version, str(tmp_path / "out"))
    assert refused.code == 1 and "versions of classify can be exported" in refused.err
    card = httpx.get(whole.running.url("registry") + f"/v1/workspaces/{name}/versions/{version}/card.md", timeout=30)
    assert card.status_code == 200 and f"pipeline_tag: tabular-{kind}" in card.text


@pytest.mark.timeout(400)
def test_a_bad_field_is_named(whole: Whole) -> None:
    name = FILES["regression"][0]
    if not whole.millrace("versions", name, "--json").json:
        begun(whole, "regression")
    until(lambda: production(whole, name), within=240)
    until(lambda: served(whole, name))
    rest = FEATURES[1:]
    one = [{**tensor, "shape": [1], "data": tensor["data"][:1]} for tensor in rest]
    for tensors, said in (
        ([column("bikes_nwo", 1.0), *one], "features.bikes_nwo"),
        (one, "features.bikes_now"),
        ([column("bikes_now", "much", datatype="BYTES"), *one], "inputs.bikes_now.datatype"),
        ([column("bikes_now", "much"), *one], "features.bikes_now"),
        ([column("bikes_now", 1.0, 2.0), *one], "inputs.bikes_2h.shape"),
        ([column("bikes_now", 10**400), *one], "features.bikes_now: expected a finite number"),
    ):
        answer = infer(whole, name, *tensors)
        assert answer.status_code == 400 and said in answer.json()["error"], (said, answer.text)
    told = {"bikes_now": 1.0, "bikes_2h": None, "taken_2h": None, "rain": None, "quarter": 3}
    refused = whole.post("serving", f"/v1/workspaces/{name}/predict", {"features": told})
    assert refused.status_code == 422 and "features.quarter" in refused.text, refused.text

"""A workspace that answers in words, to its end: replies published, versions trained, judged, served and mended."""

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from whole import Whole, until

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "learn"))

import tiny_models

NAME = "replies"
WORKSPACE = """
workspace: replies
owner: support-ml
task: generate
prompt: {system: you answer for a parcel service}
decoding: {max_tokens: 12, stop: ["thanks"]}
data: {trusted: [agents]}
train:
  bases: [tiny-replies]
  methods: [prompt, sft]
  settings: {sft: {epochs: 10, batch: 8, rate: 0.01}}
  window: all
  min_labels: 60
  budget: 2m
gate: ["fresh.nll < production", "fresh.similarity > 0"]
"""
THINGS = ("parcel", "letter", "box", "crate", "lamp", "chair", "tent", "book")
PLACES = (
    *("Berlin", "Lyon", "Turin", "Oslo", "Porto", "Gent", "Brno", "Graz", "Cork", "Bath", "Kiel", "Nice"),
    *("Delft", "Bonn", "Rome", "Lodz", "Riga", "Split", "Malmo", "Turku", "Seville", "Arles", "Trieste", "Basel"),
)


def rows() -> list[dict[str, Any]]:
    return [
        {"text": f"where is my {thing} to {place}, please?", "label": f"your {thing} comes to {place} on monday"}
        for thing in THINGS
        for place in PLACES
    ]


def versions(whole: Whole) -> list[dict[str, Any]]:
    said = whole.millrace("versions", NAME, "--json")
    found: list[dict[str, Any]] = said.json if said.code == 0 else []
    return found


def production(whole: Whole) -> str | None:
    return next((one["version"] for one in versions(whole) if one["stage"] == "production"), None)


def runs(whole: Whole) -> list[dict[str, Any]]:
    found = whole.millrace("runs", "list", "--where", f"workspace = {NAME}", "--json").json
    return list(found["runs"] if isinstance(found, dict) else found)


def answered(whole: Whole, version: str | None, **asked: Any) -> dict[str, Any] | None:
    """What that version says, once serving has it."""
    answer = whole.post("serving", f"/v1/workspaces/{NAME}/predict", {"text": "where is my lamp to Oslo?", **asked})
    told: dict[str, Any] = answer.json()
    return told if answer.status_code == 200 and told["version"] == version else None


def pairs(whole: Whole) -> list[Any]:
    """Documents that came of edits, with what was answered before."""
    return [one for one in whole.records(NAME) if one.topic == "document.kept" and one.body.get("rejected")]


@pytest.mark.timeout(600)
def test_from_replies_to_answers(whole: Whole, tmp_path: Path) -> None:
    added = whole.millrace("bases", "add", "tiny-replies", str(tiny_models.answering(tmp_path / "tiny")))
    assert added.code == 0, added
    (tmp_path / "workspace.yaml").write_text(WORKSPACE)
    applied = whole.millrace("apply", str(tmp_path / "workspace.yaml"))
    assert applied.code == 0, applied
    history = tmp_path / "history.jsonl"
    history.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    published = whole.millrace("publish", str(history), "-w", NAME, "-s", "agents")
    assert published.code == 0, published
    until(lambda: whole.millrace("train", NAME, "--json").code == 0)
    version = until(lambda: production(whole), within=300)

    tried = runs(whole)
    assert {run["method"] for run in tried} == {"prompt", "sft"} and all(run["state"] == "trained" for run in tried)
    lost = {run["method"]: run["scores"]["nll"] for run in tried}
    assert lost["sft"] < lost["prompt"]  # and so it was picked
    assert [run["method"] for run in tried if run["picked"]] == ["sft"]

    told = until(lambda: answered(whole, version, request_id="replies-1"))
    assert set(told) >= {"answer", "probability", "tokens"} and "label" not in told and "value" not in told
    assert 0 < told["probability"] <= 1 and 0 < told["tokens"] <= 12
    recorded = until(lambda: [one for one in whole.records(NAME) if one.body.get("request_id") == "replies-1"])
    assert recorded[0].body["label"] == told["answer"]

    infer = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["where is my lamp to Oslo?"]}]}
    outputs = whole.post("serving", f"/v2/models/{NAME}/infer", infer).json()["outputs"]
    assert {one["name"]: one["data"] for one in outputs}["answer"] == [told["answer"]]  # greedy: the same again

    report = httpx.get(whole.running.url("evaluation") + f"/v1/evaluations?workspace={NAME}", timeout=30).json()[0]
    scores = report["result"]["scores"]["candidate"]["fresh"]
    assert report["verdict"] == "pass" and set(scores) == {"nll", "similarity", "exact"}
    assert all(one["low"] <= one["value"] <= one["high"] for one in scores.values())
    page = httpx.get(whole.running.url("evaluation") + f"/v1/evaluations/{report['id']}.html", timeout=30)
    assert page.status_code == 200 and "True answers that it expected least" in page.text

    # an edit of an answer is a pair to learn from; a prompt is part of a version, so another one is another version
    for number, row in enumerate(rows()[:40]):
        asked = {"text": row["text"], "request_id": f"edited-{number}", "unit": f"u{number}"}
        answer = whole.post("serving", f"/v1/workspaces/{NAME}/predict", asked).json()
        better = {"workspace": NAME, "kind": "edit", "value": row["label"], "source": "agent"}
        given = whole.post("feedback", "/v1/feedback", better | {"prediction_id": answer["prediction_id"]})
        assert given.status_code == 202, given.text
    until(lambda: len(pairs(whole)) == 40)
    changed = WORKSPACE.replace("you answer for a parcel service", "you answer in one sentence")
    changed = changed.replace("methods: [prompt, sft]", "methods: [prompt, dpo]\n  start: production")
    changed = changed.replace('"fresh.nll < production"', '"fresh.nll <= production + 5"')
    (tmp_path / "workspace.yaml").write_text(changed)
    assert whole.millrace("apply", str(tmp_path / "workspace.yaml")).code == 0
    until(lambda: whole.millrace("train", NAME, "--json").code == 0)
    second = until(lambda: (now := production(whole)) != version and now, within=300)
    tried = {run["method"]: run for run in runs(whole) if run["method"] in {"prompt", "dpo"}}
    assert tried["dpo"]["state"] == "trained" and tried["dpo"]["parameters"]["rows"] > 20, tried["dpo"]
    assert until(lambda: answered(whole, second))["answer"]
    back = whole.millrace("rollback", NAME, "--reason", "the former prompt was kinder")
    assert back.code == 0, back
    assert until(lambda: answered(whole, version))["answer"] == told["answer"]

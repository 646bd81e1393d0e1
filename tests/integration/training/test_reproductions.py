"""A run is made again from what is kept of it: the same weights, or what differs by name."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq
import pytest
from harness import Running, make, running
from training_data import put_dataset

from millrace.chassis import Blobs
from millrace.events import (
    DatasetReleased,
    Deployment,
    ModelStaged,
    ModelTrained,
    RetrainingRequested,
    Route,
    WorkspaceConfigured,
)
from millrace.training.app import build_app
from millrace.workspace import load

FILE = """
workspace: parcels
owner: a
task: classify
labels: {names: [late, lost]}
train: {methods: [METHOD], min_labels: 50, finetune_budget: 20s, start: START}
"""


@pytest.fixture
async def training(stack, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(stack, "training", build_app, work_dir=tmp_path) as service:
        yield service


async def trained(training: Running, method: str, start: str = "base") -> ModelTrained:
    """What a cycle of its own picks."""
    spec = load(FILE.replace("METHOD", method).replace("START", start))
    await training.tables.put(make(WorkspaceConfigured, revision=1, spec=spec.plain(), digest=spec.digest(), by="ada"))
    async with training.http() as client:
        answer = await client.post("/v1/workspaces/parcels/train", json={"by": "ada"})
    assert answer.status_code == 202, answer.text
    asked = (await training.emitted(RetrainingRequested))[-1]
    manifest = await put_dataset(Blobs(training.service.settings), "parcels")
    fields = {"dataset": "sha256:rows", "manifest": manifest, "rows": {"train": 80}, "labels": {"late": 40, "lost": 40}}
    await training.deliver([make(DatasetReleased, cycle_id=asked.cycle_id, attempt=1, **fields)])
    for job in ("plan", "run", "pick"):
        await training.work(job)
    return (await training.emitted(ModelTrained))[-1]


async def promote(training: Running, made: ModelTrained, version: str) -> None:
    deployment = Deployment(
        version=version, artifact=made.artifact, digest=made.digest, task=made.task, labels=made.labels
    )
    route = Route(revision=1, workspace_revision=1, production=deployment)
    told = make(
        ModelStaged, cycle_id=made.cycle_id, stage="production", reason="it passed", version=version, route=route
    )
    await training.deliver([told])


async def reproduced(training: Running, run: str) -> dict[str, Any]:
    async with training.http() as client:
        asked = await client.post(f"/v1/runs/{run}/reproductions", json={"by": "ada"})
        assert asked.status_code == 202, asked.text
        await training.work("reproduce")
        (found, *_) = (await client.get(f"/v1/runs/{run[:8]}/reproductions")).json()
    assert found["id"] == asked.json()["id"] and found["asked_by"] == "ada"
    return dict(found)


@pytest.mark.parametrize("method", ["linear-probe", "full", "lora"])
async def test_the_same_weights_come_of_a_run_that_is_made_again(training: Running, method: str) -> None:
    version = await trained(training, method)
    found = await reproduced(training, version.run_id)
    assert (found["state"], found["differs"], found["reason"]) == ("same", [], None)
    assert found["weights"] == found["was"] and found["weights"].startswith("sha256:")


async def test_rows_that_were_erased_and_packages_that_moved_are_named(training: Running) -> None:
    version = await trained(training, "linear-probe")
    blobs = Blobs(training.service.settings)
    manifest = json.loads(await blobs.get(version.manifest))
    rows = pq.read_table(io.BytesIO(await blobs.get(manifest["training"]["rows"])))
    sink = io.BytesIO()
    pq.write_table(rows.slice(3), sink)
    await blobs.put(f"{version.manifest}.parquet", sink.getvalue())
    told = {**manifest, "redacted": {"rows": 3}}
    told["training"]["rows"] = f"{version.manifest}.parquet"
    await blobs.put(version.manifest, json.dumps(told).encode())
    about = json.loads(await blobs.get(f"{version.artifact}/version.json"))
    about["environment"]["scikit-learn"] = "1.0"
    await blobs.put(f"{version.artifact}/version.json", json.dumps(about).encode())
    found = await reproduced(training, version.run_id)
    assert found["state"] == "different" and found["weights"] != found["was"]
    assert found["differs"][:2] == ["rows: 3 of the dataset were erased since", "rows: trained on 80 then, 77 now"]
    assert found["differs"][2].startswith("scikit-learn: 1.0 then, ")


async def test_what_is_gone_is_said(training: Running) -> None:
    version = await trained(training, "linear-probe")
    await Blobs(training.service.settings).delete(version.manifest)
    found = await reproduced(training, version.run_id)
    assert found["state"] == "failed" and version.manifest in found["reason"]


async def test_a_version_that_went_on_from_another_is_made_again_from_that_one(training: Running) -> None:
    first = await trained(training, "full")
    await promote(training, first, "parcels-1")
    second = await trained(training, "full", start="production")
    await promote(training, second, "parcels-2")
    assert "start" in second.environment
    found = await reproduced(training, second.run_id)
    assert (found["state"], found["differs"]) == ("same", [])


async def test_what_is_no_run_that_made_something_is_refused(training: Running) -> None:
    async with training.http() as client:
        nobody = await client.post(f"/v1/runs/{uuid4()}/reproductions", json={"by": "ada"})
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (404, "run_not_found")

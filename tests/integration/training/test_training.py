"""Training on real Postgres and S3: triggers in, cycles and candidates out, runs in processes of their own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from harness import START, Running, eventually, make, running
from training_data import children, put_dataset

from millrace.chassis import Blobs, Unavailable
from millrace.events import (
    DatasetFailed,
    DatasetGrown,
    DatasetReleased,
    Deployment,
    DriftDetected,
    ModelStaged,
    ModelTrained,
    RetrainingRequested,
    Route,
    TrainingFailed,
    TrainingProgressed,
    TrainingStarted,
    WorkspaceConfigured,
)
from millrace.training import job_plan
from millrace.training.app import build_app
from millrace.training.rows import fetch, select
from millrace.workspace import load, tasks

FILE = """
workspace: parcels
owner: support-ml
task: classify
labels: {names: [late, lost]}
train: {methods: [METHODS], min_labels: 50, finetune_budget: 20s, checkpoint: 1s}
"""


def configured(methods: str = "linear-probe") -> WorkspaceConfigured:
    spec = load(FILE.replace("METHODS", methods))
    return make(WorkspaceConfigured, revision=1, spec=spec.plain(), digest=spec.digest(), by="ada")


@pytest.fixture
async def training(stack, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(stack, "training", build_app, work_dir=tmp_path / "runs") as service:
        await service.tables.put(configured())
        yield service


def deployment(version: str, artifact: str = "a", labels: tuple[str, ...] = ("late", "lost")) -> Deployment:
    return Deployment(version=version, artifact=artifact, digest="d", task="classify", labels=list(labels))


def staged(stage: str, version: str | None, production: Deployment | None, cycle: UUID | None = None) -> ModelStaged:
    route = Route(revision=1, workspace_revision=1, production=production)
    return make(ModelStaged, cycle_id=cycle, stage=stage, reason=f"told {stage}", version=version, route=route)


def drift(version: str = "parcels-1", **fields: Any) -> DriftDetected:
    given: dict[str, Any] = {
        "lane": 0,
        "version": version,
        "monitor": "error",
        "detector": "adwin",
        "statistic": 0.3,
        "before": 0.08,
        "after": 0.4,
        "change_point": START,
        "predictions": 900,
        "since_change": 100,
    }
    return make(DriftDetected, **{**given, **fields})


async def post(training: Running, of: int = 202, **body: Any) -> Any:
    async with training.http() as client:
        answer = await client.post("/v1/workspaces/parcels/train", json={"by": "ada", **body})
    assert answer.status_code == of, answer.text
    return answer.json()


async def get(training: Running, what: str) -> Any:
    async with training.http() as client:
        answer = await client.get(f"/v1/{what}", params={"workspace": "parcels"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def cut(training: Running, cycle: UUID, *, rows: int = 120, untrusted: int = 0) -> None:
    """A released dataset whose rows and manifest are in S3."""
    manifest = await put_dataset(Blobs(training.service.settings), "parcels", rows=rows, untrusted=untrusted)
    released = make(
        DatasetReleased,
        at=training.clock.now(),
        cycle_id=cycle,
        dataset=f"sha256:{cycle}",
        manifest=manifest,
        rows={"train": rows},
        labels={"late": rows // 2, "lost": rows // 2},
        attempt=1,
    )
    await training.deliver([released])


async def kept_step(training: Running) -> int | None:
    """The step that the one run would go on from."""
    (run,) = await get(training, "runs")
    step: int | None = run["checkpoint_step"]
    return step


async def requested(training: Running) -> list[RetrainingRequested]:
    return await training.emitted(RetrainingRequested)


async def test_drift_asks_for_rows_since_its_change_point(training: Running) -> None:
    await training.deliver([staged("production", "parcels-1", deployment("parcels-1"))])
    alarm = drift()
    await training.deliver([alarm])
    (asked,) = await requested(training)
    assert (asked.because, asked.attempt, asked.change_point, asked.version) == ("drift", 1, START, "parcels-1")
    assert (asked.min_labels, asked.drift_id, asked.workspace_revision) == (50, str(alarm.id), 1)
    assert asked.asked_by is None, "nobody did"
    (cycle,) = await get(training, "cycles")
    assert UUID(cycle["id"]) == asked.cycle_id and cycle["state"] == "waiting"


async def test_a_cycle_says_which_of_its_jobs_is_tried_again(
    training: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: Any) -> None:
        raise Unavailable("S3: down")

    asked = await post(training)
    await cut(training, UUID(asked["cycle"]))
    with monkeypatch.context() as stopped:
        stopped.setattr(job_plan, "read_training", down)
        await training.work("plan")
        (cycle,) = await get(training, "cycles")
        assert cycle["waits_for"] == "the job plan, which is tried again: S3: down"
    training.clock.advance(31)
    await training.work("plan")
    (cycle,) = await get(training, "cycles")
    assert (cycle["state"], cycle["waits_for"]) == ("training", None)


async def test_a_redelivered_batch_counts_once(training: Running) -> None:
    await training.deliver([staged("production", "parcels-1", deployment("parcels-1"))])
    batch = [drift(), drift(change_point=START)]
    await training.deliver(batch)
    once = await training.snapshot()
    await training.deliver(batch, again=True)
    await training.deliver(batch)
    assert await training.snapshot() == once
    assert len(await requested(training)) == 1


async def test_growth_opens_a_new_workspaces_first_cycle_and_failure_of_the_cut_ends_it(training: Running) -> None:
    await training.deliver([make(DatasetGrown, rows=2000, new=2000)])
    (asked,) = await requested(training)
    assert (asked.because, asked.version) == ("growth", None) and asked.cycle_id
    missing = {"total": 20}
    told = make(DatasetFailed, cycle_id=asked.cycle_id, reason="too few labels", attempt=1, missing=missing)
    await training.deliver([told])
    (failed,) = await training.emitted(TrainingFailed)
    assert failed.reason == "too few labels (missing: 20 of total)" and failed.cycle_id == asked.cycle_id
    await training.deliver([staged("failed", None, None, asked.cycle_id)])
    (cycle,) = await get(training, "cycles")
    assert (cycle["state"], cycle["outcome"]) == ("closed", "failed")
    (alert,) = await get(training, "alerts")
    assert (alert["kind"], alert["reason"]) == ("failed", "told failed")


async def test_a_cycle_by_hand_is_202_then_409_with_the_open_cycle(training: Running) -> None:
    opened = await post(training, note="new season", by="ada")
    refused = await post(training, 409)
    assert refused["error"]["code"] == "cycle_open" and refused["error"]["cycle"] == opened["cycle"]
    (asked,) = await requested(training)
    assert (asked.because, asked.note) == ("hand", "by ada: new season") and str(asked.cycle_id) == opened["cycle"]


async def test_a_cycle_by_hand_may_name_the_version_of_the_data(training: Running) -> None:
    opened = await post(training, dataset="parcels@3")
    (asked,) = await requested(training)
    assert asked.dataset == "parcels@3"
    await cut(training, UUID(opened["cycle"]))
    (cycle,) = await get(training, "cycles")
    assert cycle["dataset"] == f"sha256:{opened['cycle']}" and cycle["state"] == "training"


async def test_rows_that_were_rewritten_between_two_looks_are_found(
    training: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure replaces the manifest in place before the old file goes."""
    blobs = Blobs(training.service.settings)
    old, new = [await put_dataset(blobs, "parcels", rows=rows) for rows in (120, 60)]
    whole, asked = Blobs.get_file, list[str]()

    async def rewritten(self: Blobs, key: str, path: Path) -> None:
        if not asked:
            await blobs.put(old, await blobs.get(new))
            await blobs.delete(key)
        asked.append(key)
        await whole(self, key, path)

    monkeypatch.setattr(Blobs, "get_file", rewritten)
    training_part = await fetch(blobs, old, tmp_path / "rows.parquet")
    assert asked == [old.replace(".json", ".parquet"), training_part.rows]
    select(tmp_path / "rows.parquet", tmp_path / "seen.parquet", untrusted=True, labels=None)
    seen = pq.read_table(tmp_path / "seen.parquet")
    assert seen.num_rows == 60 and "weight" in seen.column_names


async def test_a_method_that_is_not_there_is_named_with_those_that_are(training: Running) -> None:
    refused = await post(training, 422, methods=["lorra"])
    assert refused["error"]["method"] == "lorra" and "linear-probe" in refused["error"]["known"]
    assert (await post(training, 422, methods=["declare"]))["error"]["code"] == "nothing_to_declare"
    async with training.http() as client:
        assert (await client.post("/v1/workspaces/nobody/train", json={"by": "ada"})).status_code == 404


async def test_behind_a_proxy_that_signs_people_in_whoever_did_asks(stack, tmp_path: Path) -> None:
    more: dict[str, Any] = {"work_dir": tmp_path / "runs", "person_header": "X-Forwarded-User"}
    async with running(stack, "training", build_app, **more) as training:
        await training.tables.put(configured())
        assert (await post(training, 401))["error"]["code"] == "not_signed_in"
        async with training.http() as client:
            signed_in = {"X-Forwarded-User": "ben"}
            answer = await client.post("/v1/workspaces/parcels/train", json={"by": "ada"}, headers=signed_in)
        assert answer.status_code == 202
        (asked,) = await requested(training)
        assert asked.asked_by == "ben" and asked.note == "by ben"


async def test_a_second_rejection_alerts_and_stops(training: Running) -> None:
    production = deployment("parcels-1")
    await training.deliver([staged("production", "parcels-1", production)])
    await training.deliver([drift()])
    for number in (2, 3):
        asked = (await requested(training))[-1]
        assert asked.cycle_id and asked.attempt == number - 1 and asked.min_labels == 50 * asked.attempt
        training.clock.advance(60)
        await cut(training, asked.cycle_id)
        await training.deliver([staged("rejected", f"parcels-{number}", production, asked.cycle_id)])
    assert len(await requested(training)) == 2
    (alert,) = await get(training, "alerts")
    assert alert["kind"] == "gave-up" and "2 candidates for one drift" in alert["reason"]
    async with training.http() as client:
        text = (await client.get("/metrics")).text
    assert 'millrace_training_alerts_total{kind="gave-up"}' in text


async def test_a_dataset_that_never_comes_ends_the_cycle_by_a_timer(training: Running) -> None:
    await post(training)
    await training.work("overdue")
    assert await training.emitted(TrainingFailed) == []
    training.clock.advance(7 * 86400 + 1000)
    await training.work("overdue")
    (failed,) = await training.emitted(TrainingFailed)
    assert failed.reason == "no dataset came by the deadline"


async def test_a_dataset_that_can_not_be_read_ends_the_cycle_at_once(training: Running) -> None:
    await post(training)
    (asked,) = await requested(training)
    fields: dict[str, Any] = {"dataset": "sha256:gone", "rows": {}, "labels": {}, "attempt": 1}
    told = make(DatasetReleased, cycle_id=asked.cycle_id, manifest="parcels/datasets/gone.json", **fields)
    await training.deliver([told])
    await training.work("plan")
    (failed,) = await training.emitted(TrainingFailed)
    assert "gone.json" in failed.reason and failed.cycle_id == asked.cycle_id


async def test_the_schedule_opens_a_cycle_a_week_after_the_last(training: Running) -> None:
    await training.deliver([staged("production", "parcels-1", deployment("parcels-1"))])
    await training.work("tick")
    assert await requested(training) == []
    training.clock.advance(7 * 86400 + 10)
    await training.work("tick")
    (asked,) = await requested(training)
    assert asked.because == "schedule"


async def test_candidates_run_side_by_side_again_without_untrusted_rows_and_one_is_picked(training: Running) -> None:
    await post(training)
    (asked,) = await requested(training)
    assert asked.cycle_id
    await cut(training, asked.cycle_id, untrusted=12)
    await training.work()
    (started,) = await training.emitted(TrainingStarted)
    assert [(run.method, run.untrusted) for run in started.runs] == [("linear-probe", True), ("linear-probe", False)]
    (trained,) = await training.emitted(ModelTrained)
    assert trained.cycle_id == asked.cycle_id and trained.labels == ["late", "lost"] and trained.attempt == 1
    assert trained.scores["macro_f1"] > 0.9 and trained.serving == {"max_length": 256}
    assert len(trained.runs) == 2 and trained.environment["torch"]
    assert (asked.asked_by, trained.asked_by) == ("ada", "ada")
    names = [key async for key in Blobs(training.service.settings).each(f"{trained.artifact}/")]
    assert {name.rsplit("/", 1)[1] for name in names} == {"version.json", "weights.safetensors"}
    runs = await get(training, "runs")
    assert sorted(run["picked"] for run in runs) == [False, True] and all(run["why"] for run in runs)
    assert await training.emitted(TrainingProgressed)
    assert not any(training.service.settings.work_dir.iterdir())
    await declares_the_same_weights_anew(training, trained)


async def declares_the_same_weights_anew(training: Running, trained: ModelTrained) -> None:
    production = deployment("parcels-1", trained.artifact)
    await training.deliver([staged("production", "parcels-1", production, trained.cycle_id)])
    text = FILE.replace("METHODS", "linear-probe") + "serve: {pad_to: 256}\n"
    spec = load(text)
    await training.tables.put(make(WorkspaceConfigured, revision=2, spec=spec.plain(), digest=spec.digest(), by="a"))
    opened = await post(training, methods=["declare"])
    await cut(training, UUID(opened["cycle"]))
    await training.work()
    again = (await training.emitted(ModelTrained))[-1]
    assert (again.method, again.serving, again.workspace_revision) == ("declare", {"max_length": 256, "pad_to": 256}, 2)
    assert again.artifact != trained.artifact and again.digest != trained.digest


async def test_a_killed_run_is_taken_up_again_from_its_checkpoint(training: Running) -> None:
    await training.tables.put(configured("full"))
    await post(training)
    (asked,) = await requested(training)
    assert asked.cycle_id
    await cut(training, asked.cycle_id, rows=600)
    await training.work("plan")
    work = asyncio.create_task(training.work("run", "pick"))
    first = await eventually(lambda: kept_step(training), within=60)
    for child in children(os.getpid()):
        os.kill(child, signal.SIGKILL)
    await work
    training.clock.advance(60)
    await training.work("run", "pick")
    (trained,) = await training.emitted(ModelTrained)
    assert trained.method == "full"
    (run,) = await get(training, "runs")
    assert run["claims"] == 2 and run["state"] == "trained" and run["resumed_from"] >= first > 0
    assert trained.artifact.endswith("-2")
    assert run["parameters"] | {"seed": 7, "epochs": 3, "batch": 32, "device": "cpu", "classes": 2} == run["parameters"]
    assert run["measured"]["steps"] >= run["resumed_from"] and run["measured"]["peak_mb"] > 100
    async with training.http() as client:
        curve = (await client.get(f"/v1/runs/{run['id'][:8]}")).json()["curve"]
    steps = [point["step"] for point in curve]
    assert steps == sorted(set(steps)) and 0 < steps[0] <= steps[-1] <= run["measured"]["steps"]
    assert all(point["loss"] > 0 and point["seconds"] > 0 for point in curve)
    left = [key async for key in Blobs(training.service.settings).each("parcels/checkpoints/")]
    assert not left and not any(training.service.settings.work_dir.iterdir())


NO_METHODS = {
    "train": {"bases": [], "methods": [], "on": {"drift": False, "new_documents": None, "schedule": None}},
    "gate": ["fresh.mae < production"],
    "rollout": {"shadow": None, "canary": None, "harm": ["error_rate <= production"]},
    "monitor": {},
}


async def test_a_task_whose_models_are_not_trained_is_told_so_and_nothing_waits(
    training: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tasks(), "tabular", replace(tasks()["tabular"], methods=(), kinds={}, defaults=NO_METHODS))
    file = """
workspace: stations
owner: grid
task: tabular
entity: station
features: {load_1h: {mean: load, over: 1h}}
target: {name: load, kind: regression, horizon: 1h, arrives_within: 3h}
"""
    spec = load(file)
    event = make(
        WorkspaceConfigured, workspace="stations", revision=1, spec=spec.plain(), digest=spec.digest(), by="ada"
    )
    await training.tables.put(event)
    async with training.http() as client:
        answer = await client.post("/v1/workspaces/stations/train", json={"by": "ada", "methods": ["lightgbm"]})
        assert answer.status_code == 422
        error = answer.json()["error"]
        assert (error["code"], error["task"]) == ("not_trained", "tabular")
        assert "no cycle is opened" in error["message"]
        assert (await client.get("/v1/cycles", params={"workspace": "stations"})).json() == []
    await training.deliver([make(DatasetGrown, workspace="stations", rows=9000, new=9000)])
    assert await training.emitted(RetrainingRequested) == []

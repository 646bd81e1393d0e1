"""What goes wrong under a run: the run fails alone with the reason, or goes on; its worker does."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from harness import Running, database, eventually, make, running
from network import Line, line_to
from training_data import put_dataset

from millrace.chassis import Blobs, postgres
from millrace.events import DatasetReleased, ModelTrained, RetrainingRequested, WorkspaceConfigured
from millrace.stack import Endpoints
from millrace.training import metrics
from millrace.training.app import build_app
from millrace.workspace import load

FILE = """
workspace: parcels
owner: support-ml
task: classify
labels: {names: [late, lost]}
train: {methods: [METHODS], min_labels: 50, finetune_budget: 40s, checkpoint: 1s, DEVICE}
"""


async def begin(
    training: Running, methods: str, *, rows: int = 600, words: int = 1, device: str = "device: cpu"
) -> UUID:
    """A cycle with its rows cut and its runs planned."""
    spec = load(FILE.replace("METHODS", methods).replace("DEVICE", device))
    await training.tables.put(make(WorkspaceConfigured, revision=1, spec=spec.plain(), digest=spec.digest(), by="ada"))
    async with training.http() as client:
        assert (await client.post("/v1/workspaces/parcels/train", json={"by": "ada"})).status_code == 202
    (asked,) = await training.emitted(RetrainingRequested)
    cycle = asked.cycle_id
    assert cycle
    manifest = await put_dataset(Blobs(training.service.settings), "parcels", rows=rows, words=words)
    fields: dict[str, Any] = {"rows": {"train": rows}, "labels": {"late": rows // 2, "lost": rows // 2}, "attempt": 1}
    await training.deliver(
        [make(DatasetReleased, cycle_id=cycle, dataset=f"sha256:{cycle}", manifest=manifest, **fields)]
    )
    await training.work("plan")
    return cycle


async def runs_of(training: Running) -> dict[str, dict[str, Any]]:
    async with training.http() as client:
        found = (await client.get("/v1/runs", params={"workspace": "parcels"})).json()
    return {run["method"]: run for run in found}


async def only_full_failed(training: Running, because: str) -> None:
    """The probe was trained after it by the same worker, and goes to be judged."""
    runs = await runs_of(training)
    assert runs["full"]["state"] == "failed" and because in runs["full"]["failed"], runs["full"]
    assert runs["full"]["claims"] == 1, "it is not tried again: the same would happen"
    assert runs["linear-probe"]["state"] == "trained", runs["linear-probe"]["failed"]
    (trained,) = await training.emitted(ModelTrained)
    assert trained.method == "linear-probe"
    names = [key async for key in Blobs(training.service.settings).each("parcels/models/")]
    assert {name.rsplit("/", 2)[-2] for name in names if str(runs["full"]["id"]) in name} == set()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Of 40 MB: enough for a probe's files, too little for an encoder's."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("this machine lets us mount no small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


async def test_a_full_disk_fails_one_run_and_its_worker_goes_on(stack: Endpoints, small_disk: Path) -> None:
    async with running(stack, "training", build_app, work_dir=small_disk) as training:
        await begin(training, "full, linear-probe")
        await training.work()
        await only_full_failed(training, "DiskFull")
        left = await asyncio.to_thread(lambda: list(small_disk.iterdir()))
        assert left == []


async def test_rows_that_do_not_fit_the_disk_are_told_too(
    stack: Endpoints, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(stack, "training", build_app, work_dir=small_disk) as training:
        await begin(training, "linear-probe")
        (small_disk / "somebody-elses").write_bytes(b"0" * (40 << 20))
        await training.work("run")
        (run,) = (await runs_of(training)).values()
        assert run["state"] == "failed" and run["failed"].startswith("DiskFull:"), run


async def test_a_run_that_needs_more_memory_than_it_may_have_fails_alone(stack: Endpoints, tmp_path: Path) -> None:
    async with running(stack, "training", build_app, work_dir=tmp_path / "runs", memory_mb=1700) as training:
        await begin(training, "full, linear-probe", rows=120, words=20)
        await training.work()
        await only_full_failed(training, "OutOfMemory")


async def test_a_gpu_that_the_worker_lacks_fails_the_run_by_name_or_is_done_without(
    stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    async with running(stack, "training", build_app, work_dir=tmp_path / "runs") as training:
        await begin(training, "linear-probe", device="device: gpu")
        await training.work("run")
        (run,) = (await runs_of(training)).values()
        assert run["failed"].startswith("DeviceMissing: device gpu: torch ")
    async with running(stack, "training", build_app, work_dir=tmp_path / "runs") as training:
        await begin(training, "linear-probe", device="device: gpu-if-there")
        await training.work("run")
        (run,) = (await runs_of(training)).values()
        assert run["environment"]["device"] == "cpu"


def kept(end: str) -> float:
    return float(metrics.CHECKPOINTS.labels(end)._value.get())


async def outlived(training: Running, line: Line) -> None:
    """A run whose checkpoints fail for a while ends as if nothing had been."""
    before = kept("kept")
    work = asyncio.create_task(training.work("run"))
    await eventually(lambda: kept("kept") > before, within=60)
    failed, line_broke = kept("failed"), kept("kept")
    line.breaks()
    await eventually(lambda: kept("failed") > failed, within=60)
    line.mends()
    await eventually(lambda: kept("kept") > line_broke, within=60)
    await work
    (run,) = (await runs_of(training)).values()
    assert (run["state"], run["claims"]) == ("trained", 1), run
    await training.work("pick")
    (trained,) = await training.emitted(ModelTrained)
    blobs = Blobs(training.service.settings)
    names = {key.rsplit("/", 2)[-2] async for key in blobs.each("parcels/models/") if str(run["id"]) in key}
    assert names == {trained.artifact.rsplit("/", 1)[1]}
    assert not [key async for key in blobs.each(f"parcels/checkpoints/{run['id']}/")]


async def test_s3_gone_during_a_checkpoint_costs_the_checkpoint_and_not_the_run(
    stack: Endpoints, tmp_path: Path
) -> None:
    async with line_to(stack.s3.url) as (line, through):
        far = replace(stack, s3=replace(stack.s3, url=through))
        async with running(far, "training", build_app, work_dir=tmp_path / "runs") as training:
            await begin(training, "full", rows=1500)
            await outlived(training, line)


async def test_postgres_gone_during_a_checkpoint_costs_the_checkpoint_and_not_the_run(
    stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "CONNECTS", 1.0)
    monkeypatch.setattr(postgres, "ANSWERS", 2.0)
    async with (
        database(stack, "training") as dsn,
        line_to(dsn) as (line, through),
        running(stack, "training", build_app, dsn=through, work_dir=tmp_path / "runs") as training,
    ):
        await begin(training, "full", rows=1500)
        await outlived(training, line)

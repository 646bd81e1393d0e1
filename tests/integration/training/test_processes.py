"""Training as a process on real Kafka: killed while it trains, it leaves nothing behind and goes on where it was."""

import shutil
import signal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from harness import Bus, database, eventually, make, settings_for
from processes import process
from training_data import children, put_dataset

from millrace.chassis import Blobs
from millrace.events import DatasetReleased, ModelTrained, RetrainingRequested, WorkspaceConfigured
from millrace.workspace import load

FILE = """
workspace: NAME
owner: support-ml
task: classify
labels: {names: [late, lost]}
train: {methods: [full], min_labels: 50, finetune_budget: 120s, checkpoint: 1s}
"""


def configured(name: str) -> WorkspaceConfigured:
    spec = load(FILE.replace("NAME", name))
    return make(WorkspaceConfigured, workspace=name, revision=1, spec=spec.plain(), digest=spec.digest(), by="a")


def released(name: str, cycle: UUID | None, manifest: str) -> DatasetReleased:
    return make(
        DatasetReleased,
        workspace=name,
        cycle_id=cycle,
        dataset="sha256:rows",
        manifest=manifest,
        rows={"train": 600},
        labels={"late": 300, "lost": 300},
        attempt=1,
    )


async def call(method: str, url: str, **more: Any) -> Any:
    async with httpx.AsyncClient() as client:
        return (await client.request(method, url, **more)).json()


async def kept_step(url: str, name: str) -> int | None:
    """The step that the one run would go on from."""
    runs = await call("GET", f"{url}/v1/runs", params={"workspace": name})
    return runs[0]["checkpoint_step"] if runs else None


async def lost_jobs(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        return 'millrace_jobs_total{end="lost",kind="run"} 1.0' in (await client.get(f"{url}/metrics")).text


async def test_a_killed_worker_takes_its_child_along_and_the_next_goes_on_from_the_checkpoint(
    stack, bus: Bus, tmp_path: Path
) -> None:
    name = f"parcels-{uuid4().hex[:8]}"
    settings = {"WORK_DIR": tmp_path / "runs", "GROUP_SUFFIX": f"-{uuid4().hex[:8]}"}
    await bus.publish(configured(name))
    async with database(stack, "training") as dsn:
        blobs = Blobs(settings_for(stack, "training", dsn))
        async with process(stack, "training", dsn, tmp_path / "first.log", settings) as first:
            opened = await call("POST", f"{first.url}/v1/workspaces/{name}/train", json={"by": "ada"})
            (asked,) = await bus.read(RetrainingRequested, until=lambda found: len(found) == 1)
            assert str(asked.cycle_id) == opened["cycle"]
            manifest = await put_dataset(blobs, name, rows=600)
            await bus.publish(released(name, asked.cycle_id, manifest))
            step = await eventually(lambda: kept_step(first.url, name), within=60)
            (child,) = children(first.process.pid)
            first.process.kill()
            await first.process.wait()
            await eventually(lambda: not Path(f"/proc/{child}").exists(), within=5)
        shutil.rmtree(tmp_path / "runs")  # another machine has nothing of it
        async with process(stack, "training", dsn, tmp_path / "second.log", settings) as second:
            (trained,) = await bus.read(ModelTrained, until=lambda found: len(found) >= 1, within=90)
            (run,) = await call("GET", f"{second.url}/v1/runs", params={"workspace": name})
    assert run["claims"] == 2 and run["resumed_from"] >= step > 0
    assert trained.cycle_id == asked.cycle_id and trained.artifact.endswith("-2")


async def test_a_zombie_that_wakes_after_its_lease_publishes_nothing(stack, bus: Bus, tmp_path: Path) -> None:
    name = f"parcels-{uuid4().hex[:8]}"
    await bus.publish(configured(name))
    async with database(stack, "training") as dsn:
        blobs = Blobs(settings_for(stack, "training", dsn))
        told = {"GROUP_SUFFIX": f"-{uuid4().hex[:8]}", "WORK_DIR": tmp_path / "runs"}  # one machine: they share it
        async with process(stack, "training", dsn, tmp_path / "first.log", told) as first:
            await call("POST", f"{first.url}/v1/workspaces/{name}/train", json={"by": "ada"})
            (asked,) = await bus.read(RetrainingRequested, until=lambda found: len(found) == 1)
            await bus.publish(released(name, asked.cycle_id, await put_dataset(blobs, name, rows=600)))
            await eventually(lambda: kept_step(first.url, name), within=60)
            (child,) = children(first.process.pid)
            first.process.send_signal(signal.SIGSTOP)  # its child goes on, and may even finish
            try:
                async with process(stack, "training", dsn, tmp_path / "second.log", told) as second:
                    (trained,) = await bus.read(ModelTrained, until=lambda found: len(found) >= 1, within=120)
                    before = await call("GET", f"{second.url}/v1/runs", params={"workspace": name})
                    first.process.send_signal(signal.SIGCONT)
                    await eventually(lambda: lost_jobs(first.url), within=60)
                    await eventually(lambda: not Path(f"/proc/{child}").exists(), within=30)
                    after = await call("GET", f"{second.url}/v1/runs", params={"workspace": name})
            finally:
                first.process.send_signal(signal.SIGCONT)
        assert await bus.read(ModelTrained, until=lambda found: len(found) >= 1) == [trained]
        artifacts = {key.rsplit("/", 2)[-2] async for key in blobs.each(f"{name}/models/")}
    assert after == before and before[0]["claims"] == 2
    assert trained.artifact.endswith("-2") and artifacts == {trained.artifact.rsplit("/", 1)[1]}

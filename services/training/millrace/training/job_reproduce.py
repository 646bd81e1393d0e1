"""A run made again in a process of its own, from what is kept of it: its weights are compared, nothing is uploaded."""

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

from millrace import learn
from millrace.chassis import BlobNotFound, Blobs, Job, Unprocessable, works
from millrace.training import domain, plan, reproductions, runs, task
from millrace.training.executors import Executor
from millrace.training.settings import Settings
from millrace.training.task import Task
from millrace.training.worker import Limits, Line, RunFailed

WEIGHTS, TREES = "weights.safetensors", "trees.txt"
EVERY = 1.0
"""Seconds between two looks at how far it is."""


@works("reproduce")
async def job_reproduce(job: Job, *, blobs: Blobs, settings: Settings, executor: Executor) -> None:
    id = UUID(job.key)
    async with job.transaction("start") as tx:
        run = await reproductions.start(tx, id)
        if run is None:
            return
        before = await runs.deployment(tx, run["before"]) if run["before"] else None
        folder = settings.work_dir / f"again-{job.key}" / str(job.token)
        again = Task(run, await plan.load(tx, run["cycle_id"]), before, folder)
    try:
        end = await _again(job, again, blobs, settings, executor)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder.parent, True)
    async with job.finish() as tx:
        if isinstance(end, str):
            await reproductions.failed(tx, id, end)
        else:
            await reproductions.ended(tx, id, **end)


async def _again(job: Job, again: Task, blobs: Blobs, settings: Settings, executor: Executor) -> dict[str, Any] | str:
    """How it ended, or why it can't be made again."""
    try:
        return await _compared(job, again, blobs, settings, executor)
    except BlobNotFound as gone:
        return f"what it was made from is gone: {gone}"
    except (RunFailed, Unprocessable, learn.Unlearnable) as error:
        return str(error)


async def _compared(job: Job, again: Task, blobs: Blobs, settings: Settings, executor: Executor) -> dict[str, Any]:
    run, out, original = again.run, again.folder / "model", again.folder / "was"
    await blobs.get_file(f"{run['artifact']}/version.json", original / "version.json")
    await blobs.get_file(f"{run['artifact']}/{WEIGHTS}", original / WEIGHTS)
    with contextlib.suppress(BlobNotFound):  # most versions have none
        await blobs.get_file(f"{run['artifact']}/{TREES}", original / TREES)
    asked = await task.asked(again, out, blobs, settings)
    was = await asyncio.to_thread(_version, original)
    limits = Limits(settings.nice, again.plan.budget + settings.grace, settings.memory_mb)
    result = await executor.train(domain.reproduction.request(asked, was), again.folder, _Progress(job), limits)
    now = await asyncio.to_thread(_version, out)
    manifest = json.loads(await blobs.get(run["manifest"]))
    return {
        "was": await asyncio.to_thread(learn.weights_digest, original),
        "weights": result["weights_digest"],
        "differs": domain.reproduction.differences(was, now, manifest),
        "seconds": result["seconds"],
    }


def _version(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "version.json").read_bytes()))


class _Progress:
    """Writes how far it is, at most once in a while."""

    def __init__(self, job: Job) -> None:
        self._job, self._next = job, 0.0

    async def __call__(self, line: Line) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._next or line["kind"] != "progress":
            return
        self._next = now + EVERY
        async with self._job.transaction("progress") as tx:
            await reproductions.advance(
                tx, UUID(self._job.key), stage=line["stage"], step=int(line["step"]), steps=line["of"]
            )

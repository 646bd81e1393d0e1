"""One candidate, trained in a child process; what a killed worker began is taken up again from its checkpoint."""

import asyncio
import errno
import json
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from millrace import learn
from millrace.chassis import Blobs, Job, Unavailable, Unprocessable, works
from millrace.events import TrainingProgressed
from millrace.training import checkpoints, metrics, plan, runs, store, worker
from millrace.training.checkpoints import Checkpoints
from millrace.training.progress import CycleOver, Progress
from millrace.training.settings import Settings
from millrace.training.task import Task, asked
from millrace.training.worker import Limits, Line, RunFailed, RunKilled

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
PARAMETERS = ("seed", "threads", "budget_seconds", "device", "precision", "accumulate", "max_length", "pad_to")
MEASURED = ("fit_seconds", "steps", "planned_steps", "ms_per_text", "weights", "ignored_rows", "cpu_seconds", "peak_mb")
CLAIMS = 5
"""Times that a run is taken up before its killing is thought to be its own fault, e.g. by its hunger for memory."""


@works("run", emits=[TrainingProgressed], concurrency=2)
async def job_run(job: Job, *, blobs: Blobs, settings: Settings) -> None:
    run_id = UUID(job.key)
    async with job.transaction("start") as tx:
        run = await runs.start(tx, run_id)
        if run is None:
            return
        task = Task(
            run,
            await plan.load(tx, run["cycle_id"]),
            await store.deployment(tx, job.workspace),
            settings.work_dir / job.key / str(job.token),
        )
    try:
        await _finish(job, run, await _end(job, task, blobs, settings))
    finally:
        await asyncio.to_thread(shutil.rmtree, task.folder, True)
    await asyncio.to_thread(shutil.rmtree, settings.work_dir / job.key, True)
    await checkpoints.forget(job, blobs)


async def _end(job: Job, task: Task, blobs: Blobs, settings: Settings) -> runs.Made | str:
    """What it made, or why it failed for good. Raises what another claim may mend."""
    try:
        with metrics.RUNNING.track_inprogress():
            return await _make(job, task, blobs, settings)
    except CycleOver:
        return "its cycle was over before it ended"
    except (RunFailed, Unprocessable, learn.Unlearnable) as error:
        return str(error)
    except RunKilled as error:
        if task.run["claims"] < CLAIMS:
            raise
        return f"{error}, {CLAIMS} times"
    except (Unavailable, OSError) as error:
        full = _of_a_full_disk(error)
        if full is None:
            raise
        return f"DiskFull: {full}"


def _of_a_full_disk(error: BaseException | None) -> OSError | None:
    """What was written here and did not fit: S3's client fails with it too."""
    while error is not None and not (isinstance(error, OSError) and error.errno in FULL):
        error = error.__cause__
    return error


async def _make(job: Job, task: Task, blobs: Blobs, settings: Settings) -> runs.Made:
    """Trains and uploads. The artifact's name carries the token: a superseded worker can't touch its successor's."""
    out = task.folder / f"model-{job.token}"
    request = await asked(task, out, blobs, settings)
    await checkpoints.take_up(task.run, blobs, task.folder / "checkpoint")
    async with job.transaction("told") as tx:
        await runs.keep_parameters(tx, task.run["id"], _parameters(request))
    limits = Limits(settings.nice, task.plan.budget + settings.grace, settings.memory_mb)
    progress, kept = Progress(job, task.run), Checkpoints(job, blobs, task.folder / "checkpoint")

    async def hear(line: Line) -> None:
        if line["kind"] == "checkpoint":
            kept.told()
        else:
            await progress(line)

    try:
        result = await worker.train(request, task.folder, hear, limits)
    finally:
        await kept.stop()
    prefix = f"{job.workspace}/models/{job.key}-{job.token}"
    await blobs.upload(out, prefix)
    return await asyncio.to_thread(_made, result, prefix, out, request, settings)


def _parameters(request: Line) -> dict[str, Any]:
    """What a run was told, but for where its files are."""
    told = {name: value for name, value in request.items() if name in PARAMETERS and value is not None}
    if request["labels"]:
        told["classes"] = len(request["labels"])
    if request["base"]:
        told["start"] = "production" if request["start"] else "base"
    return told


def _made(result: Line, prefix: str, out: Path, request: Line, settings: Settings) -> runs.Made:
    version = json.loads((out / "version.json").read_text("utf-8"))
    training, hours = version["training"], result["seconds"] / 3600
    drawn = {"energy_wh": round(hours * settings.watts, 4)} if settings.watts else {}
    return runs.Made(
        artifact=prefix,
        digest=result["digest"],
        labels=result["labels"],
        scores=result["scores"],
        bytes=result["bytes"],
        seconds=result["seconds"],
        stopped=result["stopped"],
        resumed_from=result["resumed_from"],
        environment={name: str(value) for name, value in version["environment"].items()},
        parameters=_parameters(request) | training["settings"] | {"rows": training["rows"]},
        measured={name: result[name] for name in MEASURED} | drawn,
        cost=round(hours * settings.hour_costs, 6) if settings.hour_costs else None,
    )


async def _finish(job: Job, run: asyncpg.Record, end: runs.Made | str) -> None:
    """The run's end, by what it made or why it failed; the last of a cycle's runs asks for the pick."""
    async with job.finish() as tx:
        if isinstance(end, str):
            await runs.failed(tx, run["id"], end)
        else:
            await runs.trained(tx, run["id"], end)
        if await runs.all_ended(tx, run["cycle_id"]):
            key = str(run["cycle_id"])
            await tx.schedule("pick", key=key, workspace=job.workspace, cause=job.cause("ended"))
        how = "failed" if isinstance(end, str) else "trained"
        tx.after_commit.append(metrics.RUNS.labels(run["method"], how).inc)

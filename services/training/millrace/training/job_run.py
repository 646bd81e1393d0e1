"""One candidate, trained in a child process; what a killed worker began is taken up again from its checkpoint."""

import asyncio
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from millrace.chassis import Blobs, Job, Unprocessable, works
from millrace.events import Deployment, TrainingProgressed
from millrace.training import metrics, plan, runs, store, worker
from millrace.training.domain import DECLARE, FINE_TUNES, NothingToDeclare
from millrace.training.plan import Plan
from millrace.training.progress import CycleOver, Progress
from millrace.training.rows import fetch, select
from millrace.training.settings import Settings
from millrace.training.worker import Line, RunFailed, RunKilled

CLAIMS = 5
"""Times that a run is taken up before its killing is thought to be its own fault, e.g. by its hunger for memory."""


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed run with all that its child needs to be told."""

    run: asyncpg.Record
    plan: Plan
    production: Deployment | None
    folder: Path

    @property
    def declares(self) -> bool:
        return bool(self.run["method"] == DECLARE)

    @property
    def goes_on(self) -> bool:
        """Whether it fine-tunes what is in production further."""
        return bool(self.run["method"] in FINE_TUNES and self.plan.start == "production" and self.production)


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
            settings.work_dir / job.key,
        )
    try:
        with metrics.RUNNING.track_inprogress():
            made = await _make(job, task, blobs, settings)
        await _finish(job, run, made)
    except CycleOver:
        await _finish(job, run, "its cycle was over before it ended")
    except (RunFailed, Unprocessable) as error:
        await _finish(job, run, str(error))
    except RunKilled as error:
        if run["claims"] < CLAIMS:
            raise
        await _finish(job, run, f"{error}, {CLAIMS} times")
    await asyncio.to_thread(shutil.rmtree, task.folder, True)


async def _make(job: Job, task: Task, blobs: Blobs, settings: Settings) -> runs.Made:
    """Trains and uploads. The artifact's name carries the token: a superseded worker can't touch its successor's."""
    out = task.folder / f"model-{job.token}"
    request = await _request(task, out, blobs, settings)
    limit = task.plan.budget + settings.grace
    result = await worker.train(request, task.folder, Progress(job, task.run), nice=settings.nice, limit=limit)
    prefix = f"{job.workspace}/models/{job.key}-{job.token}"
    await blobs.upload(out, prefix)
    return await asyncio.to_thread(_made, result, prefix, out)


async def _request(task: Task, out: Path, blobs: Blobs, settings: Settings) -> Line:
    await asyncio.to_thread(task.folder.mkdir, parents=True, exist_ok=True)
    source, rows = task.folder / "dataset.parquet", task.folder / "rows.parquet"
    training = await fetch(blobs, task.run["manifest"], source)
    production = await _production(task, blobs)
    labels = task.production.labels if task.declares and task.production else training.labels
    await asyncio.to_thread(select, source, rows, untrusted=task.run["untrusted"], labels=labels)
    return {
        "task": task.plan.task,
        "method": task.run["method"],
        "base": task.run["base"],
        "rows": str(rows),
        "out": str(out),
        "labels": labels,
        "dataset": task.run["dataset"],
        "seed": task.plan.seed,
        "threads": settings.threads,
        "budget_seconds": task.plan.finetune_budget,
        "checkpoint": str(task.folder / "checkpoint"),
        "checkpoint_seconds": settings.checkpoint_seconds,
        "settings": {"from": production} if task.declares else {},
        "start": production if task.goes_on else None,
        **task.plan.serve,
    }


async def _production(task: Task, blobs: Blobs) -> str | None:
    """The folder of the version in production, where the run is made from it. Raises NothingToDeclare."""
    if task.declares and task.production is None:
        raise NothingToDeclare(task.run["workspace"])
    if task.production is None or not (task.declares or task.goes_on):
        return None
    folder = task.folder / "production"
    await blobs.download(task.production.artifact, folder)
    return str(folder)


def _made(result: Line, prefix: str, out: Path) -> runs.Made:
    environment = json.loads((out / "version.json").read_text("utf-8"))["environment"]
    return runs.Made(
        artifact=prefix,
        digest=result["digest"],
        labels=result["labels"],
        scores=result["scores"],
        bytes=result["bytes"],
        seconds=result["seconds"],
        stopped=result["stopped"],
        resumed_from=result["resumed_from"],
        environment={name: str(value) for name, value in environment.items()},
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

"""One candidate, trained in a process of its own; what a killed worker began is taken up again from its checkpoint."""

import asyncio
import errno
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from millrace import learn
from millrace.chassis import Blobs, Job, Table, Transaction, Unavailable, Unprocessable, works
from millrace.events import TrainingProgressed
from millrace.training import checkpoints, domain, judging, metrics, plan, runs, spendings, store, trials
from millrace.training.checkpoints import Checkpoints
from millrace.training.declared import Declared
from millrace.training.domain import UNTAUGHT, Limit
from millrace.training.executors import Executor
from millrace.training.judging import Pruned
from millrace.training.progress import CycleOver, Progress
from millrace.training.settings import Settings
from millrace.training.spendings import BudgetSpent, Meter
from millrace.training.task import Task, asked
from millrace.training.worker import Limits, Line, RunFailed, RunKilled

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
PARAMETERS = ("seed", "threads", "budget_seconds", "device", "precision", "accumulate", "max_length", "pad_to")
MEASURED = ("fit_seconds", "steps", "planned_steps", "ms_per_text", "weights", "ignored_rows", "cpu_seconds", "peak_mb")
WAITING = ("queued", "running")
CLAIMS = 5
"""Times that a run is taken up before its killing is thought to be its own fault, e.g. by its hunger for memory."""


LOOK = timedelta(minutes=10)
"""How soon a run that waits for the next day's budget notices that today's was raised."""


@works("run", emits=[TrainingProgressed], concurrency=2)
async def job_run(job: Job, *, blobs: Blobs, specs: Table[Declared], settings: Settings, executor: Executor) -> None:
    run_id, daily = UUID(job.key), (await specs.get(job.workspace)).daily
    async with job.transaction("start") as tx:
        spent = await _nothing_left(tx, job, run_id, daily)
        run = None if spent else await runs.start(tx, run_id)
        if run:
            task = Task(
                run,
                await plan.load(tx, run["cycle_id"]),
                await store.deployment(tx, job.workspace),
                settings.work_dir / job.key / str(job.token),
            )
    if spent:
        await _without_budget(job, run_id, daily, None, spent)
        return
    if run is None:
        return
    meter = Meter(job, run, settings.hour_costs, daily, task.plan.search.limit if task.plan.search else None)
    try:
        end = await _end(job, task, meter, blobs, settings, executor)
        if isinstance(end, BudgetSpent) and end.today:
            if not await _without_budget(job, run_id, daily, meter, str(end)):
                return
        else:
            await _finish(job, run, daily, meter, end)
    finally:
        await asyncio.to_thread(shutil.rmtree, task.folder, True)
    await asyncio.to_thread(shutil.rmtree, settings.work_dir / job.key, True)
    await checkpoints.forget(job, blobs)


async def _nothing_left(tx: Transaction, job: Job, run_id: UUID, daily: Limit) -> str | None:
    """Why a run can't begin today. What trains nothing always can."""
    spent = daily.spent(await spendings.of_day(tx, job.workspace, tx.now.date())) if daily.bounds else None
    run = await runs.load(tx, run_id) if spent else None
    return spent if run and run["method"] not in UNTAUGHT and run["state"] in WAITING else None


async def _without_budget(job: Job, run_id: UUID, daily: Limit, meter: Meter | None, reason: str) -> bool:
    """Ends a run that nothing is left for today, where its cycle has a model to pick or it took a whole day's budget
    alone; else it goes on tomorrow, from its checkpoint. Whether it has ended."""
    async with job.transaction("spent") as tx:
        if meter is not None:
            await meter.tell(tx)
        run = await runs.load(tx, run_id)
        assert run is not None
        own = await spendings.of_run(tx, run_id, tx.now.date())
        settled = await runs.any_trained(tx, run["cycle_id"])
        if not settled and not daily.spent(own):
            await runs.put_off(tx, run_id)
        tomorrow, now = domain.next_day(tx.now), tx.now
    if settled or daily.spent(own):
        await _finish(job, run, daily, meter, BudgetSpent(reason, today=True))
        return True
    await job.later(min(tomorrow, now + LOOK), f"{reason}: it goes on at {tomorrow:%Y-%m-%d %H:%M} UTC")
    return False


async def _end(
    job: Job, task: Task, meter: Meter, blobs: Blobs, settings: Settings, executor: Executor
) -> runs.Made | Pruned | BudgetSpent | str:
    """What it made, or why it ended for good without. Raises what another claim may mend."""
    try:
        with metrics.RUNNING.track_inprogress():
            return await meter.within(_make(job, task, blobs, settings, executor))
    except CycleOver:
        return "its cycle was over before it ended"
    except (Pruned, BudgetSpent) as stopped:
        return stopped
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


async def _make(job: Job, task: Task, blobs: Blobs, settings: Settings, executor: Executor) -> runs.Made:
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
        elif line["kind"] == "judged":
            await judging.judge(job, task.run["cycle_id"], task.plan, line)
        else:
            await progress(line)

    try:
        result = await executor.train(request, task.folder, hear, limits)
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
    told |= {name: value for name, value in request["settings"].items() if name != "from"}
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


async def _finish(
    job: Job, run: asyncpg.Record, daily: Limit, meter: Meter | None, end: runs.Made | Pruned | BudgetSpent | str
) -> None:
    """The run's end, by what it made or why it made nothing; a search asks for its next trial; the last of a cycle's
    runs asks for the pick."""
    cycle_id = run["cycle_id"]
    async with job.finish() as tx:
        await runs.lock(tx, cycle_id)
        if meter is not None:
            await meter.tell(tx)
        if isinstance(end, runs.Made):
            await runs.trained(tx, run["id"], end)
        else:
            await runs.failed(tx, run["id"], str(end), state="pruned" if isinstance(end, Pruned) else "failed")
        cause = job.cause("ended")
        await trials.proceed(job, tx, cycle_id, await plan.load(tx, cycle_id), daily, cause)
        if await runs.all_ended(tx, cycle_id):
            await tx.schedule("pick", key=str(cycle_id), workspace=job.workspace, cause=cause)
        elif isinstance(end, runs.Made):
            for waiting in await runs.queued(tx, cycle_id):  # for a budget: there is a model to pick now
                await tx.wake("run", str(waiting))
        tx.after_commit.append(metrics.RUNS.labels(run["method"], _how(end)).inc)


def _how(end: runs.Made | Pruned | BudgetSpent | str) -> str:
    if isinstance(end, runs.Made):
        return "trained"
    return "pruned" if isinstance(end, Pruned) else "budget" if isinstance(end, BudgetSpent) else "failed"

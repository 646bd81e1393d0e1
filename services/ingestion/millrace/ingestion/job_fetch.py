"""Reads a source and publishes what it has -> document.accepted, document.rejected, document.retired"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from millrace.chassis import Clock, Job, LeaseLost, Table, Unavailable, Unknown, Unprocessable, works
from millrace.ingestion import metrics, runs
from millrace.ingestion.declaring import declaration, fetched, follow
from millrace.ingestion.fetching import EMITS, Publisher
from millrace.ingestion.runs import Run
from millrace.ingestion.sources.batch import About, Reader, Waits
from millrace.workspace import Fetched, Workspace

log = structlog.get_logger()

TRIES = 5
"""Times that a run may fail in a row, without having moved, for a reason nobody foresaw."""

FOUND = ("new", "changed", "unchanged", "rejected", "forgotten")
"""Counts of a run that say that its source held something."""

RUNS_KEPT = 50
FRONTIER_AT_ONCE = 10_000

Readers = Callable[[Fetched, About], Reader]


@dataclass(frozen=True)
class Fetching:
    """`patience` is how long a run that does not move waits for its source."""

    publisher: Publisher
    specs: Table[Workspace]
    readers: Readers
    clock: Clock
    patience: timedelta


@works("fetch", emits=EMITS)
async def job_fetch(job: Job, *, fetching: Fetching) -> None:
    name = job.payload["source"]
    spec = await _spec(job, fetching)
    source = fetched(spec, name) if spec else None
    run = await _begin(job, source)
    if run is None or spec is None or source is None:
        return
    about = About(job.workspace, name, run.run, declaration(source))
    try:
        reason = await _read(job, fetching, source, about, run)
    except LeaseLost:
        raise
    except Waits as waits:
        await job.later(fetching.clock.now() + waits.pause, str(waits))
    except Unprocessable as error:
        await _end(job, spec, about, source, "failed", str(error))
    except Unavailable as error:
        await _unavailable(job, fetching, spec, about, source, error)
    except Exception as error:
        if run.tries < TRIES:
            raise
        log.exception("run given up", workspace=about.workspace, source=about.source, run=about.run)
        await _end(job, spec, about, source, "failed", f"{type(error).__name__}: {error}")
    else:
        await _end(job, spec, about, source, "partial" if reason else "complete", reason)


async def _spec(job: Job, fetching: Fetching) -> Workspace | None:
    try:
        return await fetching.specs.get(job.workspace)
    except Unknown:
        return None


async def _begin(job: Job, source: Fetched | None) -> Run | None:
    """The run, now running; None where it is not due yet, or no longer wanted."""
    later = None
    async with job.transaction() as tx:
        run = await runs.load(tx, job.workspace, job.payload["source"], job.payload["run"])
        if run is None or run.state in runs.STATES:
            return None
        if source is None or (run.state == "waiting" and run.asked_by is None and source.every is None):
            run.state, run.ended_at = "cancelled", tx.now
        elif run.state == "waiting" and run.due_at > tx.now:
            later = run.due_at
        else:
            _start(run, source, tx.now)
        await runs.save(tx, run)
    if later:
        await job.later(later)
    return run if run.state == "running" else None


def _start(run: Run, source: Fetched, now: datetime) -> None:
    """A declaration that has changed while it ran makes a run begin anew."""
    said = declaration(source)
    if run.declaration != said:
        run.position, run.reason = None, None
    run.state, run.declaration, run.tries = "running", said, run.tries + 1
    run.started_at, run.moved_at = run.started_at or now, run.moved_at or now


async def _read(job: Job, fetching: Fetching, source: Fetched, about: About, run: Run) -> str | None:
    """Reads to the end and retires; why the run is only partial, or None."""
    publisher, reader = fetching.publisher, fetching.readers(source, about)
    batches = reader.batches(publisher.position(run))
    async with contextlib.aclosing(batches):
        async for batch in batches:
            await publisher.publish(job, about, reader, batch)
    if not reader.retires:
        return None
    if reason := await _doubt(job, about):
        return reason
    await publisher.retire(job, about)
    return None


async def _doubt(job: Job, about: About) -> str | None:
    """Why what this run did not see may still be there."""
    async with job.transaction() as tx:
        run = await runs.load(tx, about.workspace, about.source, about.run)
        assert run is not None
        stood = await runs.standing(tx, about.workspace, about.source)
    if run.reason:
        return run.reason
    if stood and not sum(run.counts[name] for name in FOUND):
        return f"it found nothing where {stood} documents stood, so none was retired"
    return None


async def _unavailable(
    job: Job, fetching: Fetching, spec: Workspace, about: About, source: Fetched, error: Unavailable
) -> None:
    async with job.transaction() as tx:
        run = await runs.load(tx, about.workspace, about.source, about.run)
        assert run is not None
        waited = tx.now - (run.moved_at or tx.now)
        run.waits_for = str(error)[:1000]
        await runs.save(tx, run)
    if waited < fetching.patience:
        raise error
    await _end(job, spec, about, source, "failed", f"{error} (for {waited.total_seconds():.0f} s)")


async def _end(job: Job, spec: Workspace, about: About, source: Fetched, state: str, reason: str | None) -> None:
    """Ends the run and opens the next."""
    while True:
        async with job.transaction() as tx:
            if await runs.clear_frontier(tx, about, FRONTIER_AT_ONCE) < FRONTIER_AT_ONCE:
                break
    async with job.finish() as tx:
        run = await runs.load(tx, about.workspace, about.source, about.run)
        assert run is not None
        run.state, run.ended_at, run.moved_at, run.position, run.waits_for = state, tx.now, tx.now, None, None
        run.reason = reason[:1000] if reason else None
        await runs.save(tx, run)
        await runs.forget(tx, about.workspace, about.source, keep=RUNS_KEPT)
        await runs.forget_turns(tx, FRONTIER_AT_ONCE)
        await follow(tx, job.cause("next"), spec, about.source)
    metrics.RUNS.labels(getattr(source, "kind", ""), state).inc()

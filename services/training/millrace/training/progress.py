"""How far a run is, told at most once a second."""

import asyncio

import asyncpg
import structlog

from millrace.chassis import Job, Unavailable
from millrace.events import TrainingProgressed
from millrace.training import runs
from millrace.training.worker import Line

log = structlog.get_logger()

INTERVAL = 1.0
DENSE = 1000
"""Points of a curve that are kept at one density; then it halves, so that a long run's curve stays short."""


class CycleOver(Exception):
    """Nobody waits for this run any more."""


class Progress:
    """Writes and emits a run's progress lines. Raises CycleOver, and LeaseLost where another worker has the run.

    Without Postgres nothing is told, and the run goes on: its end is what has to be written.
    """

    def __init__(self, job: Job, run: asyncpg.Record) -> None:
        self._job = job
        self._run = run
        self._told = self._points = 0
        self._next = 0.0

    async def __call__(self, line: Line) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._next:
            return
        self._next = now + INTERVAL
        try:
            await self._tell(line)
        except Unavailable as error:
            log.warning("progress not told", run=self._job.key, because=str(error))

    async def _tell(self, line: Line) -> None:
        self._told += 1
        step, steps, loss = int(line["step"]), line["of"], line["loss"]
        cause = self._job.cause(f"progress {self._job.token} {self._told}")
        async with self._job.transaction("progress") as tx:
            run_id, seconds = self._run["id"], float(line["seconds"])
            if not await runs.advance(
                tx, run_id, stage=line["stage"], step=step, steps=steps, loss=loss, seconds=seconds
            ):
                raise CycleOver
            if loss is not None and self._told % (1 << self._points // DENSE) == 0:
                self._points += 1
                await runs.keep_point(tx, run_id, step=step, loss=loss, seconds=seconds)
            tx.emit(
                TrainingProgressed.caused_by(
                    cause,
                    workspace=self._job.workspace,
                    run_id=str(run_id),
                    method=self._run["method"],
                    step=step,
                    steps=steps,
                    loss=loss,
                    seconds=seconds,
                )
            )

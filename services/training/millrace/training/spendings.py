"""What claims of runs took, by day, and the clock that stops a run at the end of a budget."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import structlog

from millrace.chassis import Job, Transaction, Unavailable
from millrace.training import metrics
from millrace.training.domain import Limit, Spent

log = structlog.get_logger()
T = TypeVar("T")

EVERY = 1.0
"""Seconds between two looks at what is left: by so much may a run overstep."""
SUM = "SELECT coalesce(sum(seconds), 0) AS seconds, coalesce(sum(cost), 0) AS cost FROM spendings"


class BudgetSpent(Exception):
    """Nothing is left of what a run, a search or a day may take. `today` says whether it is the day's."""

    def __init__(self, reason: str, *, today: bool) -> None:
        super().__init__(reason)
        self.today = today


async def of_day(tx: Transaction, workspace: str, day: date) -> Spent:
    return _spent(await tx.fetchrow(f"{SUM} WHERE workspace = $1 AND day = $2", workspace, day))


async def of_cycle(tx: Transaction, cycle_id: UUID) -> Spent:
    return _spent(await tx.fetchrow(f"{SUM} WHERE cycle_id = $1", cycle_id))


async def of_run(tx: Transaction, run_id: UUID, day: date) -> Spent:
    return _spent(await tx.fetchrow(f"{SUM} WHERE run_id = $1 AND day = $2", run_id, day))


async def each_day(tx: Transaction, day: date) -> dict[str, Spent]:
    """Of every workspace that took anything."""
    rows = await tx.fetch(
        "SELECT workspace, sum(seconds) AS seconds, sum(cost) AS cost FROM spendings WHERE day = $1 GROUP BY 1", day
    )
    return {row["workspace"]: _spent(row) for row in rows}


def _spent(row: asyncpg.Record | None) -> Spent:
    return Spent(row["seconds"], row["cost"]) if row else Spent()


@dataclass
class Meter:
    """Counts what one claim takes, on the day that it takes it, and looks whether anything is left."""

    job: Job
    run: asyncpg.Record
    hour_costs: float
    daily: Limit
    search: Limit | None
    taken: dict[date, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._at = asyncio.get_running_loop().time()

    async def within(self, work: Coroutine[Any, Any, T]) -> T:
        """What the work comes to. Raises BudgetSpent, having ended it; whatever the work raises."""
        working, watching = asyncio.ensure_future(work), asyncio.ensure_future(self._watch())
        try:
            await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
            if watching.done() and not working.done():
                watching.result()
            return await working
        finally:
            watching.cancel()
            working.cancel()
            await asyncio.gather(working, watching, return_exceptions=True)

    async def tell(self, tx: Transaction) -> None:
        """Writes down what was taken so far."""
        for day, seconds in self._so_far(tx.now.date()).items():
            await tx.execute(
                """INSERT INTO spendings (run_id, token, day, workspace, cycle_id, seconds, cost)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)
                   ON CONFLICT (run_id, token, day) DO UPDATE SET seconds = $6, cost = $7""",
                self.run["id"],
                self.job.token,
                day,
                self.job.workspace,
                self.run["cycle_id"],
                seconds,
                seconds / 3600 * self.hour_costs,
            )

    def _so_far(self, today: date) -> Mapping[date, float]:
        now = asyncio.get_running_loop().time()
        took, self._at = now - self._at, now
        self.taken[today] = self.taken.get(today, 0.0) + took
        metrics.SPENT.labels(self.job.workspace).inc(took)
        return self.taken

    async def _watch(self) -> None:
        """Raises BudgetSpent. Without Postgres nothing is counted, and the run goes on: it is counted afterwards."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                async with self.job.transaction("spent") as tx:
                    await self.tell(tx)
                    today = self.daily.bounds and await of_day(tx, self.job.workspace, tx.now.date())
                    searched = self.search and self.search.bounds and await of_cycle(tx, self.run["cycle_id"])
            except Unavailable as error:
                log.warning("spending not told", run=self.job.key, because=str(error))
                continue
            if self.search and searched and (reason := self.search.spent(searched)):
                raise BudgetSpent(reason, today=False)
            if today and (reason := self.daily.spent(today)):
                raise BudgetSpent(reason, today=True)

"""Predictions become durable in groups before they are answered, or without being waited for."""

import asyncio
from collections.abc import Sequence

from millrace.chassis import Database, GroupCommit, Transaction, Unavailable
from millrace.events import PredictionServed
from millrace.serving import metrics


async def write(served: Sequence[PredictionServed], tx: Transaction) -> None:
    """A request that was repeated within one group is written once."""
    for event in {event.id: event for event in served}.values():
        tx.emit(event)


class Recorder:
    def __init__(self, db: Database, *, wait: float, most: int, best_effort_most: int) -> None:
        self._group: GroupCommit[PredictionServed] = GroupCommit(
            db, write, emits=[PredictionServed], wait=wait, most=most
        )
        self._db = db
        self._most = best_effort_most
        self._unwaited: set[asyncio.Task[None]] = set()

    @property
    def loops(self) -> list[asyncio.Task[None]]:
        return self._group.loops

    async def start(self) -> None:
        await self._group.start()

    async def stop(self) -> None:
        if self._unwaited:
            await asyncio.wait(self._unwaited, timeout=5)
        await self._group.stop()

    async def admit(self) -> None:
        """Raises Busy while the outbox is behind."""
        await self._db.admit()

    async def save(self, event: PredictionServed) -> None:
        """Returns when the event is committed. Raises Unavailable."""
        await self._group.commit(event)

    def offer(self, event: PredictionServed) -> None:
        """Does not wait; what is lost is counted."""
        if len(self._unwaited) >= self._most:
            metrics.UNRECORDED.labels(event.workspace).inc()
            return
        task = asyncio.create_task(self._try(event))
        self._unwaited.add(task)
        task.add_done_callback(self._unwaited.discard)

    async def _try(self, event: PredictionServed) -> None:
        try:
            await self._group.commit(event)
        except Unavailable:
            metrics.UNRECORDED.labels(event.workspace).inc()

"""Many callers, one commit: items gather for a few milliseconds and are written together."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Generic, TypeVar

import structlog

from millrace.chassis import loops
from millrace.chassis.errors import Unavailable
from millrace.chassis.postgres import Database
from millrace.chassis.transaction import Transaction
from millrace.events import Event

T = TypeVar("T")

log = structlog.get_logger()


class GroupCommit(Generic[T]):
    """`commit(item)` returns when the transaction that holds the item has committed, and raises what it raised.

    A group is closed `wait` seconds after its first item, or at `most` items. While Postgres does not answer a group is
    tried again for `patience` seconds: emitted ids are fixed by their causes, so a commit whose end nobody heard of
    may be repeated.
    """

    def __init__(
        self,
        db: Database,
        write: Callable[[Sequence[T], Transaction], Awaitable[None]],
        *,
        emits: Collection[type[Event]] = (),
        wait: float = 0.005,
        most: int = 500,
        patience: float = 5.0,
    ) -> None:
        self._db = db
        self._write = write
        self._emits = frozenset(emits)
        self._wait = wait
        self._most = most
        self._patience = patience
        self._queue: asyncio.Queue[tuple[T, asyncio.Future[None]]] = asyncio.Queue(maxsize=20 * most)
        self.loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.loops = [asyncio.create_task(self._run(), name="group commit")]

    async def stop(self) -> None:
        await loops.end(self.loops)
        while not self._queue.empty():
            _settle([self._queue.get_nowait()], Unavailable("the service is stopping"))

    async def commit(self, item: T) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._queue.put((item, done))
        await done

    async def _run(self) -> None:
        while True:
            group = [await self._queue.get()]
            try:
                await self._gather(group)
                await self._store([item for item, _ in group])
            except Exception as error:
                _settle(group, error)
            except asyncio.CancelledError:
                _settle(group, Unavailable("the service is stopping"))
                raise
            else:
                _settle(group, None)

    async def _store(self, items: Sequence[T]) -> None:
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._patience, 0.05
        while True:
            try:
                async with self._db.transaction(emits=self._emits) as tx:
                    await self._write(items, tx)
                return
            except Unavailable as error:
                log.warning("group commit waits", items=len(items), because=str(error), pause_s=pause)
                if loop.time() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    async def _gather(self, group: list[tuple[T, "asyncio.Future[None]"]]) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._wait
        while len(group) < self._most:
            if not self._queue.empty():
                group.append(self._queue.get_nowait())
                continue
            left = until - loop.time()
            if left <= 0:
                return
            try:
                async with asyncio.timeout(left):
                    group.append(await self._queue.get())
            except TimeoutError:
                return


def _settle(group: Sequence[tuple[T, "asyncio.Future[None]"]], error: Exception | None) -> None:
    for _, done in group:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

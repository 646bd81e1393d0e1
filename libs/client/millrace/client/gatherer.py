"""Batches by size and time on an event loop."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from millrace.client.calls import Receipt, encoded
from millrace.client.errors import MillraceError, Undelivered, Unreachable
from millrace.client.events import Event
from millrace.client.publisher import MOST_REFUSED


class Gatherer:
    """As `Publisher`, on an event loop. Raises Undelivered from `add` after a refusal, and on leaving the block."""

    def __init__(
        self,
        publish: Callable[..., Awaitable[Sequence[Receipt] | None]],
        *,
        size: int = 200,
        within: float = 1.0,
        most: int = 10_000,
    ) -> None:
        self._publish = publish
        self._size = size
        self._within = within
        self._most = most
        self._waiting: deque[tuple[float, Event]] = deque()
        self._changed = asyncio.Condition()
        self._closing = False
        self._fault: MillraceError | None = None
        self.refused: deque[Receipt] = deque(maxlen=MOST_REFUSED)
        self._task: asyncio.Task[None] | None = None

    async def add(self, event: Event) -> None:
        encoded(event)  # here, where the caller is: in the background it would end the task
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._waiting) < self._most or self._fault is not None)
            if self._fault is not None or self._closing:
                raise self._undelivered()
            self._waiting.append((asyncio.get_running_loop().time() + self._within, event))
            self._changed.notify_all()

    async def close(self) -> None:
        async with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._task:
            await self._task
        if self._waiting:
            raise self._undelivered()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="millrace-publisher")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _undelivered(self) -> Undelivered:
        because = self._fault or MillraceError("the publisher is closed")
        return Undelivered([event.id for _, event in self._waiting], because)

    async def _run(self) -> None:
        while batch := await self._due():
            try:
                receipts = await self._publish(*batch) or ()
            except MillraceError as fault:
                if isinstance(fault, Unreachable) and not self._closing:
                    continue
                async with self._changed:
                    self._fault = fault
                    self._changed.notify_all()
                return
            self.refused.extend(receipt for receipt in receipts if not receipt.taken)
            async with self._changed:
                for _ in batch:
                    self._waiting.popleft()
                self._changed.notify_all()

    async def _due(self) -> list[Event]:
        loop = asyncio.get_running_loop()
        async with self._changed:
            while not self._closing and len(self._waiting) < self._size:
                left = self._waiting[0][0] - loop.time() if self._waiting else None
                if left is not None and left <= 0:
                    break
                try:
                    await asyncio.wait_for(self._changed.wait(), left)
                except TimeoutError:
                    break
            return [event for _, event in list(self._waiting)[: self._size]]

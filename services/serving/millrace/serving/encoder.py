"""Vectors of queries and of passages, beside the models that answer and out of their way."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import structlog

from millrace.learn import Shelf
from millrace.serving.engine import Desk

log = structlog.get_logger()

Vector = list[float]

LONGEST = 512
"""Tokens of a passage that its vector is made of; the words of the longest chunk mostly fit."""

AT_ONCE = 8
"""Passages in one forward: few, since a forward can't be broken off when callers come."""

LOOK = 0.01
"""Seconds between looks at whether callers wait: passages are not begun while they do."""

PATIENCE = 0.25
"""Seconds that passages give way at most before the next few: callers that never cease do not end indexing."""


class Encoder(Protocol):
    """Texts in, vectors of length one out, by a base's name."""

    @property
    def loops(self) -> list[asyncio.Task[None]]:
        """Its tasks that run from start to stop."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def prepare(self, base: str) -> None:
        """Loads a base, so that nobody's first search waits for it."""

    async def query(self, base: str, text: str) -> Vector: ...
    async def passages(self, base: str, texts: Sequence[str]) -> list[Vector]: ...


class Base:
    """A base as something a desk can ask. It is loaded on the first call, and is the one that models stand on."""

    pad_to: int | None = None

    def __init__(self, shelf: Shelf, name: str) -> None:
        self._shelf = shelf
        self._name = name

    def predict(self, texts: Sequence[str], batch: int = 32) -> list[Vector]:
        embedded = self._shelf.base(self._name).embed(texts, max_length=LONGEST, batch=batch)
        vectors: list[Vector] = embedded.vectors.tolist()
        return vectors


class TorchEncoder:
    """One thread for queries, which gather into batches as predictions do, and one for passages, which give way."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        wait: float,
        most: int,
        queue_most: int,
        within: float,
        callers: Callable[[], int],
    ) -> None:
        self._shelf = shelf
        self._desk: Desk[Vector] = Desk("search", wait=wait, most=most, queue_most=queue_most, within=within)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="torch-passages")
        self._callers = callers
        self._bases: dict[str, Base] = {}
        self._preparing: dict[str, asyncio.Task[None]] = {}

    @property
    def loops(self) -> list[asyncio.Task[None]]:
        return self._desk.loops

    async def start(self) -> None:
        self._desk.start()

    async def stop(self) -> None:
        for task in self._preparing.values():
            task.cancel()
        await self._desk.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def prepare(self, base: str) -> None:
        if base not in self._preparing:
            self._preparing[base] = asyncio.create_task(self._first(base), name=f"prepare {base}")

    async def _first(self, base: str) -> None:
        try:
            await self.query(base, "the first text of a base takes longer than the others")
        except Exception as error:  # the first search will say so too
            log.warning("base not loaded", base=base, because=f"{type(error).__name__}: {error}")

    async def query(self, base: str, text: str) -> Vector:
        """Raises Overloaded or AnswerLate."""
        return await self._desk.ask(self._base(base), text)

    async def passages(self, base: str, texts: Sequence[str]) -> list[Vector]:
        found: list[Vector] = []
        for start in range(0, len(texts), AT_ONCE):
            await self._give_way()
            some = texts[start : start + AT_ONCE]
            found += await asyncio.get_running_loop().run_in_executor(self._thread, self._base(base).predict, some)
        return found

    async def _give_way(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE
        while (self._callers() or self._desk.waiting) and loop.time() < until:  # noqa: ASYNC110 - a queue has no event for it
            await asyncio.sleep(LOOK)

    def _base(self, name: str) -> Base:
        return self._bases.setdefault(name, Base(self._shelf, name))

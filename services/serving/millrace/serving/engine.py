"""Models in memory, and threads that ask them. Torch is imported when the engine starts."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from millrace.chassis import Unavailable, loops
from millrace.events import Arm
from millrace.learn import Answered, Parameters, Shelf
from millrace.pages.words import counted
from millrace.serving import metrics

PADDED_TOKENS = 1024
"""Padded tokens in one batch: a version that pads answers fewer texts at once rather than keep them waiting."""


A = TypeVar("A", covariant=True)


class Asking(Protocol[A]):
    """What a desk can ask; calls block."""

    @property
    def pad_to(self) -> int | None: ...
    def predict(self, texts: Sequence[str], batch: int = 32) -> Sequence[A]: ...


Model = Asking[Answered]
"""A version that can be asked; calls block."""


class Engine(Protocol):
    """Loads models and answers with them. ``ask`` raises Overloaded, AnswerLate, or what the model raised."""

    @property
    def loops(self) -> list[asyncio.Task[None]]:
        """Its tasks that run from start to stop."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def load(self, folder: Path, parameters: Parameters) -> Model: ...
    async def ask(self, model: Model, text: str, arm: Arm) -> Answered: ...
    def waiting(self, arm: Arm) -> int:
        """Texts of an arm that wait for a forward."""


class Overloaded(Unavailable):
    """Refused before it was accepted: nothing was asked."""

    def __init__(self, arm: str, waiting: int) -> None:
        super().__init__(f"{counted(waiting, 'text waits', 'texts wait')} for {arm}")
        self.retry_after = 1.0


class AnswerLate(Unavailable):
    def __init__(self, within: float) -> None:
        super().__init__(f"the model did not answer within {within:g} s")


Asked = tuple[Asking[A], str, "asyncio.Future[A]"]


class Desk(Generic[A]):
    """One arm's queue and its one thread: a slow canary keeps its own callers waiting, never production's."""

    def __init__(self, arm: str, *, wait: float, most: int, queue_most: int, within: float) -> None:
        self.arm = arm
        self._wait = wait
        self._most = most
        self._queue_most = queue_most
        self._within = within
        self._queue: asyncio.Queue[Asked[A]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"torch-{arm}")
        self._held: list[Asked[A]] = []
        self.loops: list[asyncio.Task[None]] = []
        metrics.WAITING.labels(arm).set_function(self._queue.qsize)

    @property
    def waiting(self) -> int:
        return self._queue.qsize() + len(self._held)

    def start(self) -> None:
        self.loops = [asyncio.create_task(self._run(), name=f"desk {self.arm}")]

    async def stop(self) -> None:
        await loops.end(self.loops)
        while not self._queue.empty():
            self._held.append(self._queue.get_nowait())
        _fail(self._held, Unavailable("the service is stopping"))
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def ask(self, model: Asking[A], text: str) -> A:
        if self._queue.qsize() >= self._queue_most:
            raise Overloaded(self.arm, self._queue.qsize())
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((model, text, answer))
        try:
            return await asyncio.wait_for(answer, self._within)
        except TimeoutError:
            raise AnswerLate(self._within) from None

    async def _run(self) -> None:
        while True:
            asked = self._held = self._held or [await self._queue.get()]
            await self._gather(asked)
            model = asked[0][0]
            most = self._most if model.pad_to is None else max(1, min(self._most, PADDED_TOKENS // model.pad_to))
            batch = [one for one in asked if one[0] is model][:most]
            taken = {id(one) for one in batch}
            self._held = [one for one in asked if id(one) not in taken]
            await self._answer(model, [one for one in batch if not one[2].done()])

    async def _gather(self, asked: list[Asked[A]]) -> None:
        """Waits a few milliseconds for company, unless there is a queue already."""
        if self._wait and len(asked) == 1 and self._queue.empty():
            await asyncio.sleep(self._wait)
        while len(asked) < self._most and not self._queue.empty():
            asked.append(self._queue.get_nowait())

    async def _answer(self, model: Asking[A], batch: list[Asked[A]]) -> None:
        if not batch:
            return
        metrics.BATCH.labels(self.arm).observe(len(batch))
        texts = [text for _, text, _ in batch]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, model.predict, texts)
            answered = list(zip(batch, answers, strict=True))
        except asyncio.CancelledError:
            _fail(batch, Unavailable("the service is stopping"))
            raise
        except Exception as error:
            _fail(batch, error)
            return
        for (_, _, waiting), answer in answered:
            if not waiting.done():
                waiting.set_result(answer)


class TorchEngine:
    """Every model on one shelf; a thread for each arm."""

    def __init__(
        self, shelf: Shelf, *, wait: float, most: int, queue_most: int, within: float, canary_within: float
    ) -> None:
        self._shelf = shelf
        self._loading = asyncio.Lock()
        patience: dict[Arm, float] = {"production": within, "canary": min(within, canary_within), "shadow": within}
        self._desks: dict[Arm, Desk[Answered]] = {
            arm: Desk(arm, wait=wait, most=most, queue_most=queue_most, within=seconds)
            for arm, seconds in patience.items()
        }

    @property
    def loops(self) -> list[asyncio.Task[None]]:
        return [loop for desk in self._desks.values() for loop in desk.loops]

    async def start(self) -> None:
        for desk in self._desks.values():
            desk.start()

    async def stop(self) -> None:
        for desk in self._desks.values():
            await desk.stop()

    async def load(self, folder: Path, parameters: Parameters) -> Model:
        async with self._loading:
            return await asyncio.to_thread(self._load, folder, parameters)

    def _load(self, folder: Path, parameters: Parameters) -> Model:
        model = self._shelf.open(folder, parameters)
        # The first forward sets torch up; no caller should wait for that.
        model.predict([model.sample])
        return model

    async def ask(self, model: Model, text: str, arm: Arm) -> Answered:
        return await self._desks[arm].ask(model, text)

    def waiting(self, arm: Arm) -> int:
        return self._desks[arm].waiting


def _fail(batch: Sequence[Asked[A]], error: Exception) -> None:
    for _, _, waiting in batch:
        if not waiting.done():
            waiting.set_exception(error)

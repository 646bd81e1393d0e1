"""Ten thousand simulated customers: they write, and some days (here seconds) later it turns out what was true."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from time import monotonic
from types import TracebackType
from typing import Self
from uuid import UUID

from millrace.client import AsyncClient, Event, Gatherer, Undelivered, feedback
from millrace.demo.facts import Call, Facts
from millrace.demo.material import Text

CUSTOMERS = 10_000
A_SECOND = 50
LABELLED = 0.5
RATED = 0.08
LABEL_AFTER = 2.0
LATER_SHARE = 0.5
_NAMES = ("Asha", "Tom", "Lena", "Olu", "Grace", "Ivan", "Mei", "Carlos", "Zoe", "Ruth", "Kofi", "Elif", "Owen", "Piet")


@dataclass(frozen=True, slots=True)
class Request:
    """What a customer writes, and what is true of it."""

    customer: int
    text: str
    truth: str
    labelled: bool
    rated: bool
    id: str

    @property
    def unit(self) -> str:
        return f"customer-{self.customer:05d}"


class Crowd:
    """Who writes what, seeded. Every text comes up before any comes again."""

    def __init__(self, traffic: Sequence[Text], later: Sequence[Text], *, seed: int = 7) -> None:
        self._random = Random(seed)
        self._traffic = self._deck(traffic)
        self._later = self._deck(later)
        self.shifted = False

    def next(self) -> Request:
        random = self._random
        new = self.shifted and random.random() < LATER_SHARE
        text = next(self._later if new else self._traffic)
        return Request(
            customer=random.randrange(CUSTOMERS),
            text=self._own_words(text.text),
            truth=text.label,
            labelled=random.random() < LABELLED,
            rated=random.random() < RATED,
            id=str(UUID(int=random.getrandbits(128), version=4)),
        )

    def _deck(self, texts: Sequence[Text]) -> Iterator[Text]:
        while True:
            yield from self._random.sample(texts, len(texts))

    def _own_words(self, text: str) -> str:
        """Most texts come as they are, some with a customer's greeting or haste."""
        random = self._random
        match random.randrange(10):
            case 0:
                return f"Hi, {text}"
            case 1:
                return f"{text} {random.choice(_NAMES)}"
            case 2:
                return text.lower()
            case _:
                return text


class Customers:
    """Calls serving at a steady pace, whatever the answers take, and gives feedback. Adds every call to `facts`.

    `asking` should try a request once, so that one that fails counts as failed.
    """

    def __init__(
        self,
        asking: AsyncClient,
        telling: AsyncClient,
        crowd: Crowd,
        facts: Facts,
        workspace: str,
        *,
        a_second: float = A_SECOND,
        label_after: float = LABEL_AFTER,
    ) -> None:
        self._asking = asking
        self.crowd = crowd
        self._facts = facts
        self._workspace = workspace
        self._pace = 1 / a_second
        self._label_after = label_after
        self._told: Gatherer = Gatherer(telling.feedback, size=25, within=0.25)
        self._calls: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._told.__aenter__()
        self._task = asyncio.create_task(self._write(), name="customers")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if kind is not None:
            for call in self._calls:
                call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        try:
            await self._told.close()
        except Undelivered as failure:
            self._facts.untaken[_why(failure.because)] += len(failure.ids)
        self._facts.untaken.update(receipt.outcome for receipt in self._told.refused)

    async def _write(self) -> None:
        due = monotonic()
        while True:
            call = asyncio.create_task(self._call(self.crowd.next()))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            due += self._pace
            await asyncio.sleep(max(0.0, due - monotonic()))

    async def _call(self, request: Request) -> None:
        at, started = datetime.now(UTC), monotonic()
        try:
            answer = await self._asking.predict(self._workspace, request.text, unit=request.unit, request_id=request.id)
        except Exception as failure:  # of whatever kind: the customer has no answer
            self._facts.calls.append(Call(at, None, failure=_why(failure)))
            return
        call = Call(at, answer.version, answer.arm, answer.probability, (monotonic() - started) * 1000)
        right = answer.label == request.truth
        if request.labelled:
            call = replace(call, right=right)
        self._facts.calls.append(call)
        if request.rated:
            await self._tell("rating", 1.0 if right else -1.0, request, "customer", answer.prediction_id)
        if request.labelled:
            await asyncio.sleep(self._label_after)
            await self._tell("label", request.truth, request, "agent")

    async def _tell(
        self, kind: str, value: str | float, request: Request, source: str, prediction_id: str | None = None
    ) -> None:
        event: Event = feedback(
            self._workspace,
            kind,
            value,
            source=source,
            request_id=request.id,
            prediction_id=prediction_id,
            basis="shown" if kind == "rating" else "blind",
            actor=request.unit if kind == "rating" else None,
        )
        try:
            await self._told.add(event)
            self._facts.given[kind] += 1
        except Exception as failure:
            self._facts.untaken[_why(failure)] += 1


def _why(failure: Exception) -> str:
    """A failure in words; some of Python's own have none but their name."""
    return str(failure) or type(failure).__name__

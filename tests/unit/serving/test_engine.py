"""Queues and threads with models that need no torch."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from millrace.chassis import Unavailable
from millrace.learn import Prediction
from millrace.serving.engine import AnswerLate, Desk, Overloaded


class Slow:
    """Notes its batches; waits for ``gate`` when it has one."""

    def __init__(self, pad_to: int | None = None, gate: threading.Event | None = None) -> None:
        self.pad_to = pad_to
        self.batches: list[list[str]] = []
        self._gate = gate

    def predict(self, texts: Sequence[str], batch: int = 32) -> list[Prediction]:
        self.batches.append(list(texts))
        if self._gate is not None:
            self._gate.wait(5)
        if "poison" in texts:
            raise RuntimeError("poison")
        return [Prediction(text.upper(), [1.0], 1.0, 0.0, 0.0, 1) for text in texts]


@asynccontextmanager
async def desk(**settings: Any) -> AsyncIterator[Desk]:
    opened = Desk("production", **({"wait": 0.005, "most": 8, "queue_most": 100, "within": 5.0} | settings))
    opened.start()
    try:
        yield opened
    finally:
        await opened.stop()


async def test_requests_that_come_together_are_one_batch_and_each_gets_its_own_answer() -> None:
    model = Slow()
    async with desk() as asked:
        answers = await asyncio.gather(*(asked.ask(model, text) for text in "abcde"))
    assert [answer.label for answer in answers] == list("ABCDE")
    assert model.batches == [list("abcde")]


async def test_two_models_are_asked_apart_and_nobody_is_forgotten() -> None:
    one, two = Slow(), Slow()
    async with desk() as asked:
        answers = await asyncio.gather(*(asked.ask(model, text) for text in "abcdefghij" for model in (one, two)))
    assert len(answers) == 20
    assert sorted(text for batch in one.batches for text in batch) == list("abcdefghij")
    assert all(len(batch) <= 8 for model in (one, two) for batch in model.batches)


async def test_a_version_that_pads_is_asked_few_texts_at_once() -> None:
    model = Slow(pad_to=512)
    async with desk() as asked:
        await asyncio.gather(*(asked.ask(model, text) for text in "abcdefgh"))
    assert max(len(batch) for batch in model.batches) == 2


async def test_what_a_model_raises_reaches_its_callers_and_the_next_batch_goes_on() -> None:
    model = Slow()
    async with desk() as asked:
        with pytest.raises(RuntimeError, match="poison"):
            await asked.ask(model, "poison")
        assert (await asked.ask(model, "fine")).label == "FINE"


async def test_a_full_queue_refuses_at_once_and_a_late_answer_is_an_error() -> None:
    gate = threading.Event()
    model = Slow(gate=gate)
    async with desk(queue_most=2, within=0.2, wait=0.0) as asked:
        waiting = [asyncio.create_task(asked.ask(model, "a"))]
        await asyncio.sleep(0.05)
        waiting += [asyncio.create_task(asked.ask(model, text)) for text in "bc"]
        await asyncio.sleep(0.05)
        with pytest.raises(Overloaded):
            await asked.ask(model, "d")
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(end, AnswerLate) for end in ends)
        gate.set()
        await asyncio.sleep(0.1)
        assert (await asked.ask(model, "e")).label == "E"
        assert not any("b" in batch for batch in model.batches), "who has gone is not computed for"


async def test_stopping_answers_everyone_who_waits() -> None:
    gate = threading.Event()
    one, two = Slow(gate=gate), Slow(gate=gate)
    opened = Desk("production", wait=0.0, most=2, queue_most=100, within=5.0)
    opened.start()
    waiting = [asyncio.create_task(opened.ask(model, text)) for text in "abc" for model in (one, two)]
    await asyncio.sleep(0.05)
    await opened.stop()
    gate.set()
    ends = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 1)
    assert all(isinstance(end, Unavailable) for end in ends)

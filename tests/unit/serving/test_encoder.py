"""Queries gather into batches, passages give way to callers, and a base is loaded once however many ask."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from millrace.serving.encoder import AT_ONCE, TorchEncoder


class Shelf:
    """Embeds a text as its length; notes the batches of each thread."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, int]] = []
        self.fails = False

    def base(self, name: str) -> Any:
        if self.fails:
            raise RuntimeError("no such base")
        return SimpleNamespace(embed=self.embed)

    def embed(self, texts: Sequence[str], *, max_length: int, batch: int) -> Any:
        thread = threading.current_thread().name.rpartition("_")[0]
        self.batches.append((thread, len(texts)))
        return SimpleNamespace(vectors=np.array([[float(len(text))] for text in texts]))


@asynccontextmanager
async def encoder(shelf: Shelf, callers: list[int] | None = None) -> AsyncIterator[TorchEncoder]:
    waiting = callers if callers is not None else [0]
    made = TorchEncoder(
        shelf,  # type: ignore[arg-type]
        wait=0.005,
        most=32,
        queue_most=100,
        within=5.0,
        callers=lambda: waiting[0],
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def test_queries_that_come_together_are_one_batch() -> None:
    shelf = Shelf()
    async with encoder(shelf) as asked:
        vectors = await asyncio.gather(*(asked.query("minilm", "x" * n) for n in range(1, 6)))
    assert vectors == [[1.0], [2.0], [3.0], [4.0], [5.0]]
    assert shelf.batches == [("torch-search", 5)]


async def test_passages_are_few_at_once_in_order_and_on_a_thread_of_their_own() -> None:
    shelf = Shelf()
    async with encoder(shelf) as asked:
        vectors = await asked.passages("minilm", ["x" * n for n in range(AT_ONCE + 3)])
    assert [vector[0] for vector in vectors] == [float(n) for n in range(AT_ONCE + 3)]
    assert shelf.batches == [("torch-passages", AT_ONCE), ("torch-passages", 3)]


async def test_passages_give_way_to_callers_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, callers = Shelf(), [1]
    async with encoder(shelf, callers) as asked:
        embedding = asyncio.create_task(asked.passages("minilm", ["a"]))
        await asyncio.wait([embedding], timeout=0.05)
        assert not shelf.batches
        callers[0] = 0
        assert await embedding == [[1.0]]
        callers[0] = 1
        monkeypatch.setattr("millrace.serving.encoder.PATIENCE", 0.02)
        assert await asked.passages("minilm", ["ab"]) == [[2.0]]


async def test_a_base_is_prepared_once_and_one_that_is_missing_fails_where_it_is_asked() -> None:
    shelf = Shelf()
    async with encoder(shelf) as asked:
        for _ in range(3):
            asked.prepare("minilm")
        await asked.query("minilm", "a")
        assert sum(number for _, number in shelf.batches) == 2
        shelf.fails = True
        asked.prepare("other")
        with pytest.raises(RuntimeError, match="no such base"):
            await asked.query("other", "a")

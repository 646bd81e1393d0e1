"""The buckets of the shelves that this process decides on, rebuilt from signatures in Postgres.

All is read under the workspace's lock, so that two processes hold the same when they decide.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from weakref import ReferenceType, WeakSet, ref

import numpy as np
from prometheus_client import Gauge

from millrace.chassis import Transaction
from millrace.dedup import store
from millrace.dedup.domain import Banding, Buckets

HELD_DOCUMENTS = Gauge("millrace_dedup_index_documents", "Documents whose buckets this process holds")
HELD_BYTES = Gauge("millrace_dedup_index_bytes", "Memory of the buckets that this process holds")

PAGE = 20_000
"""Signatures read at once."""
IDLE = timedelta(hours=12)
"""After so long without a batch the buckets are read anew: what left them is remembered for a day."""


@dataclass(frozen=True, slots=True)
class _Held:
    buckets: Buckets
    seen: int
    generation: int
    used_at: datetime
    read_in: "ReferenceType[Transaction]"


class Memory:
    """Keeps to `most_bytes` by letting go of the workspaces that were idle longest."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: dict[str, _Held] = {}
        self._tentative: set[str] = set()
        self._writers: WeakSet[Transaction] = WeakSet()

    def wrote(self, tx: Transaction) -> None:
        """To be told of each transaction that has written documents: what it reads of them may yet be undone."""
        self._writers.add(tx)

    async def buckets(self, tx: Transaction, corpus: store.Corpus, banding: Banding) -> Buckets:
        """All buckets of a locked workspace, those that the transaction itself has written included."""
        held = self._held.get(corpus.shelf)
        if held is None or not self._good(held, tx, corpus, banding):
            held = _Held(Buckets(banding), 0, corpus.generation, tx.now, ref(tx))
            self._tentative.discard(corpus.shelf)
        if tx in self._writers and held.seen < corpus.latest:
            self._doubt(tx, corpus.shelf)
        held = await self._caught_up(tx, corpus, held)
        self._let_go()
        return held.buckets

    async def _caught_up(self, tx: Transaction, corpus: store.Corpus, held: _Held) -> _Held:
        """What has been read stays read, also where the transaction runs out of time: the next goes on from there."""
        if 0 < held.seen < corpus.latest:
            gone = await store.departed(tx, corpus.shelf, held.seen)
            held = replace(held, buckets=await asyncio.to_thread(held.buckets.without, gone))
        while held.seen < corpus.latest:
            rows = await store.signatures(tx, corpus.shelf, held.seen, PAGE)
            buckets = await asyncio.to_thread(_added, held.buckets, [(row["seq"], row["signature"]) for row in rows])
            held = replace(held, buckets=buckets, seen=rows[-1]["seq"] if rows else corpus.latest)
            self._hold(tx, corpus, held)
        return self._hold(tx, corpus, held)

    def _hold(self, tx: Transaction, corpus: store.Corpus, held: _Held) -> _Held:
        self._held.pop(corpus.shelf, None)
        self._held[corpus.shelf] = held = replace(held, used_at=tx.now, read_in=ref(tx))
        return held

    def _good(self, held: _Held, tx: Transaction, corpus: store.Corpus, banding: Banding) -> bool:
        return (
            held.buckets.banding == banding
            and held.generation == corpus.generation
            and tx.now - held.used_at < IDLE
            and (corpus.shelf not in self._tentative or held.read_in() is tx)
        )

    def _doubt(self, tx: Transaction, workspace: str) -> None:
        """What a transaction has written is good once it commits; if it does not, all is read anew."""
        self._tentative.add(workspace)
        tx.after_commit.append(lambda: self._tentative.discard(workspace))

    def _let_go(self) -> None:
        held = {name: one.buckets.nbytes for name, one in self._held.items()}
        total = sum(held.values())
        for name in list(held)[:-1]:
            if total <= self._most_bytes:
                break
            total -= held[name]
            del self._held[name]
        HELD_BYTES.set(total)
        HELD_DOCUMENTS.set(sum(len(one.buckets) for one in self._held.values()))


def _added(buckets: Buckets, rows: list[tuple[int, bytes]]) -> Buckets:
    if not rows:
        return buckets
    signatures = np.frombuffer(b"".join(signature for _, signature in rows), dtype="<u2")
    return buckets.added([seq for seq, _ in rows], signatures.reshape(len(rows), -1))

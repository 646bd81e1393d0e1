"""Neighbours in meaning: what pgvector's HNSW finds beside an exact search, and what a document costs among many.

Ours: batches of 64 embeddings as the job `semantic` commits them: inserted into the workspace's partition and index,
then compared with their 32 nearest. Exact: numpy, one matrix product of the batch and all that came before, in memory.
Then the settings: how much is found, and at what cost, by `ef_search` at the full size; how much by `m` and
`ef_construction`, in an index of their own; and how much where a crowd that meant the same has fallen and is not
vacuumed yet.

Embeddings are made up: topics in a space of few dimensions (texts of one kind differ in few ways), spread over 384 with
some noise, and one in ten means the same as an earlier one (a cosine of 0.95 to 0.99). `--dimensions 384` has no
such structure: the worst that an index can meet.

    python bench/semantic.py [--sizes 10000 30000 100000] [--dimensions 48] [--queries 400] [--m 16 24]
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

import harness  # noqa: E402

from millrace.dedup import store  # noqa: E402
from millrace.dedup.app import build_app  # noqa: E402
from millrace.dedup.meaning import BATCH  # noqa: E402
from millrace.dedup.store import meaning  # noqa: E402
from millrace.stack import Endpoints, Stack  # noqa: E402

Vectors = NDArray[np.float32]

SIZE, SAME, NEAR, SEED, TOPICS = 384, 0.1, 0.95, 7, 500
WIDTHS = (40, 100, 200, 400)
LAST = 40
"""Batches whose median is told."""
TIE = 2e-5
"""What halves of floats make of the same cosine."""
CROWD = 3000
"""So many that meant the same as one have fallen: most of what is near to the next is no longer there."""
console = Console(stderr=True)


def embeddings(number: int, dimensions: int) -> Vectors:
    """Rows of length one."""
    draw = np.random.default_rng(SEED)
    spread = np.eye(SIZE) if dimensions >= SIZE else draw.normal(size=(dimensions, SIZE)) / dimensions**0.5
    inner = min(dimensions, SIZE)
    topics = draw.normal(size=(TOPICS, inner))
    latent = topics[draw.integers(0, TOPICS, number)] + draw.normal(size=(number, inner))
    made = _unit((latent @ spread + 0.1 * draw.normal(size=(number, SIZE))).astype(np.float32))
    for place in np.flatnonzero(draw.random(number) < SAME):
        if place:
            made[place] = _beside(made[draw.integers(0, place)], draw.uniform(0.95, 0.99), draw)
    return made.astype(np.float16).astype(np.float32)


def _beside(vector: Vectors, cosine: float, draw: np.random.Generator) -> Vectors:
    off = draw.normal(size=SIZE)
    off -= off @ vector * vector
    turned: Vectors = (cosine * vector + (1 - cosine**2) ** 0.5 * off / np.linalg.norm(off)).astype(np.float32)
    return turned


def _unit(vectors: Vectors) -> Vectors:
    made: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return made


class Ours:
    """The embeddings of a workspace as dedup keeps them."""

    def __init__(self, dedup: harness.Running) -> None:
        self._dedup = dedup
        self.seqs: list[int] = []

    async def load(self, number: int) -> None:
        """Rows that stand, without texts."""
        columns = (
            "seq", "shelf", "document_id", "source", "trusted", "digest", "cluster", "kept_at", "known_at",
        )  # fmt: skip
        async with self._dedup.db.transaction() as tx:
            corpus = await store.lock(tx, "bench")
            await store.prepare(tx, "bench")
            seqs = await store.draw(tx, corpus, number)
            rows = [(seq, "bench", f"d{seq}", "bench", True, b"", f"d{seq}", tx.now, tx.now) for seq in seqs]
            await tx.copy("documents", columns, rows)
        self.seqs += seqs

    async def counted(self) -> None:
        """As autovacuum does within a minute: the planner else takes a table that has grown for a small one."""
        await self._dedup.db.pool.execute("ANALYZE embeddings", timeout=600)

    async def vacuumed(self) -> None:
        await self._dedup.db.pool.execute("VACUUM ANALYZE embeddings", timeout=3600)

    async def add(self, first: int, vectors: Vectors) -> tuple[float, float]:
        """Seconds of inserting a batch and of comparing it."""
        started = time.perf_counter()
        async with self._dedup.db.transaction() as tx:
            corpus = await store.lock(tx, "bench")
            rows = await store.embedded(tx, corpus, self.seqs[first : first + len(vectors)], vectors)
            inserted = time.perf_counter()
            await store.neighbours(tx, "bench", rows, NEAR)
            compared = time.perf_counter()
        return inserted - started + time.perf_counter() - compared, compared - inserted

    async def found(self, places: Sequence[int], least: float = -1.0) -> tuple[list[dict[int, float]], float]:
        """The neighbours of each by their place, and milliseconds a search."""
        async with self._dedup.db.transaction() as tx:
            rows = await tx.fetch("SELECT * FROM documents WHERE seq = ANY($1)", [self.seqs[place] for place in places])
            started = time.perf_counter()
            near = await store.neighbours(tx, "bench", rows, least)
            spent = time.perf_counter() - started
        first = self.seqs[0]
        told = [
            {other.seq - first: similarity for other, similarity in near.get(self.seqs[place], ())} for place in places
        ]
        return told, 1e3 * spent / len(places)

    async def fall(self, places: Sequence[int]) -> None:
        """Takes out what fell, as the job does."""
        seqs = [self.seqs[place] for place in places]
        await self._dedup.db.pool.execute("DELETE FROM embeddings WHERE shelf = 'bench' AND seq = ANY($1)", seqs)
        await self._dedup.db.pool.execute("UPDATE documents SET stands = false WHERE seq = ANY($1)", seqs)

    async def rebuilt(self, m: int, construction: int) -> float:
        """The same embeddings under an index of other parameters; seconds."""
        async with self._dedup.db.pool.acquire() as connection:
            names = await connection.fetch(
                "SELECT indexrelid::regclass AS name FROM pg_index WHERE indrelid = 'embeddings'::regclass "
                "AND NOT indisprimary"
            )
            for row in names:
                await connection.execute(f"DROP INDEX {row['name']}")
            started = time.perf_counter()
            await connection.execute("SET maintenance_work_mem = '1GB'; SET transaction_timeout = 0")
            await connection.execute(
                "CREATE INDEX embeddings_near ON embeddings USING hnsw (vector halfvec_cosine_ops) "
                f"WITH (m = {m}, ef_construction = {construction})",
                timeout=3600,
            )
            return time.perf_counter() - started


class Exact:
    """numpy, in memory."""

    def __init__(self, vectors: Vectors) -> None:
        self._all = _unit(vectors)

    def nearest(self, places: Sequence[int], size: int, standing: NDArray[np.bool_] | None = None) -> list[Vectors]:
        """For each the similarities of its nearest among the first `size`, itself left out, in falling order."""
        told = []
        for start in range(0, len(places), BATCH):
            own = places[start : start + BATCH]
            alike = self._all[own] @ self._all[:size].T
            alike[np.arange(len(own)), own] = -2.0
            if standing is not None:
                alike[:, ~standing[:size]] = -2.0
            best = np.partition(alike, -meaning.NEIGHBOURS, axis=1)[:, -meaning.NEIGHBOURS :]
            told += list(np.sort(best, axis=1)[:, ::-1])
        return told

    def seconds(self, first: int) -> float:
        """What a batch costs that comes after `first`."""
        started = time.perf_counter()
        alike = self._all[first : first + BATCH] @ self._all[:first].T
        np.argpartition(alike, -meaning.NEIGHBOURS, axis=1)[:, -meaning.NEIGHBOURS :]
        return time.perf_counter() - started


def recall(found: Sequence[dict[int, float]], exact: Sequence[Vectors], least: float) -> float:
    """The share of the true nearest, those of at least a similarity, that were found; ties count as found."""
    wanted = hit = 0
    for mine, theirs in zip(found, exact, strict=True):
        true = theirs[theirs >= least]
        if len(true):
            wanted += len(true)
            hit += min(len(true), sum(similarity >= true[-1] - TIE for similarity in mine.values()))
    return hit / max(wanted, 1)


async def measured(
    ours: Ours, exact: Exact, places: Sequence[int], size: int, standing: Any = None
) -> dict[str, float]:
    true = await asyncio.to_thread(exact.nearest, places, size, standing)
    found, milliseconds = await ours.found(places)
    return {"recall": recall(found, true, -1.0), "recall_same": recall(found, true, NEAR), "ms": milliseconds}


async def grown(
    ours: Ours, exact: Exact, vectors: Vectors, sizes: Sequence[int], queries: int
) -> list[dict[str, float]]:
    draw, told, held = np.random.default_rng(SEED), [], 0
    for size in sizes:
        seconds: list[tuple[float, float]] = []
        await ours.load(size - held)
        for first in range(held, size, BATCH):
            if size - LAST * BATCH <= first < size - (LAST - 1) * BATCH:
                await ours.counted()
            batch = vectors[first : min(first + BATCH, size)]
            seconds.append(tuple(1e3 * part / len(batch) for part in await ours.add(first, batch)))  # type: ignore[arg-type]
        held = size
        last = seconds[-LAST:]
        peer = [await asyncio.to_thread(exact.seconds, size - BATCH) for _ in range(9)]
        one = {
            "documents": size,
            "insert_ms": statistics.median(part for part, _ in last),
            "compare_ms": statistics.median(part for _, part in last),
            "exact_ms": 1e3 * statistics.median(peer) / BATCH,
            **await measured(ours, exact, draw.choice(size, queries, replace=False).tolist(), size),
        }
        told.append(one)
        console.print(f"[dim]{one}")
    return told


async def settings(ours: Ours, exact: Exact, size: int, queries: int) -> list[dict[str, Any]]:
    places = np.random.default_rng(SEED + 1).choice(size, queries, replace=False).tolist()
    told, chosen = [], meaning.EF_SEARCH
    for width in WIDTHS:
        meaning.EF_SEARCH = width
        told.append({"ef_search": width, **await measured(ours, exact, places, size)})
        console.print(f"[dim]{told[-1]}")
    meaning.EF_SEARCH = chosen
    return told


async def crowded(ours: Ours, exact: Exact, vectors: Vectors, size: int) -> list[dict[str, Any]]:
    """A text that thousands repeat in other words: all but a hundred fall, and the next of them are to find those."""
    crowd = np.arange(size, size + CROWD)
    await ours.load(CROWD)
    for first in range(size, size + CROWD, BATCH):
        await ours.add(first, vectors[first : min(first + BATCH, size + CROWD)])
    places, gone = crowd[-100:].tolist(), crowd[:-100]
    standing = np.ones(size + CROWD, dtype=np.bool_)
    standing[gone] = False
    await ours.fall(gone.tolist())
    told, chosen = [], meaning.SCAN
    for scan in ("off", "strict_order", "relaxed_order", "relaxed_order, vacuumed"):
        meaning.SCAN = scan.partition(",")[0]
        if "vacuumed" in scan:
            await ours.vacuumed()
        told.append({"scan": scan, **await measured(ours, exact, places, size + CROWD, standing)})
        found, _ = await ours.found(places, NEAR)
        told[-1]["some_found"] = sum(map(bool, found)) / len(found)
        console.print(f"[dim]{told[-1]}")
    meaning.SCAN = chosen
    return told


async def measure(sizes: Sequence[int], dimensions: int, queries: int, graphs: Sequence[int]) -> None:
    size = sizes[-1]
    vectors = await asyncio.to_thread(embeddings, size, dimensions)
    draw = np.random.default_rng(SEED + 2)
    crowd = [_beside(vectors[0], draw.uniform(0.96, 0.99), draw) for _ in range(CROWD)]
    vectors = np.concatenate((vectors, np.stack(crowd).astype(np.float16).astype(np.float32)))
    exact = Exact(vectors)
    parts = Stack(Path(tempfile.mkdtemp(prefix="bench-semantic-")))
    parts.data.chmod(0o755)
    stack = await asyncio.to_thread(parts.start)
    try:
        await harness.prepare(stack)
        told = await run(stack, exact, vectors, sizes, queries, graphs)
    finally:
        await asyncio.to_thread(parts.stop)
    report(told, size, dimensions)


async def run(
    stack: Endpoints, exact: Exact, vectors: Vectors, sizes: Sequence[int], queries: int, graphs: Sequence[int]
) -> dict[str, Any]:
    async with harness.running(stack, "dedup", build_app) as dedup:
        ours = Ours(dedup)
        told: dict[str, Any] = {"sizes": await grown(ours, exact, vectors, sizes, queries)}
        megabytes = await dedup.db.pool.fetchval(
            "SELECT sum(pg_relation_size(i.indexrelid)) / 1e6 FROM pg_inherits h JOIN pg_index i "
            "ON i.indrelid = h.inhrelid WHERE h.inhparent = 'embeddings'::regclass AND NOT i.indisprimary"
        )
        told["index_mb"] = float(megabytes)
        told["settings"] = await settings(ours, exact, sizes[-1], queries)
        told["crowd"] = await crowded(ours, exact, vectors, sizes[-1])
        told["graphs"] = []
        for m in graphs:
            seconds = await ours.rebuilt(m, 4 * m)
            places = np.random.default_rng(SEED + 1).choice(sizes[-1], queries, replace=False).tolist()
            one = await measured(ours, exact, places, sizes[-1])
            told["graphs"].append({"m": m, "ef_construction": 4 * m, "build_s": seconds, **one})
            console.print(f"[dim]{told['graphs'][-1]}")
    return told


def report(told: dict[str, Any], size: int, dimensions: int) -> None:
    titles = {
        "sizes": "as their number grows, milliseconds a document",
        "settings": f"ef_search, among {size:,}",
        "crowd": f"where {CROWD - 100:,} that meant the same have fallen",
        "graphs": "graphs built anew at once",
    }
    for name, title in titles.items():
        table = Table(*told[name][0], title=title) if told[name] else None
        for one in told[name]:
            table.add_row(*(f"{value:,.3f}" if isinstance(value, float) else f"{value}" for value in one.values()))  # type: ignore[union-attr]
        if table:
            Console().print(table)
    first, last = told["sizes"][0], told["sizes"][-1]
    cost = [one["insert_ms"] + one["compare_ms"] for one in (first, last)]
    rounded = {
        name: [
            {key: value if isinstance(value, str | int) else round(float(value), 4) for key, value in one.items()}
            for one in part
        ]
        for name, part in told.items()
        if name != "index_mb"
    }
    print(
        json.dumps(
            {
                "recall": round(last["recall"], 4),
                "recall_same": round(last["recall_same"], 4),
                "growth": round(cost[1] / cost[0], 2),
                "ratio": round(last["exact_ms"] / cost[1], 2),
                "dimensions": dimensions,
                "index_mb": round(told["index_mb"]),
                **rounded,
            }
        )
    )


def _rounded(value: Any) -> Any:
    return value if isinstance(value, str | int) else round(float(value), 4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--dimensions", type=int, default=48)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--m", type=int, nargs="*", default=[16, 24])
    given = parser.parse_args()
    uvloop.run(measure(given.sizes, given.dimensions, given.queries, given.m))

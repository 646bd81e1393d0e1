"""How much of the exact answer a search finds, and how quickly, while documents arrive.

Serving runs as a process of its own; documents reach it as events. Recall is of mode `vector`, beside an
exact comparison of all chunks in the same Postgres (which is timed too); then clients search in mode `hybrid` while a
steady stream of new and revised documents arrives, and one in twenty of those is looked for until it is found.

    python bench/search.py [--documents 3000] [--queries 300] [--clients 10] [--seconds 20] [--rate 20] [--data FOLDER]

With a folder (train.csv and test.csv, columns text,category) its training rows are the documents and its test rows the
queries; without one both are made up. `recall_at_10_of_5_percent` is under a filter that one chunk in twenty passes.
"""

import argparse
import asyncio
import csv
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from httpx_aiohttp import AiohttpTransport
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

import harness  # noqa: E402
from processes import process  # noqa: E402

from millrace.events import DocumentKept, Origin, WorkspaceConfigured  # noqa: E402
from millrace.learn import Shelf  # noqa: E402
from millrace.stack import Endpoints, Stack  # noqa: E402
from millrace.workspace import load  # noqa: E402

WORKSPACE = """
workspace: library
owner: bench
task: classify
labels: {names: [a, b]}
corpora: {shelf: {sources: [common, rare], languages: [en]}}
"""
RARE = 20
"""One document in so many is of the rare source, and one arriving document in so many is looked for."""

CLOSE = 2e-6
"""Similarities this near are the same: answers round to six digits."""


@dataclass
class Load:
    """What clients and the stream saw."""

    seconds: list[float] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    failed: int = 0
    sent: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=20.0, help="documents a second that arrive meanwhile")
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    documents, queries = (read if given.data else made_up)(given)
    with tempfile.TemporaryDirectory(prefix="bench-search-") as folder:
        Path(folder).chmod(0o755)
        with Stack(Path(folder) / "stack") as stack:
            figures = asyncio.run(measure(stack, Path(folder), documents, queries, given))
    table = Table("what", "figure", title=f"{len(documents):,} documents, {given.clients} clients")
    for name, value in figures.items():
        table.add_row(name.replace("_", " "), f"{value:,.3f}")
    Console().print(table)
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


def read(given: argparse.Namespace) -> tuple[list[str], list[str]]:
    train, test = (
        [row["text"] for row in csv.DictReader(given.data.joinpath(f"{name}.csv").open())] for name in ("train", "test")
    )
    drawn = random.Random(7)
    return drawn.sample(train, min(given.documents, len(train))), drawn.sample(test, min(given.queries, len(test)))


def made_up(given: argparse.Namespace) -> tuple[list[str], list[str]]:
    drawn = random.Random(7)
    things = ["card", "parcel", "account", "transfer", "letter", "refund", "password", "invoice", "address", "order"]
    does = ["is late", "was lost", "can't be found", "has the wrong name", "came twice", "never arrived", "is blocked"]
    when = ["since Monday", "for a week", "after my move", "on holiday", "at the desk", "before the weekend", "again"]

    def sentence() -> str:
        return f"My {drawn.choice(things)} number {drawn.randrange(9999)} {drawn.choice(does)} {drawn.choice(when)}."

    documents = [" ".join(sentence() for _ in range(drawn.randrange(1, 12))) for _ in range(given.documents)]
    return documents, [sentence() for _ in range(given.queries)]


async def measure(
    stack: Endpoints, folder: Path, documents: Sequence[str], queries: Sequence[str], given: argparse.Namespace
) -> dict[str, float]:
    await harness.prepare(stack)
    bus, note = harness.Bus(stack), Console(stderr=True)
    async with (
        harness.database(stack, "serving") as dsn,
        process(stack, "serving", dsn, folder / "log", {"CACHE": folder / "cache"}) as serving,
        client(serving.url) as http,
    ):
        spec = load(WORKSPACE).plain()
        await bus.publish(
            harness.make(WorkspaceConfigured, workspace="library", revision=1, spec=spec, digest="-", by="bench")
        )
        note.print("[dim]indexing")
        started = time.perf_counter()
        await bus.publish(*(kept(f"d-{number}", text, number) for number, text in enumerate(documents)))
        await harness.eventually(lambda: indexed(http, len(documents)), within=3600)
        rate = len(documents) / (time.perf_counter() - started)
        note.print("[dim]recall")
        figures = await recall(http, dsn, queries)
        note.print("[dim]load")
        quiet = await under(http, bus, documents, queries, given, rate=0.0)
        before = await parts(http)
        busy = await under(http, bus, documents, queries, given, rate=given.rate)
        spent = {name: total - before[name] for name, total in (await parts(http)).items()}
    return {
        **figures,
        "indexed_a_second": rate,
        "quiet_p50_ms": percentile(quiet.seconds, 0.5) * 1000,
        "quiet_p99_ms": percentile(quiet.seconds, 0.99) * 1000,
        "p50_ms": percentile(busy.seconds, 0.5) * 1000,
        "p99_ms": percentile(busy.seconds, 0.99) * 1000,
        "of_it_vector_ms": spent["vector"] / len(busy.seconds) * 1000,
        "of_it_index_ms": spent["index"] / len(busy.seconds) * 1000,
        "searches_a_second": len(busy.seconds) / given.seconds,
        "failed": float(quiet.failed + busy.failed),
        "arrived": float(busy.sent),
        "found_within_s_p50": percentile(busy.found, 0.5),
        "found_within_s_most": max(busy.found, default=0.0),
    }


@asynccontextmanager
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, timeout=60, transport=AiohttpTransport()) as http:
        yield http


def kept(id: str, text: str, number: int, *, replaces: str | None = None) -> DocumentKept:
    return harness.make(
        DocumentKept,
        workspace="library",
        document_id=id,
        source="rare" if number % RARE == 0 else "common",
        text=text,
        origin=Origin(topic="document.submitted.v1", event_id=id),
        cluster=id,
        split="train",
        trainable=True,
        trusted=True,
        replaces=replaces,
    )


async def indexed(http: httpx.AsyncClient, number: int) -> bool:
    (shelf,) = (await http.get("/v1/workspaces/library/corpora")).json()
    await asyncio.sleep(0.5)
    return bool(shelf["documents"] == number)


async def parts(http: httpx.AsyncClient) -> dict[str, float]:
    """Seconds that serving has spent on each part of all searches."""
    lines = (await http.get("/metrics")).text.splitlines()
    told = [line.split(" ") for line in lines if line.startswith("millrace_serving_search_seconds_sum")]
    return {name.split('"')[1]: float(value) for name, value in told}


async def search(http: httpx.AsyncClient, query: str, **more: Any) -> list[dict[str, Any]]:
    asked = {"corpus": "shelf", "query": query, **more}
    answer = await http.post("/v1/workspaces/library/search", json=asked)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


async def recall(http: httpx.AsyncClient, dsn: str, queries: Sequence[str]) -> dict[str, float]:
    """The share of the ten nearest that a search finds; one as near as the tenth is as good."""
    base = Shelf(1).base("minilm")
    # one by one, as they are asked: in a batch the last bits of bfloat16 differ
    vectors = [base.embed([query], max_length=512).vectors[0].tolist() for query in queries]
    connection = await asyncpg.connect(dsn)
    whole, narrow, exact_seconds, walked_seconds = [], [], [], []
    for query, vector in zip(queries, vectors, strict=True):
        started = time.perf_counter()
        nearest = await exact(connection, vector)
        exact_seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
        found = await search(http, query, mode="vector")
        walked_seconds.append(time.perf_counter() - started)
        whole.append(share(found, nearest))
        rare = await search(http, query, mode="vector", filter={"source": "rare"})
        narrow.append(share(rare, await exact(connection, vector, "rare")))
    await connection.close()
    return {
        "recall_at_10": statistics.mean(whole),
        "recall_at_10_of_5_percent": statistics.mean(narrow),
        "exact_p50_ms": statistics.median(exact_seconds) * 1000,
        "alone_p50_ms": statistics.median(walked_seconds) * 1000,
    }


async def exact(connection: Any, vector: Sequence[float], source: str | None = None) -> list[float]:
    """The similarities of the ten nearest, by comparing all."""
    rows = await connection.fetch(
        """WITH every AS MATERIALIZED (
               SELECT embedding FROM serving.chunks WHERE to_seq IS NULL AND ($2::text IS NULL OR source = $2))
           SELECT 1 - (embedding <=> $1::real[]::halfvec) AS similarity FROM every ORDER BY similarity DESC LIMIT 10""",
        vector,
        source,
    )
    return [row["similarity"] for row in rows]


def share(found: Sequence[dict[str, Any]], nearest: Sequence[float]) -> float:
    worst = nearest[-1] - CLOSE
    return min(1.0, sum(one["scores"]["vector"] >= worst for one in found) / len(nearest))


async def under(
    http: httpx.AsyncClient,
    bus: harness.Bus,
    documents: Sequence[str],
    queries: Sequence[str],
    given: argparse.Namespace,
    *,
    rate: float,
) -> Load:
    """Clients that search one after the other, for some seconds, while documents arrive at a rate."""
    load = Load()
    until = time.perf_counter() + given.seconds
    clients = [ask(http, turns(queries, number), until, load) for number in range(given.clients)]
    looking: list[asyncio.Task[None]] = []
    await asyncio.gather(*clients, arrive(http, bus, documents, rate, until, load, looking))
    await asyncio.gather(*looking)
    return load


def turns(queries: Sequence[str], seed: int) -> Iterator[str]:
    drawn = random.Random(seed)
    while True:
        yield drawn.choice(queries)


async def ask(http: httpx.AsyncClient, queries: Iterator[str], until: float, load: Load) -> None:
    while time.perf_counter() < until:
        started = time.perf_counter()
        try:
            await search(http, next(queries))
        except httpx.HTTPError:
            load.failed += 1
        load.seconds.append(time.perf_counter() - started)


async def arrive(
    http: httpx.AsyncClient,
    bus: harness.Bus,
    documents: Sequence[str],
    rate: float,
    until: float,
    load: Load,
    looking: list[asyncio.Task[None]],
) -> None:
    """A second's worth at once; every other one is a revision."""
    while rate and time.perf_counter() < until:
        began = time.perf_counter()
        batch = []
        for _ in range(max(1, round(rate))):
            load.sent += 1
            word = f"zq{load.sent}x"
            id = f"d-{load.sent}" if load.sent % 2 else f"n-{load.sent}"
            text = f"{documents[load.sent % len(documents)]} {word}"
            batch.append(kept(id, text, load.sent, replaces=id if load.sent % 2 else None))
            if load.sent % RARE == 0:
                looking.append(asyncio.create_task(look(http, word, time.perf_counter(), load)))
        await bus.publish(*batch)
        await asyncio.sleep(max(0.0, began + 1 - time.perf_counter()))


async def look(http: httpx.AsyncClient, word: str, since: float, load: Load) -> None:
    while not any(word in one["text"] for one in await search(http, word, mode="text", top_k=1)):
        if time.perf_counter() > since + 120:
            load.failed += 1
            return
        await asyncio.sleep(0.1)
    load.found.append(time.perf_counter() - since)


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


if __name__ == "__main__":
    main()

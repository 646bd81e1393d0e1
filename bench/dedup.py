"""Near-duplicates end to end with the durable index, beside datasketch's MinHashLSH on the same documents in one run.

Ours: document.accepted as bytes -> decoded, inbox, sketched, compared, written to Postgres with its text, the event of
the decision in the outbox, committed; batches of 1,000, the next one decoded meanwhile, as the service does it. Peer:
texts -> 5-grams, MinHash, query, insert, in memory only. Both: 128 permutations, threshold 0.8, the same 5-grams.

Documents have some 750 words; for a part of them a copy comes later, with 2 to 30 % of its words replaced. What is near
is what exact sets of 5-grams say. `growth` is the cost of a document among 1 M signatures to that among 10 k; those are
random rows loaded by COPY, without texts, as the same number of documents would fill the disk of a laptop.

    python bench/dedup.py [--documents 3000] [--rounds 3] [--sizes 10000 100000 1000000]
"""

import argparse
import asyncio
import gc
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

import harness  # noqa: E402

from millrace.chassis import wire  # noqa: E402
from millrace.dedup import telling  # noqa: E402
from millrace.dedup.app import build_app  # noqa: E402
from millrace.dedup.memory import HELD_BYTES  # noqa: E402
from millrace.events import DocumentAccepted, DocumentDuplicated, Origin, WorkspaceConfigured  # noqa: E402
from millrace.stack import Endpoints, Stack  # noqa: E402

PEERS = ROOT / ".venv" / "peers" / "bin" / "python"
NEAR, PERMUTATIONS, WORDS, BATCH, SEED = 0.8, 128, 750, 1000, 7
GROWN, SMALL = 3000, 250
"""Documents whose cost is measured among so many signatures, and in what batches: the median of twelve."""
console = Console(stderr=True)


def documents(number: int, seed: int) -> tuple[list[tuple[str, str]], set[str]]:
    """(id, text) in order, and the ids of those that are near an earlier one: half of a third are edited copies."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("etaoinshrdlcumwfgypbvk", k=draw.randint(2, 10))) for _ in range(20_000)]
    weights = [1 / (rank + 20) for rank in range(len(words))]
    copies = number // 3
    texts = [draw.choices(words, weights, k=draw.randint(700, 800)) for _ in range(number - copies)]
    made = [(f"d{n}", " ".join(text)) for n, text in enumerate(texts)]
    near = set()
    for n in range(copies):
        text = list(texts[n])
        for place in draw.sample(range(len(text)), round(len(text) * (0.02 + 0.28 * (n % 29) / 28))):
            text[place] = draw.choice(words)
        made.append((f"c{n}", " ".join(text)))
        if jaccard(made[n][1], made[-1][1]) >= NEAR:
            near.add(f"c{n}")
    return made, near


def jaccard(one: str, other: str) -> float:
    a, b = grams(one), grams(other)
    return len(a & b) / len(a | b)


def grams(text: str) -> set[str]:
    padded = f" {text} "
    return {padded[i : i + 5] for i in range(len(padded) - 4)}


def f1(found: set[str], near: set[str]) -> float:
    return 2 * len(found & near) / (len(found) + len(near))


async def settled(dedup: harness.Running) -> harness.Running:
    spec = {"workspace": "bench", "owner": "bench", "task": "classify", "labels": {"names": ["a", "b"]}}
    declared = harness.make(WorkspaceConfigured, workspace="bench", revision=1, spec=spec, digest="-", by="bench")
    await dedup.tables.put(declared)
    return dedup


def records(texts: Sequence[tuple[str, str]], first: int = 0) -> list[wire.Received]:
    events = [
        harness.make(
            DocumentAccepted,
            workspace="bench",
            document_id=id,
            source="bench",
            text=text,
            origin=Origin(topic="document.submitted.v1", event_id=id),
            trusted=True,
        )
        for id, text in texts
    ]
    return [harness.record(event, partition=0, offset=first + n) for n, event in enumerate(events)]


async def taken(dedup: harness.Running, made: Sequence[wire.Received], size: int = BATCH) -> list[float]:
    """Seconds of each batch, from bytes to commit; the next batch is decoded meanwhile."""
    intake = dedup.service.intake("on_document_accepted")
    batches = [made[start : start + size] for start in range(0, len(made), size)]
    seconds = []
    reading = asyncio.create_task(intake.read(batches[0]))
    started = time.perf_counter()
    for following in [*batches[1:], None]:
        batch = await reading
        if following:
            reading = asyncio.create_task(intake.read(following))
        await intake.commit(batch)
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
    return seconds


async def ours(stack: Endpoints, texts: Sequence[tuple[str, str]]) -> tuple[float, set[str], dict[str, float]]:
    """Documents a second, the ids found near, and seconds by step."""
    async with harness.running(stack, "dedup", build_app) as dedup:
        await settled(dedup)
        made = records(texts)
        before = steps()
        started = time.perf_counter()
        await taken(dedup, made)
        rate = len(texts) / (time.perf_counter() - started)
        found = {event.document_id for event in await dedup.emitted(DocumentDuplicated)}
    return rate, found, {step: seconds - before.get(step, 0) for step, seconds in steps().items()}


def steps() -> dict[str, float]:
    [metric] = telling.SECONDS.collect()
    return {sample.labels["step"]: sample.value for sample in metric.samples if sample.name.endswith("_total")}


def peer(texts: Sequence[tuple[str, str]]) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"documents": texts, "threshold": NEAR, "permutations": PERMUTATIONS}, file)
        file.flush()
        done = subprocess.run(
            [str(PEERS), str(ROOT / "bench" / "dedup_peer.py"), file.name], check=True, capture_output=True, text=True
        )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


async def grown(stack: Endpoints, sizes: Sequence[int]) -> list[dict[str, float]]:
    """What a document costs among so many signatures, and what those cost."""
    told = []
    async with harness.running(stack, "dedup", build_app) as dedup:
        await settled(dedup)
        held, offset = 0, 0
        await taken(dedup, records(documents(200, SEED)[0]))
        offset += 200
        for size in sizes:
            await load(dedup, held, size)
            held = size
            rebuilt = time.perf_counter()
            await taken(dedup, records([(f"r{size}", "a word or two")], offset))
            rebuilt = time.perf_counter() - rebuilt
            offset += 1
            texts = [(f"{size}-{id}", text) for id, text in documents(GROWN, SEED + size)[0]]
            made = records(texts, offset)
            gc.collect()
            used = time.process_time()
            seconds = await taken(dedup, made, SMALL)
            used = time.process_time() - used
            offset += len(texts)
            told.append(
                {
                    "signatures": size,
                    "us": 1e6 * statistics.median(seconds) / SMALL,
                    "cpu_us": 1e6 * used / len(texts),
                    "read_s": rebuilt,
                    "index_mb": corpus_bytes() / 1e6,
                    "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                }
            )
            console.print(f"[dim]{told[-1]}")
    return told


def corpus_bytes() -> float:
    [metric] = HELD_BYTES.collect()
    return float(metric.samples[0].value)


async def load(dedup: harness.Running, held: int, size: int, step: int = 50_000) -> None:
    """Random signatures as rows that stand. The process then reads them as one that starts anew does."""
    draw = np.random.default_rng(held + 1)
    columns = (
        "seq", "shelf", "document_id", "source", "trusted", "digest", "signature", "cluster", "kept_at", "known_at",
    )  # fmt: skip
    for start in range(held, size, step):
        number = min(step, size - start)
        signatures = draw.integers(0, 2**16, (number, PERMUTATIONS), dtype=np.uint16)
        async with dedup.db.transaction() as tx:
            first = await tx.fetchval("SELECT setval('documents_seq', nextval('documents_seq') + $1) - $1", number)
            ids = [f"s{start + n}" for n in range(number)]
            rows = [
                (first + n, "bench", id, "bench", True, draw.bytes(16), signatures[n].tobytes(), id, tx.now, tx.now)
                for n, id in enumerate(ids)
            ]
            await tx.copy("documents", columns, rows)
            await tx.execute("UPDATE corpora SET latest = $1, generation = generation + 1", first + number)
        console.print(f"[dim]loaded {start + number}")
    await dedup.db.pool.execute("VACUUM ANALYZE documents")


async def measure(number: int, rounds: int, sizes: Sequence[int]) -> None:
    texts, near = documents(number, SEED)
    parts = Stack(Path(tempfile.mkdtemp(prefix="bench-dedup-")))
    parts.data.chmod(0o755)
    stack = await asyncio.to_thread(parts.start)
    try:
        await harness.prepare(stack)
        runs = []
        for turn in range(rounds):
            console.print(f"[dim]round {turn + 1} of {rounds}: ours")
            runs.append(await ours(stack, texts))
            console.print(f"[dim]round {turn + 1} of {rounds}: {runs[-1][0]:.0f}/s; datasketch")
            runs[-1] += (await asyncio.to_thread(peer, texts),)  # type: ignore[assignment]
        sized = await grown(stack, sizes)
    finally:
        await asyncio.to_thread(parts.stop)
    report(runs, sized, near, number)


def report(runs: Sequence[Any], sized: Sequence[dict[str, float]], near: set[str], number: int) -> None:
    rate = statistics.median(run[0] for run in runs)
    theirs = [run[3] for run in runs]
    peer_rate = statistics.median(number / told["seconds"] for told in theirs)
    found, told = runs[0][1], theirs[0]
    scores = {"f1": f1(found, near), "f1_peer": max(f1(set(told["found"]), near), f1(set(told["verified"]), near))}
    table = Table("", "documents/s", "F1", title=f"{number} documents of about {WORDS} words, {len(near)} of them near")
    table.add_row("millrace, committed in Postgres", f"{rate:,.0f}", f"{scores['f1']:.3f}")
    table.add_row("datasketch MinHashLSH, in memory", f"{peer_rate:,.0f}", f"{scores['f1_peer']:.3f}")
    Console().print(table)
    spent = runs[0][2]
    where = Table("step", "us a document", title="where the time goes")
    for step, seconds in spent.items():
        where.add_row(step, f"{1e6 * seconds / number:,.0f}")
    where.add_row("decode, inbox, outbox, commit", f"{1e6 / runs[0][0] - 1e6 * sum(spent.values()) / number:,.0f}")
    Console().print(where)
    columns = {"us": "us a document", "cpu_us": "of this process", "index_mb": "index MB", "rss_mb": "process MB"}
    grows = Table("signatures", *columns.values(), "read anew, s", title="among so many")
    for one in sized:
        grows.add_row(f"{one['signatures']:,}", *(f"{one[name]:,.0f}" for name in columns), f"{one['read_s']:.1f}")
    Console().print(grows)
    print(
        json.dumps(
            {
                "ratio": round(rate / peer_rate, 2),
                **{name: round(score, 4) for name, score in scores.items()},
                "growth": round(sized[-1]["us"] / sized[0]["us"], 2),
                "documents_s": round(rate),
                "documents_s_peer": round(peer_rate, 1),
                "steps_us": {step: round(1e6 * seconds / number) for step, seconds in spent.items()},
                "sizes": [{name: round(value, 1) for name, value in one.items()} for one in sized],
                "memory_mb": round(sized[-1]["rss_mb"]),
                "memory_mb_peer": round(told["rss_mb"]),
            }
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    given = parser.parse_args()
    if not PEERS.exists():
        parser.error("datasketch is not here: make peers")
    gc.set_threshold(50_000, 20, 50)  # as a service's process does
    uvloop.run(measure(given.documents, given.rounds, given.sizes))

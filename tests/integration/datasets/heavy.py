"""Datasets with very many rows on real Postgres and S3, in a process of its own: how its memory grew, step by step.

python heavy.py ENDPOINTS FEW MANY: every step with FEW rows first, so that what it takes whatever their number is there
already, then with MANY. Prints JSON: by step, the bytes by which the peak rose.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from harness import START, Running, eventually, make, running
from parcels import configured, cut, request
from peaks import Watch

from millrace.datasets.app import build_app
from millrace.events import RetrainingRequested, WorkspaceConfigured
from millrace.stack import Endpoints
from millrace.workspace import load

STATIONS = """
workspace: stations
owner: grid
task: tabular
entity: station
features: {n_1h: {count: load, over: 1h}, mean_1h: {mean: load, over: 1h}, region: {category: [n, s], unknown: other}}
target: {name: load, kind: regression, horizon: 10m, arrives_within: 15m}
sources: {archive: {kind: events, history: true}}
"""

KEPT = """
INSERT INTO rows (workspace, seq, document_id, source, label, suite, cluster, split, trainable, trusted, occurred_at,
    known_at, dice, origin_topic, origin_partition, origin_offset, origin_event, text)
SELECT 'parcels', n, 'd' || n, 'web', CASE n % 2 WHEN 0 THEN 'late' ELSE 'lost' END, NULL, 'c' || n / 3,
    CASE WHEN n % 10 < 7 THEN 'train' WHEN n % 10 < 9 THEN 'validation' ELSE 'test' END, true, true, $3, $3, 0.5,
    'document.submitted.v1', 0, n, 'e' || n,
    'parcel ' || n % 997 || ' of customer ' || n % 7919 || ' has not come, street ' || n || repeat(' and so on', 40)
FROM generate_series($1::bigint, $2::bigint) n"""

OBSERVED = """
INSERT INTO observations (workspace, seq, source, entity, id, occurred_at, known_at, values, known_since)
SELECT 'stations', n, CASE n % 2 WHEN 0 THEN 'archive' ELSE 'meters' END, 'station-' || n % 50,
    md5(n::text)::uuid, $3::timestamptz + n * interval '1 second',
    $3::timestamptz + (n + 60) * interval '1 second', '{"load": ' || n % 971 || '.5, "region": "n"}',
    CASE n % 2 WHEN 0 THEN $3::timestamptz + (n + 30) * interval '1 second' END
FROM generate_series($1::bigint, $2::bigint) n"""


async def fill(datasets: Running, query: str, first: int, last: int) -> None:
    for start in range(first, last + 1, 20_000):
        async with datasets.db.transaction() as tx:
            await tx.execute(query, start, min(start + 19_999, last), START)


async def keep(datasets: Running, first: int, last: int) -> None:
    await fill(datasets, KEPT, first, last)
    async with datasets.db.transaction() as tx:
        await tx.execute(
            """INSERT INTO corpora (workspace, rows, buffered, flushing) VALUES ('parcels', $1, $1, true)
               ON CONFLICT (workspace) DO UPDATE SET rows = $1, buffered = corpora.buffered + $2, flushing = true""",
            last,
            last - first + 1,
        )
        await tx.schedule("flush", key=f"parcels/{last}", workspace="parcels", cause=request(last))
    while await datasets.work("flush"):
        pass


async def observe(datasets: Running, first: int, last: int) -> None:
    await fill(datasets, OBSERVED, first, last)
    async with datasets.db.transaction() as tx:
        await tx.execute(
            """INSERT INTO observed (workspace, rows, buffered, flushing) VALUES ('stations', $1, $1, true)
               ON CONFLICT (workspace) DO UPDATE SET rows = $1, buffered = observed.buffered + $2, flushing = true""",
            last,
            last - first + 1,
        )
        await tx.execute(
            """INSERT INTO entities SELECT 'stations', 'station-' || n, 's' || n, $1
               FROM generate_series(0, 49) n ON CONFLICT DO NOTHING""",
            START + timedelta(hours=1),
        )
        key, cause = f"stations/{last}", request(last + 1)
        await tx.schedule("flush-observations", key=key, workspace="stations", cause=cause)
    while await datasets.work("flush-observations"):
        pass


async def version(datasets: Running, number: int) -> dict[str, Any]:
    released = await cut(datasets, number)
    assert isinstance(request(number), RetrainingRequested)
    return {"cut": sum(released.rows.values())}


async def profiled(datasets: Running, number: int) -> dict[str, Any]:
    await datasets.work("profile")
    async with datasets.http() as client:
        answer = await client.get(f"/v1/datasets/parcels@{number}/profile.json")
    return {"profile": answer.json()["rows"]}


@asynccontextmanager
async def served(datasets: Running) -> AsyncIterator[httpx.AsyncClient]:
    """Over a socket: without one an answer is held whole before it is read."""
    server = uvicorn.Server(uvicorn.Config(datasets.service.app(), host="127.0.0.1", port=0, log_level="error"))
    serving = asyncio.create_task(server.serve())

    async def port() -> int | None:
        return int(server.servers[0].sockets[0].getsockname()[1]) if server.started else None

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{await eventually(port)}", timeout=600) as client:
        yield client
    server.should_exit = True
    await serving


async def exported(datasets: Running, number: int) -> dict[str, Any]:
    rows = 0
    async with served(datasets) as client:
        for form in ("parquet", "jsonl"):
            url = f"/v1/datasets/parcels@{number}/files/train.{form}"
            async with client.stream("GET", url, params={"format": form}) as answer:
                assert answer.status_code == 200
                rows = int(answer.headers["x-rows"])
                async for _ in answer.aiter_raw():
                    pass
    return {"export": rows}


async def compared(datasets: Running, number: int) -> dict[str, Any]:
    async with datasets.http() as client:
        answer = await client.get(f"/v1/datasets/parcels@{max(number - 1, 1)}/diff/parcels@{number}")
    return {"diff": answer.json()["rows"]["after"]}


async def tabled(datasets: Running, number: int) -> dict[str, Any]:
    async with datasets.http() as client:
        table = (await client.post("/v1/workspaces/stations/feature-tables", json={"by": "t"})).json()["table"]
        await datasets.work("tabulate")
        told = (await client.get(f"/v1/feature-tables/{table}")).json()
    assert told["state"] == "made" and told["profile"] and told["history"], told
    return {"table": told["rows"]}


STEPS: list[Callable[[Running, int], Awaitable[dict[str, Any]]]] = [version, profiled, exported, compared, tabled]


async def measured(stack: Endpoints, few: int, many: int) -> dict[str, Any]:
    peaks: list[dict[str, list[int]]] = []
    found: dict[str, int] = {}
    async with running(stack, "datasets", build_app, part_rows=5000, observation_rows=20_000) as datasets:
        spec = load(STATIONS)
        fields: dict[str, Any] = {"workspace": "stations", "revision": 1, "by": "t", "digest": spec.digest()}
        await datasets.tables.put(configured(), make(WorkspaceConfigured, spec=spec.plain(), **fields))
        for number, (first, last) in enumerate(((1, few), (few + 1, many)), start=1):
            took: dict[str, list[int]] = {}
            for name, filling in (("keep", keep), ("observe", observe)):
                with Watch() as watch:
                    await filling(datasets, first, last)
                took[name] = [watch.rose, watch.peak]
            for step in STEPS:
                with Watch() as watch:
                    told = await step(datasets, number)
                (name,) = told
                took[name] = [watch.rose, watch.peak]
                took |= {f"{name} apart": [watch.child, watch.child]} if watch.child else {}
                found |= told
            peaks.append(took)
    return {"rows": found, "few": peaks[0], "many": peaks[1]}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        endpoints = Endpoints.from_json(json.loads(Path(sys.argv[1]).read_text()))
        print(json.dumps(asyncio.run(measured(endpoints, int(sys.argv[2]), int(sys.argv[3])))))

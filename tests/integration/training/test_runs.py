"""Runs in Postgres: searched, sorted, shown, compared."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from harness import START, Running, make, running

from millrace.events import WorkspaceConfigured
from millrace.training.app import build_app
from millrace.workspace import load

RUNS: list[dict[str, Any]] = [
    {
        "method": "full",
        "scores": {"macro_f1": 0.91},
        "parameters": {"rate": 1e-4, "seed": 7},
        "cost": 0.2,
        "picked": True,
    },
    {"method": "linear-probe", "scores": {"macro_f1": 0.88}, "parameters": {"seed": 7}, "picked": False},
    {"method": "lora", "scores": {"macro_f1": 0.93}, "parameters": {"rate": 5e-4, "rank": 8, "note": "a'b"}},
    {"method": "lora", "state": "failed", "failed": "OutOfMemory: it took 3 GB", "parameters": {"rank": "many"}},
]


@pytest.fixture
async def training(stack, tmp_path: Path) -> AsyncIterator[Running]:
    """Two workspaces, each with a cycle of the same four runs; `parcels` later."""
    async with running(stack, "training", build_app, work_dir=tmp_path) as service:
        for number, name in enumerate(("letters", "parcels")):
            text = f"workspace: {name}\nowner: a\ntask: classify\nlabels: {{names: [late, lost]}}\n"
            spec = load(text)
            await service.tables.put(
                make(WorkspaceConfigured, workspace=name, revision=1, spec=spec.plain(), digest=spec.digest(), by="a")
            )
            await kept(service, name, number)
        yield service


async def kept(training: Running, workspace: str, number: int) -> None:
    cycle, opened = uuid4(), START + timedelta(days=number)
    async with training.service.db.transaction() as tx:
        await tx.execute("INSERT INTO tracks (workspace, created_at) VALUES ($1, $2)", workspace, START)
        await tx.execute(
            """INSERT INTO cycles (id, workspace, because, attempt, opened_at, deadline, workspace_revision, min_labels,
                   methods, note, state, dataset, outcome, became)
               VALUES ($1, $2, 'hand', 1, $3, $3, 1, 0, '{}', '', 'closed', 'sha256:d', 'production', $4)""",
            cycle,
            workspace,
            opened,
            f"{workspace}-1",
        )
        for at, run in enumerate(RUNS, 1):
            fields = {"state": "trained", "failed": None, "cost": None, "picked": None, "scores": {}, **run}
            await tx.execute(
                """INSERT INTO runs (id, cycle_id, workspace, number, method, base, untrusted, state, started_at,
                       scores, parameters, cost, picked, failed)
                   VALUES ($1, $2, $3, $4, $5, 'minilm', true, $6, $7, $8, $9, $10, $11, $12)""",
                uuid4(),
                cycle,
                workspace,
                at,
                fields["method"],
                fields["state"],
                opened,
                json.dumps(fields["scores"]),
                json.dumps(fields["parameters"]),
                fields["cost"],
                fields["picked"],
                fields["failed"],
            )


async def ask(training: Running, path: str = "/v1/runs", **asked: Any) -> httpx.Response:
    async with training.http() as client:
        return await client.get(path, params=asked)


async def numbers(training: Running, *where: str, **asked: Any) -> list[int]:
    answer = await ask(training, workspace="parcels", where=list(where), **asked)
    assert answer.status_code == 200, answer.text
    return [run["number"] for run in answer.json()]


async def test_runs_are_filtered_by_whatever_was_kept_of_them(training: Running) -> None:
    assert await numbers(training) == [1, 2, 3, 4]
    assert await numbers(training, "scores.macro_f1 >= 0.9") == [1, 3]
    assert await numbers(training, "scores.macro_f1 >= 0.9", "method = lora") == [3]
    assert await numbers(training, "parameters.rate < 2e-4") == [1]
    assert await numbers(training, "parameters.rank = 8") == [3]
    assert await numbers(training, "parameters.rank > 1") == [3]  # and no error for the one that is a word
    assert await numbers(training, "parameters.note = a'b") == [3]
    assert await numbers(training, "parameters.note ~ A'") == [3]
    assert await numbers(training, "failed ~ outofmemory") == [4]
    assert await numbers(training, "picked = yes") == [1]
    assert await numbers(training, "version = parcels-1") == [1]
    assert await numbers(training, "cost > 0.1") == [1]
    assert await numbers(training, f"started > {START.date() + timedelta(days=5)}") == []


async def test_runs_are_sorted_with_those_that_have_no_such_value_last(training: Running) -> None:
    assert await numbers(training, sort="-scores.macro_f1") == [3, 1, 2, 4]
    assert await numbers(training, sort="scores.macro_f1") == [2, 1, 3, 4]
    assert await numbers(training, sort="method", limit=2) == [1, 2]
    assert await numbers(training, sort="method", limit=2, offset=2) == [3, 4]


async def test_the_newest_cycles_runs_are_first_over_all_workspaces_and_all_are_counted(training: Running) -> None:
    answer = await ask(training, limit=5)
    assert [run["workspace"] for run in answer.json()] == ["parcels"] * 4 + ["letters"]
    assert answer.headers["X-Total-Count"] == "8"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"where": "metod = full"}, "did you mean 'method'"),
        ({"where": "scores.macro_f2 > 0.5"}, "did you mean 'macro_f1'"),
        ({"where": "parameters.x'; DROP TABLE runs; -- = 1"}, "where: expected"),
        ({"sort": "-scores"}, "sort: expected a field of runs"),
        ({"workspace": "parcel"}, "parcel"),
    ],
)
async def test_a_search_that_cannot_be_meant_is_told_so(training: Running, asked: dict[str, str], told: str) -> None:
    answer = await ask(training, **asked)
    assert answer.status_code in {404, 422}
    assert told in answer.json()["error"]["message"]


async def test_a_run_is_found_by_how_its_id_begins(training: Running) -> None:
    run = (await ask(training, where="version = parcels-1")).json()[0]
    shown = (await ask(training, f"/v1/runs/{run['id'][:13]}")).json()
    assert shown["id"] == run["id"] and shown["version"] == "parcels-1" and shown["curve"] == []
    assert (await ask(training, f"/v1/runs/{UUID(int=1)}")).status_code == 404
    assert (await ask(training, "/v1/runs/%25")).status_code == 404


async def test_runs_side_by_side_tell_what_differs_as_figures_and_as_a_page(training: Running) -> None:
    ids = [run["id"] for run in (await ask(training, workspace="parcels", limit=2)).json()]
    found = (await ask(training, "/v1/compared-runs", run=ids)).json()
    assert found["differs"]["method"] == ["full", "linear-probe"]
    assert found["differs"]["parameters.rate"] == [1e-4, None]
    assert found["same"] | {"base": "minilm", "parameters.seed": 7} == found["same"]
    html = (await ask(training, "/v1/compared-runs.html", run=ids)).text
    assert "2 runs side by side" in html and "parameters.rate" in html and "parcels-1" in html
    assert (await ask(training, "/v1/compared-runs", run=ids[0])).status_code == 422

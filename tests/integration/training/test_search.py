"""Searches and budgets on real Postgres, S3 and processes: trials that are resumed, parallel, pruned and paid for."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from harness import Bus, FakeClock, Running, database, eventually, make, running, settings_for
from processes import process
from training_data import children, put_dataset

from millrace.chassis import Blobs
from millrace.events import DatasetReleased, ModelTrained, TrainingFailed, WorkspaceConfigured
from millrace.training.app import build_app
from millrace.workspace import load

FILE = """
workspace: NAME
owner: support-ml
task: classify
labels: {names: [late, lost]}
train: {min_labels: 50, finetune_budget: 60s, checkpoint: 1s, TRAIN}
"""
EARLIER = UUID(int=9)
KEY = {"Idempotency-Key": "one"}
"""The same key makes the same cycle, and a search is of its cycle."""


def configured(train: str, *, name: str = "parcels", revision: int = 1) -> WorkspaceConfigured:
    spec = load(FILE.replace("NAME", name).replace("TRAIN", train))
    return make(
        WorkspaceConfigured, workspace=name, revision=revision, spec=spec.plain(), digest=spec.digest(), by="ada"
    )


@pytest.fixture
async def training(stack, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(stack, "training", build_app, work_dir=tmp_path / "runs", nice=0) as service:
        yield service


def released(name: str, cycle: str, manifest: str, **more: Any) -> DatasetReleased:
    counts = {"rows": {"train": 120}, "labels": {"late": 60, "lost": 60}, "attempt": 1}
    return make(
        DatasetReleased,
        workspace=name,
        cycle_id=UUID(cycle),
        dataset="sha256:rows",
        manifest=manifest,
        **{**counts, **more},
    )


async def begin(training: Running, train: str, *, name: str = "parcels") -> str:
    """A cycle whose rows are there; its candidates are planned."""
    await training.tables.put(configured(train, name=name))
    async with training.http() as client:
        opened = await client.post(f"/v1/workspaces/{name}/train", json={"by": "ada"}, headers=KEY)
    assert opened.status_code == 202, opened.text
    cycle: str = opened.json()["cycle"]
    manifest = await put_dataset(Blobs(training.service.settings), name)
    await training.deliver([released(name, cycle, manifest, at=training.clock.now())])
    await training.work("plan")
    return cycle


async def get(training: Running, what: str, name: str = "parcels") -> Any:
    async with training.http() as client:
        answer = await client.get(f"/v1/{what}", params={"workspace": name})
    assert answer.status_code == 200, answer.text
    return [one for one in answer.json() if str(EARLIER) not in (one.get("id"), one.get("cycle_id"))]


async def take(training: Running, seconds: float, *, by_its_first: bool = False) -> None:
    """So much was taken today: by a run of an earlier cycle, or by the first of this one."""
    async with training.db.transaction() as tx:
        if not by_its_first:
            await tx.execute(
                """INSERT INTO cycles (id, workspace, because, attempt, opened_at, deadline, workspace_revision,
                       min_labels, methods, note, state)
                   VALUES ($1, 'parcels', 'hand', 1, $2, $2, 1, 0, '{}', '', 'closed')
                   ON CONFLICT DO NOTHING""",
                EARLIER,
                training.clock.now() - timedelta(days=9),
            )
            await tx.execute(
                """INSERT INTO runs (id, cycle_id, workspace, number, method, base, untrusted, state)
                   VALUES ($1, $1, 'parcels', 0, 'full', 'minilm', true, 'failed') ON CONFLICT DO NOTHING""",
                EARLIER,
            )
        await tx.execute(
            """INSERT INTO spendings (run_id, token, day, workspace, cycle_id, seconds, cost)
               SELECT id, 0, $2, workspace, cycle_id, $3, 0 FROM runs WHERE number = $1""",
            int(by_its_first),
            training.clock.now().date(),
            seconds,
        )


def told(runs: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(r["number"], r["id"], r["method"], r["asked"], r["state"], r["scores"].get("macro_f1")) for r in runs]


PROBES = "methods: [linear-probe], search: {trials: 4, parallel: 1}"


async def call(method: str, url: str, **more: Any) -> Any:
    async with httpx.AsyncClient() as client:
        return (await client.request(method, url, **more)).json()


async def test_a_search_whose_worker_was_killed_ends_at_the_trials_of_one_left_alone(
    stack, bus: Bus, tmp_path: Path
) -> None:
    name = f"parcels-{uuid4().hex[:8]}"
    settings = {"NICE": 0, "WORK_DIR": tmp_path / "runs", "GROUP_SUFFIX": f"-{uuid4().hex[:8]}"}
    await bus.publish(configured(PROBES, name=name))
    async with database(stack, "training") as dsn:
        manifest = await put_dataset(Blobs(settings_for(stack, "training", dsn)), name)
        async with process(stack, "training", dsn, tmp_path / "first.log", settings) as first:
            opened = await call("POST", f"{first.url}/v1/workspaces/{name}/train", json={"by": "ada"}, headers=KEY)
            await bus.publish(released(name, opened["cycle"], manifest))

            async def in_its_second() -> bool:
                runs = await call("GET", f"{first.url}/v1/runs", params={"workspace": name})
                return [run["state"] for run in runs] == ["trained", "running"] and bool(children(first.process.pid))

            await eventually(in_its_second, within=180)
            first.process.kill()
            await first.process.wait()
        async with process(stack, "training", dsn, tmp_path / "second.log", settings) as second:
            (trained,) = await bus.read(ModelTrained, until=lambda found: len(found) >= 1, within=240)
            killed = await call("GET", f"{second.url}/v1/runs", params={"workspace": name})
    assert killed[1]["claims"] == 2 and trained.run_id in {run["id"] for run in killed}
    async with running(stack, "training", build_app, work_dir=tmp_path / "alone", nice=0) as alone:
        assert await begin(alone, PROBES, name=name) == opened["cycle"]
        await alone.work("run", "pick")
        left_alone = await get(alone, "runs", name)
        (chosen,) = await alone.emitted(ModelTrained)
    assert told(killed) == told(left_alone) and len(killed) == 4
    assert chosen.run_id == trained.run_id and chosen.digest == trained.digest


@asynccontextmanager
async def two_workers(stack, tmp_path: Path) -> AsyncIterator[tuple[Running, Running]]:
    clock = FakeClock()
    async with (
        database(stack, "training") as dsn,
        running(stack, "training", build_app, clock=clock, dsn=dsn, work_dir=tmp_path / "one", nice=0) as one,
        running(stack, "training", build_app, clock=clock, dsn=dsn, work_dir=tmp_path / "other", nice=0) as other,
    ):
        yield one, other


async def test_two_workers_share_a_search_and_neither_repeats_the_other(stack, tmp_path: Path) -> None:
    train = "methods: [linear-probe], search: {trials: 5, parallel: 2}"
    async with two_workers(stack, tmp_path) as (one, other):
        await other.tables.put(configured(train))
        await begin(one, train)
        at_once, done = list[int](), asyncio.Event()

        async def look() -> None:
            while not done.is_set():
                at_once.append(sum(run["state"] in {"queued", "running"} for run in await get(one, "runs")))
                await asyncio.sleep(0.2)

        looking = asyncio.create_task(look())
        worked = await asyncio.gather(one.work("run"), other.work("run"))
        done.set()
        await looking
        await one.work("pick")
        runs = await get(one, "runs")
        (cycle,) = await get(one, "cycles")
        (trained,) = await one.emitted(ModelTrained)
    assert sum(worked) == 5 and all(worked), "both did some of it"
    assert [run["number"] for run in runs] == [1, 2, 3, 4, 5] and max(at_once) == 2
    assert len({json.dumps(run["asked"], sort_keys=True) for run in runs}) == 5
    assert all(run["state"] == "trained" and run["why"] for run in runs), "the table says of each why"
    assert [run["id"] for run in runs if run["picked"]] == [trained.run_id]
    assert "the cheapest of" in next(run["why"] for run in runs if run["picked"])
    assert (cycle["state"], cycle["searched"]) == ("judging", "all 5 trials are made")


async def test_a_trial_that_falls_behind_is_stopped_and_says_so(training: Running) -> None:
    """Three trials were as good as can be after a quarter; a rate like this one unlearns all."""
    settings = "settings: {full: {rate: 0.9, batch: 4, epochs: 3}}"
    cycle = await begin(training, f"methods: [full], {settings}, search: {{trials: 4, parallel: 1}}")
    async with training.db.transaction() as tx:
        for number in (2, 3, 4):
            await tx.execute(
                """INSERT INTO runs (id, cycle_id, workspace, number, method, base, untrusted, state, scores, asked,
                       bytes, artifact, digest, labels)
                   VALUES ($1, $2, 'parcels', $3, 'full', 'minilm', true, 'trained', $4, $5, 9, 'a', 'd',
                       '{late,lost}')""",
                UUID(int=number),
                UUID(cycle),
                number,
                json.dumps({"macro_f1": 0.99, "macro_f1_se": 0.01}),
                json.dumps({"rate": number * 1e-4}),
            )
            await tx.execute("INSERT INTO judgements VALUES ($1, 1, 1.0), ($1, 2, 1.0)", UUID(int=number))
    await training.work("run", "pick")
    pruned, *others = await get(training, "runs")
    assert pruned["state"] == "pruned" and pruned["ended_at"] and pruned["artifact"] is None
    assert pruned["failed"].startswith("pruned at ") and "is below the median 1.0000 of 3 trials" in pruned["failed"]
    assert pruned["why"] == pruned["failed"] and not pruned["picked"] and others[0]["picked"]
    assert pruned["parameters"]["rate"] == 0.9 and children(os.getpid()) == []
    (trained,) = await training.emitted(ModelTrained)
    assert trained.run_id == str(UUID(int=2)) and len(trained.runs) == 4


async def test_a_searchs_own_time_stops_the_trial_that_oversteps_it(training: Running) -> None:
    await begin(training, "methods: [linear-probe], search: {trials: 5, parallel: 1, time: 1000s}")
    first = asyncio.create_task(training.work("run", "pick"))

    async def one_is_trained() -> bool:
        return any(run["state"] == "trained" for run in await get(training, "runs"))

    await eventually(one_is_trained, within=120)
    await take(training, 999, by_its_first=True)
    await first
    runs = await get(training, "runs")
    (cycle,) = await get(training, "cycles")
    assert cycle["searched"] == "BudgetSpent: train.search.time, 1,000 s, is spent" and len(runs) < 5
    assert {run["state"] for run in runs} <= {"trained", "failed"} and cycle["state"] == "judging"
    assert all(run["why"].startswith("BudgetSpent: train.search.time") for run in runs if run["state"] == "failed")
    assert len(await training.emitted(ModelTrained)) == 1


async def test_a_run_that_a_day_has_no_time_for_goes_on_the_next(training: Running) -> None:
    await begin(training, "methods: [linear-probe], daily: {time: 1000s}")
    await take(training, 999)
    await training.work("run")
    (run,) = await get(training, "runs")
    (cycle,) = await get(training, "cycles")
    assert (run["state"], run["claims"], run["failed"]) == ("queued", 1, None)
    tomorrow = (training.clock.now() + timedelta(days=1)).date()
    assert cycle["waits_for"] == (
        f"BudgetSpent: train.daily.time, 1,000 s, is spent: it goes on at {tomorrow} 00:00 UTC"
    )
    (budget,) = await get(training, "budgets")
    assert budget["seconds"] > 1000 and (budget["most_seconds"], budget["most_cost"]) == (1000, None)
    assert budget["spent"] == "BudgetSpent: train.daily.time, 1,000 s, is spent"
    training.clock.advance(3 * 3600)  # by now it would have been given up, did it not wait
    await training.work("run", "overdue")
    (cycle,) = await get(training, "cycles")
    assert cycle["state"] == "training" and cycle["waits_for"]
    training.clock.advance(24 * 3600)
    await training.work("overdue", "run", "pick")
    (run,) = await get(training, "runs")
    assert (run["state"], run["claims"]) == ("trained", 2)
    (budget,) = await get(training, "budgets")
    assert 0 < budget["seconds"] < 1000 and budget["spent"] is None
    assert len(await training.emitted(ModelTrained)) == 1


async def test_a_budget_that_is_raised_lets_go_on_what_waits_for_it(training: Running) -> None:
    await begin(training, "methods: [linear-probe], daily: {time: 1000s}")
    await take(training, 2000)
    await training.work("run")
    (run,) = await get(training, "runs")
    assert (run["state"], run["claims"]) == ("queued", 0), "it did not begin"
    await training.tables.put(configured("methods: [linear-probe], daily: {time: 1h}", revision=2))
    training.clock.advance(601)
    await training.work("run", "pick")
    assert len(await training.emitted(ModelTrained)) == 1


async def test_a_spent_day_ends_a_cycle_that_has_a_model_with_what_it_has(training: Running) -> None:
    await begin(training, "methods: [linear-probe, full], settings: {full: {epochs: 500}}, daily: {time: 1000s}")
    async with training.db.transaction() as tx:  # the probe comes first
        await tx.execute(
            """UPDATE jobs SET run_at = run_at + interval '1 second' FROM runs
               WHERE jobs.key = runs.id::text AND runs.method = 'full'"""
        )
    training.clock.advance(1)
    working = asyncio.create_task(training.work("run", "pick"))

    async def the_second_trains() -> bool:
        return [run["state"] for run in await get(training, "runs")] == ["trained", "running"]

    await eventually(the_second_trains, within=120)
    await take(training, 999)
    await working
    probe, stopped = await get(training, "runs")
    assert stopped["state"] == "failed" and stopped["failed"] == "BudgetSpent: train.daily.time, 1,000 s, is spent"
    assert probe["picked"] and stopped["why"] == stopped["failed"]
    assert len(await training.emitted(ModelTrained)) == 1 and children(os.getpid()) == []


async def test_what_waits_for_tomorrow_looks_again_as_soon_as_another_has_a_model(training: Running) -> None:
    await begin(training, "methods: [linear-probe, full], settings: {full: {epochs: 1}}, daily: {time: 1000s}")
    await take(training, 1000)
    await training.work("run")
    assert [run["state"] for run in await get(training, "runs")] == ["queued", "queued"]
    async with training.db.transaction() as tx:
        await tx.execute("DELETE FROM spendings")
        probe = await tx.fetchval("SELECT id::text FROM runs WHERE method = 'linear-probe'")
        await tx.wake("run", probe)
    await training.work("run")
    assert [run["state"] for run in await get(training, "runs")] == ["trained", "trained"]


async def test_a_run_that_takes_a_whole_days_budget_alone_is_stopped_for_good(training: Running) -> None:
    await begin(training, "methods: [full], settings: {full: {epochs: 500}}, daily: {time: 2s}")
    await training.work("run", "pick")
    (run,) = await get(training, "runs")
    assert (run["state"], run["failed"]) == ("failed", "BudgetSpent: train.daily.time, 2 s, is spent")
    (failed,) = await training.emitted(TrainingFailed)
    assert failed.reason == "full: BudgetSpent: train.daily.time, 2 s, is spent"
    async with training.http() as client:
        told = (await client.get("/metrics")).text
    assert 'millrace_training_runs_total{end="budget",method="full"}' in told
    assert 'millrace_training_spent_seconds_total{workspace="parcels"}' in told


async def test_a_bound_cost_that_nobody_tells_is_an_error_and_never_unbounded(training: Running) -> None:
    await begin(training, "methods: [linear-probe], search: {cost: 5}")
    (failed,) = await training.emitted(TrainingFailed)
    assert failed.reason == "train.search.cost can't be kept: TRAINING_HOUR_COSTS does not say what an hour costs"


async def test_costs_are_counted_and_bound(stack, tmp_path: Path) -> None:
    """An hour costs so much that a second is a unit."""
    async with running(stack, "training", build_app, work_dir=tmp_path / "runs", hour_costs=3600.0, nice=0) as training:
        await begin(training, "methods: [linear-probe], daily: {cost: 2}")
        await training.work("run", "pick")
        (run,) = await get(training, "runs")
        (budget,) = await get(training, "budgets")
    assert run["failed"] == "BudgetSpent: train.daily.cost, 2, is spent"
    assert budget["cost"] >= 2 and budget["cost"] == pytest.approx(budget["seconds"], rel=1e-3)


async def test_fixed_parameters_are_what_a_run_is_made_with(training: Running) -> None:
    await begin(training, "methods: [linear-probe], settings: {linear-probe: {C: 3}}")
    await training.work("run")
    (run,) = await get(training, "runs")
    assert run["asked"] == {"C": 3.0} and run["parameters"]["C"] == 3.0 and run["state"] == "trained"

"""Jobs: once each, by whoever holds the token."""

import asyncio
import json
from typing import Any

import pytest
from harness import Running, eventually, make

from millrace.chassis import LeaseLost, Unprocessable, Work
from millrace.chassis.jobs import ATTEMPTS, CLAIM, LEASE, Job, Worker
from millrace.events import DocumentAccepted, DocumentSubmitted
from millrace.probe.app import World


async def schedule(probe: Running, key: str, workspace: str = "parcels", **more: Any) -> None:
    cause = make(DocumentSubmitted, source="crm", text="x")
    async with probe.db.transaction() as tx:
        await tx.schedule("count", key=key, workspace=workspace, cause=cause, **more)


async def test_the_same_kind_and_key_is_one_job(probe: Running, world: World) -> None:
    await schedule(probe, "a")
    await schedule(probe, "a")
    assert await probe.work() == 1
    await schedule(probe, "a")
    assert await probe.work() == 0
    assert [event.document_id for event in await probe.emitted(DocumentAccepted)] == ["job a"]


async def test_a_timer_waits_for_its_time_and_can_be_cancelled_or_woken(probe: Running, world: World) -> None:
    at = probe.clock.now().replace(hour=10)
    for key in ("rings", "cancelled", "woken"):
        await schedule(probe, key, at=at)
    async with probe.db.transaction() as tx:
        await tx.cancel("count", "cancelled")
        await tx.wake("count", "woken")
    assert await probe.work() == 1
    probe.clock.advance(3600)
    assert await probe.work() == 1
    assert {key for key, _ in world.worked} == {"rings", "woken"}


async def test_workers_take_turns_between_workspaces(probe: Running, world: World) -> None:
    for number in range(3):
        await schedule(probe, f"busy-{number}", workspace="busy")
    await schedule(probe, "quiet-0", workspace="quiet")
    await probe.work()
    assert "quiet-0" in [key for key, _ in world.worked][:2]


async def test_a_zombie_cannot_finish_after_its_lease_was_taken(probe: Running) -> None:
    await schedule(probe, "a")
    row = await probe.db.pool.fetchrow(CLAIM, "count", probe.clock.now(), LEASE)
    assert row is not None
    zombie = Job(row, probe.db, [DocumentAccepted], None)
    await probe.db.pool.execute("UPDATE jobs SET lease_until = now() - interval '1 second'")
    assert await probe.work() == 1
    with pytest.raises(LeaseLost):
        async with zombie.finish():
            pass
    with pytest.raises(LeaseLost):
        await zombie.later(probe.clock.now())
    assert len(await probe.emitted(DocumentAccepted)) == 1


@pytest.mark.parametrize("error", [Unprocessable("never"), RuntimeError("nobody foresaw this")], ids=["never", "bug"])
async def test_a_zombie_that_fails_leaves_its_successors_job_alone(probe: Running, error: Exception) -> None:
    async def outlived(job: Job) -> None:
        await probe.db.pool.execute("UPDATE jobs SET token = token + 1")  # another worker claims it meanwhile
        raise error

    await schedule(probe, "a")
    await probe.db.pool.execute("UPDATE jobs SET attempts = $1", ATTEMPTS)
    assert await Worker(Work("count", frozenset(), outlived), probe.db).once()
    row = await probe.db.pool.fetchrow("SELECT state, error, finished_at FROM jobs")
    assert row is not None and tuple(row) == ("running", None, None)


async def test_a_worker_whose_lease_is_taken_is_cancelled(
    probe: Running, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millrace.chassis.jobs.LEASE", 0.3)
    await schedule(probe, "a", payload={"hold": True})
    worker = Worker(probe.service.jobs[0], probe.db)
    running = asyncio.create_task(worker.once())
    await eventually(lambda: world.worked)
    await probe.db.pool.execute("UPDATE jobs SET token = token + 1")
    assert await asyncio.wait_for(running, 10)
    assert await probe.emitted(DocumentAccepted) == []


async def test_a_failing_job_is_tried_again_with_pauses_and_rests_as_failed(probe: Running, world: World) -> None:
    world.broken = True
    await schedule(probe, "a")
    for _ in range(ATTEMPTS):
        assert await probe.work() == 1
        assert await probe.work() == 0
        probe.clock.advance(60)
    assert await probe.work() == 0
    async with probe.http() as client:
        [job] = (await client.get("/v1/jobs", params={"state": "failed"})).json()
    assert job["key"] == "a" and "nobody foresaw" in job["error"]


async def test_a_look_for_work_reads_no_finished_job_but_the_last_of_whoever_waits(probe: Running) -> None:
    await probe.db.pool.execute(
        """INSERT INTO jobs (id, kind, key, workspace, payload, run_at, cause_id, occurred_at, state, claimed_at)
           SELECT gen_random_uuid(), 'count', 'past-' || n, 'w-' || n % 3, '{}', now(), gen_random_uuid(), now(),
             'done', now() FROM generate_series(1, 20000) AS n"""
    )
    for number in range(3):
        await schedule(probe, f"due-{number}", workspace=f"w-{number}")
    await probe.db.pool.execute("ANALYZE jobs")
    told = await probe.db.pool.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {CLAIM}", "count", probe.clock.now(), LEASE)
    assert read(json.loads(told)[0]["Plan"]) < 50


def read(plan: dict[str, Any]) -> int:
    """The rows that a plan took from tables and indexes, those it threw away included."""
    own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    mine = int(own * plan["Actual Loops"]) if plan["Node Type"].endswith("Scan") else 0
    return mine + sum(read(below) for below in plan.get("Plans", []))

"""What is past remembering goes, some rows at a time, whoever else sweeps."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from harness import Running, eventually, make
from structlog.testing import capture_logs

from millrace.chassis import postgres
from millrace.chassis.service import repeated
from millrace.events import DocumentSubmitted


async def keys(probe: Running) -> set[str]:
    return {row["key"] for row in await probe.db.pool.fetch("SELECT key FROM jobs")}


async def schedule(probe: Running, key: str, **more: Any) -> None:
    cause = make(DocumentSubmitted, source="crm", text="x")
    async with probe.db.transaction() as tx:
        await tx.schedule("count", key=key, workspace="parcels", cause=cause, **more)


async def test_a_job_is_forgotten_some_days_after_its_end_and_then_its_key_is_free(probe: Running) -> None:
    await schedule(probe, "ended")
    await probe.work()
    await schedule(probe, "taken back")
    async with probe.db.transaction() as tx:
        await tx.cancel("count", "taken back")
    await schedule(probe, "waits", at=probe.clock.now() + timedelta(days=1))
    await probe.db.pool.execute("UPDATE jobs SET finished_at = finished_at - interval '7 days'")
    await schedule(probe, "ended of late")
    await probe.work()
    await probe.db.keep_house()
    assert await keys(probe) == {"waits", "ended of late"}
    await schedule(probe, "ended")
    assert await probe.work() == 1


async def test_no_delete_takes_more_than_a_step(probe: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "STEP", 10)
    await probe.db.pool.execute("CREATE TABLE steps (relation text, rows bigint)")
    await probe.db.pool.execute(
        """CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO steps SELECT TG_TABLE_NAME, count(*) FROM gone; RETURN NULL; END $$"""
    )
    for table in ("jobs", "dead_letters", "inbox_other"):
        await probe.db.pool.execute(
            f"""CREATE TRIGGER note AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone
                FOR EACH STATEMENT EXECUTE FUNCTION note()"""
        )
    await probe.db.pool.execute(
        """INSERT INTO jobs (id, kind, key, workspace, payload, run_at, cause_id, occurred_at, state, finished_at)
           SELECT gen_random_uuid(), 'count', n, 'parcels', '{}', now(), gen_random_uuid(), now(), 'done', '2019-01-01'
           FROM generate_series(1, 25) AS n"""
    )
    await probe.db.pool.execute(
        """INSERT INTO dead_letters (handler, topic, partition, record_offset, reason, expires_at, sealed, record_time,
             headers, body) SELECT 'h', 't', 0, n, 'r', now() - interval '1 day', true, 0, '', ''
           FROM generate_series(1, 25) AS n"""
    )
    await probe.db.pool.execute(
        """INSERT INTO inbox (consumer, id, day, seen_on) SELECT 'c', gen_random_uuid(), '2019-01-01', '2019-01-01'
           FROM generate_series(1, 25)"""
    )
    await probe.db.keep_house()
    for table in ("jobs", "dead_letters", "inbox_other"):
        taken = await probe.db.pool.fetch("SELECT rows FROM steps WHERE relation = $1 AND rows > 0", table)
        assert [row["rows"] for row in taken] == [10, 10, 5], table
        assert await probe.db.pool.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_a_chore_goes_on_after_another_replica_was_quicker(probe: Running) -> None:
    probe.clock.advance(30 * 86400)
    day = probe.clock.now().date() - timedelta(days=1)  # the first that is made
    async with probe.db.pool.acquire() as rival:
        making = rival.transaction()
        await making.start()
        await rival.execute(
            f"CREATE TABLE inbox_{day:%Y%m%d} PARTITION OF inbox FOR VALUES FROM ('{day}') TO ('{day + timedelta(1)}')"
        )
        with capture_logs() as logs:
            chore = asyncio.create_task(repeated(probe.db.keep_house, every=0.05))
            try:
                await eventually(lambda: waits_for_a_lock(probe))
                await making.commit()
                await eventually(lambda: exists(probe, f"inbox_{day + timedelta(3):%Y%m%d}"))
                assert not chore.done()
            finally:
                chore.cancel()
    assert any(line["event"] == "chore waits" for line in logs)


async def waits_for_a_lock(probe: Running) -> bool:
    return bool(
        await probe.db.pool.fetchval(
            """SELECT EXISTS (SELECT FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock')"""
        )
    )


async def exists(probe: Running, table: str) -> bool:
    return await probe.db.pool.fetchval("SELECT to_regclass($1) IS NOT NULL", table) is True

"""A Postgres of others as a source: by a cursor column, as a whole, and when it goes away in between."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from harness import Running, database, running
from sources_run import ask, codes, declare, report, retired, run, texts
from wires import Wire, wire

from millrace.events import DocumentAccepted
from millrace.ingestion.app import build_app
from millrace.ingestion.sources import sql as reading
from millrace.stack import Endpoints

TABLE = """
    CREATE TABLE desk.tickets (
        id bigint PRIMARY KEY, body text, topic text, customer text, "Odd ""name" text,
        updated_at timestamptz NOT NULL DEFAULT now(), tags jsonb)"""
COLUMNS = {"id": "id", "text": "body", "label": "topic", "subject": "customer", "at": "updated_at"}


def through(cable: Wire) -> str:
    """The DSN of the desk at the other end."""
    user = cable.upstream.netloc.rpartition("@")[0]
    return f"postgresql://{user}@127.0.0.1:{cable.port}{cable.upstream.path}?sslmode=disable"


@pytest.fixture
async def dsn(stack: Endpoints) -> AsyncIterator[str]:
    """Of the database of the desk."""
    async with database(stack, "desk") as made:
        yield made


@pytest.fixture
async def desk(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    await connection.execute(TABLE)
    yield connection
    await connection.close()


@pytest.fixture
async def ingestion(stack: Endpoints, dsn: str) -> AsyncIterator[Running]:
    dsns = {"desk": dsn, "wrong": "postgresql://nobody:hidden-word@127.0.0.1:9/x"}
    async with running(stack, "ingestion", build_app, dsns=dsns) as service:
        yield service


def sql(**more: Any) -> dict[str, Any]:
    return {"help": {"kind": "sql", "dsn": "desk", "table": "desk.tickets", "columns": COLUMNS} | more}


def said(n: int) -> str:
    return f"My parcel number {n} is late and nobody answers"


async def fill(desk: asyncpg.Connection, numbers: range) -> None:
    await desk.executemany(
        "INSERT INTO desk.tickets (id, body, topic, customer, updated_at) VALUES ($1, $2, 'late', $3, "
        "'2026-01-01T00:00:00Z'::timestamptz + $4 * interval '1 minute')",
        [(n, said(n), f"customer-{n}", float(n)) for n in numbers],
    )


async def test_rows_are_read_by_their_cursor_and_only_news_is_published(
    ingestion: Running, desk: asyncpg.Connection
) -> None:
    await fill(desk, range(250))
    await declare(ingestion, sql(cursor="updated_at"))
    found = await run(ingestion)
    assert (found["state"], found["counts"]["new"], found["counts"]["rows"]) == ("complete", 250, 250)
    accepted = (await ingestion.emitted(DocumentAccepted))[7]
    assert (accepted.text, accepted.label) == (said(7), "late")
    assert f"{accepted.occurred_at:%H:%M}" == "00:07"
    assert accepted.subject is not None
    assert "customer-7" not in accepted.subject
    await desk.execute("UPDATE desk.tickets SET body = 'It was damaged as well', updated_at = now() WHERE id = 3")
    await desk.execute("DELETE FROM desk.tickets WHERE id = 4")
    await fill(desk, range(250, 252))
    second = await run(ingestion)
    assert {name: second["counts"].get(name, 0) for name in ("new", "changed", "retired")} == {
        "new": 2,
        "changed": 1,
        "retired": 0,
    }
    assert second["counts"]["rows"] < 20, "it went on from where the last run ended"


async def test_a_row_that_committed_late_is_caught_by_the_overlap(ingestion: Running, desk: asyncpg.Connection) -> None:
    await fill(desk, range(100))
    await declare(ingestion, sql(cursor="updated_at", overlap="5m"))
    await run(ingestion)
    await desk.execute(
        "INSERT INTO desk.tickets (id, body, updated_at) VALUES (500, $1, '2026-01-01T01:37:00Z')", said(500)
    )
    found = await run(ingestion)
    assert (found["counts"]["new"], found["counts"]["rows"]) == (1, 7)


async def test_a_snapshot_retires_the_rows_that_vanished(ingestion: Running, desk: asyncpg.Connection) -> None:
    await fill(desk, range(150))
    await declare(ingestion, sql())
    await run(ingestion)
    await desk.execute("DELETE FROM desk.tickets WHERE id < 10")
    await desk.execute("UPDATE desk.tickets SET topic = 'lost' WHERE id = 20")
    found = await run(ingestion)
    assert {name: found["counts"].get(name) for name in ("changed", "unchanged", "retired")} == {
        "changed": 1,
        "unchanged": 139,
        "retired": 10,
    }
    assert {one.because for one in await retired(ingestion)} == {"vanished"}


@pytest.mark.parametrize("cursor", [None, "updated_at"])
async def test_a_database_that_vanishes_midway_is_taken_up_again(
    stack: Endpoints, dsn: str, desk: asyncpg.Connection, cursor: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE", 20)
    await fill(desk, range(400))
    async with (
        wire(dsn) as cable,
        running(stack, "ingestion", build_app, dsns={"desk": through(cable)}) as service,
    ):
        cable.left = 30_000
        await declare(service, sql(cursor=cursor))
        number = await ask(service)
        await service.work("fetch")
        stopped = await report(service, number)
        assert stopped["state"] == "running"
        assert 0 < stopped["counts"]["new"] < 400
        async with service.db.reading() as tx:
            error = await tx.fetchval("SELECT error FROM jobs WHERE kind = 'fetch'")
        assert "Unavailable: the database of the source" in error
        cable.left = None
        service.clock.advance(60)
        await service.work("fetch")
        found = await report(service, number)
        assert (found["state"], found["counts"]["new"]) == ("complete", 400)
        assert found["counts"]["rows"] <= 400 + 20
        assert set((await texts(service)).values()) == {1}
        assert await retired(service) == []


async def test_a_database_that_falls_silent_midway_is_given_up_and_taken_up_again(
    stack: Endpoints, dsn: str, desk: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE", 20)
    monkeypatch.setattr(reading, "ANSWERS", 1.0)
    await fill(desk, range(400))
    async with (
        wire(dsn) as cable,
        running(stack, "ingestion", build_app, dsns={"desk": through(cable)}) as service,
    ):
        cable.left, cable.silent = 30_000, True
        await declare(service, sql())
        number = await ask(service)
        await asyncio.wait_for(service.work("fetch"), 60)
        stopped = await report(service, number)
        assert stopped["state"] == "running"
        assert 0 < stopped["counts"]["new"] < 400
        cable.left = None
        service.clock.advance(60)
        await service.work("fetch")
        assert (await report(service, number))["state"] == "complete"
        assert set((await texts(service)).values()) == {1}
        assert len(await texts(service)) == 400
        assert await retired(service) == []


async def test_a_database_that_stays_away_ends_the_run_with_the_reason(
    ingestion: Running, desk: asyncpg.Connection
) -> None:
    await declare(ingestion, sql(dsn="wrong"))
    number = await ask(ingestion)
    await ingestion.work("fetch")
    assert (await report(ingestion, number))["state"] == "running"
    ingestion.clock.advance(30_000)
    await ingestion.work("fetch")
    found = await report(ingestion, number)
    assert found["state"] == "failed"
    assert "the database of the source" in found["reason"]
    assert "hidden-word" not in repr(await ingestion.snapshot())


@pytest.mark.parametrize(
    ("change", "because"),
    [
        ({"dsn": "dsek"}, "no database 'dsek'"),
        ({"table": "desk.tickts"}, "does not exist"),
        ({"columns": {"id": "id", "text": "boddy"}}, "did you mean 'body'"),
        ({"cursor": "body"}, "it has to grow"),
        ({"cursor": "tags"}, "it has to grow"),
    ],
)
async def test_what_can_not_be_read_is_told(
    ingestion: Running, desk: asyncpg.Connection, change: dict[str, Any], because: str
) -> None:
    await fill(desk, range(3))
    await declare(ingestion, sql(**change))
    found = await run(ingestion)
    assert found["state"] == "failed"
    assert because in found["reason"]


async def test_rows_that_are_no_documents_harm_no_other(ingestion: Running, desk: asyncpg.Connection) -> None:
    await fill(desk, range(3))
    await desk.execute("UPDATE desk.tickets SET body = NULL WHERE id = 1")
    await desk.execute("""UPDATE desk.tickets SET "Odd ""name" = body""")
    await declare(ingestion, sql(columns={"id": "id", "text": 'Odd "name', "metadata": ["topic", "tags"]}))
    found = await run(ingestion)
    assert (found["counts"]["new"], codes(found)) == (2, {"row 1": "text"})


async def test_the_source_is_never_written_to(ingestion: Running, desk: asyncpg.Connection) -> None:
    await fill(desk, range(3))
    await desk.execute(
        """CREATE FUNCTION desk.meddle() RETURNS text LANGUAGE sql VOLATILE AS
           $$ DELETE FROM desk.tickets RETURNING body $$"""
    )
    await desk.execute("CREATE VIEW desk.trap AS SELECT 1 AS id, desk.meddle() AS body")
    await declare(ingestion, sql(table="desk.trap", columns={"id": "id", "text": "body"}))
    found = await run(ingestion)
    assert found["state"] == "failed"
    assert "read-only" in found["reason"]
    assert await desk.fetchval("SELECT count(*) FROM desk.tickets") == 3

"""Observations from files and databases: each told once, those of people who were forgotten not again."""

import csv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from harness import Running, database, eventually, make, running
from sources_run import codes, run

from millrace.events import (
    DocumentAccepted,
    DocumentRetired,
    ObservationAccepted,
    ObservationRejected,
    SubjectErased,
    WorkspaceConfigured,
)
from millrace.ingestion import erasures
from millrace.ingestion.app import build_app
from millrace.ingestion.declaring import Declaring
from millrace.privacy import derived_key, pseudonym
from millrace.stack import Endpoints
from millrace.workspace import Workspace

SPEC: dict[str, Any] = {
    "workspace": "parcels",
    "owner": "team",
    "task": "tabular",
    "entity": "meter",
    "features": {"load": {"mean": "load", "over": "1d"}},
    "target": {"name": "load", "kind": "regression", "horizon": "1h", "arrives_within": "1h"},
}
COLUMNS = {"entity": "meter", "at": "taken", "values": ["load", "state"]}
HEADER = ("id", "meter", "taken", "load", "state", "stored")


@pytest.fixture
def folder(data_folder: Path) -> Path:
    made = data_folder / f"meters-{uuid4().hex[:8]}" / "desk"
    made.mkdir(parents=True)
    return made


@pytest.fixture
async def dsn(stack: Endpoints) -> AsyncIterator[str]:
    async with database(stack, "meters") as made:
        yield made


@pytest.fixture
async def ingestion(stack: Endpoints, folder: Path, dsn: str) -> AsyncIterator[Running]:
    async with running(stack, "ingestion", build_app, files_root=str(folder.parent), dsns={"desk": dsn}) as service:
        yield service


async def declare(service: Running, **source: Any) -> None:
    spec = Workspace.model_validate({**SPEC, "sources": {"help": source}})
    told = make(
        WorkspaceConfigured, workspace="parcels", revision=1, spec=spec.plain(), digest=spec.digest(), by=str(uuid4())
    )
    await service.tables.put(told)
    (declaring,) = (one for one in service.service.resources if isinstance(one, Declaring))
    await declaring.declare("parcels", spec)
    await eventually(lambda: not declaring._changed)


def files(**observations: Any) -> dict[str, Any]:
    return {"kind": "files", "at": "desk", "observations": {**COLUMNS, **observations}}


def table(path: Path, rows: list[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *rows])


def row(n: int, meter: str = "m-1", load: Any = 1.5, state: str = "07") -> list[Any]:
    return [n, meter, f"2026-01-01T00:{n:02}:00Z", load, state, f"2026-01-02T00:{n:02}:00Z"]


async def observed(service: Running) -> list[tuple[str, str, dict[str, Any]]]:
    every = await service.emitted(ObservationAccepted)
    return [(event.entity, f"{event.occurred_at:%H:%M}", dict(event.values)) for event in every]


async def test_rows_of_a_table_are_observations_each_told_once(ingestion: Running, folder: Path) -> None:
    table(folder / "a.csv", [row(1), row(2, load="nan"), row(3, load="1e3", state=" on ")])
    await declare(ingestion, **files(id="id", texts=["state"]))
    found = await run(ingestion)
    assert (found["state"], found["counts"]["new"]) == ("complete", 3)
    assert await observed(ingestion) == [
        ("m-1", "00:01", {"load": 1.5, "state": "07"}),
        ("m-1", "00:02", {"state": "07"}),
        ("m-1", "00:03", {"load": 1000.0, "state": "on"}),
    ]
    table(folder / "a.csv", [row(1), row(2, load="nan"), row(3, load="1e3", state=" on "), row(4)])
    again = await run(ingestion)
    assert (again["counts"]["new"], again["counts"]["unchanged"], len(await observed(ingestion))) == (1, 3, 4)
    assert await ingestion.emitted(DocumentAccepted) == []


async def test_what_was_measured_stays_when_its_row_changes_or_vanishes(ingestion: Running, folder: Path) -> None:
    table(folder / "a.csv", [row(1), row(2)])
    await declare(ingestion, **files(id="id"))
    await run(ingestion)
    table(folder / "a.csv", [row(1, load=9.0)])
    found = await run(ingestion)
    assert codes(found) == {"a.csv#1": "changed"} and found["counts"]["repeated"] == 1
    assert len(await observed(ingestion)) == 2 and await ingestion.emitted(DocumentRetired) == []


async def test_rows_without_an_id_are_known_by_what_they_say(ingestion: Running, folder: Path) -> None:
    table(folder / "a.csv", [row(1), row(2), row(1)])
    await declare(ingestion, **files())
    await run(ingestion)
    table(folder / "a.csv", [row(3), row(2), row(1)])
    await run(ingestion)
    assert [at for _, at, _ in await observed(ingestion)] == ["00:01", "00:02", "00:03"]


async def test_a_row_that_can_not_be_taken_is_told_and_harms_no_other(ingestion: Running, folder: Path) -> None:
    bad = [row(2, meter=""), [3, "m-1", "never", 1, "", ""], row(4, load="inf", state=""), row(5, load="", state="")]
    table(folder / "a.csv", [row(1), *bad, row(6)])
    (folder / "note.txt").write_text("a text")
    await declare(ingestion, **files(id="id"))
    found = await run(ingestion)
    assert codes(found) == {
        "a.csv, row 2": "entity",
        "a.csv, row 3": "at",
        "a.csv, row 5": "values",
        "note.txt": "kind",
    }
    assert [at for _, at, _ in await observed(ingestion)] == ["00:01", "00:04", "00:06"]


async def test_history_is_told_with_since_when_it_was_known(ingestion: Running, folder: Path) -> None:
    table(folder / "a.csv", [row(1)])
    await declare(ingestion, **files(known_since="stored"))
    await run(ingestion)
    (event,) = await ingestion.emitted(ObservationAccepted)
    assert f"{event.known_since:%d %H:%M}" == "02 00:01" and await ingestion.emitted(ObservationRejected) == []


async def test_of_a_database_what_is_new_is_read_by_its_cursor(ingestion: Running, dsn: str) -> None:
    desk = await asyncpg.connect(dsn)
    await desk.execute("CREATE TABLE readings (id bigint PRIMARY KEY, meter text, taken timestamptz, load numeric)")
    insert = (
        "INSERT INTO readings VALUES ($1, 'm-2', '2026-01-01T00:00:00Z'::timestamptz + $2 * interval '1 minute', 2.25)"
    )
    await desk.executemany(insert, [(n, float(n)) for n in range(3)])
    source = {"kind": "sql", "dsn": "desk", "table": "readings", "cursor": "id"}
    told = {"id": "id", "entity": "meter", "at": "taken", "values": ["load"]}
    await declare(ingestion, **source, observations=told)
    await run(ingestion)
    await desk.executemany(insert, [(n, float(n)) for n in range(3, 5)])
    await desk.execute("UPDATE readings SET load = 7 WHERE id = 4")
    await desk.close()
    await run(ingestion)
    assert await observed(ingestion) == [("m-2", f"00:0{n}", {"load": 7.0 if n == 4 else 2.25}) for n in range(5)]


async def test_of_who_was_forgotten_nothing_is_fetched_again(ingestion: Running, folder: Path) -> None:
    table(folder / "a.csv", [row(1, meter="ada@example.com"), row(2)])
    await declare(ingestion, **files(id="id"))
    await run(ingestion)
    secret = ingestion.service.settings.secret.get_secret_value()
    person = pseudonym("ada@example.com", derived_key(secret, "parcels"))
    assert [entity for entity, _, _ in await observed(ingestion)] == [person, "m-1"]
    erasure = str(uuid4())
    async with ingestion.service.db.transaction() as tx:
        await erasures.append(tx, erasure, "parcels", person, "ada")
    await ingestion.deliver([make(SubjectErased, at=ingestion.clock.now(), erasure=erasure, subject=person)])
    await ingestion.work("erase")
    table(folder / "a.csv", [row(1, meter="ada@example.com", load=3), row(2), row(3, meter="ada@example.com")])
    found = await run(ingestion)
    assert found["counts"]["forgotten"] == 2 and len(await observed(ingestion)) == 2

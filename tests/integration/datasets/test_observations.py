"""Observations as datasets keeps them, and tables of features, on real Postgres and S3."""

import io
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from harness import SECRET, START, Running, make, running

from millrace.chassis import Blobs, Job, Transaction, Unavailable, Unprocessable, Work
from millrace.datasets import forgetting, observation_files, observations, shelving
from millrace.datasets.app import build_app
from millrace.events import ErasureConfirmed, ObservationAccepted, SubjectErased, WorkspaceConfigured
from millrace.privacy import derived_key, pseudonym
from millrace.stack import Endpoints
from millrace.workspace import load

TEXT = """
workspace: stations
owner: grid
task: tabular
entity: station
features: {n: {count: load, over: 10m}, mean_10m: {mean: load, over: 10m}, region: {category: [n, s], unknown: other}}
target: {name: load, kind: regression, horizon: 5m, arrives_within: 5m}
"""
SPEC = load(TEXT)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def observed(
    entity: str, at: float, known: float | None = None, *, source: str = "meters", **values: float | str | None
) -> ObservationAccepted:
    known_at = minute(at if known is None else known)
    fields: dict[str, Any] = {"workspace": "stations", "lane": 0, "source": source, "entity": entity}
    return make(ObservationAccepted, at=minute(at), known_at=known_at, values=values, **fields)


@pytest.fixture
async def datasets(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "datasets", build_app, observation_rows=10) as service:
        fields: dict[str, Any] = {"workspace": "stations", "revision": 1, "by": "t"}
        await service.tables.put(make(WorkspaceConfigured, spec=SPEC.plain(), digest=SPEC.digest(), **fields))
        yield service


async def asked(datasets: Running, key: str | None = None, **range: Any) -> dict[str, Any]:
    async with datasets.http() as client:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"by": "ada", **{name: time.isoformat() for name, time in range.items()}}
        answer = await client.post("/v1/workspaces/stations/feature-tables", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def told(datasets: Running, table: str) -> dict[str, Any]:
    async with datasets.http() as client:
        return dict((await client.get(f"/v1/feature-tables/{table}")).json())


async def made(datasets: Running, **range: Any) -> list[dict[str, Any]]:
    """The rows of a table asked for now."""
    table = (await asked(datasets, **range))["table"]
    await datasets.work("tabulate")
    assert (await told(datasets, table))["state"] == "made"
    async with datasets.http() as client:
        answer = await client.get(f"/v1/feature-tables/{table}/file")
    assert int(answer.headers["content-length"]) == len(answer.content)
    return list(pq.read_table(io.BytesIO(answer.content)).to_pylist())


async def blobs(datasets: Running) -> list[str]:
    return [blob async for blob in datasets.service.blobs.each("stations/")]


async def counts(datasets: Running) -> dict[str, Any]:
    async with datasets.http() as client:
        return dict((await client.get("/v1/observations", params={"workspace": "stations"})).json())


@pytest.fixture(autouse=True)
async def emptied(datasets: Running) -> None:
    for blob in await blobs(datasets):
        await datasets.service.blobs.delete(blob)


async def test_each_moment_whose_truth_is_known_has_a_row(datasets: Running) -> None:
    await datasets.deliver(
        [
            observed("b", 0, load=1.0, region="n"),
            observed("a", 10, load=0.1),
            observed("a", 15, load=0.2),
            observed("a", 12, 16, load=0.3),
            observed("a", 20, load=0.4),
            observed("a", 30, 36, load=9.0),
            observed("a", 31, load="broken"),
        ]
    )
    rows = await made(datasets)
    assert [(row["entity"], row["at"], row["n"], row["target"]) for row in rows] == [
        ("a", minute(5), 0, 0.1),
        ("a", minute(7), 0, 0.3),
        ("a", minute(10), 1, 0.2),
        ("a", minute(15), 2, 0.4),
        ("b", minute(-5), 0, 1.0),
    ]
    assert rows[3]["mean_10m"] == (0.1 + 0.2) / 2, "what was known at 16 is in no feature of 15"
    assert rows[3] | {"target_at": minute(20), "target_known_at": minute(20)} == rows[3]
    table = (await asked(datasets))["table"]
    await datasets.work("tabulate")
    assert (await told(datasets, table))["left_out"] == {"late": 1, "mistyped": 1}


async def test_the_table_is_the_same_wherever_observations_lie(datasets: Running) -> None:
    events = [observed(f"e{n % 3}", n, n + n % 4, load=n / 7, region="ns"[n % 2]) for n in range(35)]
    await datasets.deliver(events)
    before, at_rest = await made(datasets), await counts(datasets)
    await datasets.work("flush-observations")
    assert (at_rest["buffered"], at_rest["parts"]) == (35, 0)
    assert (await counts(datasets)) | {"rows": 35, "buffered": 5, "parts": 3, "entities": 3} == await counts(datasets)
    assert before and await made(datasets) == before


async def test_the_same_table_has_the_same_digest(datasets: Running) -> None:
    await datasets.deliver([observed("a", n, load=n / 7) for n in range(30)])
    tables = [(await asked(datasets))["table"], (await asked(datasets))["table"]]
    await datasets.deliver([observed("a", 30, load=1.0)])
    await datasets.work("tabulate")
    one, other = [await told(datasets, table) for table in tables]
    assert (one["digest"], one["rows"]) == (other["digest"], 30), "of what was observed when it was asked for"


async def test_asked_again_with_its_key_a_table_is_made_once(datasets: Running) -> None:
    assert (await asked(datasets, "k"))["table"] == (await asked(datasets, "k"))["table"]
    assert await datasets.work("tabulate") == 1


async def test_repeated_and_redelivered_observations_are_kept_once(datasets: Running) -> None:
    batch = [observed("a", n, load=1.0) for n in range(5)]
    await datasets.deliver(batch)
    once = await datasets.snapshot()
    await datasets.deliver(batch, again=True)
    await datasets.deliver(batch)
    assert await datasets.snapshot() == once


async def test_a_table_that_can_not_be_made_says_why(datasets: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise Unprocessable("part 3 is no Parquet file")

    monkeypatch.setattr("millrace.datasets.job_tabulate.tabulate", broken)
    table = (await asked(datasets))["table"]
    await datasets.work("tabulate")
    told_of = await told(datasets, table)
    assert (told_of["state"], told_of["reason"]) == ("failed", "part 3 is no Parquet file")
    async with datasets.http() as client:
        refused = await client.get(f"/v1/feature-tables/{table}/file")
    assert (refused.status_code, refused.json()["error"]["state"]) == (409, "failed")


async def profiled(datasets: Running, form: str, **range: Any) -> tuple[str, bytes]:
    """The profile of a table asked for now."""
    table = (await asked(datasets, **range))["table"]
    await datasets.work("tabulate")
    assert (await told(datasets, table))["profile"]
    async with datasets.http() as client:
        answer = await client.get(f"/v1/feature-tables/{table}/profile.{form}")
    assert answer.status_code == 200, answer.text
    return str(answer.headers["content-type"]), answer.content


async def test_a_table_has_a_profile_the_same_for_the_same_observations(datasets: Running) -> None:
    late = [observed("a", 100 + n, 120 + n, load=1.0) for n in range(7)]
    events = [observed("ab"[n % 2], n, load=float(n % 5), region="ns"[n % 3 > 0]) for n in range(40)]
    await datasets.deliver([*events, *late])
    kind, page = await profiled(datasets, "html")
    await datasets.work("flush-observations")
    datasets.clock.advance(3600)
    assert await profiled(datasets, "html") == (kind, page), "to the byte, an hour later and from parts"
    assert kind.startswith("text/html") and b"<svg" in page and b"mean_10m" in page and b"7 moments have no row" in page
    figures = json.loads((await profiled(datasets, "json"))[1])
    assert figures["rows"] == 40 and figures["declared"]["target"] == "target"
    assert figures["numbers"]["order"] == ["n", "mean_10m", "target"]
    assert figures["categories"]["region"]["rows"] == 40 and figures["missing"]["mean_10m"] > 0
    assert figures["version"]["left_out"] == {"late": 7}
    some = json.loads((await profiled(datasets, "json", since=minute(10)))[1])
    assert some["rows"] == 25 and "from 2026-" in some["version"]["of"]


async def test_a_table_whose_profile_can_not_be_made_is_there_all_the_same(
    datasets: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await datasets.deliver([observed("a", n, load=1.0) for n in range(5)])
    monkeypatch.setattr("millrace.datasets.profiling.sys.executable", "/bin/false")
    table = (await asked(datasets))["table"]
    await datasets.work("tabulate")
    assert (await told(datasets, table))["state"] == "made" and not (await told(datasets, table))["profile"]
    async with datasets.http() as client:
        answer = await client.get(f"/v1/feature-tables/{table}/profile.html")
        assert answer.status_code == 409 and "ended with 1" in answer.text
        assert (await client.get(f"/v1/feature-tables/{table}/profile.pdf")).status_code == 422
        assert (await client.get(f"/v1/feature-tables/{table}/file")).status_code == 200


async def test_a_table_goes_after_a_day(datasets: Running) -> None:
    await datasets.deliver([observed("a", n, load=1.0) for n in range(5)])
    table = (await asked(datasets))["table"]
    async with datasets.http() as client:
        early = await client.get(f"/v1/feature-tables/{table}/file")
        assert (early.status_code, early.json()["error"]["state"]) == (409, "waiting")
    await datasets.work()
    kinds = sorted(blob.rpartition(".")[2] for blob in await blobs(datasets))
    assert kinds == ["html", "json", "parquet"], "the table, and its profile"
    datasets.clock.advance(86_400)
    await datasets.work()
    assert await blobs(datasets) == []
    assert (await told(datasets, table))["state"] == "discarded"


async def test_a_workspace_without_features_keeps_none_and_has_no_table(datasets: Running) -> None:
    parcels = load("workspace: parcels\nowner: t\ntask: classify\nlabels: {names: [late, lost]}\n")
    fields: dict[str, Any] = {"workspace": "parcels", "revision": 1, "by": "t"}
    await datasets.tables.put(make(WorkspaceConfigured, spec=parcels.plain(), digest="-", **fields))
    event = make(ObservationAccepted, workspace="parcels", lane=0, source="m", entity="a", values={"load": 1.0})
    await datasets.deliver([event])
    assert (await datasets.snapshot())["observations"] == []
    async with datasets.http() as client:
        refused = await client.post("/v1/workspaces/parcels/feature-tables", json={"by": "ada"})
        assert (refused.status_code, refused.json()["error"]["task"]) == (422, "classify")
        assert (await client.post("/v1/workspaces/nobody/feature-tables", json={"by": "ada"})).status_code == 404


PERSON = pseudonym("customer-17", derived_key(SECRET, "stations"))


async def forgotten(datasets: Running, key: str = "e") -> int:
    """What forgetting the person erases, in a job such as datasets' erasure."""
    erased: list[int] = []

    async def count(tx: Transaction, gone: int) -> None:
        erased.append(gone)

    async def act(job: Job) -> None:
        await forgetting.forget(job, datasets.db, datasets.service.blobs, PERSON, count)

    jobs, datasets.service.jobs = datasets.service.jobs, [Work("forget-person", frozenset(), act)]
    async with datasets.db.transaction() as tx:
        await tx.schedule("forget-person", key=key, workspace="stations", cause=observed("a", 0, load=1.0))
    await datasets.work()
    datasets.service.jobs = jobs
    return sum(erased)


async def test_a_person_who_is_observed_is_forgotten_in_the_buffer_in_parts_and_in_tables(datasets: Running) -> None:
    names = ["customer-17", "a", PERSON]
    await datasets.deliver([observed(names[n % 3], n, load=float(n)) for n in range(25)])
    await datasets.work("flush-observations")
    table = (await asked(datasets))["table"]
    await datasets.work("tabulate")
    before = [row for row in await made(datasets) if row["entity"] == "a"]
    old = await blobs(datasets)
    assert await forgotten(datasets) == 9 + 8
    left = await blobs(datasets)
    assert len(left) == 2 and not set(left) & set(old), (
        "every part that held them is written anew, and no table is left"
    )
    for blob in left:
        assert set(pq.read_table(io.BytesIO(await datasets.service.blobs.get(blob)))["entity"].to_pylist()) == {"a"}
    snapshot = await datasets.snapshot()
    assert not [row for rows in snapshot.values() for row in rows if PERSON in row or "customer-17" in row]
    assert (await told(datasets, table))["state"] == "discarded"
    assert await made(datasets) == before, "everybody else's rows are as they were"
    assert await forgotten(datasets, "again") == 0


async def test_forgetting_in_one_workspace_leaves_another_alone(datasets: Running) -> None:
    spec = SPEC.model_copy(update={"workspace": "mills"})
    fields: dict[str, Any] = {"workspace": "mills", "revision": 1, "by": "t"}
    await datasets.tables.put(make(WorkspaceConfigured, spec=spec.plain(), digest="-", **fields))
    ours = [observed(["customer-17", "a"][n % 2], n, load=1.0) for n in range(12)]
    theirs = [
        make(ObservationAccepted, at=one.occurred_at, **one.model_dump() | {"workspace": "mills"}) for one in ours
    ]
    await datasets.deliver([*ours, *theirs])
    await datasets.work("flush-observations")
    before = await datasets.snapshot()
    assert await forgotten(datasets) == 6
    after = await datasets.snapshot()
    for name in ("observed", "observations", "observation_parts", "entities", "part_entities"):
        mine = [row for row in before[name] if "mills" in row]
        assert mine == [row for row in after[name] if "mills" in row]
    kept = [blob async for blob in datasets.service.blobs.each("mills/")]
    rows = [pq.read_table(io.BytesIO(await datasets.service.blobs.get(blob))).num_rows for blob in kept]
    assert sum(rows) == 10


async def test_buffered_observations_are_erased_in_bounded_steps(datasets: Running) -> None:
    await datasets.deliver([observed("customer-17", n, load=1.0) for n in range(5)])
    async with datasets.db.transaction() as tx:
        steps = [await observations.erase_observations(tx, "stations", PERSON, 2) for _ in range(4)]
    assert steps == [2, 2, 1, 0]
    assert (await counts(datasets))["buffered"] == 0


async def test_a_part_made_while_a_person_is_forgotten_is_made_anew(
    datasets: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await datasets.deliver([observed(["customer-17", "a"][n % 2], n, load=1.0) for n in range(10)])
    shelve, interrupted = shelving.shelve, list[str]()

    async def late(job: Job, *rest: Any) -> None:
        await shelve(job, *rest)
        if not interrupted:
            interrupted.append(job.key)
            async with datasets.db.transaction() as tx:
                assert await observations.erase_observations(tx, "stations", PERSON, 100) == 5

    monkeypatch.setattr("millrace.datasets.shelving.shelve", late)
    await datasets.work("flush-observations")
    assert await blobs(datasets) == [], "what was written before they were forgotten is deleted"
    datasets.clock.advance(60)
    await datasets.work("flush-observations")
    assert (await counts(datasets)) | {"buffered": 0, "parts": 1} == await counts(datasets)
    (blob,) = await blobs(datasets)
    assert set(pq.read_table(io.BytesIO(await datasets.service.blobs.get(blob)))["entity"].to_pylist()) == {"a"}


async def test_what_a_killed_worker_wrote_is_found_and_deleted(
    datasets: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await datasets.deliver([observed(["customer-17", "a"][n % 2], n, load=1.0) for n in range(10)])
    finish = "millrace.datasets.job_flush_observations._finish"

    async def killed(*_: Any) -> None:
        raise Unavailable("killed")

    with monkeypatch.context() as patched:
        patched.setattr(finish, killed)
        await datasets.work("flush-observations")
    assert len(await blobs(datasets)) == 1
    assert await forgotten(datasets) == 5
    assert await blobs(datasets) == [], "it held the person too"
    datasets.clock.advance(60)
    await datasets.work("flush-observations")
    (blob,) = await blobs(datasets)
    assert set(pq.read_table(io.BytesIO(await datasets.service.blobs.get(blob)))["entity"].to_pylist()) == {"a"}


DAY = 24 * 60.0


async def retaining(datasets: Running, days: int) -> None:
    spec = load(TEXT + f"data: {{retention: {days}d}}")
    fields: dict[str, Any] = {"workspace": "stations", "revision": 2, "by": "t"}
    await datasets.tables.put(make(WorkspaceConfigured, spec=spec.plain(), digest="-", **fields))


async def held(datasets: Running) -> list[float]:
    """The loads that are kept, wherever they are."""
    async with datasets.db.reading() as tx:
        rows = await tx.fetch("SELECT values FROM observations")
    found = [row["values"] for row in rows]
    for blob in [blob for blob in await blobs(datasets) if "/observations/" in blob]:
        found += pq.read_table(io.BytesIO(await datasets.service.blobs.get(blob)))["values"].to_pylist()
    return sorted(json.loads(values)["load"] for values in found)


async def test_observations_past_the_retention_leave_the_buffer_and_every_part(datasets: Running) -> None:
    await retaining(datasets, days=40)
    await datasets.deliver([observed("ab"[n >= 10], n * DAY, load=float(n)) for n in range(35)])
    await datasets.work("flush-observations")
    assert (await counts(datasets))["parts"] == 3
    datasets.clock.advance((40 + 14.5) * DAY * 60)
    await datasets.work("housekeep")
    assert await held(datasets) == [float(n) for n in range(15, 35)]
    assert len(await blobs(datasets)) == 2
    assert (await counts(datasets)) | {"buffered": 5, "entities": 1} == await counts(datasets)
    datasets.clock.advance(18 * DAY * 60)
    await datasets.work("housekeep")
    assert await held(datasets) == [33.0, 34.0]
    assert await blobs(datasets) == []
    datasets.clock.advance(3 * DAY * 60)
    await datasets.work("housekeep")
    assert (await held(datasets), (await counts(datasets))["entities"]) == ([], 0)


async def test_a_moment_whose_windows_reach_past_the_retention_has_no_row(datasets: Running) -> None:
    """It was served with what is gone: of day 18 the region at day 45, for one."""
    await retaining(datasets, days=40)
    await datasets.deliver([observed("a", 18 * DAY, region="n")])
    await datasets.deliver([observed("a", n * DAY, load=float(n)) for n in range(60)])
    await asked(datasets)
    await datasets.work("tabulate")
    before = await made(datasets)
    assert {row["region"] for row in before if minute(20 * DAY) < row["at"] < minute(48 * DAY)} == {"n"}
    datasets.clock.advance((20 + 40) * DAY * 60)
    await datasets.work("housekeep")
    table = (await asked(datasets))["table"]
    await datasets.work("tabulate")
    after = await made(datasets)
    assert after == [row for row in before if row["at"] >= minute(49 * DAY)] != [], "day 19 is the last that is gone"
    assert (await told(datasets, table))["left_out"] == {"past the retention": 30}


async def test_an_observation_that_was_dated_ahead_takes_its_moments_with_it(datasets: Running) -> None:
    """Known on day 10 for day 10.9, it is in windows of 30 days until day 40.9, and past its retention on day 50."""
    await retaining(datasets, days=40)
    ahead = 10.9 * DAY
    await datasets.deliver([observed("a", ahead, 10 * DAY, region="s")])
    await datasets.deliver([observed("a", ahead + 30 * DAY + m, load=float(m)) for m in range(20)])
    before = await made(datasets)
    assert [row["region"] for row in before] == ["s"] * 5 + ["other"] * 15
    datasets.clock.advance((10.5 + 40) * DAY * 60)
    table = (await asked(datasets))["table"]
    for job in ("tabulate", "housekeep"):
        await datasets.work(job)
    assert (await counts(datasets))["buffered"] == 20
    assert await made(datasets) == before[5:], "the others were served with it"
    other = (await asked(datasets))["table"]
    await datasets.work("tabulate")
    one, same = await told(datasets, table), await told(datasets, other)
    assert one["digest"] == same["digest"], "past the retention is past it, whether it is gone or still there"
    assert one["left_out"] == same["left_out"] == {"past the retention": 5}


async def test_a_part_that_was_written_anew_meanwhile_is_looked_at_again(
    datasets: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else who ages would put back whom an erasure has just taken out."""
    await retaining(datasets, days=40)
    await datasets.deliver([observed(["customer-17", "a"][n % 2], n * DAY, load=float(n)) for n in range(10)])
    await datasets.work("flush-observations")
    shelve, interrupted = shelving.shelve, list[str]()

    async def late(job: Job, *rest: Any) -> None:
        await shelve(job, *rest)
        if not interrupted:
            interrupted.append(job.key)
            jobs = datasets.service.jobs
            assert await forgotten(datasets) == 5
            datasets.service.jobs = jobs

    monkeypatch.setattr("millrace.datasets.shelving.shelve", late)
    datasets.clock.advance((40 + 2.5) * DAY * 60)
    await datasets.work("housekeep")
    datasets.clock.advance(60)
    await datasets.work("housekeep")
    assert interrupted and await held(datasets) == [3.0, 5.0, 7.0, 9.0]


async def imported(datasets: Running) -> None:
    """Some minutes of history, brought in a day later; of one entity something had come live."""
    await declared(datasets, "sources: {archive: {kind: events, history: true}}")
    about: dict[str, Any] = {"workspace": "stations", "lane": 0, "source": "archive"}
    history = [
        make(
            ObservationAccepted,
            at=minute(n),
            known_at=minute(DAY + 10),
            known_since=minute(n + (20 if n == 7 else 1)),
            entity=entity,
            values={"load": float(n)},
            **about,
        )
        for n in range(12)
        for entity in ("a", "b")
    ]
    await datasets.deliver([observed("b", 6, load=99.0), observed("b", 12, load=5.0)])
    datasets.clock.advance((DAY + 10) * 60)
    await datasets.deliver(history)


async def test_history_makes_rows_of_what_its_source_knew_then(datasets: Running) -> None:
    await imported(datasets)
    rows = await made(datasets)
    assert [(row["at"], row["n"], row["target"]) for row in rows if row["entity"] == "a"] == [
        (minute(n - 5), max(n - 5, 0), float(n)) for n in range(12) if n != 7
    ], "each was known a minute after it was so; what was known too late is no truth"
    assert [(row["at"], row["n"], row["target"]) for row in rows if row["entity"] == "b"] == [
        *[(minute(n - 5), max(n - 5, 0), float(n)) for n in range(11) if n != 7],
        (minute(7), 1, 5.0),
    ], "as long as Millrace knew nothing of it; from 6 on it knew 99 alone, and in time no truth but its own"
    table = await asked(datasets)
    await datasets.work("tabulate")
    said = await told(datasets, table["table"])
    assert (said["history"], said["left_out"]) == (21, {"late": 3})


async def test_history_is_the_same_in_parts_and_no_more_when_it_is_declared_no_more(datasets: Running) -> None:
    await imported(datasets)
    before = await made(datasets)
    await datasets.work("flush-observations")
    assert (await counts(datasets))["parts"] > 0 and await made(datasets) == before
    assert await forgotten(datasets) == 0 and await made(datasets) == before
    await declared(datasets, "", revision=3)
    assert [row["target"] for row in await made(datasets)] == [99.0, 5.0]


async def test_parts_of_an_earlier_release_say_nothing_of_history(datasets: Running, tmp_path: Path) -> None:
    old = pq.read_table(_part(tmp_path, [observed("a", n, load=1.0) for n in range(5)])).drop_columns(["known_since"])
    pq.write_table(old, tmp_path / "old.parquet")
    (page,) = observation_files.pages(tmp_path / "old.parquet")
    assert {row["known_since"] for row in page} == {None} and len(page) == 5
    left = observation_files.thinned(
        tmp_path / "old.parquet", tmp_path / "new.parquet", lambda batch: pc.is_valid(batch.column("seq"))
    )
    assert (left.rows, left.gone) == (5, 0) and pq.read_schema(tmp_path / "new.parquet").names[-1] == "known_since"


def _part(folder: Path, events: list[ObservationAccepted]) -> Path:
    rows = [
        {
            "seq": n, "source": one.source, "entity": one.entity, "id": str(one.id), "occurred_at": one.occurred_at,
            "known_at": one.known_at, "values": json.dumps(one.values), "known_since": None,
        }
        for n, one in enumerate(events, start=1)
    ]  # fmt: skip
    with observation_files.writer(folder / "part.parquet", observation_files.PART) as file:
        observation_files.write(file, observation_files.PART, rows)
    return folder / "part.parquet"


async def declared(datasets: Running, more: str, revision: int = 2) -> None:
    spec = load(TEXT + more)
    fields: dict[str, Any] = {"workspace": "stations", "revision": revision, "by": "t"}
    await datasets.tables.put(make(WorkspaceConfigured, spec=spec.plain(), digest="-", **fields))


BARRED = [
    ("data: {retired: [spare]}", "retired"),
    ("sources: {spare: {kind: events, purposes: [evaluate]}}", "its source may not train"),
    ("data: {purposes: [evaluate]}\nsources: {meters: {kind: events, purposes: [train]}}", "its source may not train"),
]


@pytest.mark.parametrize(("said", "why"), BARRED)
async def test_what_a_source_observed_that_may_not_be_used_is_in_no_table(
    datasets: Running, said: str, why: str
) -> None:
    ours = [observed("a", n, load=n / 7, region="n") for n in range(15)]
    theirs = [observed("a", n + 0.5, source="spare", load=1e9, region="s") for n in range(15)]
    await datasets.deliver(ours)
    alone = await made(datasets)
    await datasets.deliver(theirs)
    await datasets.work("flush-observations")
    both = await made(datasets)
    assert len(both) == 30 and {row["region"] for row in both} == {"n", "s", "other"}
    await declared(datasets, said)
    table = (await asked(datasets))["table"]
    assert await made(datasets) == alone
    assert (await told(datasets, table))["unused"] == {why: 15}
    await declared(datasets, "", 3)
    assert await made(datasets) == both, "nothing is lost: who is taken back is used again"


async def test_a_table_of_a_stretch_of_time_has_those_rows_of_the_whole_one(datasets: Running) -> None:
    await datasets.deliver([observed(f"e{n % 2}", n, load=n / 7, region="ns"[n % 2]) for n in range(40)])
    await datasets.work("flush-observations")
    datasets.clock.advance(60 * 60)
    whole = await made(datasets)
    asked_for: dict[str, Any] = {"since": minute(10), "until": minute(20)}
    assert await made(datasets, **asked_for) == [row for row in whole if minute(10) <= row["at"] < minute(20)] != []
    assert await made(datasets, since=minute(30)) == [row for row in whole if row["at"] >= minute(30)] != []
    assert await made(datasets, until=minute(0)) == [row for row in whole if row["at"] < minute(0)] != []
    told_of = await asked(datasets, **asked_for)
    assert (told_of["since"], told_of["until"]) == ("2026-01-05T09:10:00Z", "2026-01-05T09:20:00Z")


async def test_a_stretch_counts_what_is_left_out_of_it_alone(datasets: Running) -> None:
    await datasets.deliver([observed("a", n, n + 60, load=1.0) for n in range(20)])
    table = (await asked(datasets, since=minute(0), until=minute(3)))["table"]
    await datasets.work("tabulate")
    assert ((await told(datasets, table))["rows"], (await told(datasets, table))["left_out"]) == (0, {"late": 3})


async def test_parts_beyond_the_stretch_are_not_fetched(datasets: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of 30 days, and truths five minutes later, are within it."""
    await datasets.deliver([observed("a", n * DAY, load=float(n)) for n in range(100)])
    await datasets.work("flush-observations")
    datasets.clock.advance(100 * DAY * 60)
    get_file, fetched = Blobs.get_file, list[str]()

    async def get(self: Blobs, blob: str, path: Path) -> None:
        fetched.append(blob)
        await get_file(self, blob, path)

    monkeypatch.setattr(Blobs, "get_file", get)
    rows = await made(datasets, since=minute(54 * DAY), until=minute(55 * DAY))
    assert [row["target"] for row in rows] == [55.0]
    read = [blob for blob in fetched if "/observations/" in blob]
    assert len(read) == 4, "days 24 to 55"


async def test_a_range_that_can_not_be_is_told_by_its_field(datasets: Running) -> None:
    async with datasets.http() as client:

        async def refused(**body: Any) -> str:
            answer = await client.post("/v1/workspaces/stations/feature-tables", json={"by": "ada", **body})
            assert answer.status_code == 422, answer.text
            return str(answer.json()["error"]["message"])

        assert "until: expected a time after since" in await refused(
            since="2026-01-05T09:00:00Z", until="2026-01-05T09:00:00Z"
        )
        assert "since: expected a time that has come" in await refused(since="2027-01-05T09:00:00Z")
        assert "since" in await refused(since="2026-01-05T09:00:00"), "without a zone it is another time elsewhere"
        assert "until" in await refused(until="soon")
        assert "untill" in await refused(untill="2026-01-05T09:00:00Z")


async def test_features_come_in_the_order_of_the_file(datasets: Running) -> None:
    features = "{zulu: {count: load, over: 1m}, b: {last: load}, alpha_of_all: {max: load, over: 1m}}"
    spec = load(TEXT.replace(TEXT[TEXT.index("features: ") + 10 : TEXT.index("\ntarget:")], features))
    fields: dict[str, Any] = {"workspace": "stations", "revision": 2, "by": "t"}
    await datasets.tables.put(make(WorkspaceConfigured, spec=spec.plain(), digest="-", **fields))
    await datasets.deliver([observed("a", 1, load=1.0)])
    (row,) = await made(datasets)
    assert list(row) == ["entity", "at", "zulu", "b", "alpha_of_all", "target", "target_at", "target_known_at"]


async def test_what_an_erasure_took_out_is_counted_over_all_its_tries(
    datasets: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker dies after the buffer, the next one after the first part."""
    await datasets.deliver([observed(["customer-17", "a"][n % 2], n, load=float(n)) for n in range(26)])
    await datasets.work("flush-observations")
    assert (await counts(datasets)) | {"parts": 2, "buffered": 6} == await counts(datasets)
    await datasets.deliver([make(SubjectErased, workspace="stations", erasure="e-1", subject=PERSON, at=minute(30))])
    thin, tries = forgetting._thin, list[int]()

    async def killed(job: Job, blobs: Any, part: observations.Part, *rest: Any) -> None:
        tries.append(part.number)
        if len(tries) in (1, 3):
            raise Unavailable("killed")
        await thin(job, blobs, part, *rest)

    monkeypatch.setattr(forgetting, "_thin", killed)
    for _ in range(3):
        await datasets.work("erase")
        datasets.clock.advance(60)
    assert tries == [1, 1, 2, 2]
    (confirmed,) = await datasets.emitted(ErasureConfirmed)
    assert confirmed.erased == {"rows": 0, "files": 0, "observations": 13}
    async with datasets.http() as client:
        (told_of,) = (await client.get("/v1/erasures", params={"workspace": "stations"})).json()
    assert told_of["observations"] == 13

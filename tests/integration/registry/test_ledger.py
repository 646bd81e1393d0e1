"""The ledger: chained, verified, and folded back into the very tables it came from."""

import io
import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from harness import SIGNER, Bus, Running, database, eventually, live, make, running, settings_for

from millrace import chassis
from millrace.chassis import Blobs
from millrace.chassis.postgres import migrations
from millrace.chassis.signatures import Trust
from millrace.events import (
    ConditionResult,
    ErasureConfirmed,
    EvaluationRequested,
    LedgerAppended,
    ModelEvaluated,
    ModelStaged,
    ModelTrained,
    RouteApplied,
    Score,
    WorkspaceRouted,
)
from millrace.registry import store
from millrace.registry.app import build_app
from millrace.registry.compare import compare
from millrace.registry.rebuild import CannotRebuild, open_jobs, rebuild

FILE = """
workspace: NAME
owner: support-ml
task: classify
labels: {names: [late, lost, damaged]}
rollout: {shadow: null, canary: null}
"""
SCHEMA = Path(chassis.__file__).parent / "schema.sql"
TABLES = {"workspaces": "name", "revisions": "workspace, revision", "versions": "id", "ledger": "workspace, number"}


def model_trained(workspace: str, run: str) -> ModelTrained:
    return make(
        ModelTrained,
        workspace=workspace,
        run_id=run,
        dataset=f"sha256:{run}",
        manifest=f"{workspace}/datasets/{run}.json",
        method="linear-probe",
        base="minilm",
        task="classify",
        artifact=f"{workspace}/models/{run}",
        digest="sha256:model",
        labels=["damaged", "late", "lost"],
        workspace_revision=1,
        attempt=1,
        seed=7,
        scores={"macro_f1": 1e-7, "accuracy": 1.0},
        seconds=3.25,
    )


def verdict(workspace: str, asked: EvaluationRequested, verdict: str) -> ModelEvaluated:
    score = Score(value=0.9, low=0.88, high=0.92, n=400)
    return make(
        ModelEvaluated,
        workspace=workspace,
        version=asked.candidate.version,
        against=asked.production.version if asked.production else None,
        revision=asked.revision,
        dataset="d",
        verdict=verdict,
        conditions=[ConditionResult(condition="golden.macro_f1 >= best - 0.03", verdict=verdict)],
        scores={"golden": {"macro_f1": score}},
        report="r",
    )


async def as_text(dsn: str) -> dict[str, list[bytes]]:
    """The rows of every table that is registry's own, as COPY writes them: byte for byte."""
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'registry'")
        chassis = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", SCHEMA.read_text())) | {"migrations"}
        names = {row["tablename"] for row in found}
        own = {name for name in names if not any(name == one or name.startswith(f"{one}_") for one in chassis)}
        assert own == set(TABLES), "a table that this test does not know"
        copied = {}
        for table, order in TABLES.items():
            into = io.BytesIO()
            await connection.copy_from_query(f"SELECT * FROM registry.{table} ORDER BY {order}", output=into)
            copied[table] = into.getvalue().splitlines()
        return copied
    finally:
        await connection.close()


async def refold(dsn: str) -> None:
    """The tables from the ledger's own rows, in their order, in Postgres alone."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "registry"})
    try:
        async with connection.transaction():
            await connection.execute("TRUNCATE workspaces, revisions, versions")
            for row in await connection.fetch("SELECT workspace, body FROM ledger ORDER BY workspace, number"):
                await store.apply(connection, row["workspace"], json.loads(row["body"]).get("changes", {}))
    finally:
        await connection.close()


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def story(stack, bus: Bus, registry: Running, name: str) -> None:
    """A first version in production, a second rejected, held and promoted by hand, a note, an erasure, a revision."""
    file = FILE.replace("NAME", name)
    async with registry.http() as client:

        async def post(path: str, **body: Any) -> Any:
            answer = await client.post(f"/v1/workspaces/{name}/{path}", json=body)
            assert answer.status_code == 200, answer.text
            return answer.json()

        assert (await client.post("/v1/workspaces", content=file, params={"by": "ada"})).status_code == 200
        for number, given in enumerate(("pass", "fail"), 1):
            await Blobs(registry.service.settings).put(f"{name}/models/run-{number}/weights.safetensors", b"w")
            await bus.publish(model_trained(name, f"run-{number}"))

            def mine(found: list[EvaluationRequested], number: int = number) -> bool:
                return len([event for event in found if event.workspace == name]) == number

            asked = [one for one in await bus.read(EvaluationRequested, until=mine) if one.workspace == name]
            await bus.publish(verdict(name, asked[-1], given))
            stage = "production" if given == "pass" else "rejected"
            await eventually(lambda stage=stage: staged(client, name, stage))
            if given == "pass":
                await bus.publish(make(RouteApplied, workspace=name, revision=1, ok=True, replicas=1))
                await eventually(lambda: confirmed(client, name))
        second = f"{name}-2"
        await post(f"versions/{second}/hold", by="ada", reason="not before the holidays")
        await post(f"versions/{second}/notes", by="ben", text="tried on last week's tickets: ‘fine’ — ✓")
        await post(f"versions/{second}/release", by="ada")
        await post("promote", version=second, revision=1, by="ada", reason="we know better")
        await bus.publish(
            make(ErasureConfirmed, workspace=name, erasure="e-1", service="datasets", datasets=["sha256:run-1"])
        )
        await eventually(lambda: entered(client, name, "redacted"))
        changed = file.replace("damaged]", "damaged, customs]")
        assert (await client.post("/v1/workspaces", content=changed, params={"by": "ada"})).json()["changed"]


async def staged(client: Any, name: str, stage: str) -> bool:
    versions = (await client.get(f"/v1/workspaces/{name}/versions")).json()
    return versions[0]["stage"] == stage


async def confirmed(client: Any, name: str) -> bool:
    return bool((await client.get(f"/v1/workspaces/{name}")).json()["best"])


async def entered(client: Any, name: str, kind: str) -> bool:
    return any(one["kind"] == kind for one in (await client.get(f"/v1/workspaces/{name}/ledger")).json())


async def verified(registry: Running, name: str) -> Any:
    async with registry.http() as client:
        return (await client.get(f"/v1/workspaces/{name}/ledger/verify")).json()


async def test_dropped_tables_come_back_from_the_log_to_the_byte_and_nothing_is_emitted(stack, bus: Bus) -> None:
    names = [f"parcels-{uuid4().hex[:8]}", f"letters-{uuid4().hex[:8]}"]
    async with database(stack, "registry") as dsn:
        settings = settings_for(stack, "registry", dsn)
        async with live(stack, "registry", build_app, dsn=dsn) as registry:
            for name in names:
                await story(stack, bus, registry, name)
            with pytest.raises(CannotRebuild, match="a registry is running"):
                await rebuild(settings, drop=True)
            assert await verified(registry, names[0]) | {"head": "", "entries": 0} == {
                "workspace": names[0],
                "entries": 0,
                "head": "",
                "broken": None,
                "strays": [],
            }
        before = await as_text(dsn)
        assert len(before["versions"]) == 4 and len(before["revisions"]) == 4
        await refold(dsn)
        assert await as_text(dsn) == before
        await execute(dsn, "DROP SCHEMA registry CASCADE; CREATE SCHEMA registry")
        folded = await rebuild(settings)
        assert folded == len(before["ledger"])
        assert await as_text(dsn) == before
        assert await rebuild(settings) == 0, "a second fold finds nothing new"
        assert await rebuild(settings, drop=True) == folded and await as_text(dsn) == before
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SELECT count(*) FROM registry.outbox") == 0
        await connection.close()
        # a new consumer group reads every topic from its start, and takes none of it a second time
        told = len(await everything(bus, len(before["ledger"])))
        async with live(stack, "registry", build_app, dsn=dsn) as registry:
            await story(stack, bus, registry, third := f"stamps-{uuid4().hex[:8]}")
            assert (await verified(registry, third))["broken"] is None
            after = await as_text(dsn)
            assert [row for row in after["ledger"] if third.encode() not in row] == before["ledger"]
            assert [row for row in after["versions"] if third.encode() not in row] == before["versions"]
            mine = len(after["ledger"]) - len(before["ledger"])
            assert len(await everything(bus, told + mine)) == told + mine


async def everything(bus: Bus, count: int) -> list[LedgerAppended]:
    return await bus.read(LedgerAppended, until=lambda found: len(found) >= count)


async def test_the_log_says_every_entry_in_its_order_and_the_chain_can_be_followed_there(stack, bus: Bus) -> None:
    name = f"parcels-{uuid4().hex[:8]}"
    async with live(stack, "registry", build_app) as registry:
        await story(stack, bus, registry, name)
        head = await verified(registry, name)
        entries = await everything(bus, head["entries"])
    assert [event.number for event in entries] == list(range(1, len(entries) + 1))
    assert [event.previous for event in entries[1:]] == [event.hash for event in entries[:-1]]
    assert entries[-1].hash == head["head"]
    kinds = [event.kind for event in entries]
    assert kinds[:3] == ["configured", "routed", "registered"] and {"hold", "note", "release"} <= set(kinds)
    assert len(await bus.read(WorkspaceRouted, until=bool)) and len(await bus.read(ModelStaged, until=bool))


REWRITTEN = """
    DO $$ DECLARE one record; last text := repeat('0', 64); told text; BEGIN
        FOR one IN SELECT * FROM ledger WHERE workspace = 'NAME' ORDER BY number LOOP
            told := replace(one.body::text, '"by":"ada"', '"by":"eve"');
            UPDATE ledger SET body = told::json, previous = last,
                hash = encode(sha256(convert_to(last || E'\\n' || told, 'UTF8')), 'hex')
            WHERE workspace = 'NAME' AND number = one.number RETURNING hash INTO last;
        END LOOP;
    END $$"""


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM ledger WHERE number = (SELECT max(number) FROM ledger)", "is missing: the log has it"),
        (REWRITTEN, "entry 1 was changed"),
    ],
)
async def test_a_chain_cut_off_at_its_end_or_written_anew_as_a_whole_is_found_in_the_log(
    stack, bus: Bus, statement: str, told: str
) -> None:
    name = f"parcels-{uuid4().hex[:8]}"
    async with database(stack, "registry") as dsn:
        settings = settings_for(stack, "registry", dsn)
        async with live(stack, "registry", build_app, dsn=dsn) as registry:
            await story(stack, bus, registry, name)
            await everything(bus, (await verified(registry, name))["entries"])
            assert name not in await compare(settings)
            await execute(dsn, f"SET search_path = registry; {statement.replace('NAME', name)}")
            assert (await verified(registry, name))["broken"] is None, "the chain alone can't tell"
            assert told in (await compare(settings))[name]


@pytest.fixture
async def registry(stack):
    async with running(stack, "registry", build_app) as service:

        async def delivered(tx: Any, *, within: float = 30.0) -> None:
            return None

        service.db.delivered = delivered  # type: ignore[method-assign]
        async with service.http() as client:
            file = FILE.replace("NAME", "parcels")
            assert (await client.post("/v1/workspaces", content=file, params={"by": "ada"})).status_code == 200
        await service.deliver([model_trained("parcels", "run-1")])
        yield service


OTHER = """replace(body::text, '"by":"ada"', '"by":"eve"')"""
HASHED = f"encode(sha256(convert_to(previous || E'\\n' || {OTHER}, 'UTF8')), 'hex')"
SAID = """replace(body::text, '"number":1', '"number":2')"""
FORGED = f"encode(sha256(convert_to(hash || E'\\n' || {SAID}, 'UTF8')), 'hex'), {SAID}::json"
TAMPERED = {
    "changed": (f"UPDATE ledger SET body = {OTHER}::json WHERE number = 1", 1, "changed"),
    "removed": ("DELETE FROM ledger WHERE number = 2", 2, "missing"),
    "written anew": (f"UPDATE ledger SET hash = {HASHED}, body = {OTHER}::json WHERE number = 1", 1, "written anew"),
    "removed and the rest moved up": (
        "DELETE FROM ledger WHERE number = 2; UPDATE ledger SET number = number - 1 WHERE number > 2",
        2,
        "missing",
    ),
    "slipped in": (
        f"""UPDATE ledger SET number = -number WHERE number > 1; UPDATE ledger SET number = 1 - number WHERE number < 0;
            INSERT INTO ledger SELECT workspace, 2, hash, {FORGED} FROM ledger WHERE number = 1""",
        2,
        "slipped in",
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
async def test_the_first_entry_that_is_wrong_is_named(registry: Running, how: str) -> None:
    statement, number, why = TAMPERED[how]
    for one in ("first", "second"):
        async with registry.http() as client:
            asked = {"text": one, "by": "ada"}
            answer = await client.post("/v1/workspaces/parcels/versions/parcels-1/notes", json=asked)
            assert answer.status_code == 200
    assert (await verified(registry, "parcels"))["broken"] is None
    async with registry.db.transaction() as tx:
        await tx.execute(statement)
    found = await verified(registry, "parcels")
    assert found["broken"]["number"] == number and why in found["broken"]["why"]


async def test_what_was_still_to_be_inspected_is_inspected_after_a_rebuild(registry: Running) -> None:
    await Blobs(registry.service.settings).put("parcels/models/run-1/weights.safetensors", b"w")
    async with registry.db.transaction() as tx:
        await tx.execute("TRUNCATE jobs")
        await open_jobs(tx)
    assert await registry.work("inspect") == 1
    (asked,) = await registry.emitted(EvaluationRequested)
    assert asked.candidate.version == "parcels-1"


async def test_a_row_that_was_changed_behind_the_ledgers_back_is_found(registry: Running) -> None:
    async with registry.db.transaction() as tx:
        await tx.execute("UPDATE versions SET stage = 'production'")
        await tx.execute("UPDATE workspaces SET confirmed = false")
    found = await verified(registry, "parcels")
    assert found["broken"] is None and found["strays"] == ["version parcels-1", "workspace parcels"]


async def test_tables_of_before_the_chain_are_carried_over_and_come_back_from_the_log(stack, bus: Bus) -> None:
    """A registry of the release before is upgraded in place; what it had is the beginning of the chain."""
    async with database(stack, "registry") as dsn:
        old = [path for path in migrations("registry") if path.name < "050"]
        connection = await asyncpg.connect(dsn, server_settings={"search_path": "registry"})
        for path in old:
            await connection.execute(path.read_text())
        await connection.execute(
            "CREATE TABLE migrations (name text PRIMARY KEY, digest text, applied_at timestamptz DEFAULT now())"
        )
        await connection.executemany("INSERT INTO migrations VALUES ($1, '')", [(path.name,) for path in old])
        spec = (await spec_of("letters")).canonical()
        route = {"revision": 1, "workspace_revision": 1, "production": unsigned(2)}
        await connection.execute(
            """INSERT INTO workspaces (name, revision, digest, spec, route, numbered)
               VALUES ('letters', 1, 'd', $1, $2, 3)""",
            spec,
            json.dumps(route),
        )
        await connection.execute("INSERT INTO revisions VALUES ('letters', 1, 'd', $1, 'ada', now())", spec)
        for number, stage, asked, against in (
            (1, "rejected", 0, None),
            (2, "production", 0, None),
            (3, "registered", 1, "letters-2"),
        ):
            await connection.execute(
                """INSERT INTO versions (id, workspace, number, stage, deployment, run_id, dataset, manifest, method,
                       base, attempt, asked, against, passed, scores, trained, trained_id, created_at, staged_at)
                   VALUES ($1, 'letters', $2, $3, $4, $1, 'd', 'm', 'full', 'minilm', 1, $5, $6, $2 = 2, '{}',
                       '{"scores": {}, "seconds": 1.0}', gen_random_uuid(), now(), now())""",
                f"letters-{number}",
                number,
                stage,
                json.dumps(unsigned(number)),
                asked,
                against,
            )
        await connection.executemany(
            """INSERT INTO ledger (workspace, at, kind, version, stage, reason, by, revision, cause_id, detail)
               VALUES ('letters', now(), $1, $2, $3, 'why', 'ada', 0, gen_random_uuid(), '{"n": 0.5}')""",
            [("configured", None, None), ("staged", "letters-1", "rejected")],
        )
        await connection.close()
        blobs = Blobs(settings_for(stack, "registry", dsn))
        for number in (2, 3):
            await blobs.put(f"letters/models/{number}/weights.safetensors", b"w")
        async with live(stack, "registry", build_app, dsn=dsn) as registry, registry.http() as client:
            await eventually(lambda: entered(client, "letters", "asked"))
            newest = (await client.get("/v1/workspaces/letters/ledger")).json()
            assert [one["kind"] for one in reversed(newest)] == [
                *("configured", "staged", "carried over"),
                *("signed", "signed", "not signed", "routed", "asked"),
            ]
            noted = await client.post(
                "/v1/workspaces/letters/versions/letters-1/notes", json={"text": "hello", "by": "ada"}
            )
            assert noted.status_code == 200
            found = await verified(registry, "letters")
            assert (found["entries"], found["broken"], found["strays"]) == (9, None, [])
            await signed_where_it_could_be(bus, client)
        before = await as_text(dsn)
        assert await rebuild(settings_for(stack, "registry", dsn), drop=True) == 9
        assert await as_text(dsn) == before


def unsigned(number: int) -> dict[str, Any]:
    about = {"artifact": f"letters/models/{number}", "digest": "d", "task": "classify", "labels": ["a", "b"]}
    return {"version": f"letters-{number}", **about}


async def signed_where_it_could_be(bus: Bus, client: Any) -> None:
    """What is routed and what is judged; the version whose files are gone says why it is not."""
    trust = Trust(SIGNER.public)
    found = await bus.read(WorkspaceRouted, until=lambda each: any(one.workspace == "letters" for one in each))
    (routed,) = [one.route for one in found if one.workspace == "letters"]
    assert (routed.revision, routed.workspace_revision) == (2, 1) and routed.production
    trust.check(routed.production)
    asked = await bus.read(EvaluationRequested, until=lambda each: any(one.workspace == "letters" for one in each))
    (again,) = [one for one in asked if one.workspace == "letters"]
    assert (again.candidate.version, again.revision) == ("letters-3", 2), "an answer to the unsigned question is stale"
    assert again.production == routed.production
    trust.check(again.candidate)
    (why,) = (await client.get("/v1/workspaces/letters/ledger", params={"version": "letters-1", "limit": 2})).json()[1:]
    assert (why["kind"], why["by"], why["reason"]) == ("not signed", "upgrade", "the artifact is not there")


async def spec_of(name: str) -> Any:
    from millrace.workspace import load

    return load(re.sub("NAME", name, FILE))

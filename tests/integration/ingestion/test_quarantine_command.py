"""`millrace quarantine` against ingestion: what a person types, and the exit codes that programs rely on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from harness import Running, eventually, make, running

from millrace.cli.main import run
from millrace.events import DocumentAccepted, DocumentSubmitted, WorkspaceConfigured
from millrace.ingestion.app import build_app
from millrace.stack import Endpoints
from millrace.workspace import load

Typed = Callable[..., Awaitable[tuple[int, str]]]
SPEC = load(
    "workspace: parcels\nowner: team\ntask: classify\nlabels: {names: [late, lost]}\n"
    "data: {quality: {limits: {words: {min: 5}}}}"
)


@pytest.fixture
async def ingestion(stack: Endpoints, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    async with running(stack, "ingestion", build_app) as service:
        made = make(WorkspaceConfigured, workspace="parcels", revision=1, spec=SPEC.plain(), digest="d", by="ada")
        await service.tables.put(made)
        server = uvicorn.Server(uvicorn.Config(service.service.app(), port=0, log_level="error"))
        serving = asyncio.create_task(server.serve())
        await eventually(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        monkeypatch.setenv("MILLRACE_INGESTION_URL", f"http://127.0.0.1:{port}")
        yield service
        server.should_exit = True
        await serving


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    async def type_(*words: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run, ["quarantine", *words])
        said = capsys.readouterr()
        return code, said.out + said.err

    return type_


def submitted(text: str, **fields: Any) -> DocumentSubmitted:
    return make(DocumentSubmitted, source="crm", text=text, metadata={"order": "17"}, **fields)


async def test_a_person_lists_shows_releases_drops_and_replays(ingestion: Running, typed: Typed) -> None:
    await ingestion.deliver(
        [submitted("My parcel is late"), submitted("Where is it", label="x" * 101), submitted("Late again")]
    )
    code, said = await typed("list", "parcels", "--json")
    rows = {row["masked_text"]: row["event_id"] for row in json.loads(said)}
    assert code == 0
    assert len(rows) == 3
    code, said = await typed("show", rows["Where is it"])
    assert (code, "at least 5 words, not 3" in said, '"order": "17"' in said) == (0, True, True)
    code, said = await typed("release", "parcels", rows["My parcel is late"], "--by", "ada")
    assert (code, said) == (0, "1 released\n")
    code, said = await typed("release", "parcels", rows["Where is it"])
    assert code == 1
    assert "label can't be set aside" in said
    code, said = await typed("drop", "parcels", "--reason", "label", "--json")
    assert (code, json.loads(said)["dropped"]) == (0, 1)
    code, said = await typed("replay", "parcels", "--all")
    assert (code, said) == (0, "1 still refused\n")
    assert [one.released_by for one in await ingestion.emitted(DocumentAccepted)] == ["ada"]
    code, said = await typed("list", "parcels", "--reason", "words")
    assert rows["Late again"][:8] in said


async def test_a_record_is_named_by_how_its_id_begins(ingestion: Running, typed: Typed) -> None:
    ids = ["0524920a-85e0-431e-8000-000000000001", "0524920a-85e0-431e-9000-000000000002"]
    await ingestion.deliver([submitted("Too short", id=UUID(id)) for id in ids])
    code, said = await typed("show", "0524920A85E0431E8")
    assert code == 0 and ids[0] in said
    for line in (["show", "0524920a"], ["drop", "parcels", "0524920a"]):
        code, said = await typed(*line)
        assert code == 1 and "more than one record begins with 0524920a" in said and ids[1] in said, line
    code, said = await typed("list", "parcels", "--json", "--after", "0524920a-85e0-431e-8")
    assert [row["event_id"] for row in json.loads(said)] == [ids[1]]
    code, said = await typed("drop", "parcels", "0524920a-85e0-431e-9", "--json")
    assert code == 0 and [row["event_id"] for row in json.loads(said)["records"]] == [ids[1]]
    code, said = await typed("show", "0524920b")
    assert code == 1 and "no record 0524920b in quarantine" in said
    code, said = await typed("show", "0524")
    assert code == 1 and "the id of a record, or the first 8 or more of its hex digits" in said


async def test_what_names_nothing_or_something_unknown_is_exit_code_1(ingestion: Running, typed: Typed) -> None:
    assert (await typed("release", "parcels"))[0] == 1
    assert (await typed("drop", "parcels", "--json"))[0] == 1
    assert (await typed("list", "parcls"))[0] == 1
    assert (await typed("show", "no-id"))[0] == 1
    code, said = await typed("release", "parcels", "00000000-0000-0000-0000-000000000007")
    assert code == 1
    assert "no such record" in said

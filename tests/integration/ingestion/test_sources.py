"""What people ask of sources over HTTP, and a whole service that follows a workspace's declaration on Kafka."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from harness import Bus, Running, eventually, live, make, running
from sources_run import SPEC, ask, declare, report, run

from millrace.events import DocumentAccepted, DocumentRetired, DocumentSubmitted, WorkspaceConfigured
from millrace.ingestion.app import build_app
from millrace.stack import Endpoints
from millrace.workspace import Workspace

PATH = "/v1/workspaces/parcels/sources"


@pytest.fixture
def folder(data_folder: Path) -> Path:
    made = data_folder / f"files-{uuid4().hex[:8]}" / "desk"
    made.mkdir(parents=True)
    (made / "a.md").write_text("My parcel is late and nobody answers")
    return made


@pytest.fixture
async def ingestion(stack: Endpoints, folder: Path) -> AsyncIterator[Running]:
    async with running(stack, "ingestion", build_app, files_root=str(folder.parent)) as service:
        yield service


SOURCES: dict[str, Any] = {
    "help": {"kind": "files", "at": "desk", "every": "1h", "purposes": ["retrieve"]},
    "shop": {"kind": "events"},
}


async def get(service: Running, path: str = "") -> httpx.Response:
    async with service.http() as client:
        return await client.get(f"{PATH}{path}")


async def test_sources_are_listed_with_their_state_and_their_next_run(ingestion: Running) -> None:
    await declare(ingestion, SOURCES, trusted=["help"])
    await ingestion.deliver([make(DocumentSubmitted, source="crm", text="My parcel is a week late", metadata={})])
    before = {one["source"]: one for one in (await get(ingestion)).json()}
    assert list(before) == ["crm", "help", "shop"]
    assert (before["help"]["state"], before["help"]["kind"], before["help"]["documents"]) == ("never run", "files", 0)
    assert before["help"]["next_at"].startswith("2026-01-05T09:00")
    assert (before["shop"]["kind"], before["shop"]["state"], before["crm"]["kind"]) == ("events", None, None)
    assert (before["crm"]["accepted"], before["crm"]["purposes"]) == (1, ["train", "evaluate"])
    await ingestion.work("fetch")
    after = {one["source"]: one for one in (await get(ingestion)).json()}["help"]
    assert (after["state"], after["documents"], after["purposes"], after["trusted"]) == (
        "complete",
        1,
        ["retrieve"],
        True,
    )
    assert after["last_run"]["counts"] == {"files": 1, "new": 1}
    assert after["next_at"].startswith("2026-01-05T10:00")
    shown = (await get(ingestion, "/help")).json()
    assert [one["state"] for one in shown["runs"]] == ["waiting", "complete"]
    assert shown["declared"]["at"] == "desk"


async def test_asking_twice_gives_one_run(ingestion: Running) -> None:
    await declare(ingestion, SOURCES)
    assert await ask(ingestion) == await ask(ingestion)
    await ingestion.work("fetch")
    found = await report(ingestion, 1)
    assert (found["state"], found["asked_by"]) == ("complete", "ada")
    assert len((await get(ingestion, "/help")).json()["runs"]) == 2


async def test_a_report_gives_its_reasons_a_page_at_a_time(ingestion: Running, folder: Path) -> None:
    for n in range(7):
        (folder / f"{n}.exe").write_text("x")
    await declare(ingestion, SOURCES)
    told = await run(ingestion)
    assert (told["codes"], len(told["troubles"])) == ({"kind": 7}, 7)
    first = (await get(ingestion, "/help/runs/1?limit=5")).json()["troubles"]
    rest = (await get(ingestion, f"/help/runs/1?limit=5&after={first[-1]['id']}")).json()["troubles"]
    assert [one["item"] for one in [*first, *rest]] == [f"{n}.exe" for n in range(7)]


async def test_what_can_not_be_run_says_why(ingestion: Running) -> None:
    await declare(ingestion, SOURCES | {"old": SOURCES["help"]}, retired=["old"])
    async with ingestion.http() as client:
        answers = {
            name: await client.post(f"{PATH}/{name}/runs", json={"by": "ada"}) for name in ("shop", "old", "hlp")
        }
        missing = [await client.get(f"{PATH}/{path}") for path in ("hlp", "help/runs/7")]
        nowhere = await client.get("/v1/workspaces/parcls/sources")
    assert {name: answer.status_code for name, answer in answers.items()} == {"shop": 409, "old": 409, "hlp": 404}
    assert "products push" in answers["shop"].text
    assert "retired" in answers["old"].text
    assert "did you mean 'help'" in answers["hlp"].text
    assert [answer.status_code for answer in missing] == [404, 404]
    assert nowhere.status_code == 404


async def test_a_source_may_be_asked_for_before_its_declaration_was_followed(ingestion: Running) -> None:
    spec = Workspace.model_validate({**SPEC, "sources": SOURCES})
    event = make(WorkspaceConfigured, revision=1, spec=spec.plain(), digest=spec.digest(), by="ada")
    await ingestion.tables.put(event)
    number = await ask(ingestion)
    await ingestion.work("fetch")
    assert (await report(ingestion, number))["state"] == "complete"


async def test_runs_wait_while_the_outbox_is_behind(ingestion: Running) -> None:
    await declare(ingestion, SOURCES)
    await ingestion.work("fetch")
    ingestion.db.settings.outbox_ceiling = 0
    await ingestion.db.measure_outbox()
    ingestion.clock.advance(3600)
    worker = asyncio.create_task(ingestion.work("fetch"))
    await eventually(lambda: _state(ingestion, 2, "running"))
    ingestion.db.settings.outbox_ceiling = 10
    await ingestion.db.measure_outbox()
    await worker
    assert (await report(ingestion, 2))["state"] == "complete"


async def _state(service: Running, number: int, state: str) -> bool:
    return bool((await report(service, number))["state"] == state)


async def test_only_the_newest_runs_are_remembered(ingestion: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    from millrace.ingestion import job_fetch

    monkeypatch.setattr(job_fetch, "RUNS_KEPT", 3)
    await declare(ingestion, SOURCES)
    for _ in range(6):
        await run(ingestion)
    assert [one["run"] for one in (await get(ingestion, "/help")).json()["runs"]] == [7, 6, 5, 4]


async def test_on_kafka_a_declared_source_is_followed_by_itself(stack: Endpoints, bus: Bus, folder: Path) -> None:
    def configured(revision: int, sources: dict[str, Any]) -> WorkspaceConfigured:
        spec = Workspace.model_validate({**SPEC, "sources": sources})
        return make(WorkspaceConfigured, revision=revision, spec=spec.plain(), digest=spec.digest(), by="ada")

    (folder / "b.md").write_text("My parcel is lost and I want my money back")
    before = {"gone": {"kind": "files", "at": "desk", "every": "10s"}}
    await bus.publish(configured(1, before), configured(2, {"help": {"kind": "files", "at": "desk", "every": "10s"}}))
    async with live(stack, "ingestion", build_app, files_root=str(folder.parent)):
        accepted = await bus.read(DocumentAccepted, until=lambda found: len(found) >= 2)
        assert {event.source for event in accepted} == {"help"}, "what an older revision declared is not fetched"
        (folder / "b.md").unlink()
        (gone,) = await bus.read(DocumentRetired, until=lambda found: len(found) >= 1, within=60)
    lost = next(event for event in accepted if "lost" in event.text)
    assert (gone.document_id, gone.because) == (lost.document_id, "vanished")

"""The index follows the declaration: what was kept before it comes, what no longer belongs goes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from harness import Bus, eventually, live, record
from library import HANDBOOK, Library, declared, kept, library

from millrace.chassis import Table, wire
from millrace.events import DocumentKept
from millrace.serving import indexing
from millrace.serving.declarations import Declarations
from millrace.stack import Endpoints
from millrace.workspace import Workspace

WORDS = " ".join(f"word{n}" for n in range(60))


@pytest.fixture
async def parcels(stack: Endpoints, tmp_path: Path) -> AsyncIterator[Library]:
    async with library(stack, tmp_path) as made:
        await declare(made, handbook=HANDBOOK)
        yield made


async def declare(parcels: Library, **corpora: object) -> None:
    """Declares corpora and does what that asks for."""
    await parcels.service.tables.put(declared(**corpora))  # type: ignore[arg-type]
    (following,) = (one for one in parcels.service.service.resources if isinstance(one, Declarations))
    await following.follow()
    parcels.service.clock.advance(60)
    await parcels.service.work("reindex", "embed")


async def test_what_no_longer_belongs_goes_and_what_is_pinned_stays(parcels: Library) -> None:
    await parcels.keep(
        kept("d-1", "Returns take a week."),
        kept("d-2", "Returns are free.", source="policies", language="en"),
        kept("d-3", "Returns kosten nichts.", source="policies", language="de"),
    )
    await parcels.call("POST", "corpora/handbook/snapshots", 201, name="v1", by="ada")
    await declare(parcels, handbook={**HANDBOOK, "sources": ["policies"], "languages": ["en"]})
    assert await parcels.ids("returns") == ["d-2"]
    assert set(await parcels.ids("returns", snapshot="v1")) == {"d-1", "d-2", "d-3"}
    await declare(parcels)
    await parcels.call("POST", "search", 404, corpus="handbook", query="returns")
    await declare(parcels, handbook=HANDBOOK)
    assert await parcels.ids("returns") == []
    assert len(await parcels.ids("returns", snapshot="v1")) == 3
    await parcels.call("DELETE", "corpora/handbook/snapshots/v1?by=ada")
    assert not (await parcels.rows())["chunks"]


async def test_documents_are_cut_anew_and_found_as_they_were_meanwhile(parcels: Library) -> None:
    await parcels.keep(kept("d-1", WORDS), kept("d-2", "Returns are free."))
    before = await parcels.search("word7 word50", top_k=100)
    await parcels.service.tables.put(declared(handbook={**HANDBOOK, "chunk": {"words": 40, "overlap": 0}}))
    (following,) = (one for one in parcels.service.service.resources if isinstance(one, Declarations))
    await following.follow()
    await parcels.service.work("reindex")
    assert await parcels.search("word7 word50", top_k=100) == before
    await parcels.service.work("embed")
    after = [one for one in await parcels.search("word7 word50", top_k=100) if one["document_id"] == "d-1"]
    assert sorted(len(one["text"].split()) for one in after) == [20, 40]
    assert len((await parcels.rows())["documents"]) == 2


async def test_cutting_anew_takes_nothing_away(parcels: Library) -> None:
    await parcels.keep(kept("f-1", "Returns are free."))
    await parcels.keep(kept("f-2", "Returns are free of charge.", replaces="f-1"))
    wider = {**HANDBOOK, "chunk": {"words": 40, "overlap": 0}}
    await parcels.service.tables.put(declared(handbook=wider))
    await parcels.keep(kept("f-1", "Returns are free again."))
    await declare(parcels, handbook=wider)
    assert set(await parcels.ids("returns")) == {"f-1", "f-2"}
    (standing,) = await parcels.call("GET", "corpora")
    assert (standing["documents"], standing["chunks"], standing["waiting"]) == (2, 2, 0)
    await parcels.service.deliver([kept("f-3", "Returns by mail.")])
    assert (await parcels.call("GET", "corpora"))[0]["waiting"] == 1


async def test_a_declaration_that_changes_nothing_or_changes_back_is_followed_each_time(parcels: Library) -> None:
    await parcels.keep(kept("d-1", "Returns take a week."))
    jobs = (await parcels.rows())["jobs"]
    await declare(parcels, handbook=HANDBOOK)
    assert (await parcels.rows())["jobs"] == jobs
    for sources, found in ((["policies"], []), (["wiki"], [])):
        await declare(parcels, handbook={**HANDBOOK, "sources": sources})
        assert await parcels.ids("returns") == found
    await parcels.keep(kept("d-2", "Returns are free."))
    assert await parcels.ids("returns") == ["d-2"]


async def test_two_replicas_that_see_a_change_follow_it_once(parcels: Library) -> None:
    wider = {**HANDBOOK, "sources": ["wiki", "policies", "mail"]}
    await parcels.service.tables.put(declared(handbook=wider))
    service = parcels.service.service
    (one,) = (each for each in service.resources if isinstance(each, Declarations))
    other = Declarations(service.db, service.clock, parcels.encoder)
    spec = await cast(Table[Workspace], service.tables[0]).get("parcels")
    for each in (one, other, one):
        await each.on_change("parcels", spec)
        await each.follow()
    jobs = [job for job in (await parcels.rows())["jobs"] if "'reindex'" in job]
    assert len(jobs) == 4, "of the first declaration and of this, each at once and again a little later"


async def test_folding_the_log_again_changes_nothing(parcels: Library) -> None:
    """Also where an older revision, a replaced document and one that moved away come after what came of them."""
    log = [
        kept("d-1", "Returns take a day."),
        kept("f-1", "Returns are free."),
        kept("d-2", "Returns by mail."),
        kept("d-1", "Returns take a week.", replaces="d-1"),
        kept("f-2", "Returns are free of charge.", replaces="f-1"),
        kept("d-2", "Elsewhere.", source="elsewhere", replaces="d-2"),
    ]
    placed = [wire.decode(DocumentKept, record(event, partition=1, offset=n)) for n, event in enumerate(log)]
    specs = cast(Table[Workspace], parcels.service.service.tables[0])

    async def fold() -> list[str]:
        for some in (placed[:4], placed[4:]):
            async with parcels.service.db.transaction() as tx:
                await indexing.take(some, tx, specs)
        return (await parcels.rows())["documents"]

    await fold()
    await parcels.service.work("embed")
    found = await parcels.search("returns")
    assert sorted(one["text"] for one in found) == ["Returns are free of charge.", "Returns take a week."]
    held = (await parcels.rows())["documents"]
    assert await fold() == held
    await parcels.service.work("embed")
    assert await parcels.search("returns") == found


async def test_a_revision_whose_job_was_given_up_gets_another_with_the_next_declaration(parcels: Library) -> None:
    await parcels.service.deliver([kept("d-1", "Returns take a week.")])
    async with parcels.service.db.transaction() as tx:
        await tx.execute("UPDATE jobs SET state = 'failed', finished_at = now() WHERE kind = 'embed'")
    parcels.service.clock.advance(600)
    await declare(parcels, handbook=HANDBOOK, other={"sources": ["elsewhere"]})
    assert await parcels.ids("returns") == ["d-1"]


async def test_documents_from_before_the_declaration_come_from_the_log(
    stack: Endpoints, bus: Bus, tmp_path: Path
) -> None:
    """On Kafka: documents first, then the corpus; and a revision made since is found within seconds."""
    async with library(stack, tmp_path, run=live) as parcels:
        early = [kept(f"d-{n}", f"Returns, part {n}.") for n in range(30)]
        others = [kept("x-1", "Returns of others.", workspace="other-shop"), kept("d-0", "Away.", source="elsewhere")]
        await bus.publish(declared(), declared("other-shop"), *early, *others)

        async def passed() -> bool:
            async with parcels.service.db.reading() as tx:
                count = "SELECT coalesce(sum(next_offset), 0) FROM positions WHERE consumer = 'on_document_kept'"
                return int(await tx.fetchval(count)) >= len(early) + len(others)

        await eventually(passed)
        await bus.publish(declared(revision=2, handbook=HANDBOOK))

        async def found() -> bool:
            answer = await parcels.client.post(
                "/v1/workspaces/parcels/search", json={"corpus": "handbook", "query": "returns", "top_k": 100}
            )
            texts = [one["text"] for one in answer.json().get("results", [])]
            return answer.status_code == 200 and sorted(texts) == sorted(event.text for event in wanted)

        wanted = early[1:]
        await eventually(found)
        revised = kept("d-1", "Returns, part 1, revised.", replaces="d-1")
        wanted = [revised, *early[2:]]
        await bus.publish(revised)
        await eventually(found, within=10)

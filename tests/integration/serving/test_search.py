"""What is found, and what no longer is: on real Postgres with pgvector, with an encoder that knows a few meanings."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from harness import START, eventually, make, record, running
from library import DIMENSIONS, HANDBOOK, Engine, Library, declared, kept, library

from millrace.chassis.jobs import Worker
from millrace.client import AsyncClient, NotFound
from millrace.events import DocumentDuplicated, DocumentRetired, ErasureConfirmed, SubjectErased
from millrace.serving import store
from millrace.serving.app import build_app
from millrace.stack import Endpoints

LONG = "\n\n".join(f"Chapter {n} tells of {word} and of nothing else. " * 3 for n, word in enumerate(["cats", "dogs"]))


@pytest.fixture
async def parcels(stack: Endpoints, tmp_path: Path) -> AsyncIterator[Library]:
    async with library(stack, tmp_path) as made:
        await made.service.tables.put(declared(handbook=HANDBOOK, german={"sources": ["amt"], "languages": ["de"]}))
        yield made


def normal(text: str, *, spread: int) -> list[float]:
    drawn = Random(text)
    made = [drawn.gauss(0, 1) for _ in range(spread)]
    length = sum(value * value for value in made) ** 0.5
    return [*(value / length for value in made), *[0.0] * (DIMENSIONS - spread)]


def retired(id: str, *, after: float = 60, **fields: Any) -> DocumentRetired:
    at = START + timedelta(seconds=after)
    return make(DocumentRetired, document_id=id, source="wiki", because="vanished", at=at, **fields)


def repeated(id: str, kind: str, of: str = "d-0", **more: Any) -> DocumentDuplicated:
    fields = {"document_id": id, "source": "wiki", "duplicate_of": of, "kind": kind, "similarity": 0.97, "cluster": of}
    return make(DocumentDuplicated, at=START + timedelta(seconds=60), **fields | more)


async def test_a_passage_is_found_with_its_place_in_the_document(parcels: Library) -> None:
    await parcels.keep(kept("d-1", LONG, metadata={"product": "pets"}), kept("d-2", "Where money goes."))
    best = (await parcels.search("what of dogs"))[0]
    assert (best["document_id"], best["source"], best["metadata"]) == ("d-1", "wiki", {"product": "pets"})
    assert LONG[best["start"] : best["stop"]] == best["text"]
    assert "dogs" in best["text"]
    assert set(best["scores"]) == set(best["places"]) == {"vector", "text"}
    assert best["places"]["text"] == 1


async def test_a_revision_is_found_anew_and_the_former_until_then(parcels: Library) -> None:
    await parcels.keep(kept("d-1", "Returns take a week."))
    await parcels.service.deliver([kept("d-1", "Returns take a fortnight.", replaces="d-1")])
    assert [one["text"] for one in await parcels.search("returns")] == ["Returns take a week."]
    await parcels.service.work("embed")
    for mode in ("vector", "text", "hybrid"):
        assert [one["text"] for one in await parcels.search("returns", mode=mode)] == ["Returns take a fortnight."]


async def test_whoever_searches_meanwhile_finds_one_revision_never_two_and_never_none(parcels: Library) -> None:
    await parcels.keep(kept("d-1", "Returns, revision 0."))
    seen: list[list[str]] = []

    async def look() -> None:
        while True:
            seen.append([one["text"] for one in await parcels.search("returns")])

    looking = [asyncio.create_task(look()) for _ in range(3)]
    for number in range(1, 16):
        await parcels.keep(kept("d-1", f"Returns, revision {number}.", replaces="d-1"))
    for task in looking:
        task.cancel()
    await asyncio.gather(*looking, return_exceptions=True)
    assert len(seen) > 15
    assert {len(texts) for texts in seen} == {1}


async def test_of_several_revisions_the_last_is_found_in_whatever_order_their_jobs_run(parcels: Library) -> None:
    await parcels.service.deliver([kept("d-1", "Returns take a day.")])
    async with parcels.service.db.transaction() as tx:
        await tx.execute("UPDATE jobs SET run_at = run_at + interval '1 minute' WHERE kind = 'embed'")
    await parcels.keep(kept("d-1", "Returns take a week.", replaces="d-1"))
    parcels.service.clock.advance(120)
    await parcels.service.work("embed")
    assert [one["text"] for one in await parcels.search("returns")] == ["Returns take a week."]
    assert len((await parcels.rows())["documents"]) == 1


async def test_a_revision_counts_by_its_time_once_the_topic_has_other_partitions(parcels: Library) -> None:
    async def at(partition: int, offset: int, text: str, minute: int) -> None:
        event = kept("d-1", text, at=START + timedelta(minutes=minute))
        await parcels.service.deliver_records([record(event, partition=partition, offset=offset)])
        await parcels.service.work("embed")

    await at(0, 5000, "Returns take a day.", 1)
    await at(7, 3, "Returns take a week.", 2)
    await at(7, 4, "Returns take a fortnight.", 2)
    assert [one["text"] for one in await parcels.search("returns")] == ["Returns take a fortnight."]
    await at(8, 9000, "Returns took an hour.", 0)
    assert [one["text"] for one in await parcels.search("returns")] == ["Returns take a fortnight."]


async def test_what_another_document_replaces_or_what_moves_to_another_source_goes(parcels: Library) -> None:
    await parcels.keep(kept("f-1", "Returns are free."), kept("d-2", "Returns cost money."))
    await parcels.keep(kept("f-2", "Returns are free of charge.", replaces="f-1"))
    assert set(await parcels.ids("returns")) == {"f-2", "d-2"}
    await parcels.keep(kept("d-2", "Returns cost money.", source="elsewhere", replaces="d-2"))
    assert await parcels.ids("returns") == ["f-2"]


async def test_a_retired_document_is_gone_and_comes_back_only_as_a_later_revision(parcels: Library) -> None:
    await parcels.keep(kept("d-1", "Returns take a week."), kept("d-2", "Returns are free."))
    await parcels.service.deliver([retired("d-1"), retired("d-3")])
    assert await parcels.ids("returns") == ["d-2"]
    late = kept("d-3", "Returns by mail.")
    later = kept("d-1", "Returns take a day.", at=START + timedelta(seconds=90))
    await parcels.keep(late, later)
    assert set(await parcels.ids("returns")) == {"d-1", "d-2"}, "the retirement of d-3 came before its document"


async def test_only_what_was_kept_first_goes_as_a_duplicate(parcels: Library) -> None:
    await parcels.keep(kept("d-1", "Returns take a week."), kept("d-2", "Returns are free."), kept("d-3", "Returns!"))
    await parcels.service.deliver([repeated("d-1", "semantic"), repeated("d-2", "exact", "d-2")])
    await parcels.service.deliver([repeated("d-3", "near", ends="d-3")])
    assert await parcels.ids("returns") == ["d-2"]


async def test_a_snapshot_stays_as_it_was_until_it_is_unpinned(parcels: Library) -> None:
    await parcels.keep(kept("d-1", "Returns take a week."), kept("d-2", "Returns are free."), kept("d-3", "Returns!"))
    pinned = await parcels.call("POST", "corpora/handbook/snapshots", 201, name="v1", by="ada")
    assert (pinned["documents"], pinned["chunks"]) == (3, 3)
    before = await parcels.search("returns", snapshot="v1")
    await parcels.keep(kept("d-1", "Returns take a fortnight.", replaces="d-1"), kept("d-4", "Returns by mail."))
    await parcels.service.deliver([retired("d-2")])
    assert await parcels.search("returns", snapshot="v1") == before
    assert set(await parcels.ids("returns")) == {"d-1", "d-3", "d-4"}
    assert (await parcels.call("POST", "corpora/handbook/snapshots", 409, name="v1", by="ada"))["error"][
        "snapshot"
    ] == "v1"
    await parcels.call("POST", "corpora/handbook/snapshots", 201, name="v2", by="ada")
    assert [one["name"] for one in await parcels.call("GET", "corpora/handbook/snapshots")] == ["v1", "v2"]
    assert (await parcels.call("DELETE", "corpora/handbook/snapshots/v1?by=ada"))["swept"] == 2
    assert len((await parcels.rows())["chunks"]) == 3
    await parcels.call("POST", "search", 404, corpus="handbook", query="returns", snapshot="v1")
    await parcels.call("DELETE", "corpora/handbook/snapshots/v1?by=ada", 404)


async def test_what_no_snapshot_holds_leaves_nothing_behind(parcels: Library) -> None:
    for days in range(5):
        await parcels.keep(kept("d-1", f"Returns take {days} days.", replaces="d-1"))
    rows = await parcels.rows()
    assert (len(rows["documents"]), len(rows["chunks"])) == (1, 1)


async def test_hybrid_finds_what_each_alone_misses(parcels: Library) -> None:
    """Of two answers one shares no word with the query, the other only a number, which means nothing to the encoder."""
    meant, named = kept("meant", "Reimbursed sum."), kept("named", "Label 4711.")
    meaning = [kept(f"meaning-{n}", f"Money, once more and {'more ' * n}spent") for n in range(60)]
    words = [kept(f"words-{n}", f"Somebody wrote 4711 upon {'very ' * n}thick cardboard there") for n in range(5)]
    await parcels.keep(meant, named, *meaning, *words)
    found = {mode: await parcels.ids("4711 refund", mode=mode, top_k=2) for mode in ("vector", "text", "hybrid")}
    assert set(found["hybrid"]) == {"meant", "named"}
    assert (found["vector"][0], found["text"][0]) == ("meant", "named")
    assert "named" not in found["vector"]
    assert "meant" not in found["text"]
    best = await parcels.search("4711 refund", top_k=2)
    assert [one["score"] for one in best] == [round(1 / 61, 6)] * 2


async def test_a_redelivered_batch_changes_nothing(parcels: Library) -> None:
    batch = [kept(f"d-{n}", f"Returns, part {n}") for n in range(40)]
    await parcels.service.deliver(batch)
    taken = await parcels.rows()
    for again in (True, False):
        await parcels.service.deliver(batch, again=again)
        assert await parcels.rows() == taken
    await parcels.service.work("embed")
    found = await parcels.rows()
    await parcels.service.deliver([*batch, retired("d-99")], again=False)
    await parcels.service.work("embed")
    assert (await parcels.rows())["chunks"] == found["chunks"]
    assert len(found["chunks"]) == 40


async def test_a_worker_that_dies_before_its_vectors_are_kept_has_a_successor(parcels: Library) -> None:
    await parcels.keep(kept("d-0", "Returns take a week."))
    await parcels.service.deliver(
        [kept("d-0", "Returns take a day.", replaces="d-0"), kept("d-1", "Returns are free.")]
    )
    parcels.encoder.gate = asyncio.Event()
    (work,) = (work for work in parcels.service.service.jobs if work.kind == "embed")
    dying = asyncio.create_task(Worker(work, parcels.service.db).once())

    async def claimed() -> bool:
        async with parcels.service.db.reading() as tx:
            return bool(await tx.fetchval("SELECT count(*) FROM jobs WHERE state = 'running'"))

    await eventually(claimed)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert [one["text"] for one in await parcels.search("returns")] == ["Returns take a week."]
    async with parcels.service.db.transaction() as tx:
        await tx.execute("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE state = 'running'")
    parcels.encoder.gate = None
    assert await parcels.service.work("embed") == 1
    assert {one["text"] for one in await parcels.search("returns")} == {"Returns take a day.", "Returns are free."}
    assert len((await parcels.rows())["chunks"]) == 2


async def test_a_person_is_erased_from_what_stands_what_waits_and_what_is_pinned(parcels: Library) -> None:
    await parcels.keep(kept("d-1", "Returns for jo.", subject="p-1"), kept("d-2", "Returns are free.", subject="p-2"))
    await parcels.call("POST", "corpora/handbook/snapshots", 201, name="v1", by="ada")
    await parcels.keep(kept("d-1", "Returns for jo again.", subject="p-1", replaces="d-1"))
    await parcels.service.deliver([kept("d-3", "Returns for jo, thrice.", subject="p-1")])
    parcels.service.clock.advance(60)
    for number, (workspace, who) in enumerate((("parcels", "p-1"), ("parcels", "nobody"), ("other", "p-2"))):
        asked = make(SubjectErased, workspace=workspace, erasure=f"e-{number}", subject=who)
        await parcels.service.deliver([asked])
    await parcels.service.work("erase")
    confirmed = {event.erasure: event.erased for event in await parcels.service.emitted(ErasureConfirmed)}
    assert confirmed == {"e-0": {"documents": 3}, "e-1": {}, "e-2": {}}
    await parcels.keep(kept("d-4", "Returns for jo, late.", subject="p-1"))
    assert await parcels.ids("returns") == await parcels.ids("returns", snapshot="v1") == ["d-2"]
    rows = await parcels.rows()
    assert not [row for row in (*rows["documents"], *rows["chunks"]) if "jo" in row or "p-1" in row]
    (pinned,) = await parcels.call("GET", "corpora/handbook/snapshots")
    assert pinned["erased"] == 1


async def test_documents_past_their_retention_go_the_next_day_and_each_day_after(parcels: Library) -> None:
    await parcels.service.tables.put(declared(retention="2d", handbook=HANDBOOK))
    await parcels.keep(kept("d-1", "Returns take a week."))
    await parcels.call("POST", "corpora/handbook/snapshots", 201, name="v1", by="ada")
    parcels.service.clock.advance(86_400)
    await parcels.keep(kept("d-2", "Returns are free.", at=parcels.service.clock.now()))
    assert await parcels.service.work("tidy") == 1
    assert sorted(await parcels.ids("returns")) == ["d-1", "d-2"]
    parcels.service.clock.advance(2 * 86_400 - 1)
    assert await parcels.service.work("tidy") == 1
    assert await parcels.ids("returns") == ["d-2"]
    assert await parcels.ids("returns", snapshot="v1") == []


async def test_filters_leave_only_what_passes(parcels: Library) -> None:
    await parcels.keep(
        kept("d-1", "Returns take a week.", metadata={"product": "letters", "country": "fr"}),
        kept("d-2", "Returns are free.", source="policies", language="en"),
        kept("d-3", "Returns by mail.", metadata={"product": "parcels"}, language="de"),
    )
    assert await parcels.ids("returns", filter={"source": "policies"}) == ["d-2"]
    assert set(await parcels.ids("returns", filter={"source": ["policies", "wiki"]})) == {"d-1", "d-2", "d-3"}
    assert await parcels.ids("returns", filter={"metadata": {"product": "letters"}}) == ["d-1"]
    assert await parcels.ids("returns", filter={"metadata": {"product": "letters", "country": "de"}}) == []
    for mode in ("vector", "text"):
        assert await parcels.ids("returns", filter={"language": "en"}, mode=mode) == ["d-2"]


async def test_words_are_read_as_the_language_of_their_document_has_them(parcels: Library) -> None:
    await parcels.keep(
        kept("d-1", "Die Lieferungen kommen", source="amt", language="de"),
        kept("d-2", "The deliveries come", source="amt", language="en"),
        kept("d-3", "Eine Lieferung kommt", source="amt"),
    )
    found = await parcels.ids("lieferung", corpus="german", mode="text")
    assert set(found) == {"d-1", "d-3"}, "English is none of its languages; without one a document is taken as German"


async def test_a_query_of_small_words_or_of_odd_signs_finds_nothing_by_words(parcels: Library) -> None:
    await parcels.keep(kept("d-1", "Returns: it's the week."))
    for query in ("'", "a\\b 'c' & | ! ( <->", ":*", "🚚"):
        assert await parcels.ids(query, mode="text") == []
    assert await parcels.ids("it's the week\\", mode="text") == ["d-1"]


async def test_what_is_asked_wrongly_is_told_by_its_field(parcels: Library) -> None:
    async def told(status: int, path: str = "search", **body: Any) -> str:
        answer = await parcels.call("POST", path, status, **({"corpus": "handbook", "query": "x"} | body))
        message: str = answer["error"]["message"]
        return message

    assert "did you mean 'handbook'?" in await told(404, corpus="handbok")
    assert (await told(422, top_k=0)).startswith("top_k:")
    assert (await told(422, top_k=101)).startswith("top_k:")
    assert (await told(422, query=" ")).startswith("query:")
    assert (await told(422, query="x" * 2001)).startswith("query:")
    assert (await told(422, mode="fuzzy")).startswith("mode:")
    assert (await told(422, filter={"colour": "red"})).startswith("filter.colour:")
    assert "no snapshot 'v9'" in await told(404, snapshot="v9")
    await parcels.call("POST", "corpora/handbook/snapshots", 422, name="v1", by="ada")
    assert (
        await parcels.client.post("/v1/workspaces/other/search", json={"corpus": "a", "query": "b"})
    ).status_code == 404
    assert await parcels.search("nothing is here yet") == []


async def test_a_real_base_finds_what_is_meant_where_no_word_is_shared(stack: Endpoints, tmp_path: Path) -> None:
    build = partial(build_app, engine=Engine())
    async with running(stack, "serving", build, cache=tmp_path) as service, service.http() as client:
        await service.tables.put(declared(handbook=HANDBOOK))
        texts = ["We reimburse customers within five days.", "Our office is closed on Sundays.", "Parcels weigh 30 kg."]
        await service.deliver([kept(f"d-{n}", text) for n, text in enumerate(texts)])
        await service.work("embed")
        for mode, found in (("vector", True), ("text", False), ("hybrid", True)):
            asked = {"corpus": "handbook", "query": "how can I get my money back?", "mode": mode, "top_k": 1}
            answer = (await client.post("/v1/workspaces/parcels/search", json=asked)).json()
            assert [one["document_id"] for one in answer["results"]] == (["d-0"] if found else [])
        assert answer["results"][0]["scores"]["vector"] > 0.3


async def test_the_client_searches_too(parcels: Library) -> None:
    await parcels.keep(kept("d-1", "Returns take a week."), kept("d-2", "Returns are free.", source="policies"))
    transport = httpx.ASGITransport(app=parcels.service.service.app(), raise_app_exceptions=False)
    async with AsyncClient("http://test", transport=transport) as millrace:
        (found,) = await millrace.search("parcels", "returns", corpus="handbook", source="policies")
        assert (found.document_id, found.text[found.start : found.stop]) == ("d-2", "Returns are free.")
        with pytest.raises(NotFound, match="did you mean 'handbook'"):
            await millrace.search("parcels", "returns", corpus="handboook")


async def test_corpora_and_workspaces_do_not_see_each_other(parcels: Library) -> None:
    await parcels.service.tables.put(declared("other-shop", handbook=HANDBOOK))
    await parcels.keep(kept("d-1", "Returns take a week."), kept("d-1", "Returns of others.", workspace="other-shop"))
    assert [one["text"] for one in await parcels.search("returns")] == ["Returns take a week."]
    await parcels.service.deliver([retired("d-1", workspace="other-shop")])
    assert await parcels.ids("returns") == ["d-1"]
    assert await parcels.ids("returns", corpus="german") == []
    standing = {one["corpus"]: one["documents"] for one in await parcels.call("GET", "corpora")}
    assert standing == {"german": 0, "handbook": 1}


async def test_a_workspace_without_corpora_costs_nothing(stack: Endpoints, tmp_path: Path) -> None:
    async with library(stack, tmp_path) as plain:
        await plain.service.tables.put(declared())
        await plain.keep(kept("d-1", "Returns take a week."))
        rows = await plain.rows()
        assert not (rows["documents"] or rows["corpora"] or rows["jobs"] or plain.encoder.prepared)
        assert not plain.encoder.embedded


async def test_the_graph_finds_the_nearest_that_pass_a_filter(
    parcels: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk is held to the comparison of all, with a filter that one in twenty passes."""
    parcels.encoder.vector = lambda text: normal(text, spread=12)
    texts = [f"Document {n}" for n in range(1200)]
    sources = ["policies" if n % 20 == 0 else "wiki" for n in range(len(texts))]
    await parcels.keep(*(kept(f"d-{n}", text, source=sources[n]) for n, text in enumerate(texts)))
    asked = {"mode": "vector", "filter": {"source": "policies"}, "top_k": 10}
    exact = [await parcels.ids(text, **asked) for text in texts[:40]]
    monkeypatch.setattr(store.retrieval.searching, "EXACT", -1)
    walked = [await parcels.ids(text, **asked) for text in texts[:40]]
    recalls = [len({*one} & {*other}) / 10 for one, other in zip(exact, walked, strict=True)]
    assert sum(recalls) / 40 >= 0.95

"""What becomes of a duplicate: dropped, dropped with its weight, or kept."""

from datetime import timedelta

from harness import START, Running, make
from shop import NEAR, OTHER, TEXT, configured, document, verdicts

from millrace.events import DocumentDuplicated, DocumentKept, DocumentRetired

LATER = START + timedelta(hours=1)


async def test_a_dropped_duplicate_weighs_where_the_workspace_says_so_and_once(dedup: Running) -> None:
    await dedup.deliver([document("a"), document("b", NEAR)])
    await dedup.tables.put(configured("parcels", revision=2, then="weight"))
    await dedup.deliver([document("c", NEAR), document("c", NEAR), document("a")])
    await dedup.deliver([document("c", NEAR)])
    told = [(one.document_id, one.duplicate_of, one.weighs) for one in await dedup.emitted(DocumentDuplicated)]
    assert told == [("b", "a", False), ("c", "a", True), ("c", "a", False), ("a", "a", False), ("c", "a", False)]


async def test_those_that_repeated_what_is_gone_weigh_for_what_takes_its_place(dedup: Running) -> None:
    await dedup.tables.put(configured("parcels", revision=2, then="weight"))
    await dedup.deliver([document("a"), document("b"), document("c")])
    await dedup.deliver([make(DocumentRetired, document_id="a", source="web", because="withdrawn", at=LATER)])
    told = [(one.document_id, one.duplicate_of, one.weighs) for one in await dedup.emitted(DocumentDuplicated)]
    assert told == [("b", "a", True), ("c", "a", True), ("c", "b", True)]


async def test_where_duplicates_are_kept_they_stand_in_the_same_cluster_and_split(dedup: Running) -> None:
    await dedup.tables.put(configured("parcels", revision=2, then="keep"))
    await dedup.deliver([document("a"), document("b", NEAR)])
    await dedup.deliver([document("c", NEAR + "!"), document("d", OTHER), document("c", NEAR + "!")])
    kept = await dedup.emitted(DocumentKept)
    assert [(one.document_id, one.cluster) for one in kept] == [("a", "a"), ("b", "a"), ("c", "a"), ("d", "d")]
    assert len({one.split for one in kept[:3]}) == 1
    (again,) = await dedup.emitted(DocumentDuplicated)
    assert (again.document_id, again.duplicate_of) == ("c", "c"), "published again as it was"
    async with dedup.http() as client:
        found = (await client.get("/v1/duplicates", params={"workspace": "parcels"})).json()
    assert [(one["document_id"], one["stands"]) for one in found] == [("c", True), ("b", True)]


async def test_a_kept_duplicate_stays_when_what_it_repeats_goes(dedup: Running) -> None:
    await dedup.tables.put(configured("parcels", revision=2, then="keep"))
    await dedup.deliver([document("a"), document("b", TEXT.upper())])
    await dedup.deliver([make(DocumentRetired, document_id="a", source="web", because="withdrawn", at=LATER)])
    assert await verdicts(dedup) == {"a": "kept", "b": "kept"}
    assert len(await dedup.emitted(DocumentKept)) == 2
    async with dedup.http() as client:
        assert (await client.get("/v1/duplicates/b")).status_code == 404, "it repeats nothing any more"

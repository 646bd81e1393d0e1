"""What is past the declared retention goes, and those that repeated it and are younger stay."""

from datetime import timedelta

import pytest
from harness import START, Running, make
from shop import NEAR, OTHER, TEXT, configured, document, verdicts

from millrace.dedup import job_tidy
from millrace.events import DocumentKept, DocumentRetired

DAY = timedelta(days=1)


async def test_what_is_older_than_its_retention_goes_day_by_day(
    dedup: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_tidy, "STEP", 2)
    await dedup.tables.put(configured("parcels", revision=2, retention="30d"))
    await dedup.deliver([document(f"old-{n}", f"{n}: {OTHER} {n * 7}", f"label-{n}") for n in range(5)])
    await dedup.deliver([document("a"), document("b", NEAR, at=START + 10 * DAY)])
    await dedup.deliver([document("o", TEXT, workspace="other-shop")])
    await dedup.work("tidy")
    assert len(await _left(dedup)) == 8
    dedup.clock.advance(31 * 86_400)
    await dedup.work("tidy")
    assert await _left(dedup) == ["b", "o"]
    survivor = (await dedup.emitted(DocumentKept))[-1]
    assert (survivor.document_id, survivor.replaces, survivor.cluster) == ("b", "a", "a")
    dedup.clock.advance(10 * 86_400)
    await dedup.work("tidy")
    assert await _left(dedup) == ["o"]
    await dedup.deliver([document("c", at=START + 41 * DAY)])
    assert (await verdicts(dedup))["c"] == "kept"


async def test_what_nobody_needs_to_remember_is_forgotten_and_the_next_day_is_set(dedup: Running) -> None:
    await dedup.deliver([document("a")])
    await dedup.deliver([make(DocumentRetired, document_id="a", source="web", because="vanished", at=START + DAY)])
    await dedup.work("tidy")
    for days, left in ((2, (0, 1)), (90, (0, 0))):
        dedup.clock.advance(days * 86_400)
        assert await dedup.work("tidy") == 1
        async with dedup.db.reading() as tx:
            counts = await tx.fetchrow(
                "SELECT (SELECT count(*) FROM departures) AS a, (SELECT count(*) FROM tombstones) AS b"
            )
        assert tuple(counts) == left


async def _left(dedup: Running) -> list[str]:
    async with dedup.db.reading() as tx:
        rows = await tx.fetch("SELECT document_id FROM documents ORDER BY document_id")
    return [row["document_id"] for row in rows]

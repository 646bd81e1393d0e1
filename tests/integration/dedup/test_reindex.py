"""The index anew from its texts, while documents come."""

import pytest
from harness import Running
from shop import NEAR, OTHER, TEXT, document, verdicts

from millrace.dedup import job_reindex

GONE = "where has my money gone, it is weeks"


async def spoiled(dedup: Running) -> None:
    """As if another release had signed these texts in another way."""
    async with dedup.db.transaction() as tx:
        await tx.execute("UPDATE documents SET digest = md5(document_id)::bytea, signature = set_byte(signature, 0, 1)")
        await tx.execute("UPDATE documents SET signature = decode(repeat(md5(document_id), 16), 'hex')")
        await tx.execute("UPDATE corpora SET generation = generation + 1")


async def test_an_index_is_mended_from_its_texts_and_what_comes_meanwhile_is_decided(
    dedup: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_reindex, "STEP", 2)
    await dedup.deliver([document("a"), document("b", NEAR), document("c", OTHER), *_more(6)])
    await spoiled(dedup)
    await dedup.deliver([document("lost", TEXT)])
    assert (await verdicts(dedup))["lost"] == "kept", "the test spoils what it should"
    async with dedup.http() as client:
        asked = await client.post("/v1/reindex", params={"workspace": "parcels", "by": "ada"})
        assert asked.status_code == 202 and asked.json()["to_go"] == 10
        again = await client.post("/v1/reindex", params={"workspace": "parcels", "by": "ada"})
        assert again.json()["state"] == "waiting"
        mend, calls = job_reindex._mend, []

        async def interrupted(job: object) -> bool:
            calls.append(1)
            if len(calls) == 3:
                raise ZeroDivisionError
            if len(calls) == 5:
                await dedup.deliver(
                    [document("d", OTHER + "!"), document("e", "where has my money gone, it is weeks now")]
                )
            return await mend(job)

        monkeypatch.setattr(job_reindex, "_mend", interrupted)
        await dedup.work("reindex")
        dedup.clock.advance(60)
        assert await dedup.work("reindex") == 1
        done = (await client.get("/v1/reindex", params={"workspace": "parcels"})).json()
    assert (done["state"], done["to_go"], done["mended"]) == ("done", 0, 9)
    await dedup.deliver([document("f", NEAR), document("g", OTHER), document("h", GONE)])
    said = await verdicts(dedup)
    assert (said["f"], said["g"], said["h"]) == ("a", "c", "e")


def _more(count: int) -> list[object]:
    return [document(f"m{n}", f"{n} {OTHER} {n * 7}", f"label-{n}") for n in range(count)]

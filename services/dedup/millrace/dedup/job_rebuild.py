"""Builds a workspace's shelf anew from the log, beside the one in use, and puts it in its place."""

import asyncio
from collections.abc import Sequence

from aiokafka import TopicPartition
from asyncpg import Record

from millrace.chassis import Job, works
from millrace.dedup import meaning, rebuilding, store
from millrace.dedup.corpus import Index, compare_by_meaning
from millrace.dedup.domain import Sketch, sketch_all
from millrace.dedup.engine import Engine
from millrace.dedup.log import Batch, Log, Places, Reading
from millrace.events import DocumentDuplicated, DocumentKept
from millrace.workspace import Workspace

STEP = 500
"""Rows carried or told of in one transaction."""
LAST = 1000
"""Events folded at most while the workspace's documents wait for the switch."""


@works("rebuild", emits=[DocumentKept, DocumentDuplicated])
async def job_rebuild(job: Job, *, index: Index, log: Log, engine: Engine) -> None:
    """Goes on where a killed one stopped. Until the switch nothing is told and nothing of the current shelf changes."""
    spec = await index.workspaces.get(job.workspace)
    phases = {"reading": _read, "carrying": _carry, "folding": _fold, "telling": _tell, "clearing": _clear}
    while True:
        async with job.transaction() as tx:
            one = await store.rebuilding(tx, job.workspace)
        if one.phase == "done":
            return
        await phases[one.phase](Rebuild(job, index, log, engine, spec, one))


class Rebuild:
    """What every phase needs."""

    def __init__(
        self, job: Job, index: Index, log: Log, engine: Engine, spec: Workspace, one: store.Rebuilding
    ) -> None:
        self.job = job
        self.index = index
        self.log = log
        self.engine = engine
        self.spec = spec
        self.one = one

    async def ends(self) -> Places:
        async with self.job.transaction() as tx:
            return await self.log.ends(tx)


async def _read(on: Rebuild) -> None:
    """Which documents the log has, and whatever it says of ends: what comes before its end is then not taken in."""
    job, one = on.job, on.one
    async with on.log.reading(job.workspace, {}) as reading:
        read = await _noted(on, reading, await on.ends(), 0)
        async with job.transaction() as tx:
            former = await store.lock(tx, job.workspace)  # what it has up to now is of what comes before these ends
            ends = await on.log.ends(tx)
        await _noted(on, reading, ends, read)
        async with job.transaction() as tx:
            await store.copy_golden(tx, one)
            await store.go_on(tx, job.workspace, phase="carrying", mark=former.latest, since=reading.since)


async def _noted(on: Rebuild, reading: Reading, ends: Places, read: int) -> int:
    async for batch in reading.upto(ends):
        async with on.job.transaction() as tx:
            read += await rebuilding.note(tx, on.job.workspace, on.one, batch.events)
            await store.go_on(tx, on.job.workspace, read=read, behind=batch.behind(ends))
    return read


async def _carry(on: Rebuild) -> None:
    """What the log no longer has is taken along as it is, before what came after it."""
    job, one = on.job, on.one
    place = one.place
    while True:
        async with job.transaction() as tx:
            last, rows = await store.not_logged(tx, one, place, STEP)
        if last is None:
            break
        signed, place = await _signed(rows), last
        async with job.transaction() as tx:
            _, built = await store.lock_all(tx, job.workspace)
            carried = await store.carry(tx, built, signed)
            await store.go_on(tx, job.workspace, carried=carried, place=place)
    async with job.transaction() as tx:
        await store.go_on(tx, job.workspace, phase="folding", place=0)


async def _signed(rows: Sequence[Record]) -> list[tuple[Record, Sketch | None]]:
    texts = [row for row in rows if row["text"] is not None]
    made = await asyncio.to_thread(sketch_all, [store.text_of(row) for row in texts])
    sketches = {row["seq"]: sketch for row, sketch in zip(texts, made, strict=True)}
    return [(row, sketches.get(row["seq"])) for row in rows]


async def _fold(on: Rebuild) -> None:
    """The log is followed until the handlers' places are reached; then what is built becomes current."""
    places = {_place(name): offset for name, offset in on.one.positions.items()}
    async with on.log.reading(on.job.workspace, places) as reading:
        await _follow(on, reading)
        await _compare(on)
        while not await _switched(on, reading):
            await _follow(on, reading)


async def _follow(on: Rebuild, reading: Reading) -> None:
    ends = await on.ends()
    async for batch in reading.upto(ends):
        async with on.job.transaction() as tx:
            built = await store.lock_shelf(tx, on.one.shelf)
            await rebuilding.fold(tx, on.index, built, on.one, on.spec, batch.events)
            far = {"positions": _named(batch), "behind": batch.behind(ends)}
            await store.go_on(tx, on.job.workspace, folded=len(batch.events), **far)
    async with on.job.transaction() as tx:
        await store.set_dangling_free(tx, await store.lock_shelf(tx, on.one.shelf))
    while await _adopted(on):
        pass


async def _adopted(on: Rebuild) -> bool:
    async with on.job.transaction() as tx:
        built = await store.lock_shelf(tx, on.one.shelf)
        return await on.index.adopt(tx, built, {"": on.job.cause("adopt")}, {})


async def _compare(on: Rebuild) -> None:
    """Meaning is compared before the switch, or all that fell for it would be told as kept for a while."""
    if on.spec.data.duplicates.semantic is None:
        return
    async with on.engine.embedding() as embed:
        while True:
            async with on.job.transaction() as tx:
                rows = await store.to_embed(tx, on.one.shelf, meaning.BATCH)
                vectors = await store.vectors_of(tx, on.one, [row["seq"] for row in rows])
            if not rows:
                break
            new = [row for row in rows if row["seq"] not in vectors]
            if new:
                made = await meaning.embed_all(embed, [store.text_of(row) for row in new])
                vectors |= {row["seq"]: vector for row, vector in zip(new, made, strict=True)}
            async with on.job.transaction() as tx:
                built = await store.lock_shelf(tx, on.one.shelf)
                seqs = [row["seq"] for row in rows]
                await meaning.compare(
                    tx, on.job, on.index, on.spec, built, seqs, rebuilding.stacked(vectors, seqs), "beside"
                )
    while await _adopted(on):
        pass


async def _switched(on: Rebuild, reading: Reading) -> bool:
    """The last of the log and the switch are one commit, for which the workspace's documents wait."""
    await reading.ahead()
    job = on.job
    async with job.transaction() as tx:
        former, built = await store.lock_all(tx, job.workspace)
        ends = await on.log.ends(tx)
        if not reading.has(ends) or reading.waiting(ends) > LAST:
            return False
        batch = reading.take(ends)
        await rebuilding.fold(tx, on.index, built, on.one, on.spec, batch.events)
        decided_on_since = await store.not_built(tx, on.one)
        carried = await store.carry(tx, built, await _signed(decided_on_since), waiting=True)
        on.index.memory.wrote(tx)
        while await on.index.adopt(tx, built, {"": job.cause("adopt")}, {}):
            pass
        await store.switch(tx, former, built)
        built.current = True
        if on.spec.data.duplicates.semantic is not None:
            await compare_by_meaning(tx, built, job.cause("embed"))
        await store.go_on(
            tx, job.workspace, folded=len(batch.events), phase="telling", place=0, mark=built.latest,
            positions=_named(batch), behind=0, carried=carried,
        )  # fmt: skip
    return True


async def _tell(on: Rebuild) -> None:
    """Where what stands, or what it repeats, is not what was told before, it is told now."""
    job, place = on.job, on.one.place
    while True:
        async with job.transaction() as tx:
            corpus = await store.lock(tx, job.workspace)
            rows = await store.changed(tx, on.one, place, STEP)
            told = await rebuilding.tell_changes(tx, corpus, on.spec, rows, job.cause(f"told/{place}"))
            if rows:
                place = rows[-1]["seq"]
            await store.go_on(tx, job.workspace, told=told, place=place)
        if not rows:
            break
    async with job.transaction() as tx:
        await store.go_on(tx, job.workspace, phase="clearing", missing=await store.count_missing(tx, on.one))


async def _clear(on: Rebuild) -> None:
    while True:
        async with on.job.transaction() as tx:
            if not await store.clear(tx, on.one):
                await store.go_on(tx, on.job.workspace, phase="done", ended_at=tx.now)
                return


def _named(batch: Batch) -> dict[str, int]:
    return {f"{place.topic}/{place.partition}": offset for place, offset in batch.places.items()}


def _place(name: str) -> TopicPartition:
    topic, _, partition = name.rpartition("/")
    return TopicPartition(topic, int(partition))

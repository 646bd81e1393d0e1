"""All that dedup keeps of a workspace, built anew from the topics while it goes on."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from harness import Bus, Running, empty_topics, eventually, live, make
from shop import NEAR, OTHER, TEXT, configured, document
from test_semantic import MEANINGS, Angles

from millrace.dedup import job_rebuild, log, rebuilding
from millrace.dedup.app import build_app
from millrace.events import (
    DocumentDuplicated,
    DocumentKept,
    DocumentRetired,
    Event,
    FeedbackRecorded,
    SubjectErased,
)
from millrace.stack import Endpoints

BEGAN = datetime.now(UTC) - timedelta(hours=1)
PERSON = "p-5f0c2d1e7a9b4c3d8e6f5a4b3c2d1e0f"


class Shop:
    """A workspace of its own on a whole dedup; what is published is known a second after what was before."""

    def __init__(self, dedup: Running, bus: Bus) -> None:
        self.dedup = dedup
        self.bus = bus
        self.name = f"w-{uuid4().hex[:12]}"
        self._second = 0

    async def declare(self, **data: Any) -> None:
        await self.bus.publish(configured(self.name, **data))

    def wrote(self, id: str, text: str = TEXT, **fields: Any) -> Event:
        return document(id, text, workspace=self.name, at=self._next(), **fields)

    def retired(self, id: str) -> Event:
        return make(
            DocumentRetired, workspace=self.name, document_id=id, source="web", because="vanished", at=self._next()
        )

    def erased(self) -> Event:
        return make(SubjectErased, workspace=self.name, erasure=f"e-{self.name}", subject=PERSON, at=self._next())

    def label(self, id: str, text: str, value: str, **fields: Any) -> Event:
        about = {
            "lane": 0, "kind": "label", "source": "agent", "trusted": True, "basis": "blind", "request_id": "r",
            "prediction_id": "p", "version": "v", "arm": "production", "revision": 1, "predicted_at": BEGAN,
        }  # fmt: skip
        given = {"workspace": self.name, "feedback_id": id, "value": value, "text": text, "at": self._next()}
        return make(FeedbackRecorded, **about | given | fields)

    def _next(self) -> datetime:
        self._second += 1
        return BEGAN + timedelta(seconds=self._second)

    async def publish(self, *events: Event) -> None:
        """Until dedup has taken them all, in this order."""
        for event in events:
            await self.bus.publish(event)
            await self._taken(event)

    async def _taken(self, event: Event) -> None:
        async def there() -> bool:
            async with self.dedup.db.reading() as tx:
                return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM inbox WHERE id = $1)", event.id))

        await eventually(there)

    async def rows(self) -> dict[str, dict[str, Any]]:
        """What stands on the current shelf, and what it is."""
        names = "document_id, source, label, suite, stands, duplicate_of, kind, cluster, text, subject, known_at, ended"
        async with self.dedup.db.reading() as tx:
            found = await tx.fetch(
                f"SELECT {names} FROM documents JOIN corpora USING (shelf) WHERE workspace = $1 AND current", self.name
            )
        return {row["document_id"]: dict(row) for row in found}

    async def spoil(self, statement: str, *args: Any) -> None:
        await self.dedup.db.pool.execute(
            statement.replace("OURS", f"(SELECT shelf FROM corpora WHERE workspace = '{self.name}' AND current)"), *args
        )

    async def ask(self) -> dict[str, Any]:
        async with self.dedup.http() as client:
            asked = await client.post("/v1/rebuild", params={"workspace": self.name, "by": "ada"})
        assert asked.status_code == 202, asked.text
        told: dict[str, Any] = asked.json()
        return told

    async def report(self) -> dict[str, Any]:
        async with self.dedup.http() as client:
            told: dict[str, Any] = (await client.get("/v1/rebuild", params={"workspace": self.name})).json()
        return told

    async def rebuilt(self) -> dict[str, Any]:
        await self.ask()

        async def done() -> Any:
            told = await self.report()
            return told if told["state"] in ("done", "failed") else None

        told: dict[str, Any] = await eventually(done, within=60)
        assert told["state"] == "done", told
        return told

    async def told(self, kind: type[Any], until: Callable[[Sequence[Any]], bool] = lambda found: True) -> list[Any]:
        found = await self.bus.read(kind, until=lambda all: until([one for one in all if one.workspace == self.name]))
        return [one for one in found if one.workspace == self.name]

    async def said(self) -> int:
        """How much was emitted: all that went out, and what is about to."""
        async with self.dedup.db.reading() as tx:
            return int(await tx.fetchval("SELECT last_value FROM outbox_seq_seq"))


@asynccontextmanager
async def shop(stack: Endpoints, **more: Any) -> AsyncIterator[Shop]:
    await empty_topics(stack)
    async with live(stack, "dedup", partial(build_app, engine=Angles()), **more) as dedup:
        yield Shop(dedup, Bus(stack))


async def test_what_was_lost_or_spoiled_is_as_the_log_says_also_what_comes_meanwhile(
    stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "BATCH", 3)
    async with shop(stack) as parcels:
        await parcels.declare()
        await parcels.publish(parcels.wrote("a"), parcels.wrote("b", NEAR), parcels.wrote("c", OTHER, suite="golden"))
        await parcels.publish(parcels.label("f1", OTHER, "late"), parcels.label("f2", "my refund?", "lost"))
        await parcels.publish(
            parcels.label("f3", "my refund?", "late", supersedes="f2"), parcels.wrote("gone", "so be it")
        )
        await parcels.publish(parcels.retired("gone"), parcels.wrote("d", OTHER + "!", label="late"))
        older, newer = parcels.wrote("late", "what was known first"), parcels.wrote("late", "what is known now")
        await parcels.publish(newer, older)
        right = await parcels.rows()
        assert right["late"]["text"] == b"what is known now"
        assert {id: row["duplicate_of"] for id, row in right.items() if row["duplicate_of"]} == {"b": "a", "d": "f1"}
        await parcels.spoil("DELETE FROM documents WHERE shelf = OURS AND document_id = 'f1'")
        await parcels.spoil("UPDATE documents SET text = 'x', digest = 'y' WHERE shelf = OURS AND document_id = 'a'")
        folds, more = 0, [parcels.wrote(f"m{n}", f"{n} {TEXT} {n * 7}", label=f"label-{n % 3}") for n in range(12)]
        fold = rebuilding.fold

        async def slowly(*args: Any) -> None:
            nonlocal folds
            folds += 1
            await fold(*args)
            if folds <= len(more):
                await parcels.bus.publish(more[folds - 1])

        monkeypatch.setattr(rebuilding, "fold", slowly)
        report = await parcels.rebuilt()
        await parcels.publish(*more[folds:])
        for event in more:
            await parcels._taken(event)
        await parcels.publish(parcels.wrote("e", NEAR), parcels.wrote("m1-again", f"1 {TEXT} 7", label="label-1"))
        now = await parcels.rows()
        assert {id: now[id]["text"] for id in right} == {id: row["text"] for id, row in right.items()}
        assert {id: now[id]["duplicate_of"] for id in right} == {id: row["duplicate_of"] for id, row in right.items()}
        assert {id: now[id]["cluster"] for id in right} == {id: row["cluster"] for id, row in right.items()}
        assert now["e"]["duplicate_of"] == "a" and now["m1-again"]["duplicate_of"] == "m1"
        assert set(now) == {*right, *(f"m{n}" for n in range(12)), "e", "m1-again"}
        assert (report["carried"], report["missing"]) == (0, 0) and report["read"] >= 9 and report["since"]
        async with parcels.dedup.db.reading() as tx:
            for table in ("documents", "embeddings", "golden_clusters", "departures"):
                others = f"SELECT count(*) FROM {table} WHERE shelf NOT IN (SELECT shelf FROM corpora WHERE current)"
                assert await tx.fetchval(others) == 0, table
            assert await tx.fetchval("SELECT count(*) FROM logged") == 0
            feedback = await tx.fetch("SELECT workspace, feedback_id FROM feedback ORDER BY 2")
        assert [tuple(row) for row in feedback] == [(parcels.name, id) for id in ("f1", "f2", "f3")]
        kept = await parcels.told(DocumentKept, lambda found: sum(one.document_id == "f1" for one in found) == 2)
        assert sum(one.document_id == "c" for one in kept) == 1, "what was right is not told again"
        assert sorted(one.document_id for one in kept if one.document_id[0] == "m") == ["m0", "m1", "m2"], "once each"


async def test_of_each_group_and_label_one_stands_before_and_after_and_readers_know_which(stack: Endpoints) -> None:
    """Topics are read side by side, so it may be another than before: then that is told."""
    draw = random.Random(11)
    texts = [TEXT, NEAR, TEXT.upper(), OTHER, OTHER + "!", "where is my refund, it is three weeks now"]
    async with shop(stack) as parcels:
        await parcels.declare(then="weight")
        events: list[Event] = []
        for _ in range(60):
            id = f"d{draw.randrange(20)}"
            if draw.random() < 0.2:
                events.append(parcels.retired(id))
            else:
                events.append(parcels.wrote(id, draw.choice(texts), label=draw.choice(["lost", "late"])))
        await parcels.bus.publish(*events)
        await parcels._taken(events[-1])
        await eventually(lambda: _settled(parcels, events))
        before, said = await parcels.rows(), await parcels.said()
        report = await parcels.rebuilt()
        after = await parcels.rows()
        assert after.keys() == before.keys() and report["told"] == await parcels.said() - said
        await parcels.publish(
            parcels.wrote("last", "of all that was said"), parcels.wrote("of-all", "of all that was said")
        )
        assert await _heard(parcels) - {"last"} == {id for id, row in after.items() if row["stands"]}
        kinds = {(row["label"], _group(row["text"])) for row in before.values()}
        for rows in (before, after):
            assert sorted((r["label"], _group(r["text"])) for r in rows.values() if r["stands"]) == sorted(kinds)
        assert {id: row["cluster"] for id, row in after.items()} == {id: row["cluster"] for id, row in before.items()}


async def _heard(parcels: Shop) -> set[str]:
    """Who stands for a reader of both topics: known later than it ended."""
    kept = await parcels.told(DocumentKept, lambda found: any(one.document_id == "last" for one in found))
    repeated = await parcels.told(DocumentDuplicated, lambda found: any(one.document_id == "of-all" for one in found))
    async with parcels.dedup.db.reading() as tx:
        tombstones = await tx.fetch("SELECT id, known_at FROM tombstones WHERE workspace = $1", parcels.name)
    ends = [(one.ended, one.known_at) for one in repeated if one.ended] + [tuple(row) for row in tombstones]
    ended: dict[str, datetime] = {}
    for id, at in ends:
        ended[id] = max(at, ended.get(id, at))
    return {one.document_id for one in kept if one.document_id not in ended or one.known_at > ended[one.document_id]}


async def _settled(parcels: Shop, events: Sequence[Event]) -> bool:
    async with parcels.dedup.db.reading() as tx:
        taken = await tx.fetchval("SELECT count(*) FROM inbox WHERE id = ANY($1)", [event.id for event in events])
    return bool(taken == len(events))


def _group(text: bytes) -> str:
    return text.decode().lower()[:6]


async def test_what_the_log_no_longer_has_is_kept_and_the_report_says_so(stack: Endpoints) -> None:
    async with shop(stack) as parcels:
        await parcels.declare()
        await parcels.publish(parcels.wrote("a"), parcels.wrote("b", NEAR), parcels.wrote("c", OTHER))
        await empty_topics(stack)
        await parcels.publish(parcels.wrote("d", OTHER + "!"), parcels.wrote("a", "another text altogether, of today"))
        await parcels.publish(parcels.label("f1", TEXT, "late"))
        before, said = await parcels.rows(), await parcels.said()
        assert before["b"]["stands"] and before["d"]["duplicate_of"] == "c"
        report = await parcels.rebuilt()
        assert await parcels.rows() == before and await parcels.said() == said
        assert (report["carried"], report["told"], report["missing"]) == (2, 0, 0), "b and c"
        assert datetime.fromisoformat(report["since"]) <= datetime.now(UTC)
        await parcels.publish(parcels.wrote("e", NEAR), parcels.wrote("f", OTHER))
        now = await parcels.rows()
        assert (now["e"]["duplicate_of"], now["f"]["duplicate_of"]) == ("b", "c")


async def test_what_the_log_no_longer_has_and_is_decided_on_anew_meanwhile_is_not_lost(
    stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(stack) as parcels:
        await parcels.declare()
        await parcels.publish(parcels.wrote("a"), parcels.wrote("b", NEAR), parcels.wrote("c", OTHER))
        await empty_topics(stack)
        carry, end = job_rebuild._carry, parcels.retired("a")

        async def late(on: Any) -> None:
            await parcels.publish(end, parcels.wrote("new", "it comes while others are carried"))
            await carry(on)

        monkeypatch.setattr(job_rebuild, "_carry", late)
        report = await parcels.rebuilt()
        rows = await parcels.rows()
        assert {id: row["stands"] for id, row in rows.items()} == {"b": True, "c": True, "new": True}
        assert (report["carried"], report["told"]) == (2, 0), "b, which took the place of a, and c"
        await parcels.publish(parcels.wrote("d", NEAR))
        assert (await parcels.rows())["d"]["duplicate_of"] == "b"


async def test_what_is_past_its_retention_does_not_come_back(stack: Endpoints) -> None:
    async with shop(stack) as parcels:
        await parcels.declare(retention="1d")
        await parcels.publish(document("old", workspace=parcels.name, at=BEGAN - timedelta(days=2)))
        await parcels.publish(parcels.wrote("young", NEAR), parcels.wrote("c", OTHER))

        async def tidied() -> bool:
            return "old" not in await parcels.rows()

        await eventually(tidied)
        before, said = await parcels.rows(), await parcels.said()
        assert before["young"]["stands"]
        await parcels.rebuilt()
        assert await parcels.rows() == before and await parcels.said() == said


async def test_an_erased_person_does_not_come_back_also_where_they_are_erased_meanwhile(
    stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shop(stack) as parcels:
        await parcels.declare()
        await parcels.publish(parcels.wrote("a", subject=PERSON), parcels.wrote("b", NEAR, subject="p-2"))
        await parcels.publish(parcels.wrote("c", OTHER, subject=PERSON), parcels.wrote("d", OTHER + "!", subject="p-2"))
        switched, erased = job_rebuild._switched, parcels.erased()

        async def late(*args: Any) -> bool:
            await parcels.publish(erased)
            await eventually(lambda: _confirmed(parcels))
            return await switched(*args)

        monkeypatch.setattr(job_rebuild, "_switched", late)
        await parcels.rebuilt()
        monkeypatch.setattr(job_rebuild, "_switched", switched)
        for turn in range(2):
            rows = await parcels.rows()
            assert {id: row["stands"] for id, row in rows.items()} == {"b": True, "d": True}, f"turn {turn}"
            async with parcels.dedup.db.reading() as tx:
                assert not await tx.fetchval("SELECT count(*) FROM documents WHERE subject = $1", PERSON)
            said = await parcels.said()
            assert (await parcels.rebuilt())["told"] == 0 and await parcels.said() == said


async def _confirmed(parcels: Shop) -> bool:
    async with parcels.dedup.db.reading() as tx:
        left = await tx.fetchval("SELECT count(*) FROM jobs WHERE kind = 'erase' AND state <> 'done'")
    return bool(left == 0)


async def test_what_was_told_wrongly_is_told_anew(stack: Endpoints) -> None:
    async with shop(stack) as parcels:
        await parcels.declare()
        await parcels.publish(parcels.wrote("a"), parcels.wrote("b", NEAR), parcels.wrote("c", OTHER))
        known_at = (await parcels.rows())["b"]["known_at"]
        await parcels.spoil(
            "UPDATE documents SET stands = true, duplicate_of = NULL WHERE shelf = OURS AND document_id = 'b'"
        )
        fell = "stands = false, ended = true, duplicate_of = 'a'"
        await parcels.spoil(f"UPDATE documents SET {fell} WHERE shelf = OURS AND document_id = 'c'")
        assert (await parcels.rebuilt())["told"] == 2
        kept = await parcels.told(DocumentKept, lambda found: len(found) == 3)
        ended = await parcels.told(DocumentDuplicated, lambda found: len(found) == 2)
        assert [one.document_id for one in kept] == ["a", "c", "c"] and kept[2].known_at > kept[1].known_at
        assert (ended[1].document_id, ended[1].duplicate_of, ended[1].ends) == ("b", "a", "b")
        assert ended[1].known_at >= known_at
        await parcels.publish(parcels.retired("a"))
        kept = await parcels.told(DocumentKept, lambda found: len(found) == 4)
        assert kept[3].document_id == "b" and kept[3].known_at > ended[1].known_at, "it comes after its end"


@pytest.mark.parametrize("dies", ["note", "fold", "tell_changes"])
async def test_one_that_is_killed_goes_on_where_it_was(
    stack: Endpoints, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    monkeypatch.setattr(log, "BATCH", 2)
    monkeypatch.setattr(job_rebuild, "STEP", 2)
    async with shop(stack) as parcels:
        await parcels.declare()
        await parcels.publish(*(parcels.wrote(f"d{n}", f"{n} {OTHER} {n * 7}", label=f"label-{n}") for n in range(6)))
        await empty_topics(stack)
        await parcels.publish(parcels.wrote("a"), parcels.wrote("b", NEAR), parcels.wrote("c", OTHER))
        before, said = await parcels.rows(), await parcels.said()
        works, calls = getattr(rebuilding, dies), []

        async def killed(*args: Any) -> Any:
            done = await works(*args)
            calls.append(1)
            if len(calls) == 2:
                raise ZeroDivisionError
            return done

        monkeypatch.setattr(rebuilding, dies, killed)
        report = await parcels.rebuilt()
        assert len(calls) > 2 and (report["read"], report["carried"], report["folded"]) == (3, 6, 3)
        assert await parcels.rows() == before and await parcels.said() == said


async def test_what_fell_for_its_meaning_stays_fallen_without_a_word(stack: Endpoints) -> None:
    texts = {name: text for name, (text, _) in MEANINGS.items()}
    async with shop(stack) as parcels:
        await parcels.declare(semantic=0.95)
        await parcels.publish(*(parcels.wrote(name, texts[name]) for name in ("a", "b", "x")))

        async def compared() -> bool:
            return not (await parcels.rows())["b"]["stands"]

        await eventually(compared)
        before, said = await parcels.rows(), await parcels.said()
        report = await parcels.rebuilt()
        assert (report["told"], await parcels.said()) == (0, said)
        assert await parcels.rows() == before and before["b"]["kind"] == "semantic"
        async with parcels.dedup.db.reading() as tx:
            assert await tx.fetchval("SELECT count(*) FROM embeddings") == 2
        await parcels.publish(parcels.retired("a"))
        assert (await parcels.rows())["b"]["stands"]


async def test_it_is_asked_for_once_and_not_beside_a_mending(stack: Endpoints, monkeypatch: pytest.MonkeyPatch) -> None:
    async with shop(stack) as parcels:
        await parcels.declare()
        async with parcels.dedup.http() as client:
            where = {"workspace": parcels.name}
            await parcels.publish(parcels.wrote("a"))
            assert (await client.get("/v1/rebuild", params=where)).status_code == 404
            release = asyncio.Event()
            read = job_rebuild._read

            async def held(on: Any) -> None:
                await release.wait()
                await read(on)

            monkeypatch.setattr(job_rebuild, "_read", held)
            first, second = await parcels.ask(), await parcels.ask()
            assert first["asked_at"] == second["asked_at"] and first["phase"] == "reading"
            refused = await client.post("/v1/reindex", params={**where, "by": "ada"})
            assert refused.status_code == 409 and "is being rebuilt from the log" in refused.text
            release.set()
            assert (await parcels.rebuilt())["state"] == "done"
            assert (await client.post("/v1/rebuild", params={"workspace": "nobody-s", "by": "ada"})).status_code == 404

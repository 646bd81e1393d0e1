"""Revisions of documents: taken, made findable with their chunks, ended; each change under the corpus's next number."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from millrace.chassis import Transaction
from millrace.chassis.erasure import Forgotten
from millrace.events import DocumentKept
from millrace.serving.domain import Span, configuration
from millrace.serving.store.retrieval.corpora import Corpus, each_corpus, lock

REMEMBERED = timedelta(days=8)
"""How long a tombstone stands: longer than a topic holds what it could keep out."""

STEP = 1000
"""Rows that are let go of in one statement."""


BEFORE = """(CASE WHEN d.partition = u.partition THEN d.place < u.place ELSE d.known_at <= u.known_at END)"""
"""Whether a held revision came before an event. A workspace has one partition until somebody adds partitions."""


class Place(NamedTuple):
    """Where an event stands in the log."""

    partition: int
    offset: int


@dataclass(frozen=True)
class Waiting:
    """A revision that has no vectors yet."""

    id: int
    corpus: int
    text: str
    known_at: datetime


@dataclass(frozen=True)
class Revision:
    """A revision with its chunks and their vectors, ready to be found. `shape` is how it was cut and embedded."""

    id: int
    spans: Sequence[Span]
    vectors: Sequence[Sequence[float]]
    shape: str


async def append(
    tx: Transaction, corpus: Corpus, kept: Sequence[DocumentKept], languages: Sequence[str | None]
) -> dict[Place, int]:
    """Adds revisions that wait; their ids by place. Where it or a later one is held, nothing is added."""
    places = [place_of(event) for event in kept]
    rows = await tx.fetch(
        f"""INSERT INTO documents (corpus, document_id, partition, place, replaces, source, language, subject, metadata,
                                   text, known_at, taken_at)
            SELECT $1, u.id, u.partition, u.place, u.replaces, u.source, u.language, u.subject, u.metadata, u.text,
                u.known_at, $12
            FROM unnest($2::text[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
                        $9::jsonb[], $10::text[], $11::timestamptz[])
                WITH ORDINALITY
                AS u (id, partition, place, replaces, source, language, subject, metadata, text, known_at, n)
            WHERE NOT EXISTS (SELECT FROM documents d WHERE d.corpus = $1 AND d.document_id = u.id
                              AND d.to_seq IS NULL AND NOT {BEFORE})
            ORDER BY u.n RETURNING id, partition, place""",
        corpus.id,
        [event.document_id for event in kept],
        [place.partition for place in places],
        [place.offset for place in places],
        [event.replaces for event in kept],
        [event.source for event in kept],
        list(languages),
        [event.subject for event in kept],
        [json.dumps(event.metadata) for event in kept],
        [event.text.replace("\x00", " ") for event in kept],
        [event.known_at for event in kept],
        tx.now,
    )
    return {Place(row["partition"], row["place"]): row["id"] for row in rows}


def place_of(event: DocumentKept) -> Place:
    position = event.envelope.position
    return Place(position.partition, position.offset) if position else Place(0, 0)


async def waiting(tx: Transaction, ids: Collection[int]) -> list[Waiting]:
    """Those of the revisions that still wait, unless a later one of the same document does too."""
    rows = await tx.fetch(
        """SELECT id, corpus, text, known_at FROM documents d WHERE id = ANY($1) AND from_seq IS NULL AND NOT EXISTS (
               SELECT FROM documents l WHERE l.corpus = d.corpus AND l.document_id = d.document_id AND l.id > d.id)
           ORDER BY id""",
        list(ids),
    )
    return [Waiting(**dict(row)) for row in rows]


async def stuck(tx: Transaction, corpus: Corpus, since: datetime, after: int) -> list[int]:
    """The next STEP revisions that have waited since a time, in the order of their ids."""
    rows = await tx.fetch(
        """SELECT id FROM documents WHERE corpus = $1 AND from_seq IS NULL AND taken_at < $2 AND id > $3
           ORDER BY id LIMIT $4""",
        corpus.id,
        since,
        after,
        STEP,
    )
    return [row["id"] for row in rows]


async def publish(tx: Transaction, corpus: Corpus, revisions: Sequence[Revision]) -> int:
    """Makes revisions findable and ends those before them, at once; how many still waited. The corpus is locked."""
    by_id = {revision.id: revision for revision in revisions}
    rows = await tx.fetch(
        """UPDATE documents d SET from_seq = $4, shape = u.shape, chunks = u.chunks
           FROM unnest($1::bigint[], $2::text[], $3::int[]) AS u (id, shape, chunks)
           WHERE d.id = u.id AND from_seq IS NULL
           RETURNING d.id, document_id, replaces, source, language, metadata, text""",
        list(by_id),
        [revision.shape for revision in revisions],
        [len(revision.spans) for revision in revisions],
        corpus.seq + 1,
    )
    if not rows:
        return 0
    await _moves(tx, corpus, {configuration(row["language"]) for row in rows})
    await tx.executemany(
        f"""INSERT INTO {corpus.partition} (corpus, document, ordinal, start, stop, from_seq, source, language,
                                            metadata, words, embedding)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_tsvector($10::text::regconfig, $11), $12::real[]::halfvec)""",
        [
            (corpus.id, row["id"], ordinal, span.start, span.stop, corpus.seq, row["source"], row["language"],
             row["metadata"], configuration(row["language"]), row["text"][span.start : span.stop], vector)
            for row in rows
            for ordinal, (span, vector) in enumerate(
                zip(by_id[row["id"]].spans, by_id[row["id"]].vectors, strict=True)
            )
        ],
    )  # fmt: skip
    before = await tx.fetch(
        """SELECT d.id FROM documents d
           JOIN unnest($2::bigint[], $3::text[]) AS u (id, document_id) ON u.document_id = d.document_id
           WHERE d.corpus = $1 AND d.id < u.id AND d.to_seq IS NULL""",
        corpus.id,
        [row["id"] for row in rows for _ in range(2)],
        [name for row in rows for name in (row["document_id"], row["replaces"])],
    )
    await _end(tx, corpus, [row["id"] for row in before])
    return len(rows)


async def _moves(tx: Transaction, corpus: Corpus, configurations: Collection[str] = ()) -> None:
    corpus.seq += 1
    corpus.configurations = sorted({*corpus.configurations, *configurations})
    await tx.execute(
        "UPDATE corpora SET seq = $2, configurations = $3 WHERE id = $1", corpus.id, corpus.seq, corpus.configurations
    )


async def _end(tx: Transaction, corpus: Corpus, ids: Collection[int]) -> None:
    """Ends revisions at the corpus's number: kept where a snapshot holds them, else gone."""
    if not ids:
        return
    held = await tx.fetch(
        """UPDATE documents SET to_seq = $3 WHERE id = ANY($1) AND to_seq IS NULL
           AND from_seq <= (SELECT max(seq) FROM snapshots WHERE corpus = $2) RETURNING id""",
        list(ids),
        corpus.id,
        corpus.seq,
    )
    kept = [row["id"] for row in held]
    await tx.execute(
        f"UPDATE {corpus.partition} SET to_seq = $2 WHERE document = ANY($1) AND to_seq IS NULL", kept, corpus.seq
    )
    await drop(tx, corpus, set(ids) - set(kept))


async def drop(tx: Transaction, corpus: Corpus, ids: Collection[int]) -> None:
    """Lets go of revisions and their chunks."""
    await tx.execute(f"DELETE FROM {corpus.partition} WHERE document = ANY($1)", list(ids))
    await tx.execute("DELETE FROM documents WHERE id = ANY($1)", list(ids))


async def retire(tx: Transaction, corpus: Corpus, gone: Mapping[str, datetime]) -> int:
    """Ends what stands of documents and was known no later than they were gone; how much. The corpus is locked."""
    rows = await tx.fetch(
        """SELECT d.id FROM documents d JOIN unnest($2::text[], $3::timestamptz[]) AS u (name, until)
               ON d.document_id = u.name AND d.known_at <= u.until
           WHERE d.corpus = $1 AND d.to_seq IS NULL""",
        corpus.id,
        list(gone),
        list(gone.values()),
    )
    return await _ended(tx, corpus, [row["id"] for row in rows])


async def leave(tx: Transaction, corpus: Corpus, moved: Mapping[str, DocumentKept]) -> int:
    """Ends what stands of documents from before an event each; how much. The corpus is locked.

    What a revision of that event or a later one, which waits here, will take the place of is left to it.
    """
    places = [place_of(event) for event in moved.values()]
    rows = await tx.fetch(
        f"""WITH moved AS (
                SELECT d.id, {BEFORE} AS before, d.from_seq IS NULL AS waits, u.id AS name
                FROM documents d JOIN unnest($2::text[], $3::int[], $4::bigint[], $5::timestamptz[])
                    AS u (id, partition, place, known_at) ON d.document_id = u.id
                WHERE d.corpus = $1 AND d.to_seq IS NULL)
            SELECT id FROM moved m WHERE before AND NOT EXISTS (
                SELECT FROM moved l WHERE l.name = m.name AND l.waits AND NOT l.before)""",
        corpus.id,
        list(moved),
        [place.partition for place in places],
        [place.offset for place in places],
        [event.known_at for event in moved.values()],
    )
    return await _ended(tx, corpus, [row["id"] for row in rows])


async def end_outside(tx: Transaction, corpus: Corpus, sources: Sequence[str], languages: Sequence[str]) -> int:
    """Ends up to STEP documents that the declaration no longer takes; how many. The corpus is locked."""
    rows = await tx.fetch(
        """SELECT id FROM documents WHERE corpus = $1 AND to_seq IS NULL
           AND NOT (source = ANY($2) AND ($3::text[] = '{}' OR language IS NULL OR language = ANY($3))) LIMIT $4""",
        corpus.id,
        list(sources),
        list(languages),
        STEP,
    )
    return await _ended(tx, corpus, [row["id"] for row in rows])


async def _ended(tx: Transaction, corpus: Corpus, ids: Collection[int]) -> int:
    if ids:
        await _moves(tx, corpus)
        await _end(tx, corpus, ids)
    return len(ids)


async def reshape(tx: Transaction, corpus: Corpus, shape: str) -> list[int]:
    """Lets up to STEP documents that were cut another way wait anew, findable as they are meanwhile; their new ids."""
    rows = await tx.fetch(
        """INSERT INTO documents (corpus, document_id, partition, place, replaces, source, language, subject, metadata,
                                  text, known_at, taken_at)
           SELECT corpus, document_id, partition, place, NULL, source, language, subject, metadata,
               text, known_at, $4
           FROM documents d WHERE corpus = $1 AND from_seq IS NOT NULL AND to_seq IS NULL AND shape <> $2
               AND NOT EXISTS (
                   SELECT FROM documents l WHERE l.corpus = $1 AND l.document_id = d.document_id AND l.id > d.id)
           ORDER BY id LIMIT $3 RETURNING id""",
        corpus.id,
        shape,
        STEP,
        tx.now,
    )
    return [row["id"] for row in rows]


async def bury(tx: Transaction, workspace: str, gone: Mapping[str, datetime]) -> None:
    """Remembers what is gone and until when, and forgets some of what no topic can bring back any more."""
    await tx.execute(
        """INSERT INTO tombstones (workspace, document_id, known_at, at)
           SELECT $1, *, $4 FROM unnest($2::text[], $3::timestamptz[])
           ON CONFLICT (workspace, document_id)
           DO UPDATE SET known_at = greatest(tombstones.known_at, excluded.known_at), at = excluded.at""",
        workspace,
        sorted(gone),
        [gone[name] for name in sorted(gone)],
        tx.now,
    )
    await tx.execute(
        """DELETE FROM tombstones WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM tombstones WHERE at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))""",
        tx.now - REMEMBERED,
        STEP,
    )


async def buried(tx: Transaction, workspace: str, documents: Collection[str]) -> dict[str, datetime]:
    """Until when each document is gone, of those that are."""
    rows = await tx.fetch(
        "SELECT document_id, known_at FROM tombstones WHERE workspace = $1 AND document_id = ANY($2)",
        workspace,
        list(documents),
    )
    return {row["document_id"]: row["known_at"] for row in rows}


async def erase(tx: Transaction, who: Forgotten, most: int) -> int:
    """Lets go of up to `most` documents about a person in each corpus, pinned ones too; how many."""
    of_person = "subject = $3 AND known_at <= $4"
    return await _let_go(tx, who.workspace, of_person, who.subject, who.until, most=most)


async def expire(tx: Transaction, workspace: str, before: datetime, most: int) -> int:
    """Lets go of up to `most` documents of each corpus that were known before a time, pinned ones too; how many."""
    return await _let_go(tx, workspace, "known_at < $3", before, most=most)


async def _let_go(tx: Transaction, workspace: str, which: str, *args: object, most: int) -> int:
    ids = [corpus.id for corpus in await each_corpus(tx, workspace)]
    gone = 0
    for corpus in (await lock(tx, ids)).values():
        rows = await tx.fetch(
            f"SELECT id FROM documents WHERE corpus = $1 AND {which} ORDER BY id LIMIT $2", corpus.id, most, *args
        )
        if not rows:
            continue
        await tx.execute(
            """UPDATE snapshots s SET erased = erased + (
                   SELECT count(*) FROM documents d WHERE d.id = ANY($2)
                   AND d.from_seq <= s.seq AND (d.to_seq IS NULL OR d.to_seq > s.seq))
               WHERE corpus = $1""",
            corpus.id,
            [row["id"] for row in rows],
        )
        await _moves(tx, corpus)
        await drop(tx, corpus, [row["id"] for row in rows])
        gone += len(rows)
    return gone

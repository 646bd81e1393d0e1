"""What is retired, erased or too old, and what becomes of those that repeated it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from millrace.chassis import Transaction
from millrace.dedup.domain import Revised, resolved
from millrace.dedup.store.index import Corpus, take_out
from millrace.dedup.store.tally import count_gone
from millrace.events import Cause


async def bury(tx: Transaction, corpus: Corpus, known_at: Mapping[str, datetime]) -> None:
    """Remembers documents that are gone, for what was known until then and comes later."""
    ids = sorted(known_at)
    await tx.execute(
        """INSERT INTO tombstones (workspace, id, known_at, at)
           SELECT $1, id, known_at, $4 FROM unnest($2::text[], $3::timestamptz[]) AS u (id, known_at)
           ON CONFLICT (workspace, id) DO UPDATE SET at = excluded.at,
               known_at = greatest(tombstones.known_at, excluded.known_at)""",
        corpus.workspace,
        ids,
        [known_at[id] for id in ids],
        tx.now,
    )
    if not corpus.buried:
        await tx.execute("UPDATE corpora SET buried = true WHERE workspace = $1", corpus.workspace)


async def buried(tx: Transaction, corpus: Corpus, documents: Collection[str]) -> dict[str, datetime]:
    """Those of the documents that are gone, each with the time until which what was known of it is not kept."""
    if not corpus.buried:
        return {}
    rows = await tx.fetch(
        "SELECT id, known_at FROM tombstones WHERE workspace = $1 AND id = ANY($2)", corpus.workspace, list(documents)
    )
    return {row["id"]: row["known_at"] for row in rows}


async def remove_documents(tx: Transaction, corpus: Corpus, known_at: Mapping[str, datetime]) -> list[asyncpg.Record]:
    """Deletes documents that were not known later, and gives what they were."""
    ids = sorted(known_at)
    return await tx.fetch(
        """DELETE FROM documents d USING unnest($2::text[], $3::timestamptz[]) AS u (document_id, known_at)
           WHERE d.shelf = $1 AND d.document_id = u.document_id AND d.known_at <= u.known_at
           RETURNING d.seq, d.document_id, d.stands, d.duplicate_of, d.kind, d.similarity""",
        corpus.shelf,
        ids,
        [known_at[id] for id in ids],
    )


async def still_there(tx: Transaction, corpus: Corpus, known_at: Mapping[str, datetime]) -> list[asyncpg.Record]:
    """Documents that ended and were published again since, as they were: known since that, they stand on."""
    ids = sorted(known_at)
    return await tx.fetch(
        """UPDATE documents d SET known_at = d.again_at, again_at = NULL
           FROM unnest($2::text[], $3::timestamptz[]) AS u (document_id, known_at)
           WHERE d.shelf = $1 AND d.document_id = u.document_id AND d.stands
               AND d.known_at <= u.known_at AND d.again_at > u.known_at RETURNING d.*""",
        corpus.shelf,
        ids,
        [known_at[id] for id in ids],
    )


async def remove_subject(
    tx: Transaction, corpus: Corpus, subject: str, known_at: datetime, most: int
) -> list[asyncpg.Record]:
    """Deletes some of a person's that was not known later, and gives what it was."""
    return await tx.fetch(
        """DELETE FROM documents WHERE seq IN (
               SELECT seq FROM documents WHERE shelf = $1 AND subject = $2 AND known_at <= $3 LIMIT $4)
           RETURNING seq, document_id, stands, duplicate_of, kind, similarity""",
        corpus.shelf,
        subject,
        known_at,
        most,
    )


async def remove_expired(tx: Transaction, corpus: Corpus, before: datetime, most: int) -> list[asyncpg.Record]:
    """Deletes some of what was known before a time, and gives what it was."""
    return await tx.fetch(
        """DELETE FROM documents WHERE seq IN (
               SELECT seq FROM documents WHERE shelf = $1 AND known_at < $2 ORDER BY known_at LIMIT $3)
           RETURNING seq, document_id, stands, duplicate_of, kind, similarity""",
        corpus.shelf,
        before,
        most,
    )


async def tidy_at(tx: Transaction, corpus: Corpus, at: datetime, cause: Cause) -> None:
    """Sets the workspace's housekeeping to a day, once."""
    await tx.schedule("tidy", key=f"{corpus.workspace}/{at.date()}", workspace=corpus.workspace, cause=cause, at=at)
    await tx.execute("UPDATE corpora SET tidied_on = $2 WHERE shelf = $1", corpus.shelf, at.date())


async def forget_departures(tx: Transaction, workspace: str, *, before: datetime, ended: datetime) -> None:
    """Drops what every process has read by now, and ends that nothing can come after any more."""
    await tx.execute(
        "DELETE FROM departures WHERE at < $1 AND shelf IN (SELECT shelf FROM corpora WHERE workspace = $2)",
        before,
        workspace,
    )
    await tx.execute("DELETE FROM tombstones WHERE workspace = $1 AND at < $2", workspace, ended)


async def leave(tx: Transaction, corpus: Corpus, removed: Sequence[asyncpg.Record]) -> dict[str, str]:
    """Takes deleted rows out of the index; gives those that repeated one that stood, and which, to be decided on."""
    await take_out(tx, corpus, [row["seq"] for row in removed if row["stands"]])
    orphans = await _orphan(tx, corpus, {row["document_id"]: _link(row) for row in removed})
    await count_gone(tx, corpus.shelf, sum(row["stands"] for row in removed), corpus.latest)
    return orphans


async def revise(
    tx: Transaction, corpus: Corpus, removed: Sequence[asyncpg.Record], revised: Revised
) -> dict[str, str]:
    """After texts were revised: those that repeated a former one, and of which, to be decided on."""
    gone = {row["document_id"]: _link(row) for row in removed} | dict.fromkeys(revised.places)
    return await _orphan(tx, corpus, gone, revised.current) if gone else {}


class _Link(NamedTuple):
    duplicate_of: str
    kind: str
    similarity: float


def _link(row: asyncpg.Record) -> _Link | None:
    if row["stands"] or row["duplicate_of"] is None:
        return None
    return _Link(row["duplicate_of"], row["kind"], row["similarity"])


async def _orphan(
    tx: Transaction, corpus: Corpus, gone: Mapping[str, _Link | None], but: Collection[str] = ()
) -> dict[str, str]:
    """Lets those that repeated what is gone repeat what that did, if anything; gives those that now wait, and for what.

    `gone` says what each that is gone repeated itself, None for one that stood.
    """
    rows = await tx.fetch(
        """SELECT document_id, duplicate_of, stands FROM documents
           WHERE shelf = $1 AND duplicate_of = ANY($2) AND (stands OR text IS NOT NULL)
               AND document_id <> ALL($3::text[])""",
        corpus.shelf,
        sorted(gone),
        sorted(but),
    )
    repeated = {id: link and link.duplicate_of for id, link in gone.items()}
    now = {row["document_id"]: resolved(row["duplicate_of"], repeated) for row in rows}
    links = [gone[last] for last, _ in now.values()]
    await tx.execute(
        """UPDATE documents d
           SET duplicate_of = u.duplicate_of, kind = coalesce(u.kind, d.kind),
               similarity = least(d.similarity, u.similarity)
           FROM unnest($2::text[], $3::text[], $4::text[], $5::float8[])
               AS u (document_id, duplicate_of, kind, similarity)
           WHERE d.shelf = $1 AND d.document_id = u.document_id""",
        corpus.shelf,
        list(now),
        [stands_for for _, stands_for in now.values()],
        [link.kind if link else None for link in links],
        [link.similarity if link else None for link in links],
    )
    return {
        row["document_id"]: last
        for row in rows
        if not row["stands"] and (last := now[row["document_id"]][0]) and now[row["document_id"]][1] is None
    }


async def waiting(tx: Transaction, shelf: str, most: int) -> list[asyncpg.Record]:
    """Documents that repeat nothing any more, those that may do most first: the others can vanish into them."""
    return await tx.fetch(
        """SELECT * FROM documents
           WHERE shelf = $1 AND NOT stands AND duplicate_of IS NULL AND text IS NOT NULL
           ORDER BY suite IS NULL OR NOT trusted, NOT trusted OR basis IS NOT DISTINCT FROM 'shown', label IS NULL, seq
           LIMIT $2""",
        shelf,
        most,
    )

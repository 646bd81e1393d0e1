"""Rows, parts and counters of a corpus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from millrace.chassis import Transaction
from millrace.datasets.domain import Rule, Traits, dice
from millrace.events import DocumentKept


@dataclass(slots=True)
class Corpus:
    """A workspace's counters: rows ever kept, fresh ones since the last version, buffered ones not in a part yet.

    `current` is the parent of the next cut, and `set_aside` the row numbers that a rollback keeps out of it.
    """

    workspace: str
    rows: int
    replaced: int
    fresh: int
    buffered: int
    parts: int
    flushing: bool
    current: str | None
    set_aside: str
    turn: int
    erased_turn: int
    housekept: bool


async def lock(tx: Transaction, workspace: str) -> Corpus:
    """The workspace's counters, held to the transaction's end."""
    await tx.execute("INSERT INTO corpora (workspace) VALUES ($1) ON CONFLICT DO NOTHING", workspace)
    row = await tx.fetchrow("SELECT * FROM corpora WHERE workspace = $1 FOR UPDATE", workspace)
    assert row is not None
    return Corpus(**row)


async def save(tx: Transaction, corpus: Corpus) -> None:
    await tx.execute(
        """UPDATE corpora SET rows = $2, replaced = $3, fresh = $4, buffered = $5, parts = $6, flushing = $7,
               current = $8, set_aside = $9, turn = $10, erased_turn = $11, housekept = $12
           WHERE workspace = $1""",
        corpus.workspace,
        corpus.rows,
        corpus.replaced,
        corpus.fresh,
        corpus.buffered,
        corpus.parts,
        corpus.flushing,
        corpus.current,
        corpus.set_aside,
        corpus.turn,
        corpus.erased_turn,
        corpus.housekept,
    )


_COLUMNS = (
    "workspace", "seq", "document_id", "source", "label", "suite", "cluster", "split", "trainable", "trusted", "basis",
    "feedback_id", "language", "subject", "occurred_at", "known_at", "dice", "origin_topic", "origin_partition",
    "origin_offset", "origin_event", "replaced_by", "text", "ended", "revised", "rejected", "rating",
)  # fmt: skip


async def append(
    tx: Transaction, corpus: Corpus, events: Sequence[DocumentKept], retired: Mapping[str, datetime] | None = None
) -> None:
    """Adds rows in their order; each ends the row that it replaces, and an earlier one of its own document.

    Documents in `retired` were gone by a time: rows that were known until then are added as ended.
    """
    retired = retired or {}
    standing: dict[str, int] = {}
    ended: dict[int, int] = {}
    former: dict[str, int] = {}
    for seq, event in enumerate(events, start=corpus.rows + 1):
        for document in {event.replaces, event.document_id} - {None}:
            if document in standing:
                ended[standing.pop(document)] = seq
            else:
                former[str(document)] = seq
        standing[event.document_id] = seq
    status = await tx.execute(
        """UPDATE rows SET replaced_by = u.seq FROM unnest($2::text[], $3::bigint[]) AS u (document_id, seq)
           WHERE rows.workspace = $1 AND rows.document_id = u.document_id AND rows.replaced_by IS NULL
           AND rows.ended IS NULL""",
        corpus.workspace,
        list(former),
        list(former.values()),
    )
    records = [
        _record(seq, event, ended.get(seq), corpus.turn if _gone(event, retired) else None)
        for seq, event in enumerate(events, start=corpus.rows + 1)
    ]
    await tx.copy("rows", _COLUMNS, records)
    corpus.rows += len(events)
    corpus.buffered += len(events)
    corpus.replaced += int(status.rpartition(" ")[2]) + len(ended)


def _gone(event: DocumentKept, retired: Mapping[str, datetime]) -> bool:
    until = retired.get(event.document_id)
    return until is not None and event.known_at <= until


def _record(seq: int, event: DocumentKept, replaced_by: int | None, ended: int | None) -> tuple[Any, ...]:
    origin = event.origin
    return (
        event.workspace, seq, event.document_id, event.source, event.label, event.suite, event.cluster, event.split,
        event.trainable, event.trusted, event.basis, event.feedback_id, event.language, event.subject,
        event.occurred_at, event.known_at, dice(event.document_id), origin.topic, origin.partition, origin.offset,
        origin.event_id, replaced_by, event.text, ended, event.replaces is not None, event.rejected, event.rating,
    )  # fmt: skip


async def buffered(tx: Transaction, workspace: str, *, after: int, most: int) -> list[asyncpg.Record]:
    """Rows that are in no part yet, the oldest first."""
    return await tx.fetch(
        """SELECT * FROM rows WHERE workspace = $1 AND seq > $2 AND part IS NULL AND erased IS NULL
           ORDER BY seq LIMIT $3""",
        workspace,
        after,
        most,
    )


async def texts(tx: Transaction, workspace: str, *, after: int, most: int) -> dict[int, str]:
    return {row["seq"]: row["text"] for row in await buffered(tx, workspace, after=after, most=most)}


async def add_part(
    tx: Transaction, corpus: Corpus, blob: str, sha256: str, size: int, first: int, last: int, rows: int
) -> None:
    corpus.parts += 1
    corpus.buffered -= rows
    await tx.execute(
        "INSERT INTO parts VALUES ($1, $2, $3, $4, $5, $6, $7)",
        corpus.workspace,
        corpus.parts,
        blob,
        sha256,
        size,
        first,
        last,
    )
    await tx.execute(
        "UPDATE rows SET part = $2, text = NULL WHERE workspace = $1 AND seq BETWEEN $3 AND $4",
        corpus.workspace,
        corpus.parts,
        first,
        last,
    )


class Part(NamedTuple):
    """A blob of the corpus, and the last row number that it stands for."""

    blob: str
    last: int


async def part_after(tx: Transaction, workspace: str, after: int) -> Part | None:
    """The part that holds the row after a number."""
    row = await tx.fetchrow(
        "SELECT blob, last_seq FROM parts WHERE workspace = $1 AND last_seq > $2 ORDER BY part LIMIT 1",
        workspace,
        after,
    )
    return Part(*row) if row else None


_BARRED = """NOT r.trainable OR r.cluster IN (
    SELECT g.cluster FROM rows g WHERE g.workspace = $1 AND g.suite IS NOT NULL AND g.trusted AND g.seq <= $2)"""


async def standing(
    tx: Transaction, workspace: str, *, after: int, last: int, up_to: int, turn: int, set_aside: str
) -> list[asyncpg.Record]:
    """The traits of rows that stood as of row number `up_to` and of `turn`; `echoes` counts dropped duplicates."""
    return await tx.fetch(
        f"""SELECT r.*, {_BARRED} AS barred, r.seq <@ $6::text::int8multirange AS aside,
                   coalesce((SELECT sum(e.times) FROM echoes e WHERE e.workspace = $1 AND e.document_id = r.document_id
                             AND e.turn <= $5 AND (NOT r.revised OR e.known_at >= r.known_at)), 0)::bigint AS echoes
            FROM rows r
            WHERE r.workspace = $1 AND r.seq > $3 AND r.seq <= $4 AND (r.replaced_by IS NULL OR r.replaced_by > $2)
            AND (r.ended IS NULL OR r.ended > $5) AND r.erased IS NULL
            ORDER BY r.seq""",
        workspace,
        up_to,
        after,
        last,
        turn,
        set_aside,
    )


def traits(row: asyncpg.Record, rule: Rule) -> Traits:
    return Traits(
        source=row["source"],
        label=rule.counted(row["label"]),
        suite=row["suite"],
        split=row["split"],
        trusted=row["trusted"],
        basis=row["basis"],
        barred=row["barred"],
        since=rule.since(row["occurred_at"]),
        dice=row["dice"],
        aside=row["aside"],
    )


async def row_of(tx: Transaction, workspace: str, document_id: str) -> dict[str, Any] | None:
    """Where a document stands in the corpus, without its text."""
    row = await tx.fetchrow(
        """SELECT source, label, split, suite, occurred_at, known_at, origin_topic AS topic,
               origin_partition AS partition, origin_offset AS offset, origin_event AS event
           FROM rows WHERE workspace = $1 AND document_id = $2 AND replaced_by IS NULL""",
        workspace,
        document_id,
    )
    if row is None:
        return None
    origin = ("topic", "partition", "offset", "event")
    told = {name: value for name, value in row.items() if name not in origin}
    return {**told, "origin": {name: row[name] for name in origin}}


async def groups(tx: Transaction, corpus: Corpus, rule: Rule) -> list[tuple[Traits, int]]:
    """How many standing rows there are of each kind that a cut tells apart."""
    rows = await tx.fetch(
        f"""WITH seen AS (
                SELECT r.source, coalesce($6, r.label) AS label, r.suite, r.split, r.trusted, r.basis,
                       {_BARRED} AS barred, $3::timestamptz IS NULL OR r.occurred_at >= $3 AS since,
                       CASE WHEN r.dice < $4 THEN 0::float8 ELSE 1::float8 END AS dice,
                       r.seq <@ $5::text::int8multirange AS aside
                FROM rows r
                WHERE r.workspace = $1 AND r.replaced_by IS NULL AND r.ended IS NULL AND r.label IS NOT NULL)
            SELECT *, count(*) AS rows FROM seen GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10""",
        corpus.workspace,
        corpus.rows,
        rule.change_point,
        rule.replay,
        corpus.set_aside,
        rule.counted_as,
    )
    return [(Traits(**{name: row[name] for name in _GROUPED}), row["rows"]) for row in rows]


_GROUPED = ("source", "label", "suite", "split", "trusted", "basis", "barred", "since", "dice", "aside")


async def count_duplicates(tx: Transaction, counts: Mapping[tuple[str, str], int]) -> None:
    ordered = sorted(counts.items())
    await tx.execute(
        """INSERT INTO duplicates SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
           ON CONFLICT (workspace, kind) DO UPDATE SET count = duplicates.count + excluded.count""",
        [workspace for (workspace, _), _ in ordered],
        [kind for (_, kind), _ in ordered],
        [count for _, count in ordered],
    )


async def duplicated(tx: Transaction, workspace: str) -> dict[str, int]:
    rows = await tx.fetch("SELECT kind, count FROM duplicates WHERE workspace = $1 ORDER BY kind", workspace)
    return {row["kind"]: row["count"] for row in rows}

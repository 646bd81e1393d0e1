"""A shelf that is built from the log beside the current one."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from millrace.chassis import Conflict, NotFound, Transaction
from millrace.dedup.domain import Sketch
from millrace.dedup.store.index import Corpus, draw
from millrace.dedup.store.rows import COLUMNS, signature_bytes
from millrace.events import Cause

ENDED = ("done", "failed")
STEP = 2000
"""Rows that are cleared in one transaction."""


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """`shelf` is built, `former` was current when it began."""

    shelf: str
    former: str
    phase: str
    positions: dict[str, int]
    place: int
    mark: int


async def ask_rebuild(tx: Transaction, workspace: str, cause: Cause) -> dict[str, object]:
    """Queues a rebuilding from the log; one that is under way is not asked for twice. Raises NotFound, Conflict."""
    former = await tx.fetchval("SELECT shelf FROM corpora WHERE workspace = $1 AND current FOR UPDATE", workspace)
    if former is None:
        raise NotFound(f"nothing of workspace {workspace!r} has come yet")
    if await _under_way(tx, "reindex", workspace):
        raise Conflict(f"the index of workspace {workspace!r} is being mended: wait for its end")
    held = await tx.fetchrow("SELECT number, shelf, phase FROM rebuildings WHERE workspace = $1", workspace)
    if held is not None and held["phase"] != "done":
        await tx.execute(
            """UPDATE jobs SET state = 'waiting', run_at = $2, attempts = 0
               WHERE kind = 'rebuild' AND key = $1 AND state = 'failed'""",
            held["shelf"],
            tx.now,
        )
        tx.scheduled = True
        return await rebuilt(tx, workspace)
    number = held["number"] + 1 if held else 1
    shelf = f"{workspace}/{number}"
    await tx.execute(
        """INSERT INTO rebuildings (workspace, number, shelf, former, asked_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (workspace) DO UPDATE SET number = $2, shelf = $3, former = $4, asked_at = $5, phase = 'reading',
               ended_at = NULL, since = NULL, positions = '{}', place = 0, mark = 0, behind = 0,
               read = 0, carried = 0, folded = 0, told = 0, missing = 0""",
        workspace,
        number,
        shelf,
        former,
        tx.now,
    )
    await tx.execute(
        """INSERT INTO corpora (shelf, workspace, current, buried)
           SELECT $2, workspace, false, buried FROM corpora WHERE workspace = $1 AND current""",
        workspace,
        shelf,
    )
    await tx.schedule("rebuild", key=shelf, workspace=workspace, cause=cause)
    return await rebuilt(tx, workspace)


async def _under_way(tx: Transaction, kind: str, workspace: str) -> bool:
    found = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM jobs WHERE kind = $1 AND workspace = $2 AND state IN ('waiting', 'running'))",
        kind,
        workspace,
    )
    return bool(found)


async def rebuilt(tx: Transaction, workspace: str) -> dict[str, object]:
    """How far the last rebuilding from the log has come. Raises NotFound where there was none."""
    row = await tx.fetchrow(
        """SELECT r.workspace, r.phase, j.state, j.error, r.asked_at, r.ended_at, r.since, r.read, r.carried, r.folded,
               r.told, r.missing, CASE WHEN r.phase IN ('carrying', 'telling') THEN
                   (SELECT count(*) FROM documents d WHERE d.seq > r.place AND d.seq <= r.mark
                    AND d.shelf = CASE r.phase WHEN 'telling' THEN r.shelf ELSE r.former END) ELSE r.behind END AS to_go
           FROM rebuildings r LEFT JOIN jobs j ON j.kind = 'rebuild' AND j.key = r.shelf WHERE r.workspace = $1""",
        workspace,
    )
    if row is None:
        raise NotFound(f"workspace {workspace!r} was never rebuilt from the log")
    state = "done" if row["phase"] == "done" else row["state"] or "failed"
    return {**row, "state": state}


async def rebuilding(tx: Transaction, workspace: str) -> Rebuilding:
    row = await tx.fetchrow(
        "SELECT shelf, former, phase, positions, place, mark FROM rebuildings WHERE workspace = $1", workspace
    )
    assert row is not None
    return Rebuilding(**{**row, "positions": json.loads(row["positions"])})


async def go_on(tx: Transaction, workspace: str, **so_far: Any) -> None:
    """Writes how far it has come. What was carried, folded, told or is missing adds to what was."""
    counted = ("carried", "folded", "told", "missing")
    sets = [
        f"{name} = {name} + ${n}" if name in counted else f"{name} = ${n}" for n, name in enumerate(so_far, start=2)
    ]
    values = [json.dumps(value) if name == "positions" else value for name, value in so_far.items()]
    await tx.execute(f"UPDATE rebuildings SET {', '.join(sets)} WHERE workspace = $1", workspace, *values)


async def log_has(tx: Transaction, shelf: str, documents: Collection[str]) -> None:
    await tx.execute(
        "INSERT INTO logged SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING", shelf, sorted(documents)
    )


async def copy_golden(tx: Transaction, one: Rebuilding) -> None:
    """A cluster that was barred stays so."""
    await tx.execute(
        "INSERT INTO golden_clusters SELECT $2, cluster FROM golden_clusters WHERE shelf = $1 ON CONFLICT DO NOTHING",
        one.former,
        one.shelf,
    )


async def not_logged(
    tx: Transaction, one: Rebuilding, after: int, most: int
) -> tuple[int | None, list[asyncpg.Record]]:
    """Of the next rows those that the log no longer has, and the number of the last one looked at."""
    looked_at = await tx.fetch(
        "SELECT seq FROM documents WHERE shelf = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4",
        one.former,
        after,
        one.mark,
        most,
    )
    rows = await tx.fetch(
        """SELECT d.*, d.seq > c.compared_to AS uncompared FROM documents d JOIN corpora c USING (shelf)
           WHERE d.seq = ANY($1)
               AND NOT EXISTS (SELECT FROM logged l WHERE l.shelf = $2 AND l.document_id = d.document_id)
           ORDER BY d.seq""",
        [row["seq"] for row in looked_at],
        one.shelf,
    )
    return (looked_at[-1]["seq"] if looked_at else None), rows


async def not_built(tx: Transaction, one: Rebuilding) -> list[asyncpg.Record]:
    """What the log no longer has and was decided on anew, and so numbered, while the other rows were carried."""
    return await tx.fetch(
        """SELECT d.*, d.seq > c.compared_to AS uncompared FROM documents d JOIN corpora c USING (shelf)
           WHERE d.shelf = $1 AND d.seq > $3
               AND NOT EXISTS (SELECT FROM documents n WHERE n.shelf = $2 AND n.document_id = d.document_id)
               AND NOT EXISTS (SELECT FROM logged l WHERE l.shelf = $2 AND l.document_id = d.document_id)
           ORDER BY d.seq""",
        one.former,
        one.shelf,
        one.mark,
    )


async def carry(
    tx: Transaction, corpus: Corpus, rows: Sequence[tuple[asyncpg.Record, Sketch | None]], *, waiting: bool = False
) -> int:
    """Takes rows along as they are, but for what is made of their texts; how many are still there to be taken.

    `waiting` where they are to be decided on.
    """
    there = await tx.fetch("SELECT seq FROM documents WHERE seq = ANY($1)", [row["seq"] for row, _ in rows])
    left = {row["seq"] for row in there}
    rows = [(row, sketch) for row, sketch in rows if row["seq"] in left]
    if not rows:
        return 0
    seqs = await draw(tx, corpus, len(rows))
    records = []
    for seq, (row, sketch) in zip(seqs, rows, strict=True):
        anew = {"digest": sketch.digest, "signature": signature_bytes(sketch.signature)} if sketch else {}
        founds = row["founds"] and row["uncompared"]
        record = {**row, **anew, "seq": seq, "shelf": corpus.shelf, "founds": founds}
        if waiting and row["text"] is not None:
            record |= {"stands": False, "duplicate_of": None}
        records.append(tuple(record[name] for name in COLUMNS))
    await tx.copy("documents", COLUMNS, records)
    stood = sum(row["stands"] for row, _ in rows) if not waiting else 0
    kinds = [row["kind"] for row, _ in rows if not row["stands"]]
    await tx.execute(
        """UPDATE corpora SET latest = $2, kept = kept + $3, exact = exact + $4, near = near + $5,
               semantic = semantic + $6 WHERE shelf = $1""",
        corpus.shelf,
        seqs[-1],
        stood,
        kinds.count("exact"),
        kinds.count("near"),
        kinds.count("semantic"),
    )
    return len(rows)


async def known(tx: Transaction, shelf: str, documents: Collection[str]) -> dict[str, asyncpg.Record]:
    """What a shelf has of documents: their clusters, since when they are known, and what was not compared yet."""
    rows = await tx.fetch(
        """SELECT document_id, cluster, known_at, ended, founds AND seq > compared_to AS founds
           FROM documents JOIN corpora USING (shelf) WHERE shelf = $1 AND document_id = ANY($2)""",
        shelf,
        sorted(documents),
    )
    return {row["document_id"]: row for row in rows}


async def set_dangling_free(tx: Transaction, corpus: Corpus) -> None:
    """What repeats a document that is not on the shelf is to be decided on."""
    await tx.execute(
        """UPDATE documents d SET duplicate_of = NULL
           WHERE d.shelf = $1 AND d.duplicate_of IS NOT NULL AND NOT d.stands AND d.text IS NOT NULL
               AND NOT EXISTS (SELECT FROM documents o WHERE o.shelf = $1 AND o.document_id = d.duplicate_of)""",
        corpus.shelf,
    )


async def vectors_of(tx: Transaction, one: Rebuilding, seqs: Sequence[int]) -> dict[int, list[float]]:
    """What the former shelf has of embeddings of the same texts, by the rows' numbers."""
    rows = await tx.fetch(
        """SELECT n.seq, e.vector::text AS vector FROM documents n
           JOIN documents o ON o.shelf = $1 AND o.document_id = n.document_id AND o.text = n.text
           JOIN embeddings e ON e.shelf = $1 AND e.seq = o.seq WHERE n.seq = ANY($2)""",
        one.former,
        seqs,
    )
    return {row["seq"]: json.loads(row["vector"]) for row in rows}


async def switch(tx: Transaction, former: Corpus, built: Corpus) -> None:
    """From this commit on the built one is what everything reads and decides on."""
    await tx.execute("UPDATE corpora SET current = false WHERE shelf = $1", former.shelf)
    await tx.execute(
        "UPDATE corpora SET current = true, tidied_on = $2, buried = $3 WHERE shelf = $1",
        built.shelf,
        former.tidied_on,
        former.buried,
    )


async def changed(tx: Transaction, one: Rebuilding, after: int, most: int) -> list[asyncpg.Record]:
    """The next rows of the shelf, each with what was said of its document before."""
    return await tx.fetch(
        """SELECT n.*, o.stands AS stood, o.duplicate_of AS repeated, o.known_at AS was_known_at,
               (o.cluster, o.source, o.label, o.suite, o.trusted, o.basis, o.text, o.subject) IS NOT DISTINCT FROM
               (n.cluster, n.source, n.label, n.suite, n.trusted, n.basis, n.text, n.subject) AS same
           FROM documents n LEFT JOIN documents o ON o.shelf = $1 AND o.document_id = n.document_id
           WHERE n.shelf = $2 AND n.seq > $3 AND n.seq <= $4 ORDER BY n.seq LIMIT $5""",
        one.former,
        one.shelf,
        after,
        one.mark,
        most,
    )


async def told_anew(tx: Transaction, told: Mapping[int, tuple[datetime, bool]]) -> None:
    """Since when documents are known, as readers were told now, and whether that was their end."""
    await tx.execute(
        """UPDATE documents d SET known_at = u.known_at, ended = d.ended OR u.ended
           FROM unnest($1::bigint[], $2::timestamptz[], $3::bool[]) AS u (seq, known_at, ended) WHERE d.seq = u.seq""",
        list(told),
        [known_at for known_at, _ in told.values()],
        [ended for _, ended in told.values()],
    )


async def count_missing(tx: Transaction, one: Rebuilding) -> int:
    """Rows that stood and are no longer: the log says that they ended, or that their person is forgotten."""
    found = await tx.fetchval(
        """SELECT count(*) FROM documents o WHERE o.shelf = $1 AND o.stands
               AND NOT EXISTS (SELECT FROM documents n WHERE n.shelf = $2 AND n.document_id = o.document_id)""",
        one.former,
        one.shelf,
    )
    return int(found)


async def clear(tx: Transaction, one: Rebuilding) -> bool:
    """Deletes some of the former shelf; whether there may be more."""
    cleared = 0
    for table in ("documents", "embeddings", "golden_clusters", "departures"):
        cleared += await _deleted(tx, table, "shelf", one.former)
    cleared += await _deleted(tx, "logged", "shelf", one.shelf)
    cleared += await _deleted(tx, "feedback", "workspace", one.shelf)
    if not cleared:
        await tx.execute("DELETE FROM corpora WHERE shelf = $1 AND NOT current", one.former)
    return cleared > 0


async def _deleted(tx: Transaction, table: str, column: str, name: str) -> int:
    told = await tx.execute(
        f"""DELETE FROM {table} WHERE {column} = $1 AND ctid = ANY (ARRAY(
                SELECT ctid FROM {table} WHERE {column} = $1 LIMIT $2))""",
        name,
        STEP,
    )
    return int(told.rpartition(" ")[2])

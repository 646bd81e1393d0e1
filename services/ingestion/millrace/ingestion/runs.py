"""Sources that are fetched, their runs, and what is known of their documents."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from millrace.chassis import Transaction
from millrace.ingestion.domain.revisions import Known, Revision
from millrace.ingestion.sources.batch import About, Place, Trouble

MOST_TROUBLES = 1000
"""Reasons that are kept of one run; the counts have all."""

STATES = ("complete", "partial", "failed", "cancelled")


@dataclass(slots=True)
class Run:
    workspace: str
    source: str
    run: int
    state: str
    asked_by: str | None
    due_at: datetime
    started_at: datetime | None
    moved_at: datetime | None
    ended_at: datetime | None
    declaration: str | None
    tries: int
    position: bytes | None
    counts: Counter[str]
    reason: str | None

    @property
    def key(self) -> str:
        """Of the job that does it."""
        return f"{self.workspace}/{self.source}/{self.run}"


def _run(row: asyncpg.Record) -> Run:
    return Run(**{**row, "counts": Counter(json.loads(row["counts"]))})


async def declared(tx: Transaction, workspace: str) -> dict[str, str]:
    """The declarations that sources were last seen with; held to the transaction's end."""
    rows = await tx.fetch(
        "SELECT source, declaration FROM fetched WHERE workspace = $1 ORDER BY source FOR UPDATE", workspace
    )
    return {row["source"]: row["declaration"] for row in rows}


async def declare(tx: Transaction, workspace: str, source: str, declaration: str) -> None:
    await tx.execute(
        """INSERT INTO fetched (workspace, source, declaration) VALUES ($1, $2, $3)
           ON CONFLICT (workspace, source) DO UPDATE SET declaration = excluded.declaration""",
        workspace,
        source,
        declaration,
    )


async def open_run(tx: Transaction, workspace: str, source: str) -> Run | None:
    """The run that waits or runs, if there is one; held."""
    row = await tx.fetchrow(
        """SELECT * FROM runs WHERE workspace = $1 AND source = $2 AND state IN ('waiting', 'running') FOR UPDATE""",
        workspace,
        source,
    )
    return _run(row) if row else None


async def load(tx: Transaction, workspace: str, source: str, run: int) -> Run | None:
    """A run, held; its source before it, which is everybody's order."""
    await tx.execute("SELECT FROM fetched WHERE workspace = $1 AND source = $2 FOR UPDATE", workspace, source)
    row = await tx.fetchrow(
        "SELECT * FROM runs WHERE workspace = $1 AND source = $2 AND run = $3 FOR UPDATE", workspace, source, run
    )
    return _run(row) if row else None


async def add(tx: Transaction, workspace: str, source: str, *, due_at: datetime, asked_by: str | None) -> Run:
    """A new run under the next number."""
    number = await tx.fetchval(
        """UPDATE fetched SET last_run = last_run + 1 WHERE workspace = $1 AND source = $2 RETURNING last_run""",
        workspace,
        source,
    )
    row = await tx.fetchrow(
        "INSERT INTO runs (workspace, source, run, due_at, asked_by) VALUES ($1, $2, $3, $4, $5) RETURNING *",
        workspace,
        source,
        number,
        due_at,
        asked_by,
    )
    assert row is not None
    return _run(row)


async def started_last(tx: Transaction, workspace: str, source: str) -> datetime | None:
    started: datetime | None = await tx.fetchval(
        "SELECT max(started_at) FROM runs WHERE workspace = $1 AND source = $2 AND ended_at IS NOT NULL",
        workspace,
        source,
    )
    return started


async def save(tx: Transaction, run: Run) -> None:
    await tx.execute(
        """UPDATE runs SET state = $4, asked_by = $5, due_at = $6, started_at = $7, moved_at = $8, ended_at = $9,
               declaration = $10, tries = $11, position = $12, counts = $13, reason = $14
           WHERE workspace = $1 AND source = $2 AND run = $3""",
        run.workspace,
        run.source,
        run.run,
        run.state,
        run.asked_by,
        run.due_at,
        run.started_at,
        run.moved_at,
        run.ended_at,
        run.declaration,
        run.tries,
        run.position,
        json.dumps(run.counts),
        run.reason,
    )


async def add_troubles(tx: Transaction, about: About, troubles: Sequence[Trouble]) -> None:
    kept = await tx.fetchval(
        "SELECT count(*) FROM troubles WHERE workspace = $1 AND source = $2 AND run = $3",
        about.workspace,
        about.source,
        about.run,
    )
    await tx.executemany(
        "INSERT INTO troubles (workspace, source, run, item, code, reason) VALUES ($1, $2, $3, $4, $5, $6)",
        [
            (about.workspace, about.source, about.run, one.item, one.code, one.reason)
            for one in troubles[: max(0, MOST_TROUBLES - kept)]
        ],
    )


async def known(tx: Transaction, about: About, documents: Collection[UUID]) -> dict[UUID, Known]:
    """What is known of documents; held, in one order."""
    rows = await tx.fetch(
        """SELECT document, digest, revision, gone, seen FROM found
           WHERE workspace = $1 AND source = $2 AND document = ANY($3) ORDER BY document FOR UPDATE""",
        about.workspace,
        about.source,
        sorted(documents),
    )
    return {row["document"]: Known(row["digest"], row["revision"], row["gone"], row["seen"]) for row in rows}


async def save_revisions(tx: Transaction, about: About, revisions: Iterable[Revision]) -> None:
    """All of them are seen; what is `repeated` stays as the first said."""
    rows = [(one.document, one.item.place, one.digest, one.number) for one in revisions if one.outcome != "repeated"]
    if not rows:
        return
    await tx.execute(
        """INSERT INTO found (workspace, source, document, place, digest, revision, seen)
           SELECT $1, $2, u.document, u.place, u.digest, u.revision, $3
           FROM unnest($4::uuid[], $5::uuid[], $6::bytea[], $7::bigint[]) AS u (document, place, digest, revision)
           ON CONFLICT (workspace, source, document) DO UPDATE SET
               place = excluded.place, digest = excluded.digest, revision = excluded.revision, gone = false,
               seen = excluded.seen""",
        about.workspace,
        about.source,
        about.run,
        *(list(column) for column in zip(*sorted(rows), strict=True)),
    )


async def save_places(tx: Transaction, about: About, places: Iterable[Place]) -> None:
    await tx.executemany(
        """INSERT INTO places (workspace, source, place, declaration, etag, modified, links, read)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (workspace, source, place) DO UPDATE SET
               declaration = excluded.declaration, etag = excluded.etag, modified = excluded.modified,
               links = excluded.links, read = excluded.read""",
        [
            (
                about.workspace,
                about.source,
                one.id,
                about.declaration,
                one.etag,
                one.modified,
                list(one.links),
                about.run,
            )
            for one in sorted(places, key=lambda one: one.id)
        ],
    )


async def settle(tx: Transaction, about: About, places: Collection[UUID]) -> None:
    await tx.execute(
        """INSERT INTO places (workspace, source, place, declaration, settled)
           SELECT $1, $2, p, '', $4 FROM unnest($3::uuid[]) AS p
           ON CONFLICT (workspace, source, place) DO UPDATE SET settled = excluded.settled""",
        about.workspace,
        about.source,
        sorted(places),
        about.run,
    )


async def places(tx: Transaction, about: About, ids: Collection[UUID]) -> dict[UUID, Place]:
    """Places that were read under the same declaration, by id."""
    rows = await tx.fetch(
        """SELECT place, etag, modified, links FROM places
           WHERE workspace = $1 AND source = $2 AND place = ANY($3) AND declaration = $4""",
        about.workspace,
        about.source,
        list(ids),
        about.declaration,
    )
    return {row["place"]: Place(row["place"], row["etag"], row["modified"], row["links"]) for row in rows}


async def standing_at(tx: Transaction, about: About, ids: Collection[UUID]) -> int:
    """How many documents stand that came from places."""
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM found WHERE workspace = $1 AND source = $2 AND place = ANY($3) AND NOT gone",
            about.workspace,
            about.source,
            list(ids),
        )
    )


async def standing(tx: Transaction, workspace: str, source: str) -> int:
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM found WHERE workspace = $1 AND source = $2 AND NOT gone", workspace, source
        )
    )


async def vanish(tx: Transaction, about: About, most: int) -> list[UUID]:
    """Documents that the run has not seen, at places that it found changed or not at all: they are gone from now on."""
    rows = await tx.fetch(
        """UPDATE found SET gone = true, gone_at = $5 WHERE workspace = $1 AND source = $2 AND document IN (
               SELECT f.document FROM found f LEFT JOIN places p USING (workspace, source, place)
               WHERE f.workspace = $1 AND f.source = $2 AND NOT f.gone AND f.seen < $3
                 AND coalesce(p.settled, 0) < $3
               ORDER BY f.document LIMIT $4)
           RETURNING document, place""",
        about.workspace,
        about.source,
        about.run,
        most,
        tx.now,
    )
    # what comes back is to be read whole, even if it is as it was
    await tx.execute(
        """DELETE FROM places
           WHERE workspace = $1 AND source = $2 AND place = ANY($3) AND greatest(read, settled) < $4""",
        about.workspace,
        about.source,
        sorted({row["place"] for row in rows}),
        about.run,
    )
    return sorted(row["document"] for row in rows)


async def overview(tx: Transaction, workspace: str) -> list[dict[str, Any]]:
    """Of each source that is fetched: what stands, its open run and the last that ended."""
    rows = await tx.fetch(
        """SELECT s.source, coalesce(f.documents, 0) AS documents,
                  (SELECT to_jsonb(r) FROM runs r WHERE r.workspace = s.workspace AND r.source = s.source
                     AND r.state IN ('waiting', 'running')) AS open,
                  (SELECT to_jsonb(r) FROM runs r WHERE r.workspace = s.workspace AND r.source = s.source
                     AND r.ended_at IS NOT NULL ORDER BY r.run DESC LIMIT 1) AS last
           FROM fetched s
           LEFT JOIN (SELECT source, count(*) AS documents FROM found WHERE workspace = $1 AND NOT gone GROUP BY 1) AS f
             USING (source)
           WHERE s.workspace = $1 ORDER BY s.source""",
        workspace,
    )
    return [
        {**row, **{name: _shown(json.loads(row[name])) if row[name] else None for name in ("open", "last")}}
        for row in rows
    ]


async def newest(tx: Transaction, workspace: str, source: str, limit: int) -> list[dict[str, Any]]:
    rows = await tx.fetch(
        """SELECT to_jsonb(r) AS run FROM runs r WHERE workspace = $1 AND source = $2 ORDER BY r.run DESC LIMIT $3""",
        workspace,
        source,
        limit,
    )
    return [_shown(json.loads(row["run"])) for row in rows]


async def report(
    tx: Transaction, workspace: str, source: str, run: int, *, after: int, limit: int
) -> dict[str, Any] | None:
    """A run with the reasons of what it could not take, a page at a time."""
    row = await tx.fetchrow(
        "SELECT to_jsonb(r) AS run FROM runs r WHERE workspace = $1 AND source = $2 AND run = $3",
        workspace,
        source,
        run,
    )
    if row is None:
        return None
    troubles = await tx.fetch(
        """SELECT id, item, code, reason FROM troubles
           WHERE workspace = $1 AND source = $2 AND run = $3 AND id > $4 ORDER BY id LIMIT $5""",
        workspace,
        source,
        run,
        after,
        limit,
    )
    codes = await tx.fetch(
        "SELECT code, count(*) AS n FROM troubles WHERE workspace = $1 AND source = $2 AND run = $3 GROUP BY 1",
        workspace,
        source,
        run,
    )
    return {
        **_shown(json.loads(row["run"])),
        "codes": {each["code"]: each["n"] for each in codes},
        "troubles": [dict(each) for each in troubles],
    }


_HIDDEN = frozenset({"position", "declaration", "workspace", "tries"})


def _shown(run: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name not in _HIDDEN}


async def forget(tx: Transaction, workspace: str, source: str, *, keep: int) -> None:
    """Drops all but the newest runs with their reasons."""
    before = await tx.fetchval(
        "SELECT max(run) - $3 FROM runs WHERE workspace = $1 AND source = $2", workspace, source, keep
    )
    for table in ("troubles", "runs"):
        await tx.execute(
            f"DELETE FROM {table} WHERE workspace = $1 AND source = $2 AND run <= $3", workspace, source, before
        )


async def tidy(tx: Transaction, about: About, *, gone_before: datetime, most: int) -> int:
    """Forgets what has long been gone, and places that the run has not met, some at a time; how many."""
    documents = await tx.execute(
        """DELETE FROM found WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM found WHERE workspace = $1 AND source = $2 AND gone AND gone_at < $3 LIMIT $4))""",
        about.workspace,
        about.source,
        gone_before,
        most,
    )
    places = await tx.execute(
        """DELETE FROM places WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM places
               WHERE workspace = $1 AND source = $2 AND greatest(read, settled) < $3 LIMIT $4))""",
        about.workspace,
        about.source,
        about.run,
        most,
    )
    return max(int(done.rpartition(" ")[2]) for done in (documents, places))


async def clear_frontier(tx: Transaction, about: About, most: int) -> int:
    """Forgets pages that a crawl knew of, some at a time; how many."""
    done = await tx.execute(
        """DELETE FROM frontier WHERE ctid = ANY(ARRAY(
               SELECT ctid FROM frontier WHERE workspace = $1 AND source = $2 LIMIT $3))""",
        about.workspace,
        about.source,
        most,
    )
    return int(done.rpartition(" ")[2])


async def mark(tx: Transaction, about: About) -> str | None:
    """How far a SQL source was read by its cursor, under the same declaration."""
    found: str | None = await tx.fetchval(
        "SELECT mark FROM fetched WHERE workspace = $1 AND source = $2 AND marked_under = $3",
        about.workspace,
        about.source,
        about.declaration,
    )
    return found


async def save_mark(tx: Transaction, about: About, mark: str) -> None:
    await tx.execute(
        "UPDATE fetched SET mark = $3, marked_under = $4 WHERE workspace = $1 AND source = $2",
        about.workspace,
        about.source,
        mark,
        about.declaration,
    )


@dataclass(frozen=True, slots=True)
class Ahead:
    """A page, or a sitemap, that a crawl has still to look at."""

    place: UUID
    url: str
    kind: str
    depth: int
    tries: int = 0


async def ahead(tx: Transaction, about: About, most: int) -> tuple[list[Ahead], float | None]:
    """What may be looked at now, the nearest to the seeds first; and in how many seconds there is more, if there is."""
    rows = await tx.fetch(
        """SELECT place, url, kind, depth, tries FROM frontier
           WHERE workspace = $1 AND source = $2 AND run = $3 AND NOT done AND not_before <= clock_timestamp()
           ORDER BY tries, depth, number LIMIT $4""",
        about.workspace,
        about.source,
        about.run,
        most,
    )
    wait = await tx.fetchval(
        """SELECT extract(epoch FROM min(not_before) - clock_timestamp())::float8 FROM frontier
           WHERE workspace = $1 AND source = $2 AND run = $3 AND NOT done AND not_before > clock_timestamp()""",
        about.workspace,
        about.source,
        about.run,
    )
    return [Ahead(**row) for row in rows], wait


async def add_ahead(tx: Transaction, about: About, found: Iterable[Ahead], *, done: bool = False) -> None:
    """Pages that are known already stay as they are, but that `done` ones need no second look."""
    await tx.executemany(
        """INSERT INTO frontier (workspace, source, run, place, url, kind, depth, done)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (workspace, source, run, place) DO UPDATE SET done = true WHERE excluded.done""",
        [(about.workspace, about.source, about.run, one.place, one.url, one.kind, one.depth, done) for one in found],
    )


async def try_again(tx: Transaction, about: About, place: UUID, pause: float) -> None:
    await tx.execute(
        """UPDATE frontier SET tries = tries + 1, not_before = clock_timestamp() + $5 * interval '1 second'
           WHERE workspace = $1 AND source = $2 AND run = $3 AND place = $4""",
        about.workspace,
        about.source,
        about.run,
        place,
        pause,
    )


async def looked_at(tx: Transaction, about: About, places: Collection[UUID]) -> set[UUID]:
    """Those of the places that this run has looked at."""
    rows = await tx.fetch(
        """SELECT place FROM frontier
           WHERE workspace = $1 AND source = $2 AND run = $3 AND done AND place = ANY($4)""",
        about.workspace,
        about.source,
        about.run,
        list(places),
    )
    return {row["place"] for row in rows}


async def known_ahead(tx: Transaction, about: About) -> int:
    return int(
        await tx.fetchval(
            "SELECT count(*) FROM frontier WHERE workspace = $1 AND source = $2 AND run = $3",
            about.workspace,
            about.source,
            about.run,
        )
    )

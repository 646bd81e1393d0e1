"""Pages and sitemaps that the open run of a crawl knows of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from millrace.chassis import Transaction
from millrace.ingestion.sources.batch import About


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

"""Parts: Parquet files of observations, in the order in which they were taken."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from millrace.chassis import Transaction
from millrace.datasets import shelving
from millrace.datasets.observations.taking import Observed


@dataclass(frozen=True, slots=True)
class Part:
    """A part and the number of its last observation; `earliest` and `latest` bound when they occurred, where known."""

    number: int
    blob: str
    last_seq: int
    earliest: datetime | None
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Observations from one number to another that a part was made of."""

    first: int
    last: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a part written anew holds: how many observations, of whom, the first known when.

    And how many went, the last of which had occurred at `gone_to`.
    """

    rows: int
    entities: Collection[str]
    oldest: datetime | None
    gone: int
    gone_to: datetime | None


PART = "part, blob, last_seq, earliest, latest"


async def add_part(tx: Transaction, observed: Observed, blob: str, stretch: Stretch) -> bool:
    """Moves a stretch of the buffer into a part; whether it was still what the part was made of."""
    workspace = observed.workspace
    moved = await tx.fetch(
        """DELETE FROM observations WHERE workspace = $1 AND seq BETWEEN $2 AND $3
           RETURNING entity, known_at, occurred_at""",
        workspace,
        stretch.first,
        stretch.last,
    )
    if len(moved) != stretch.rows:
        return False
    observed.parts += 1
    observed.buffered -= stretch.rows
    await tx.execute(
        "INSERT INTO observation_parts VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        workspace,
        observed.parts,
        blob,
        stretch.rows,
        stretch.bytes,
        stretch.first,
        stretch.last,
        min(row["known_at"] for row in moved),
        min(row["occurred_at"] for row in moved),
        max(row["occurred_at"] for row in moved),
    )
    await tx.execute(
        "INSERT INTO part_entities SELECT $1, e, $3 FROM unnest($2::text[]) e",
        workspace,
        sorted({row["entity"] for row in moved}),
        observed.parts,
    )
    return True


async def part_after(tx: Transaction, workspace: str, after: int) -> Part | None:
    """The part with the observation that follows a number."""
    row = await tx.fetchrow(
        f"""SELECT {PART} FROM observation_parts
           WHERE workspace = $1 AND last_seq > $2 ORDER BY part LIMIT 1""",
        workspace,
        after,
    )
    return Part(*row) if row else None


async def part_of(tx: Transaction, workspace: str, entities: Collection[str]) -> Part | None:
    """A part that holds one of some entities."""
    row = await tx.fetchrow(
        f"""SELECT {PART} FROM observation_parts JOIN part_entities USING (workspace, part)
           WHERE workspace = $1 AND entity = ANY($2) ORDER BY part LIMIT 1""",
        workspace,
        list(entities),
    )
    return Part(*row) if row else None


async def part_with_older(tx: Transaction, workspace: str, before: datetime) -> Part | None:
    """A part that holds an observation known before a time, or in which nobody has looked yet."""
    row = await tx.fetchrow(
        f"""SELECT {PART} FROM observation_parts
           WHERE workspace = $1 AND (oldest IS NULL OR oldest < $2) ORDER BY part LIMIT 1""",
        workspace,
        before,
    )
    return Part(*row) if row else None


async def swap_part(tx: Transaction, workspace: str, part: Part, blob: str, size: int, content: Content) -> bool:
    """A part with less takes the place of what it was made of, or none; whether that still stood there."""
    if content.rows:
        done = await tx.execute(
            """UPDATE observation_parts SET blob = $4, rows = $5, bytes = $6, oldest = $7
               WHERE workspace = $1 AND part = $2 AND blob = $3""",
            workspace,
            part.number,
            part.blob,
            blob,
            content.rows,
            size,
            content.oldest,
        )
    else:
        done = await tx.execute(
            "DELETE FROM observation_parts WHERE workspace = $1 AND part = $2 AND blob = $3",
            workspace,
            part.number,
            part.blob,
        )
    if done.endswith(" 0"):
        return False
    await shelving.stray(tx, workspace, [part.blob])
    await tx.execute(
        "DELETE FROM part_entities WHERE workspace = $1 AND part = $2 AND NOT entity = ANY($3)",
        workspace,
        part.number,
        list(content.entities),
    )
    return True

"""What units said and got in a step: one row a unit or request, until it is counted."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from millrace.chassis import Transaction
from millrace.evaluation.domain.step import Step

_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Label:
    """A request's label: whether each arm that answered it was right."""

    request_id: str
    unit: str
    due_at: datetime
    production: bool | None = None
    candidate: bool | None = None


async def serve(tx: Transaction, step: Step, served: dict[str, tuple[bool, datetime]]) -> set[str]:
    """Notes first answers, unit by unit: (of the canary, due). Gives the units that had none before.

    A canary's answer takes the place of production's, which stood in for one that failed and was published first.
    """
    units = sorted(served)
    rows = await tx.fetch(
        """INSERT INTO units (workspace, revision, unit, canary, due_at, served)
           SELECT $1, $2, *, true FROM unnest($3::text[], $4::bool[], $5::timestamptz[])
           ON CONFLICT (workspace, revision, unit) DO UPDATE
             SET served = true, due_at = excluded.due_at, canary = excluded.canary
           WHERE NOT units.served OR (excluded.canary AND NOT units.canary) RETURNING unit""",
        step.workspace,
        step.revision,
        units,
        [served[unit][0] for unit in units],
        [served[unit][1] for unit in units],
    )
    return {row["unit"] for row in rows}


async def blame(tx: Transaction, step: Step, unit: str, *, canary: bool, due_at: datetime, at: datetime) -> None:
    """A bad word about a unit's answer; one that comes after its time has passed is not counted."""
    await tx.execute(
        """INSERT INTO units (workspace, revision, unit, canary, due_at, negative)
           VALUES ($1, $2, $3, $4, $5::timestamptz, $6::timestamptz <= $5)
           ON CONFLICT (workspace, revision, unit) DO UPDATE SET negative = true
           WHERE NOT units.counted AND $6 <= units.due_at""",
        step.workspace,
        step.revision,
        unit,
        canary,
        due_at,
        at,
    )


async def first(tx: Transaction, step: Step, what: Literal["labelled", "voted"], who: Iterable[str]) -> set[str]:
    """Those who had not before."""
    rows = await tx.fetch(
        """INSERT INTO once SELECT $1, $2, $3, who FROM unnest($4::text[]) AS u (who)
           ON CONFLICT DO NOTHING RETURNING who""",
        step.workspace,
        step.revision,
        what,
        sorted(set(who)),
    )
    return {row["who"] for row in rows}


async def label(tx: Transaction, step: Step, labels: Collection[Label]) -> None:
    """Notes labels, one a request, or their corrections as long as they are not counted."""
    rows = sorted(labels, key=lambda label: label.request_id)
    await tx.execute(
        """INSERT INTO labels (workspace, revision, request_id, unit, due_at, production, candidate)
           SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::timestamptz[], $6::bool[], $7::bool[])
           ON CONFLICT (workspace, revision, request_id) DO UPDATE SET
             production = coalesce(excluded.production, labels.production),
             candidate = coalesce(excluded.candidate, labels.candidate)
           WHERE NOT labels.counted""",
        step.workspace,
        step.revision,
        [row.request_id for row in rows],
        [row.unit for row in rows],
        [row.due_at for row in rows],
        [row.production for row in rows],
        [row.candidate for row in rows],
    )


async def take_units(tx: Transaction, step: Step, until: datetime) -> list[tuple[bool, bool]]:
    """Units whose delay has passed, in the order of their answers, once: (of the canary, bad word)."""
    rows = await tx.fetch(
        """UPDATE units SET counted = true WHERE (workspace, revision, unit) IN (
             SELECT workspace, revision, unit FROM units
             WHERE workspace = $1 AND revision = $2 AND served AND NOT counted AND due_at <= $3
             ORDER BY due_at, unit LIMIT $4) RETURNING unit, canary, negative, due_at""",
        step.workspace,
        step.revision,
        until,
        _AT_ONCE,
    )
    return [(row["canary"], row["negative"]) for row in sorted(rows, key=lambda row: (row["due_at"], row["unit"]))]


async def take_labels(tx: Transaction, step: Step, until: datetime) -> list[Label]:
    """Labels old enough, in the order of their answers, once; in shadow those that both arms have."""
    both = "AND production IS NOT NULL AND candidate IS NOT NULL" if step.step == "shadow" else ""
    rows = await tx.fetch(
        f"""UPDATE labels SET counted = true WHERE (workspace, revision, request_id) IN (
              SELECT workspace, revision, request_id FROM labels
              WHERE workspace = $1 AND revision = $2 AND NOT counted AND due_at <= $3 {both}
              ORDER BY due_at, request_id LIMIT $4) RETURNING *""",
        step.workspace,
        step.revision,
        until,
        _AT_ONCE,
    )
    rows.sort(key=lambda row: (row["due_at"], row["request_id"]))
    return [Label(**{name: row[name] for name in Label.__slots__}) for row in rows]


async def sweep(tx: Transaction, workspace: str, revision: int) -> bool:
    """Deletes some of a closed step's rows; whether any may be left."""
    tables: Collection[str] = ("units", "labels", "once")
    gone = [
        await tx.execute(
            f"""DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                  SELECT ctid FROM {table} WHERE workspace = $1 AND revision = $2 LIMIT $3))""",
            workspace,
            revision,
            _AT_ONCE,
        )
        for table in tables
    ]
    return any(int(status.split()[-1]) == _AT_ONCE for status in gone)

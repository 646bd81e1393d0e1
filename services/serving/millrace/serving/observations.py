"""What is held of entities for their features: taken, read, dropped when no window reaches it, erased."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from millrace.chassis import Transaction
from millrace.events import ObservationAccepted
from millrace.features import Definition, Plan, Seen, Vector
from millrace.privacy import derived_key, pseudonymous

PAST = timedelta(hours=1)
"""How far back a moment may lie at which features are asked for."""

PERIOD = timedelta(hours=1)
"""How often what no window reaches any more is dropped."""


@dataclass(frozen=True, slots=True)
class Told:
    """A vector, when the newest observation that was looked at occurred, and features whose window is held in part."""

    vector: Vector
    newest: datetime | None
    incomplete: list[str]


def subjects(events: Collection[ObservationAccepted], secret: str) -> dict[tuple[str, str], str]:
    """Of each workspace and entity, the pseudonym by which a person would be forgotten."""
    keys = {workspace: derived_key(secret, workspace) for workspace in {event.workspace for event in events}}
    return {(one.workspace, one.entity): pseudonymous(one.entity, keys[one.workspace]) for one in events}


def pruning(now: datetime) -> datetime:
    """When the next look at what may be dropped is due: the same for all who ask within one period."""
    return now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % PERIOD + PERIOD


async def take(
    tx: Transaction, plan: Plan, events: Sequence[ObservationAccepted], subjects: Mapping[tuple[str, str], str]
) -> int:
    """Adds what features look at, in one workspace; how many values.

    What no window reaches any more is not taken: an import of years of history is not held for an hour.
    """
    workspace, windows = events[0].workspace, plan.windows
    await _hold(tx, workspace, windows.keys())
    rows, beyond = list[tuple[Any, ...]](), dict[str, datetime]()
    for row in _rows(events, windows.keys()):
        value, occurred_at = row[1:3]
        if occurred_at <= tx.now - PAST - windows[value]:
            beyond[value] = max(occurred_at, beyond.get(value, occurred_at))
        else:
            rows.append(row)
    rows.sort(key=lambda row: row[:5])
    for value, until in sorted(beyond.items()):
        await _held_since(tx, workspace, value, until)
    entities = sorted({row[0] for row in rows})
    await tx.execute(
        "INSERT INTO entities SELECT $1, * FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING",
        workspace,
        entities,
        [subjects[workspace, entity] for entity in entities],
    )
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 8
    await tx.execute(
        """INSERT INTO observed SELECT $1, * FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[],
               $6::uuid[], $7::float8[], $8::text[], $9::text[]) ON CONFLICT DO NOTHING""",
        workspace,
        *columns,
    )
    return len(rows)


def _rows(events: Sequence[ObservationAccepted], values: Collection[str]) -> Iterator[tuple[Any, ...]]:
    for event in events:
        for value, cell in event.values.items():
            if value in values and cell is not None:
                number, word = (None, cell) if isinstance(cell, str) else (cell, None)
                yield event.entity, value, event.occurred_at, event.known_at, event.id, number, word, event.source


async def _hold(tx: Transaction, workspace: str, values: Collection[str]) -> None:
    """Values of a workspace's first observations are held from the beginning, those declared later from now on."""
    rows = await tx.fetch("SELECT value, declared FROM held WHERE workspace = $1", workspace)
    declared = {row["value"] for row in rows if row["declared"]}
    if declared == set(values):
        return
    await tx.execute(
        "UPDATE held SET declared = false WHERE workspace = $1 AND value = ANY($2)",
        workspace,
        sorted(declared - set(values)),
    )
    await tx.execute(
        """INSERT INTO held SELECT $1, v, $3, true FROM unnest($2::text[]) v
           ON CONFLICT (workspace, value) DO UPDATE SET since = excluded.since, declared = true
           WHERE NOT held.declared""",
        workspace,
        sorted(set(values) - declared),
        tx.now if rows else None,
    )


async def told(tx: Transaction, workspace: str, plan: Plan, entity: str, at: datetime) -> Told:
    """An entity's features at a moment, of what is known by then, not past its retention, and may be looked at."""
    reads = plan.reads
    rows = await tx.fetch(
        """SELECT r.value, r.newest, o.*
           FROM unnest($3::text[], $4::timestamptz[], $5::bool[]) AS r (value, after, newest)
           CROSS JOIN LATERAL (
               SELECT occurred_at, word, number FROM observed
               WHERE workspace = $1 AND entity = $2 AND value = r.value
                   AND occurred_at > r.after AND occurred_at <= $6 AND known_at <= $6
                   AND ($7::timestamptz IS NULL OR known_at >= $7) AND (source = ANY($8)) <> $9
               ORDER BY occurred_at DESC, known_at DESC, id DESC LIMIT CASE WHEN r.newest THEN 1 END) AS o
           UNION ALL SELECT value, NULL, since, NULL, NULL FROM held WHERE workspace = $1""",
        workspace,
        entity,
        [read.value for read in reads],
        [at - read.over for read in reads],
        [read.newest for read in reads],
        at,
        at - plan.retention if plan.retention else None,
        sorted(plan.sources.but),
        plan.sources.any,
    )
    held: dict[str, datetime | None] = {}
    windows: dict[str, list[Seen]] = {}
    newest: dict[str, list[Seen]] = {}
    for value, last, occurred_at, word, number in rows:
        if last is None:
            held[value] = occurred_at
        else:
            seen = Seen(occurred_at, occurred_at, "", word if number is None else number)  # they come in their order
            (newest if last else windows).setdefault(value, []).append(seen)
    ordered = {value: seen[::-1] for value, seen in {**newest, **windows}.items()}  # a window has the newest too
    latest = max((seen[-1].occurred_at for seen in ordered.values()), default=None)
    return Told(plan.vector(ordered, at), latest, [one.name for one in plan.definitions if _short(one, at, held)])


def _short(one: Definition, at: datetime, held: Mapping[str, datetime | None]) -> bool:
    """Whether what was dropped, or never taken, may be in its window."""
    since = held.get(one.value)
    return since is not None and at - one.over < since


async def horizons(tx: Transaction, workspace: str, plan: Plan) -> dict[str, datetime]:
    """For each value that is held, the time up to which no window reaches; a value no feature looks at goes whole."""
    windows = plan.windows
    rows = await tx.fetch("SELECT value FROM held WHERE workspace = $1 ORDER BY 1", workspace)
    found = {}
    for row in rows:
        over = windows.get(row["value"])
        found[row["value"]] = tx.now if over is None else tx.now - PAST - over
    return found


async def drop(tx: Transaction, workspace: str, value: str, until: datetime, most: int) -> int:
    """Drops up to `most` of a value's observations that occurred by then; how many."""
    gone: int = await tx.fetchval(
        """WITH old AS (
               SELECT ctid FROM observed WHERE workspace = $1 AND value = $2 AND occurred_at <= $3 LIMIT $4),
           gone AS (DELETE FROM observed WHERE ctid IN (SELECT ctid FROM old) RETURNING 1)
           SELECT count(*)::int FROM gone""",
        workspace,
        value,
        until,
        most,
    )
    if gone:
        await _held_since(tx, workspace, value, until)
    return gone


async def _held_since(tx: Transaction, workspace: str, value: str, until: datetime) -> None:
    """Of what occurred by then something is not held."""
    await tx.execute(
        "UPDATE held SET since = greatest(since, $3) WHERE workspace = $1 AND value = $2", workspace, value, until
    )


async def forget_entities(tx: Transaction, workspace: str, most: int) -> int:
    """Drops up to `most` names of entities of which nothing is held; how many."""
    gone: int = await tx.fetchval(
        """WITH empty AS (
               SELECT entity FROM entities e WHERE workspace = $1 AND NOT EXISTS (
                   SELECT FROM observed o WHERE o.workspace = $1 AND o.entity = e.entity) LIMIT $2),
           gone AS (DELETE FROM entities WHERE workspace = $1 AND entity IN (SELECT entity FROM empty) RETURNING 1)
           SELECT count(*)::int FROM gone""",
        workspace,
        most,
    )
    return gone


async def anything(tx: Transaction, workspace: str) -> bool:
    return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM observed WHERE workspace = $1)", workspace))


async def erase_observations(tx: Transaction, workspace: str, subject: str, most: int) -> int:
    """Erases up to `most` values that were observed of a person, and the name when none is left; how many values."""
    gone: int = await tx.fetchval(
        """WITH theirs AS (
               SELECT o.ctid FROM observed o JOIN entities e USING (workspace, entity)
               WHERE e.workspace = $1 AND e.subject = $2 LIMIT $3),
           gone AS (DELETE FROM observed WHERE ctid IN (SELECT ctid FROM theirs) RETURNING 1)
           SELECT count(*)::int FROM gone""",
        workspace,
        subject,
        most,
    )
    if gone < most:
        await tx.execute("DELETE FROM entities WHERE workspace = $1 AND subject = $2", workspace, subject)
    return gone

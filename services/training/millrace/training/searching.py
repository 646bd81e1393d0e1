"""Runs are looked for in Postgres: filtered, sorted, one with its curve, several side by side."""

import json
from collections.abc import Sequence
from typing import Any

from millrace.chassis import Malformed, NotFound, Transaction, prefixes
from millrace.training.domain.conditions import Condition, Field, Order, nearest

COLUMNS = {
    "id": "r.id::text",
    "cycle": "r.cycle_id::text",
    "dataset": "c.dataset",
    "version": "CASE WHEN r.picked THEN c.became END",
    "outcome": "CASE WHEN r.picked THEN c.outcome END",
    "opened": "c.opened_at",
    "started": "r.started_at",
    "ended": "r.ended_at",
}
"""Fields that are not columns of runs by the same name."""

RUN = f"r.*, c.dataset, c.opened_at, {COLUMNS['version']} AS version, {COLUMNS['outcome']} AS outcome"
FROM = "FROM runs r JOIN cycles c ON c.id = r.cycle_id"
NEWEST = "c.opened_at DESC, r.number"
DRAWN = 500
"""Points that a curve is told by at most: more can't be seen."""


class RunNotFound(NotFound):
    def __init__(self, run_id: str) -> None:
        super().__init__(f"no run {run_id!r}")
        self.run = run_id


async def find(
    tx: Transaction, workspace: str | None, where: Sequence[Condition], by: Order | None, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """Runs that meet every condition, the newest cycle's first unless sorted, and how many there are in all."""
    values: list[Any] = [workspace]
    met = " AND ".join(["($1::text IS NULL OR r.workspace = $1)", *(_met(one, values) for one in where)])
    total: int = await tx.fetchval(f"SELECT count(*) {FROM} WHERE {met}", *values)
    if not total:
        await _named(tx, workspace, [one.field for one in where])
    rows = await tx.fetch(
        f"SELECT {RUN} {FROM} WHERE {met} ORDER BY {_sorted(by, values)} LIMIT {limit} OFFSET {offset}", *values
    )
    return [_told(row) for row in rows], total


def _met(one: Condition, values: list[Any]) -> str:
    values.append(one.value)
    place = f"${len(values)}"
    kind = "boolean" if isinstance(one.value, bool) else "float8" if isinstance(one.value, float) else None
    if one.operator == "~":
        return f"strpos(lower({_text(one.field, values)}), lower({place})) > 0"
    if one.field.part is None:
        cast = f"::{kind}" if kind else ""
        return f"{_column(one.field)} {one.operator} {place}{cast}"
    if kind is None:
        return f"{_text(one.field, values)} {one.operator} {place}"
    inside = _inside(one.field, values)
    told = "number" if kind == "float8" else "boolean"
    return f"CASE WHEN jsonb_typeof({inside}) = '{told}' THEN ({inside})::{kind} {one.operator} {place}::{kind} END"


def _column(field: Field) -> str:
    return COLUMNS.get(field.name, f"r.{field.name}")


def _inside(field: Field, values: list[Any]) -> str:
    """A name is a value of the statement, never a part of its text."""
    values.append(field.name)
    return f"(r.{field.part} -> ${len(values)}::text)"


def _text(field: Field, values: list[Any]) -> str:
    return f"({_inside(field, values)} #>> '{{}}')" if field.part else _column(field)


def _sorted(by: Order | None, values: list[Any]) -> str:
    if by is None:
        return NEWEST
    sense = "DESC" if by.falling else "ASC"
    # numbers by their size, texts after them: jsonb sorts so by itself
    key = _inside(by.field, values) if by.field.part else _column(by.field)
    return f"{key} {sense} NULLS LAST, {NEWEST}"


async def _named(tx: Transaction, workspace: str | None, fields: Sequence[Field]) -> None:
    """Raises Malformed for a name that no run has: nothing found would say that none is so."""
    for field in fields:
        if field.part is None:
            continue
        keys = f"SELECT DISTINCT jsonb_object_keys({field.part}) AS name FROM runs"
        rows = await tx.fetch(f"{keys} WHERE $1::text IS NULL OR workspace = $1", workspace)
        known = [row["name"] for row in rows]
        if known and field.name not in known:
            raise Malformed(
                "where", f"what runs have {field.part} of, not {field.name[:100]!r}{nearest(field.name, known)}"
            )


async def one(tx: Transaction, run_id: str) -> dict[str, Any]:
    """A run by its id or how that begins, with the points of its loss. Raises RunNotFound, Malformed, Ambiguous."""
    first, last = prefixes.span("run", run_id)
    rows = await tx.fetch(
        f"SELECT {RUN} {FROM} WHERE r.id BETWEEN $1 AND $2 ORDER BY r.id LIMIT $3", first, last, prefixes.SOME
    )
    if prefixes.only("run", run_id, [row["id"] for row in rows]) is None:
        raise RunNotFound(run_id)
    points = await tx.fetch("SELECT step, loss, seconds FROM points WHERE run_id = $1 ORDER BY step", rows[0]["id"])
    return {**_told(rows[0]), "curve": [dict(point) for point in thinned(points)]}


def thinned(points: Sequence[Any], most: int = DRAWN) -> list[Any]:
    """At most so many, evenly, the last among them."""
    stride = -(-len(points) // most)
    return list(points[::-1][::stride][::-1]) if stride > 1 else list(points)


def _told(row: Any) -> dict[str, Any]:
    read = {part: json.loads(row[part]) for part in ("scores", "parameters", "measured", "environment", "asked")}
    return {**dict(row), **read}

"""What cycles asked for, and the versions that came of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace.chassis import NotFound, Transaction
from millrace.datasets.domain import Rule
from millrace.datasets.store.corpus import Corpus
from millrace.events import DocumentKept, RetrainingRequested


@dataclass(frozen=True, slots=True)
class Plan:
    """How a cut was decided: a worker that takes it up again makes the same version."""

    rule: Rule
    admitted: tuple[str, ...]
    rows_up_to: int
    at: datetime
    turn: int = 0
    set_aside: str = "{}"


@dataclass(slots=True)
class Cut:
    """`seen` counts labelled rows since the change, whatever their rights: a first, cheap look.

    `looked` is `seen` as it was when the rows were last weighed.
    """

    key: str
    workspace: str
    request: dict[str, Any]
    deadline: datetime
    change_point: datetime | None
    min_labels: int
    seen: int
    looked: int = 0
    plan: Plan | None = None

    @property
    def asked_for(self) -> str | None:
        """The version that the cycle named, which is not cut then."""
        asked: str | None = self.request.get("dataset")
        return asked


async def open_cut(tx: Transaction, event: RetrainingRequested) -> Cut:
    """The wait of a cycle's attempt. Asked again, it stays as it is."""
    request = event.model_dump(mode="json") | {"cycle_id": str(event.cycle_id) if event.cycle_id else None}
    key = f"{event.cycle_id or event.id}/{event.attempt}"
    seen = await tx.fetchval(
        """SELECT count(*) FROM rows
           WHERE workspace = $1 AND label IS NOT NULL AND suite IS NULL AND replaced_by IS NULL AND ended IS NULL
           AND ($2::timestamptz IS NULL OR occurred_at >= $2)""",
        event.workspace,
        event.change_point,
    )
    await tx.execute(
        """INSERT INTO cuts (key, workspace, request, deadline, change_point, min_labels, seen)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING""",
        key,
        event.workspace,
        json.dumps(request),
        event.deadline,
        event.change_point,
        event.min_labels,
        seen,
    )
    return await load_cut(tx, key)


async def load_cut(tx: Transaction, key: str) -> Cut:
    row = await tx.fetchrow("SELECT * FROM cuts WHERE key = $1", key)
    if row is None:
        raise NotFound(f"no cut {key}")
    fields = {
        name: row[name] for name in ("key", "workspace", "deadline", "change_point", "min_labels", "seen", "looked")
    }
    cut = Cut(**fields, request=json.loads(row["request"]))
    if row["rule"]:
        plan = json.loads(row["rule"])
        cut.plan = Plan(
            rule=Rule.read(plan["rule"], cut.change_point),
            admitted=tuple(plan["admitted"]),
            rows_up_to=plan["rows_up_to"],
            at=datetime.fromisoformat(plan["at"]),
            turn=plan.get("turn", 0),
            set_aside=plan.get("set_aside", "{}"),
        )
    return cut


async def save_plan(tx: Transaction, cut: Cut) -> None:
    """Remembers that the rows were weighed, and the plan if that gave one."""
    await tx.execute("UPDATE cuts SET looked = $2 WHERE key = $1", cut.key, cut.seen)
    if cut.plan is None:
        return
    plan = {
        "rule": cut.plan.rule.plain(),
        "admitted": list(cut.plan.admitted),
        "rows_up_to": cut.plan.rows_up_to,
        "at": cut.plan.at.isoformat(),
        "turn": cut.plan.turn,
        "set_aside": cut.plan.set_aside,
    }
    await tx.execute("UPDATE cuts SET rule = $2, state = 'cutting' WHERE key = $1", cut.key, json.dumps(plan))


async def looked(tx: Transaction, key: str, *, seen: int, looked: int) -> None:
    """Of moments: how many there are since the change, and how many observations were looked at for that."""
    await tx.execute("UPDATE cuts SET seen = $2, looked = $3 WHERE key = $1", key, seen, looked)


async def end_cut(
    tx: Transaction, cut: Cut, *, state: str, dataset: str | None = None, reason: str | None = None
) -> None:
    await tx.execute(
        "UPDATE cuts SET state = $2, dataset = $3, reason = $4 WHERE key = $1", cut.key, state, dataset, reason
    )


async def see(tx: Transaction, corpus: Corpus, events: Sequence[DocumentKept]) -> list[str]:
    """Counts rows for the workspace's waiting cuts; the keys of those that have enough in all from now on."""
    times = [event.occurred_at for event in events if event.label is not None and event.suite is None]
    if not times:
        return []
    rows = await tx.fetch(
        """UPDATE cuts SET seen = seen + (
               SELECT count(*) FROM unnest($2::timestamptz[]) AS t (at)
               WHERE change_point IS NULL OR t.at >= change_point)
           WHERE workspace = $1 AND state = 'waiting'
           RETURNING key, new.seen >= min_labels AND old.seen < min_labels AS enough""",
        corpus.workspace,
        times,
    )
    return sorted(row["key"] for row in rows if row["enough"])

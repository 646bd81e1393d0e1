"""Release, drop or replay of rejected records: bounded steps, each judged outside the transaction that settles it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from millrace.chassis import Step, Transaction
from millrace.events import DocumentAccepted, ObservationAccepted
from millrace.ingestion import metrics, store
from millrace.ingestion.domain.documents import Verdict
from millrace.ingestion.domain.observations import Observation
from millrace.ingestion.domain.quarantine import Act, Fate, decided
from millrace.ingestion.store import Held, Which
from millrace.ingestion.taking import Rules, accepted, judge
from millrace.workspace import Workspace

ACCEPTS = (DocumentAccepted, ObservationAccepted)
STEP = 200
"""Records of one transaction."""

Open = Callable[[], AbstractAsyncContextManager[Transaction]]


@dataclass(frozen=True)
class Ask:
    """What somebody wants done with which records."""

    act: Act
    which: Which
    by: str


@dataclass(frozen=True)
class Rest:
    """What a job goes on with."""

    ask: Ask
    after: tuple[datetime, UUID]


REST = TypeAdapter(Rest)


@dataclass
class Done:
    """What a step did: how each record ended, and where the next goes on; None after the last."""

    fates: dict[UUID, Fate] = field(default_factory=dict)
    after: tuple[datetime, UUID] | None = None

    @property
    def counts(self) -> Counter[str]:
        return Counter(fate.end for fate in self.fates.values())


async def step(
    ask: Ask,
    rules: Rules,
    *,
    reading: Open,
    writing: Open,
    now: datetime,
    after: tuple[datetime, UUID] | None = None,
) -> Done:
    """Decide on the next records and settle them. Raises Unknown for a workspace that there is none of."""
    workspace = await rules.workspaces.get(ask.which.workspace)
    async with reading() as tx:
        found = await store.held(tx, ask.which, after=after, limit=STEP)
    verdicts = await asyncio.to_thread(_judged, found, workspace, rules, now) if ask.act != "drop" else {}
    fates = {one.event_id: decided(ask.act, verdicts.get(one.event_id)) for one in found}
    async with writing() as tx:
        late = await _settle(tx, ask, found, fates, verdicts, workspace)
    fates |= dict.fromkeys(late, Fate("refused", because="somebody else settled it at the same moment"))
    return Done(fates, found[-1].place if len(found) == STEP else None)


def _judged(found: Sequence[Held], workspace: Workspace, rules: Rules, now: datetime) -> dict[UUID, Verdict]:
    return {one.event_id: judge(one.kept, workspace, rules, now) for one in found if one.kept is not None}


async def _settle(
    tx: Transaction,
    ask: Ask,
    found: Sequence[Held],
    fates: dict[UUID, Fate],
    verdicts: dict[UUID, Verdict],
    workspace: Workspace,
) -> set[UUID]:
    """Gives the records that another settled meanwhile: they are left so, and no acceptance is said again."""
    settled: set[UUID] = set()
    wanted: set[UUID] = set()
    for end in ("released", "dropped"):
        ids = [id for id, fate in fates.items() if fate.end == end]
        if ids:
            wanted |= set(ids)
            settled |= await store.settle(tx, ids, end, ask.by)
    await store.retell(tx, {id: fate.reasons for id, fate in fates.items() if fate.end == "kept"})
    counts: Counter[store.Count] = Counter()
    for one in found:
        if one.event_id in settled:
            counts[ask.which.workspace, fates[one.event_id].end, one.topic] += 1
            if fates[one.event_id].end == "released":
                _accept(tx, ask, one, verdicts[one.event_id], workspace)
    if counts:
        await store.count(tx, counts)
    ends: Counter[str] = Counter(fate.end for id, fate in fates.items() if id not in wanted - settled)
    tx.after_commit.append(lambda: _tell(ends))
    return wanted - settled


def _accept(tx: Transaction, ask: Ask, one: Held, verdict: Verdict, workspace: Workspace) -> None:
    assert one.kept is not None
    assert one.origin is not None
    cause: Step = one.cause
    if isinstance(one.kept, Observation):
        # nothing that answered until now knew this value, so no feature of an earlier moment may (decision 41)
        cause = replace(cause, known_at=tx.now)
    by = ask.by if ask.act == "release" else None
    tx.emit(accepted(cause, one.kept, verdict.language, workspace, one.origin, by))


def _tell(ends: Counter[str]) -> None:
    for end, n in ends.items():
        metrics.QUARANTINE.labels(end).inc(n)

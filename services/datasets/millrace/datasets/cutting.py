"""Cuts a version of moments for a cycle: once enough of them have a truth, or not at all."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from millrace.chassis import Blobs, Database, Job, Unavailable
from millrace.datasets import moments, observations, store
from millrace.datasets.domain import Rule, Stretches, Tally, manifest
from millrace.datasets.holding import Holding
from millrace.datasets.tabulating import Tabled, tabulate
from millrace.features import Plan
from millrace.workspace import Target, Workspace


@dataclass(frozen=True, slots=True)
class Made:
    """A version's manifest, and how many rows of the corpus it has seen."""

    body: dict[str, Any]
    rows_up_to: int


@dataclass(frozen=True, slots=True)
class Short:
    """There are too few moments since the change. `observed` observations were looked at for that."""

    recent: int
    observed: int


@dataclass(frozen=True, slots=True)
class OneLabel:
    """Nothing sets rows apart."""

    labels: list[str]


@dataclass(frozen=True)
class _Cutting:
    spec: Workspace
    target: Target
    rule: Rule
    at: datetime
    asked: dict[str, Any]
    gone_to: datetime | None
    corpus: store.Plan


async def cut(
    job: Job, spec: Workspace, target: Target, asked_for: store.Cut, holding: Holding, db: Database, blobs: Blobs
) -> Made | Short | OneLabel:
    """Writes what a version is made of; what is current stays so. Raises Unavailable, ErasedMeanwhile."""
    rule = Rule.of(spec, change_point=asked_for.change_point, min_labels=asked_for.min_labels)
    cutting = await _look(job, spec, target, rule)
    with TemporaryDirectory() as folder:
        table = await tabulate(db, blobs, cutting.asked, cutting.gone_to, Path(folder))
        source = moments.Source(spec, target, Plan.of(spec), table, cutting.corpus, db, blobs, Path(folder))
        found = await moments.weigh(source, rule)
        if found.stretches is None or found.recent < rule.min_labels:
            return Short(found.recent, cutting.asked["rows_up_to"])
        tally = Tally(counted_as=target.name if target.kind == "regression" else None)
        kept, labels = await moments.write(source, rule, found.stretches, tally, holding)
    if target.kind != "regression" and len(labels) < 2:
        return OneLabel(labels)
    async with db.reading() as tx:
        if cutting.gone_to != await observations.gone_to(tx, job.workspace):
            raise Unavailable(f"observations of {job.workspace} came to be past their retention meanwhile")
        parent = await store.current_version(tx, job.workspace)
    lineage = _lineage(asked_for, cutting, found.stretches, table, parent)
    return Made(manifest(job.workspace, labels, tally, kept, lineage), cutting.corpus.rows_up_to)


async def _look(job: Job, spec: Workspace, target: Target, rule: Rule) -> _Cutting:
    async with job.transaction("look") as tx:
        corpus = await store.lock(tx, job.workspace)
        observed = await observations.lock(tx, job.workspace)
        gone_to = await observations.gone_to(tx, job.workspace)
        now = tx.now
    asked = {"spec": spec.plain(), "since": None, "until": None, "asked_at": now, "rows_up_to": observed.rows}
    plan = store.Plan(rule, (), corpus.rows, now, corpus.turn, corpus.set_aside)
    return _Cutting(spec, target, rule, now, asked, gone_to, plan)


def _lineage(
    cut: store.Cut, cutting: _Cutting, stretches: Stretches, table: Tabled, parent: str | None
) -> dict[str, Any]:
    asked = ("because", "attempt", "drift_id", "workspace_revision", "cycle_id", "version")
    spec = cutting.spec.plain()
    return {
        **{name: cut.request.get(name) for name in asked},
        "parent": parent,
        "change_point": cut.change_point.isoformat() if cut.change_point else None,
        "rule": {
            **{
                name: value
                for name, value in cutting.rule.plain().items()
                if name in ("window", "replay", "min_labels")
            },
            "begins": stretches.plain(),
            **{name: spec[name] for name in ("entity", "features", "target")},
        },
        "rows_up_to": cutting.corpus.rows_up_to,
        "set_aside": cutting.corpus.set_aside,
        "observations_up_to": cutting.asked["rows_up_to"],
        "unused": dict(table.unused),
        "history": table.history,
        "duplicated": {},
        "created_at": cutting.at.isoformat(),
    }

"""Weighs what a cycle waits for, and cuts a version when it is there -> dataset.released, dataset.failed"""

import json
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from millrace.chassis import AlreadyExists, Blobs, Database, Job, Table, Unprocessable, works
from millrace.datasets import blobs as files
from millrace.datasets import store
from millrace.datasets.corpus import pages
from millrace.datasets.domain import IN_ALL, File, NoLabels, Readiness, Rule, Tally, manifest, weigh
from millrace.events import DatasetFailed, DatasetReleased
from millrace.workspace import Workspace

SOON, LATER = timedelta(seconds=2), timedelta(seconds=30)
"""How long a cut with enough labels in all, but too few of one, waits: while rows come, and while none do."""


@works("cut", emits=[DatasetReleased, DatasetFailed])
async def job_cut(job: Job, *, db: Database, blobs: Blobs, workspaces: Table[Workspace]) -> None:
    spec = await workspaces.get(job.workspace)
    if spec.labels is None:
        async with job.transaction("look") as tx:
            cut = await store.load_cut(tx, job.key)
        await _fail(job, cut, str(NoLabels(spec.workspace, spec.task)), {})
        return
    async with job.transaction("weigh") as tx:
        cut = await store.load_cut(tx, job.key)
        if cut.plan is None:
            corpus = await store.lock(tx, job.workspace)
            rule = Rule.of(spec, change_point=cut.change_point, min_labels=cut.min_labels)
            readiness = weigh(rule, await store.groups(tx, corpus, rule))
            if readiness.ready or (tx.now >= cut.deadline and not readiness.fatal):
                cut.plan = store.Plan(rule, readiness.admitted, corpus.rows, tx.now)
            await store.save_plan(tx, cut)
        now = tx.now
    if cut.plan is not None:
        try:
            await _cut(job, cut, cut.plan, db, blobs)
        except Unprocessable as error:
            await _fail(job, cut, f"the cut can't be made: {error}", {})
    elif now >= cut.deadline:
        await _fail(job, cut, _wanting(cut, readiness), readiness.missing)
    else:
        await job.later(min(cut.deadline, now + (SOON if cut.seen > cut.looked else LATER)))


def _wanting(cut: store.Cut, readiness: Readiness) -> str:
    wanting = [f"{rows} of {label}" for label, rows in sorted(readiness.missing.items()) if label != IN_ALL]
    in_all = readiness.missing.get(IN_ALL, 0)
    short = [f"{in_all} of {cut.min_labels} labels since the change"] if in_all else []
    return "missing at the deadline: " + ", ".join(short + wanting)


async def _fail(job: Job, cut: store.Cut, reason: str, missing: dict[str, int]) -> None:
    async with job.finish() as tx:
        await store.end_cut(tx, cut, state="failed", reason=reason)
        tx.emit(
            DatasetFailed.caused_by(
                job.cause("failed"),
                workspace=job.workspace,
                reason=reason,
                attempt=cut.request["attempt"],
                missing=missing,
            )
        )


async def _cut(job: Job, cut: store.Cut, plan: store.Plan, db: Database, blobs: Blobs) -> None:
    tally = Tally()
    with TemporaryDirectory() as folder:
        kept = await _write(job, plan, tally, db, blobs, Path(folder))
    async with db.reading() as tx:
        parent = await store.newest_version(tx, job.workspace)
    body = manifest(job.workspace, plan.admitted, tally, kept, _lineage(cut, plan, parent))
    blob = f"{job.workspace}/datasets/{body['digest'].removeprefix('sha256:')}.json"
    try:
        await blobs.create(blob, json.dumps(body, sort_keys=True).encode())
    except AlreadyExists:
        body = json.loads(await blobs.get(blob))
    async with job.finish() as tx:
        corpus = await store.lock(tx, job.workspace)
        corpus.fresh = corpus.rows - plan.rows_up_to
        await store.save(tx, corpus)
        await store.add_version(tx, job.workspace, blob, body)
        await store.end_cut(tx, cut, state="released", dataset=body["digest"])
        tx.emit(
            DatasetReleased.caused_by(
                job.cause("released"),
                workspace=job.workspace,
                dataset=body["digest"],
                manifest=blob,
                rows=tally.rows(),
                labels=dict(sorted(tally.labels["train"].items())),
                attempt=cut.request["attempt"],
                parent=parent if parent != body["digest"] else None,
                change_point=cut.change_point,
            )
        )


async def _write(job: Job, plan: store.Plan, tally: Tally, db: Database, blobs: Blobs, folder: Path) -> dict[str, File]:
    """Streams the corpus through the rule into one file for training and one for each suite."""
    writers = {
        name: files.Writer(folder / f"{name}.parquet", files.VERSION) for name in ("training", "fresh", "golden")
    }
    async for page in pages(db, blobs, job.workspace, plan.rows_up_to, plan.rule, folder):
        chosen: dict[str, list[dict[str, Any]]] = {name: [] for name in writers}
        for traits, row in page:
            split, reason = plan.rule.place(traits, plan.admitted)
            if split is None:
                tally.leave(reason, traits.label)
                continue
            placed = files.version_row(row, split)
            tally.take(placed)
            chosen["training" if split in ("train", "validation") else split].append(placed)
        for name, rows in chosen.items():
            await writers[name].write(rows)
    kept = {}
    for name, writer in writers.items():
        await writer.close()
        blob, _, size = await files.keep(blobs, f"{job.workspace}/datasets/files", writer.path)
        kept[name] = File(blob, f"sha256:{writer.digest}", writer.rows, size)
    return kept


def _lineage(cut: store.Cut, plan: store.Plan, parent: str | None) -> dict[str, Any]:
    asked = ("because", "attempt", "drift_id", "workspace_revision", "cycle_id", "version")
    return {
        **{name: cut.request.get(name) for name in asked},
        "parent": parent,
        "change_point": cut.change_point.isoformat() if cut.change_point else None,
        "rule": plan.rule.plain(),
        "rows_up_to": plan.rows_up_to,
        "created_at": plan.at.isoformat(),
    }

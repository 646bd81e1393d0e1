"""Weighs what a cycle waits for, and cuts a version when it is there -> dataset.released, dataset.failed"""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from millrace.chassis import (
    AlreadyExists,
    Blobs,
    Conflict,
    Database,
    Job,
    NotFound,
    Table,
    Transaction,
    Unprocessable,
    works,
)
from millrace.datasets import blobs as files
from millrace.datasets import cutting, observations, store
from millrace.datasets.corpus import pages
from millrace.datasets.domain import IN_ALL, File, NoLabels, Readiness, Rule, Tally, encoded, manifest, weigh
from millrace.datasets.holding import Holding
from millrace.events import DatasetFailed, DatasetReleased
from millrace.workspace import Target, Workspace

SOON, LATER = timedelta(seconds=2), timedelta(seconds=30)
"""How long a cut with enough labels in all, but too few of one, waits: while rows come, and while none do."""


class VersionGone(NotFound):
    def __init__(self, version: str, workspace: str) -> None:
        super().__init__(f"{version} is no version of {workspace} that still has its rows")
        self.version = version
        self.workspace = workspace


@works("cut", emits=[DatasetReleased, DatasetFailed])
async def job_cut(job: Job, *, db: Database, blobs: Blobs, workspaces: Table[Workspace]) -> None:
    spec = await workspaces.get(job.workspace)
    if spec.target is not None:
        await _cut_moments(job, spec, spec.target, db, blobs)
        return
    if spec.labels is None and not spec.meaning.answers:
        async with job.transaction("look") as tx:
            cut = await store.load_cut(tx, job.key)
        await _fail(job, cut, str(NoLabels(spec.workspace, spec.task)), {})
        return
    async with job.transaction("weigh") as tx:
        cut = await store.load_cut(tx, job.key)
        if cut.plan is None and cut.asked_for is None:
            corpus = await store.lock(tx, job.workspace)
            rule = Rule.of(spec, change_point=cut.change_point, min_labels=cut.min_labels)
            readiness = weigh(rule, await store.groups(tx, corpus, rule))
            if readiness.ready or (tx.now >= cut.deadline and not readiness.fatal):
                cut.plan = _plan(rule, readiness, corpus, tx.now)
            await store.save_plan(tx, cut)
        now = tx.now
    if cut.asked_for is not None:
        await _release(job, cut, cut.asked_for)
    elif cut.plan is not None:
        try:
            await _cut(job, cut, cut.plan, db, blobs)
        except Unprocessable as error:
            await _fail(job, cut, f"the cut can't be made: {error}", {})
    elif now >= cut.deadline:
        await _fail(job, cut, _wanting(cut, readiness), readiness.missing)
    else:
        await job.later(min(cut.deadline, now + (SOON if cut.seen > cut.looked else LATER)))


def _plan(rule: Rule, readiness: Readiness, corpus: store.Corpus, now: datetime) -> store.Plan:
    return store.Plan(rule, readiness.admitted, corpus.rows, now, corpus.turn, corpus.set_aside)


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
    holding = await Holding.begin(job)
    tally = Tally(counted_as=plan.rule.counted_as)
    with TemporaryDirectory() as folder:
        kept = await _write(job, plan, tally, holding, db, blobs, Path(folder))
    async with db.reading() as tx:
        parent = await store.current_version(tx, job.workspace)
        duplicated = await store.duplicated(tx, job.workspace)
    lineage = {**_lineage(cut, plan, parent), "duplicated": duplicated}
    labels = () if plan.rule.counted_as else plan.admitted
    body = manifest(job.workspace, labels, tally, kept, lineage)
    blob = f"{job.workspace}/datasets/{body['digest'].removeprefix('sha256:')}.json"
    body = await _publish(db, blobs, blob, body)
    async with job.finish() as tx:
        await _keep(job, tx, holding, cut, body, blob, plan.rows_up_to)
        _emit(job, tx, cut, body, blob, parent)


async def _keep(
    job: Job, tx: Transaction, holding: Holding, cut: store.Cut, body: dict[str, Any], blob: str, rows_up_to: int
) -> None:
    """The version is the current one from now on."""
    corpus = await holding.corpus(tx)
    corpus.fresh = corpus.rows - rows_up_to
    await store.add_version(tx, corpus, blob, body)
    await store.save(tx, corpus)
    await store.erasures.published(tx, job.workspace)
    await store.end_cut(tx, cut, state="released", dataset=body["digest"])
    await tx.schedule(
        "profile",
        key=f"{body['digest']}/{job.key}",
        workspace=job.workspace,
        cause=job.cause("profile"),
        payload={"digest": body["digest"]},
    )


async def _cut_moments(job: Job, spec: Workspace, target: Target, db: Database, blobs: Blobs) -> None:
    """Each observation gives one moment a truth at most: fewer new ones than are missing need no second look."""
    async with job.transaction("look") as tx:
        cut = await store.load_cut(tx, job.key)
        observed, now = await observations.lock(tx, job.workspace), tx.now
    if cut.asked_for is not None:
        await _release(job, cut, cut.asked_for)
        return
    over = now >= cut.deadline
    if cut.looked and not over and observed.rows - cut.looked < cut.min_labels - cut.seen:
        await job.later(min(cut.deadline, now + LATER))
        return
    holding = await Holding.begin(job)
    made = await cutting.cut(job, spec, target, cut, holding, db, blobs)
    if isinstance(made, cutting.OneLabel):
        told = f"{made.labels[0]!r}" if made.labels else "nothing"
        await _fail(job, cut, f"the rows to learn from say {told} of {target.name} and nothing else", {})
    elif isinstance(made, cutting.Made):
        await _released(job, cut, holding, made, db, blobs)
    elif over:
        short = cut.min_labels - made.recent
        reason = (
            f"missing at the deadline: {short} of {cut.min_labels} moments with a known {target.name} since the change"
        )
        await _fail(job, cut, reason, {IN_ALL: short})
    else:
        async with job.transaction("looked") as tx:
            await store.looked(tx, cut.key, seen=made.recent, looked=made.observed)
        await job.later(min(cut.deadline, now + LATER))


async def _released(job: Job, cut: store.Cut, holding: Holding, made: cutting.Made, db: Database, blobs: Blobs) -> None:
    parent = made.body["lineage"]["parent"]
    blob = f"{job.workspace}/datasets/{made.body['digest'].removeprefix('sha256:')}.json"
    body = await _publish(db, blobs, blob, made.body)
    async with job.finish() as tx:
        await _keep(job, tx, holding, cut, body, blob, made.rows_up_to)
        _emit(job, tx, cut, body, blob, parent)


async def _publish(db: Database, blobs: Blobs, blob: str, body: dict[str, Any]) -> dict[str, Any]:
    """Puts the manifest. A version that is there already stays as it is, unless its rows are gone."""
    try:
        await blobs.create(blob, encoded(body))
        return body
    except AlreadyExists:
        async with db.reading() as tx:
            known = await store.find_version(tx, body["digest"])
        if known and known.emptied_at is None:
            return known.body
        await blobs.put(blob, encoded(body))  # of an attempt that came to nothing: its files may be gone
        return body


def _emit(job: Job, tx: Transaction, cut: store.Cut, body: dict[str, Any], blob: str, parent: str | None) -> None:
    splits = body["content"]["splits"]
    tx.emit(
        DatasetReleased.caused_by(
            job.cause("released"),
            workspace=job.workspace,
            dataset=body["digest"],
            manifest=blob,
            rows={split: counts["rows"] for split, counts in splits.items()},
            labels=splits["train"]["labels"],
            attempt=cut.request["attempt"],
            parent=parent if parent != body["digest"] else None,
            change_point=cut.change_point,
        )
    )


async def _release(job: Job, cut: store.Cut, name: str) -> None:
    """A cycle that asked for a version gets that one; what is current stays so."""
    try:
        async with job.finish() as tx:
            version = await store.version(tx, name)
            if version.workspace != job.workspace or version.emptied_at is not None:
                raise VersionGone(name, job.workspace)
            await store.end_cut(tx, cut, state="released", dataset=version.digest)
            _emit(job, tx, cut, version.body, version.manifest, version.parent)
    except (NotFound, Conflict) as error:
        await _fail(job, cut, str(error), {})


async def _write(
    job: Job, plan: store.Plan, tally: Tally, holding: Holding, db: Database, blobs: Blobs, folder: Path
) -> dict[str, File]:
    """Streams the corpus through the rule into one file for training and one for each suite."""
    schema = files.ANSWERED if plan.rule.counted_as else files.VERSION
    writers = {name: files.Writer(folder / f"{name}.parquet", schema) for name in ("training", "fresh", "golden")}
    async for page in pages(db, blobs, job.workspace, plan, folder):
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
        blob, _, size = await files.keep(blobs, f"{job.workspace}/datasets/files", writer.path, holding)
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
        "set_aside": plan.set_aside,
        "created_at": plan.at.isoformat(),
    }

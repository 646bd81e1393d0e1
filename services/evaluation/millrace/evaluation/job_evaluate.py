"""evaluate: scores a candidate and production on one snapshot, judges every condition -> model.evaluated"""

import asyncio
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from millrace.chassis import BlobNotFound, Blobs, Job, Unprocessable, works
from millrace.chassis.signatures import Trust
from millrace.evaluation import report
from millrace.evaluation.domain.gate import Evidence, Judgement, judge_gate
from millrace.evaluation.engine import Engine, ScoringDied
from millrace.evaluation.metrics import EVALUATIONS
from millrace.evaluation.scoring import Snapshot, score
from millrace.evaluation.store import evaluations, specs
from millrace.events import EvaluationFailed, EvaluationRequested, ModelEvaluated
from millrace.workspace import Workspace


@works("evaluate", emits=[ModelEvaluated, EvaluationFailed])
async def job_evaluate(job: Job, *, blobs: Blobs, engine: Engine, trust: Trust, attempts: int) -> None:
    request = EvaluationRequested.model_validate(job.payload)
    try:
        for deployment in filter(None, (request.candidate, request.production)):
            trust.check(deployment)
        async with job.transaction() as tx:
            spec = await specs.load(tx, request.workspace, request.workspace_revision)
        with tempfile.TemporaryDirectory(prefix="millrace-evaluate-") as folder:
            asked: dict[str, Any] = {"blobs": blobs, "engine": engine, "folder": Path(folder)}
            try:
                snapshot = await score(job, request, spec, **asked)
            except BlobNotFound:  # an erasure rewrites files of rows, and the manifest that names them
                snapshot = await score(job, request, spec, **asked)
        judgement = await asyncio.to_thread(_judge, spec, request, snapshot, UUID(job.key))
        await _conclude(job, request, snapshot, judgement, blobs)
    except (Unprocessable, ScoringDied) as error:
        if isinstance(error, ScoringDied) and job.attempt < attempts:
            raise
        await _give_up(job, request, str(error))


def _judge(spec: Workspace, request: EvaluationRequested, snapshot: Snapshot, id: UUID) -> Judgement:
    production = request.production is not None
    evidence = Evidence(
        snapshot.answers,
        best=request.best,
        labels=snapshot.labels,
        production=production,
        seed=id.int,
        outcomes=snapshot.outcomes,
        sizes=snapshot.sizes,
        paired=spec.meaning.paired,
    )
    return judge_gate(spec.gate, evidence)


async def _conclude(
    job: Job, request: EvaluationRequested, snapshot: Snapshot, judgement: Judgement, blobs: Blobs
) -> None:
    scores = {who: report.scores(judgement, who) for who in ("candidate", "production")}
    result = await asyncio.to_thread(report.written, request, snapshot, judgement, seed=UUID(job.key).int)
    name = f"{request.workspace}/evaluations/{job.key}-{job.token}.json"
    await blobs.put(name, report.to_bytes(result))
    async with job.finish() as tx:
        tx.after_commit.append(EVALUATIONS.labels(judgement.verdict).inc)
        await evaluations.save_scored(tx, request.workspace, snapshot.scored)
        await evaluations.save_sizes(tx, request.workspace, snapshot.weighed)
        await evaluations.close(tx, UUID(job.key), judgement.verdict, result=result)
        tx.emit(
            ModelEvaluated.caused_by(
                job.cause("evaluated"),
                workspace=request.workspace,
                version=request.candidate.version,
                against=request.production.version if request.production else None,
                revision=request.revision,
                dataset=request.dataset,
                verdict=judgement.verdict,
                conditions=judgement.conditions,
                scores=scores["candidate"],
                production=scores["production"],
                report=name,
            )
        )


async def _give_up(job: Job, request: EvaluationRequested, reason: str) -> None:
    async with job.finish() as tx:
        tx.after_commit.append(EVALUATIONS.labels("failed").inc)
        await evaluations.close(tx, UUID(job.key), "failed", reason=reason)
        tx.emit(
            EvaluationFailed.caused_by(
                job.cause("failed"),
                workspace=request.workspace,
                version=request.candidate.version,
                revision=request.revision,
                reason=reason,
            )
        )

"""Answers the requests of one batch of prediction.requested; waits until there is a production version."""

from datetime import datetime
from typing import Any
from uuid import UUID

from millrace.chassis import Job, Step, works
from millrace.events import PredictionServed
from millrace.serving.answers import Request, accept
from millrace.serving.predictor import Predictor
from millrace.workspace import Workspace

AT_ONCE = 64
"""Requests asked together, so that a long batch leaves room for callers."""


@works("answer", emits=[PredictionServed], concurrency=2)
async def job_answer(job: Job, *, predictor: Predictor, max_text: int, secret: str) -> None:
    workspace = await predictor.workspace(job.workspace)
    rows = job.payload["requests"]
    served: list[PredictionServed] = []
    for start in range(0, len(rows), AT_ONCE):
        requests = [_request(workspace, row, max_text, secret) for row in rows[start : start + AT_ONCE]]
        served += await predictor.by_topic(job.workspace, requests)
    async with job.finish() as tx:
        for event in {event.id: event for event in served}.values():
            tx.emit(event)


def _request(workspace: Workspace, row: dict[str, Any], max_text: int, secret: str) -> Request:
    asked = datetime.fromisoformat(row["occurred_at"])
    cause = Step(UUID(row["id"]), asked, asked, None, row["traceparent"])
    # Masking may have made a text that was just short enough longer.
    return accept(
        workspace,
        row["text"],
        request_id=row["request_id"],
        unit=row["unit"],
        cause=cause,
        max_text=4 * max_text,
        secret=secret,
    )

"""evaluation.requested -> the job that judges"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.evaluation.store import evaluations
from millrace.events import EvaluationRequested


@handles(EvaluationRequested)
async def on_evaluation_requested(events: Sequence[EvaluationRequested], tx: Transaction) -> None:
    for event in events:
        await evaluations.append(tx, event)
        await tx.schedule(
            "evaluate",
            key=str(event.id),
            workspace=event.workspace,
            cause=event,
            payload=event.model_dump(mode="json"),
        )

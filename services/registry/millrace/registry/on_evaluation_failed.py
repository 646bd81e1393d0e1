"""evaluation.failed -> model.staged"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import EvaluationFailed, LedgerAppended, ModelStaged
from millrace.registry import domain, turns


@handles(EvaluationFailed, emits=[LedgerAppended, ModelStaged])
async def on_evaluation_failed(events: Sequence[EvaluationFailed], tx: Transaction) -> None:
    for event in events:
        await turns.take(tx, event, domain.evaluation_failed, versions=[event.version])

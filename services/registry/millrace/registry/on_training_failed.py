"""training.failed -> model.staged"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import LedgerAppended, ModelStaged, TrainingFailed
from millrace.registry import domain, turns


@handles(TrainingFailed, emits=[LedgerAppended, ModelStaged])
async def on_training_failed(events: Sequence[TrainingFailed], tx: Transaction) -> None:
    for event in events:
        await turns.take(tx, event, domain.failed)

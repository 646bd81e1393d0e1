"""dataset.failed -> training.failed"""

from collections.abc import Sequence
from functools import partial

from millrace.chassis import Transaction, handles
from millrace.events import DatasetFailed
from millrace.training import domain, turns
from millrace.training.turns import MOVES


@handles(DatasetFailed, emits=MOVES)
async def on_dataset_failed(events: Sequence[DatasetFailed], tx: Transaction) -> None:
    for event in events:
        await turns.take(tx, event, event.workspace, partial(domain.dataset_failed, event=event))

"""dataset.grown -> retraining.requested"""

from collections.abc import Sequence
from functools import partial

from millrace.chassis import Table, Transaction, handles
from millrace.events import DatasetGrown
from millrace.training import domain, turns
from millrace.training.declared import Declared
from millrace.training.turns import MOVES


@handles(DatasetGrown, emits=MOVES)
async def on_dataset_grown(events: Sequence[DatasetGrown], tx: Transaction, *, specs: Table[Declared]) -> None:
    for event in events:
        policy = (await specs.get(event.workspace)).policy
        decide = partial(domain.grown, event=event, policy=policy, now=tx.now)
        await turns.take(tx, event, event.workspace, decide)

"""erasure.confirmed -> nothing: what each owner did stands in the report"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import ErasureConfirmed
from millrace.ingestion import erasures


@handles(ErasureConfirmed)
async def on_erasure_confirmed(events: Sequence[ErasureConfirmed], tx: Transaction) -> None:
    await erasures.confirm(tx, events)

"""subject.erased -> a job that erases the person's documents, and keeps what repeated them in their place"""

from collections.abc import Sequence

from millrace.chassis import Transaction, erasure, handles
from millrace.events import SubjectErased


@handles(SubjectErased)
async def on_subject_erased(events: Sequence[SubjectErased], tx: Transaction) -> None:
    await erasure.begin(tx, events)

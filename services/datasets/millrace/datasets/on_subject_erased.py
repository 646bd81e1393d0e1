"""subject.erased: a person's rows stand no more at once; a job takes them out of every file"""

from collections.abc import Sequence

from millrace.chassis import Transaction, erasure, handles
from millrace.datasets import store
from millrace.events import SubjectErased


@handles(SubjectErased)
async def on_subject_erased(events: Sequence[SubjectErased], tx: Transaction) -> None:
    await erasure.remember(tx, events)
    for event in sorted(events, key=lambda event: event.workspace):
        corpus = await store.lock(tx, event.workspace)
        await store.erasures.erase_subject(tx, corpus, event.erasure, event.subject, event.known_at)
        await store.save(tx, corpus)
        await tx.schedule(
            "erase",
            key=f"{event.workspace}/{event.erasure}",
            workspace=event.workspace,
            cause=event,
            payload={"erasure": event.erasure, "subject": event.subject},
        )

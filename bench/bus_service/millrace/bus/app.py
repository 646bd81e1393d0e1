"""One handler: a row and an event for each document."""

from collections.abc import Sequence

from millrace.bus.settings import Settings
from millrace.chassis import Clock, Database, Service, Transaction, handles
from millrace.events import DocumentAccepted, DocumentDuplicated


@handles(DocumentAccepted, emits=[DocumentDuplicated])
async def on_document_accepted(events: Sequence[DocumentAccepted], tx: Transaction) -> None:
    await tx.execute(
        """INSERT INTO state SELECT * FROM unnest($1::text[], $2::text[], $3::int[])
           ON CONFLICT (document_id) DO UPDATE SET label = excluded.label""",
        [event.document_id for event in events],
        [event.label for event in events],
        [len(event.text) for event in events],
    )
    for event in events:
        tx.emit(
            DocumentDuplicated.caused_by(
                event,
                workspace=event.workspace,
                document_id=event.document_id,
                source=event.source,
                duplicate_of=event.document_id,
                kind="exact",
                similarity=1.0,
                cluster=event.document_id,
            )
        )


def build_app(settings: Settings, *, clock: Clock) -> Service:
    db = Database(settings, clock)
    return Service(settings=settings, clock=clock, db=db, handlers=[on_document_accepted])

"""The parts of dedup, put together."""

from millrace.chassis import Clock, Database, Service, workspaces
from millrace.dedup.http import routes
from millrace.dedup.job_reindex import job_reindex
from millrace.dedup.on_document_accepted import on_document_accepted
from millrace.dedup.on_feedback_recorded import on_feedback_recorded
from millrace.dedup.settings import Settings


def build_app(settings: Settings, *, clock: Clock) -> Service:
    db = Database(settings, clock)
    specs = workspaces(settings)
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=routes(db, specs),
        tables=[specs],
        handlers=[on_document_accepted.bind(workspaces=specs), on_feedback_recorded.bind(workspaces=specs)],
        jobs=[job_reindex],
    )

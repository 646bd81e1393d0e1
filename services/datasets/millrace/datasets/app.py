"""The parts of datasets, put together."""

from millrace.chassis import Blobs, Clock, Database, Service, workspaces
from millrace.datasets.http import routes
from millrace.datasets.job_cut import job_cut
from millrace.datasets.job_flush import job_flush
from millrace.datasets.on_document_duplicated import on_document_duplicated
from millrace.datasets.on_document_kept import on_document_kept
from millrace.datasets.on_retraining_requested import on_retraining_requested
from millrace.datasets.settings import Settings


def build_app(settings: Settings, *, clock: Clock) -> Service:
    db = Database(settings, clock)
    blobs = Blobs(settings)
    specs = workspaces(settings)
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=routes(db, specs),
        tables=[specs],
        handlers=[
            on_document_kept.bind(workspaces=specs, part_rows=settings.part_rows),
            on_document_duplicated,
            on_retraining_requested.bind(workspaces=specs),
        ],
        jobs=[
            job_cut.bind(db=db, blobs=blobs, workspaces=specs),
            job_flush.bind(blobs=blobs, part_rows=settings.part_rows),
        ],
    )

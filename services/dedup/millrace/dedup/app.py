"""The parts of dedup, put together."""

from millrace.chassis import Clock, Database, Service, workspaces
from millrace.chassis.blobs import Blobs
from millrace.chassis.intake import Intake
from millrace.dedup.corpus import Index
from millrace.dedup.engine import Engine, Process
from millrace.dedup.http import routes
from millrace.dedup.job_adopt import job_adopt
from millrace.dedup.job_erase import job_erase
from millrace.dedup.job_rebuild import job_rebuild
from millrace.dedup.job_reindex import job_reindex
from millrace.dedup.job_semantic import job_semantic
from millrace.dedup.job_tidy import job_tidy
from millrace.dedup.log import Log
from millrace.dedup.memory import Memory
from millrace.dedup.on_document_accepted import on_document_accepted
from millrace.dedup.on_document_retired import on_document_retired
from millrace.dedup.on_feedback_recorded import on_feedback_recorded
from millrace.dedup.on_subject_erased import on_subject_erased
from millrace.dedup.settings import Settings


def build_app(settings: Settings, *, clock: Clock, engine: Engine | None = None) -> Service:
    """`engine` is the embedding process where none is given."""
    engine = engine or Process(threads=settings.embed_threads, nice=settings.embed_nice, within=settings.embed_within)
    db = Database(settings, clock)
    specs = workspaces(settings)
    index = Index(specs, Memory(settings.index_bytes))
    handlers = [
        on_document_accepted.bind(index=index),
        on_feedback_recorded.bind(index=index),
        on_document_retired.bind(index=index),
        on_subject_erased,
    ]
    blobs = Blobs(settings)
    log = Log([Intake(handler, db, blobs) for handler in handlers], db, settings)
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=routes(db, specs),
        tables=[specs],
        handlers=handlers,
        jobs=[
            job_adopt.bind(index=index),
            job_erase.bind(index=index),
            job_tidy.bind(index=index),
            job_reindex.bind(index=index),
            job_rebuild.bind(index=index, log=log, engine=engine),
            job_semantic.bind(index=index, engine=engine),
        ],
    )

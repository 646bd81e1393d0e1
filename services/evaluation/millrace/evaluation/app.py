"""Composition root: what evaluation is made of."""

from millrace.chassis import Blobs, Clock, Database, Service
from millrace.chassis.signatures import Trust
from millrace.evaluation.engine import Engine, Process
from millrace.evaluation.http import routes
from millrace.evaluation.job_erase import job_erase
from millrace.evaluation.job_evaluate import job_evaluate
from millrace.evaluation.job_expire import job_expire
from millrace.evaluation.job_sweep import job_sweep
from millrace.evaluation.on_document_duplicated import on_document_duplicated
from millrace.evaluation.on_document_kept import on_document_kept
from millrace.evaluation.on_document_retired import on_document_retired
from millrace.evaluation.on_evaluation_requested import on_evaluation_requested
from millrace.evaluation.on_feedback_recorded import on_feedback_recorded
from millrace.evaluation.on_prediction_served import on_prediction_served
from millrace.evaluation.on_route_applied import on_route_applied
from millrace.evaluation.on_subject_erased import on_subject_erased
from millrace.evaluation.on_workspace_configured import on_workspace_configured
from millrace.evaluation.on_workspace_routed import on_workspace_routed
from millrace.evaluation.settings import Settings


def build_app(settings: Settings, *, clock: Clock, engine: Engine | None = None) -> Service:
    db = Database(settings, clock)
    blobs = Blobs(settings)
    engine = engine or Process(
        threads=settings.score_threads,
        within=settings.score_within,
        nice=settings.nice,
        memory=settings.memory,
        blobs=blobs,
    )
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=routes(db, blobs, clock=clock, settings=settings),
        handlers=[
            on_workspace_configured,
            on_document_kept,
            on_document_duplicated,
            on_document_retired,
            on_subject_erased,
            on_evaluation_requested,
            on_workspace_routed,
            on_route_applied,
            on_prediction_served,
            on_feedback_recorded,
        ],
        jobs=[
            job_evaluate.bind(
                blobs=blobs, engine=engine, trust=Trust(settings.trusted_keys), attempts=settings.attempts
            ),
            job_erase,
            job_expire,
            job_sweep,
        ],
    )

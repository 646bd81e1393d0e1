"""The parts of datasets, put together."""

from millrace.chassis import Blobs, Clock, Database, Service, workspaces
from millrace.datasets import documents_http, features_http
from millrace.datasets.http import routes
from millrace.datasets.job_cut import job_cut
from millrace.datasets.job_discard import job_discard
from millrace.datasets.job_erase import job_erase
from millrace.datasets.job_flush import job_flush
from millrace.datasets.job_flush_observations import job_flush_observations
from millrace.datasets.job_housekeep import job_housekeep
from millrace.datasets.job_profile import job_profile
from millrace.datasets.job_tabulate import job_tabulate
from millrace.datasets.on_document_duplicated import on_document_duplicated
from millrace.datasets.on_document_kept import on_document_kept
from millrace.datasets.on_document_retired import on_document_retired
from millrace.datasets.on_observation_accepted import on_observation_accepted
from millrace.datasets.on_retraining_requested import on_retraining_requested
from millrace.datasets.on_subject_erased import on_subject_erased
from millrace.datasets.settings import Settings


def build_app(settings: Settings, *, clock: Clock) -> Service:
    db = Database(settings, clock)
    blobs = Blobs(settings)
    specs = workspaces(settings)
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=[
            *routes(db, blobs, specs),
            documents_http.routes(db, blobs, specs),
            features_http.routes(db, blobs, specs, clock),
        ],
        tables=[specs],
        handlers=[
            on_document_kept.bind(workspaces=specs, part_rows=settings.part_rows),
            on_document_duplicated,
            on_document_retired,
            on_subject_erased,
            on_retraining_requested.bind(workspaces=specs),
            on_observation_accepted.bind(
                workspaces=specs, part_rows=settings.observation_rows, secret=settings.secret.get_secret_value()
            ),
        ],
        jobs=[
            job_cut.bind(db=db, blobs=blobs, workspaces=specs),
            job_flush.bind(blobs=blobs, part_rows=settings.part_rows),
            job_profile.bind(db=db, blobs=blobs),
            job_erase.bind(db=db, blobs=blobs),
            job_housekeep.bind(db=db, blobs=blobs, workspaces=specs, keep_versions=settings.keep_versions),
            job_flush_observations.bind(db=db, blobs=blobs, part_rows=settings.observation_rows),
            job_tabulate.bind(db=db, blobs=blobs),
            job_discard.bind(db=db, blobs=blobs),
        ],
    )

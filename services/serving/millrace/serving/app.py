"""Composition root: what serving is made of."""

from functools import partial

from millrace.chassis import Blobs, Clock, Database, Service, Table, workspaces
from millrace.chassis.intake import Intake
from millrace.chassis.signatures import Trust
from millrace.events import PredictionServed, RouteApplied, WorkspaceRouted
from millrace.learn import Shelf
from millrace.serving.blobs import Artifacts
from millrace.serving.declarations import Declarations
from millrace.serving.encoder import Encoder, TorchEncoder
from millrace.serving.engine import Engine, TorchEngine
from millrace.serving.history import History
from millrace.serving.http import features, routers
from millrace.serving.http.vectors import Vectors
from millrace.serving.job_answer import job_answer
from millrace.serving.job_embed import job_embed
from millrace.serving.job_erase import job_erase
from millrace.serving.job_prune import job_prune
from millrace.serving.job_reindex import job_reindex
from millrace.serving.job_tidy import job_tidy
from millrace.serving.on_document_duplicated import on_document_duplicated
from millrace.serving.on_document_kept import on_document_kept
from millrace.serving.on_document_retired import on_document_retired
from millrace.serving.on_observation_accepted import on_observation_accepted
from millrace.serving.on_prediction_requested import on_prediction_requested
from millrace.serving.on_subject_erased import on_subject_erased
from millrace.serving.predictor import Predictor
from millrace.serving.recorder import Recorder
from millrace.serving.replicas import Replicas
from millrace.serving.routes import Routes
from millrace.serving.searcher import Searcher
from millrace.serving.settings import Settings
from millrace.serving.shadow import Shadow


def build_app(
    settings: Settings, *, clock: Clock, engine: Engine | None = None, encoder: Encoder | None = None
) -> Service:
    db = Database(settings, clock)
    shelf = Shelf(settings.torch_threads)
    engine = engine or TorchEngine(
        shelf,
        wait=settings.batch_wait_ms / 1000,
        most=settings.batch_most,
        queue_most=settings.queue_most,
        within=settings.answer_within,
        canary_within=settings.canary_within,
    )
    encoder = encoder or TorchEncoder(
        shelf,
        wait=settings.batch_wait_ms / 1000,
        most=settings.batch_most,
        queue_most=settings.queue_most,
        within=settings.answer_within,
        callers=partial(engine.waiting, "production"),
    )
    artifacts = Artifacts(Blobs(settings), settings.cache, settings.cache_most)
    routes = Routes(engine, artifacts, Trust(settings.trusted_keys), load_within=settings.load_within)
    routed: Table[WorkspaceRouted] = Table(WorkspaceRouted, settings, on_change=routes.on_change)
    routes.caught_up = lambda: routed.caught_up
    declarations = Declarations(db, clock, encoder)
    specs = declarations.specs = workspaces(settings, on_change=declarations.on_change)
    secret = settings.secret.get_secret_value()
    recorder = Recorder(
        db,
        wait=settings.commit_wait_ms / 1000,
        most=settings.commit_most,
        best_effort_most=settings.best_effort_most,
    )
    shadow = Shadow(engine, clock, routes, recorder, most=settings.shadow_most)
    replicas = Replicas(db, routes, routed, lease=settings.lease, heartbeat=settings.heartbeat)
    predictor = Predictor(
        engine,
        clock,
        routes,
        recorder,
        shadow,
        specs=specs,
        routed=routed,
        canary_within=settings.canary_within,
    )
    kept = on_document_kept.bind(specs=specs)
    history = History(Intake(kept, db, Blobs(settings)), db, settings)
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=[
            *routers(predictor, routes, Searcher(db, encoder, specs), Vectors(db, clock, secret), db, settings),
            features.router(db, clock, specs, secret),
        ],
        emits_http=[PredictionServed, RouteApplied],
        tables=[specs, routed],
        handlers=[
            on_prediction_requested.bind(specs=specs, max_text=settings.max_text, secret=secret),
            kept,
            on_document_duplicated,
            on_document_retired,
            on_observation_accepted.bind(specs=specs, secret=secret),
            on_subject_erased,
        ],
        jobs=[
            job_answer.bind(predictor=predictor, max_text=settings.max_text, secret=secret),
            job_embed.bind(specs=specs, encoder=encoder),
            job_reindex.bind(specs=specs, history=history),
            job_erase,
            job_prune.bind(specs=specs),
            job_tidy.bind(specs=specs),
        ],
        resources=[routes, recorder, shadow, replicas, encoder, declarations],
    )

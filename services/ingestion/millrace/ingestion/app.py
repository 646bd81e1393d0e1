"""The composition root."""

from dataclasses import replace
from datetime import timedelta

from millrace.chassis import Clock, Database, GroupCommit, Service, workspaces
from millrace.chassis.dead_letters import Seal
from millrace.ingestion.declaring import Declaring
from millrace.ingestion.engine import Engine, Languages
from millrace.ingestion.fetching import Publisher
from millrace.ingestion.http import erasing, withdrawing
from millrace.ingestion.http.posting import EMITS, Posted, write
from millrace.ingestion.http.quarantine import quarantine_routes
from millrace.ingestion.http.routes import routes
from millrace.ingestion.http.sources import source_routes
from millrace.ingestion.job_erase import job_erase
from millrace.ingestion.job_expire import job_expire
from millrace.ingestion.job_fetch import Fetching, job_fetch
from millrace.ingestion.job_quarantine import job_quarantine
from millrace.ingestion.on_document_submitted import on_document_submitted
from millrace.ingestion.on_erasure_confirmed import on_erasure_confirmed
from millrace.ingestion.on_interaction_logged import on_interaction_logged
from millrace.ingestion.on_observation_submitted import on_observation_submitted
from millrace.ingestion.on_subject_erased import on_subject_erased
from millrace.ingestion.settings import Settings
from millrace.ingestion.sources.network import Network
from millrace.ingestion.sources.readers import readers
from millrace.ingestion.taking import Rules
from millrace.privacy import derived_key
from millrace.privacy.presidio import Presidio


def build_app(
    settings: Settings, *, clock: Clock, engine: Engine | None = None, network: Network | None = None
) -> Service:
    db = Database(settings, clock)
    declaring = Declaring(db, clock)
    specs = declaring.follow(workspaces(settings, on_change=declaring))
    kept = timedelta(days=settings.quarantine_days)
    secret = settings.secret.get_secret_value()
    second = Presidio(settings.second_tier_pipeline) if settings.second_tier == "presidio" else None
    rules = Rules(specs, engine or Languages(), secret, kept, second)
    group: GroupCommit[Posted] = GroupCommit(db, write(rules), emits=EMITS, wait=0.002, most=50)
    publisher = Publisher(db, rules, Seal(settings.secret), derived_key(rules.secret, "sources|revisions"))
    read = readers(settings, db, network or Network(settings.agent))
    fetching = Fetching(publisher, specs, read, clock, timedelta(seconds=settings.fetch_patience))
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=[
            routes(db, group, specs, most=settings.most_events, clock=clock),
            quarantine_routes(db, rules, clock=clock),
            source_routes(db, specs, clock),
            erasing.routes(db, specs, clock=clock, secret=secret),
            withdrawing.routes(db, specs, clock=clock),
        ],
        emits_http=(*EMITS, *erasing.EMITS, *withdrawing.EMITS),
        tables=[specs],
        handlers=[
            on_document_submitted.bind(rules=rules),
            on_interaction_logged.bind(rules=rules),
            on_observation_submitted.bind(rules=rules),
            on_subject_erased,
            on_erasure_confirmed,
        ],
        jobs=[
            job_erase,
            job_expire.bind(kept=kept, clock=clock),
            job_quarantine.bind(db=db, rules=rules, clock=clock),
            replace(job_fetch.bind(fetching=fetching), concurrency=settings.fetches),
        ],
        resources=[group, declaring],
    )

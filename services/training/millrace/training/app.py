"""The composition root."""

from dataclasses import replace
from datetime import timedelta

from millrace.chassis import Blobs, Clock, Database, Service
from millrace.training.declared import declarations
from millrace.training.executors import executor_of
from millrace.training.http import routes
from millrace.training.job_overdue import job_overdue
from millrace.training.job_pick import job_pick
from millrace.training.job_plan import job_plan
from millrace.training.job_reproduce import job_reproduce
from millrace.training.job_run import job_run
from millrace.training.job_tick import job_tick
from millrace.training.on_dataset_failed import on_dataset_failed
from millrace.training.on_dataset_grown import on_dataset_grown
from millrace.training.on_dataset_released import on_dataset_released
from millrace.training.on_drift_detected import on_drift_detected
from millrace.training.on_model_staged import on_model_staged
from millrace.training.settings import Settings
from millrace.training.turns import MOVES


def build_app(settings: Settings, *, clock: Clock) -> Service:
    db = Database(settings, clock)
    blobs = Blobs(settings)
    specs = declarations(settings)
    executor = executor_of(settings)
    grace = timedelta(seconds=settings.grace)
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=routes(db, blobs, specs=specs, clock=clock, settings=settings),
        emits_http=MOVES,
        tables=[specs],
        resources=[executor],
        handlers=[
            on_drift_detected.bind(specs=specs),
            on_dataset_grown.bind(specs=specs),
            on_dataset_released.bind(specs=specs, grace=grace),
            on_dataset_failed,
            on_model_staged.bind(specs=specs),
        ],
        jobs=[
            job_plan.bind(blobs=blobs, specs=specs, settings=settings),
            replace(
                job_run.bind(blobs=blobs, specs=specs, settings=settings, executor=executor),
                concurrency=settings.side_by_side,
            ),
            job_reproduce.bind(blobs=blobs, settings=settings, executor=executor),
            job_pick.bind(judging=timedelta(days=settings.judging_days)),
            job_overdue,
            job_tick.bind(specs=specs, clock=clock),
        ],
    )

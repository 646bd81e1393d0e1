"""The composition root."""

from millrace.chassis import Clock, Database, Service, workspaces
from millrace.drift.http import routes
from millrace.drift.job_announce import job_announce
from millrace.drift.on_feedback_recorded import on_feedback_recorded
from millrace.drift.on_prediction_served import on_prediction_served
from millrace.drift.on_workspace_routed import on_workspace_routed
from millrace.drift.settings import Settings


def build_app(settings: Settings, *, clock: Clock) -> Service:
    db = Database(settings, clock)
    declared = workspaces(settings)
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=routes(db, declared),
        tables=[declared],
        handlers=[
            on_prediction_served.bind(workspaces=declared, cool_down=settings.cool_down),
            on_feedback_recorded.bind(workspaces=declared, cool_down=settings.cool_down),
            on_workspace_routed.bind(keep=settings.versions),
        ],
        jobs=[job_announce],
    )

"""The composition root."""

from collections.abc import Sequence

from millrace.chassis import Clock, Database, GroupCommit, Service, Transaction, workspaces
from millrace.events import FeedbackRecorded
from millrace.feedback.http import routes
from millrace.feedback.job_annotate import job_annotate
from millrace.feedback.job_erase import job_erase
from millrace.feedback.job_expire import job_expire
from millrace.feedback.job_forget import job_forget
from millrace.feedback.joining import Given, join_feedback
from millrace.feedback.on_drift_detected import on_drift_detected
from millrace.feedback.on_feedback_given import on_feedback_given
from millrace.feedback.on_prediction_served import on_prediction_served
from millrace.feedback.on_subject_erased import on_subject_erased
from millrace.feedback.settings import Settings


def build_app(settings: Settings, *, clock: Clock) -> Service:
    db = Database(settings, clock)
    declared = workspaces(settings)
    secret = settings.secret.get_secret_value()
    group = GroupCommit(db, _write, emits=[FeedbackRecorded])
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=routes(db, clock, group, declared, secret),
        emits_http=[FeedbackRecorded],
        tables=[declared],
        handlers=[
            on_feedback_given.bind(workspaces=declared, secret=secret),
            on_prediction_served,
            on_drift_detected.bind(settle=settings.settle),
            on_subject_erased,
        ],
        jobs=[
            job_annotate.bind(workspaces=declared, most=settings.annotations),
            job_expire.bind(secret=settings.secret),
            job_erase,
            job_forget.bind(keep=settings.keep),
        ],
        resources=[group],
    )


async def _write(posted: Sequence[Sequence[Given]], tx: Transaction) -> None:
    await join_feedback([given for each in posted for given in each], tx)

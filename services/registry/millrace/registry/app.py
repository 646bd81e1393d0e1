"""The composition root."""

from millrace.chassis import Blobs, Clock, Database, Service
from millrace.chassis.signatures import Signer
from millrace.registry.declaring import EMITS
from millrace.registry.http import routes
from millrace.registry.job_inspect import job_inspect
from millrace.registry.job_sign import job_sign
from millrace.registry.ledger import MOVES
from millrace.registry.on_erasure_confirmed import on_erasure_confirmed
from millrace.registry.on_evaluation_failed import on_evaluation_failed
from millrace.registry.on_model_evaluated import on_model_evaluated
from millrace.registry.on_model_trained import on_model_trained
from millrace.registry.on_rollout_judged import on_rollout_judged
from millrace.registry.on_route_applied import on_route_applied
from millrace.registry.on_training_failed import on_training_failed
from millrace.registry.settings import Settings


def build_app(settings: Settings, *, clock: Clock) -> Service:
    db = Database(settings, clock)
    blobs = Blobs(settings)
    signer = Signer(settings.signing_key.get_secret_value())
    return Service(
        settings=settings,
        clock=clock,
        db=db,
        http=routes(db, blobs=blobs, clock=clock, signer=signer, person_header=settings.person_header),
        emits_http=(*EMITS, *MOVES),
        handlers=[
            on_model_trained,
            on_training_failed,
            on_model_evaluated,
            on_evaluation_failed,
            on_rollout_judged,
            on_route_applied,
            on_erasure_confirmed,
        ],
        jobs=[job_inspect.bind(blobs=blobs, signer=signer), job_sign.bind(blobs=blobs, signer=signer)],
    )

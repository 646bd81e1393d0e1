"""One request, one arm, one answer with its signals."""

import json
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import uuid4

from millrace.chassis import Clock, Malformed, Step, Unavailable, Unprocessable, command, policy_of
from millrace.events import Arm, PredictionServed
from millrace.features import FeatureRefused, Plan, checked, written
from millrace.learn import Answered, WrongFeature
from millrace.privacy import derived_key, mask, pseudonymous
from millrace.serving import metrics
from millrace.serving.domain import prediction_id
from millrace.serving.engine import Engine, Overloaded
from millrace.serving.routes import Live, Loaded
from millrace.workspace import Workspace
from millrace.workspace.lanes import stable_lane

ORDINALS: dict[Arm, int] = {"production": 0, "canary": 1, "shadow": 2}


class AnswerFailed(Unavailable):
    def __init__(self, version: str, reason: str) -> None:
        super().__init__(f"version {version} did not answer: {reason}")
        self.version = version


class NotPredicted(Unprocessable):
    def __init__(self, workspace: str, task: str) -> None:
        super().__init__(f"{workspace} is of task {task}, whose models this release does not serve")
        self.workspace = workspace
        self.task = task


@dataclass(frozen=True)
class Request:
    """A masked text of a workspace, and what its events follow from (a new command where there is nothing)."""

    workspace: Workspace
    text: str
    request_id: str
    unit: str | None
    cause: Step | None
    key: str
    """What its arm sticks to."""
    accepted: float


@dataclass(frozen=True)
class Answer:
    served: PredictionServed
    labels: tuple[str, ...]
    probabilities: list[float]


def accept(
    workspace: Workspace,
    text: str,
    *,
    request_id: str | None = None,
    unit: str | None = None,
    cause: Step | None = None,
    key: str | None = None,
    max_text: int,
    secret: str,
) -> Request:
    """Masks before anything else sees the text, and names the unit by its pseudonym: it may be a person's id.

    Where features are declared the text is a JSON object of them; numbers and declared categories hide nobody.

    ``key`` is what the arm sticks to where there is no unit; ``secret`` keys pseudonyms.

    Raises NotPredicted, Malformed.
    """
    if not workspace.meaning.modelled:
        raise NotPredicted(workspace.workspace, workspace.task)
    if not text.strip() or len(text) > max_text or "\x00" in text:
        raise Malformed("text", f"1 to {max_text} characters, one of them more than a space, none of them NUL")
    request_id = request_id or str(uuid4())
    unit = pseudonymous(unit, derived_key(secret, workspace.workspace)) if unit else None
    said = features(workspace, text) if workspace.features else mask(text, policy_of(workspace, secret)).text
    return Request(workspace, said, request_id, unit, cause, unit or key or request_id, perf_counter())


def features(workspace: Workspace, text: str) -> str:
    """The text of a vector as it is declared. Raises Malformed, which names the field."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Malformed("text", f"a JSON object of the features of {workspace.workspace}")
    try:
        return written(checked(Plan.of(workspace), told))
    except FeatureRefused as refused:
        raise Malformed(f"features.{refused.feature}", refused.expected) from None


async def answer(
    engine: Engine,
    clock: Clock,
    live: Live,
    loaded: Loaded,
    arm: Arm,
    request: Request,
    *,
    late_after: float | None = None,
) -> Answer:
    """Asks one version. A failure is a served prediction too, with its error and without a label.

    One that took longer than ``late_after`` seconds says so.

    Raises Overloaded where production takes no more: such a request was never accepted, so there is nothing to record.
    A canary that takes no more has failed.
    """
    waited = request.accepted if arm != "shadow" else perf_counter()
    try:
        prediction = await engine.ask(loaded.model, request.text, arm)
    except Exception as error:
        if arm == "production" and isinstance(error, Overloaded):
            metrics.ANSWERS.labels(request.workspace.workspace, arm, "refused").inc()
            raise
        metrics.ANSWERS.labels(request.workspace.workspace, arm, "failed").inc()
        reason = str(error) if isinstance(error, Unavailable | WrongFeature) else type(error).__name__
        signals: dict[str, Any] = {"error": reason, "tokens": 0}
        return Answer(_served(clock, live, loaded, arm, request, waited, late_after, signals), loaded.labels, [])
    metrics.ANSWERS.labels(request.workspace.workspace, arm, "ok").inc()
    served = _served(clock, live, loaded, arm, request, waited, late_after, _signals(prediction))
    metrics.LATENCY.labels(request.workspace.workspace, arm).observe(served.latency_ms / 1000)
    return Answer(served, loaded.labels, list(prediction.probabilities))


def _signals(prediction: Answered) -> dict[str, Any]:
    """A number is a value and no label; an answer in words is its own label."""
    top, entropy, novelty = prediction.top_probability, prediction.entropy, prediction.novelty
    return {
        "label": prediction.label if prediction.value is None else None,
        "value": prediction.value,
        "probability": None if top is None else min(1.0, top),
        "entropy": None if entropy is None else max(0.0, entropy),
        "novelty": None if novelty is None else max(0.0, novelty),
        "tokens": prediction.tokens,
    }


def _served(
    clock: Clock,
    live: Live,
    loaded: Loaded,
    arm: Arm,
    request: Request,
    waited: float,
    late_after: float | None,
    signals: dict[str, Any],
) -> PredictionServed:
    name, seconds = request.workspace.workspace, perf_counter() - waited
    served_id = prediction_id(name, request.request_id, loaded.version, arm)
    return PredictionServed.caused_by(
        request.cause or command(now=clock.now(), key=str(served_id)),
        ordinal=ORDINALS[arm],
        occurred_at=clock.now(),
        workspace=name,
        lane=stable_lane(request.request_id, request.workspace.lanes),
        request_id=request.request_id,
        prediction_id=str(served_id),
        version=loaded.version,
        arm=arm,
        revision=live.route.revision,
        text=request.text,
        unit=request.unit,
        latency_ms=round(seconds * 1000, 3),
        late=late_after is not None and seconds > late_after,
        **signals,
    )

"""What follows from evidence: a model trained, a version judged, a rollout judged, a route applied."""

from typing import Literal

from millrace.events import (
    Deployment,
    EvaluationFailed,
    ModelEvaluated,
    ModelTrained,
    RolloutJudged,
    RouteApplied,
    Signature,
    TrainingFailed,
)
from millrace.registry.domain import moves
from millrace.registry.domain.standing import Standing, Version
from millrace.registry.domain.turn import Turn

EVIDENCE = "evidence"
Ending = Literal["refused", "rejected", "failed"]


def trained(standing: Standing, event: ModelTrained) -> Turn:
    """A trained model becomes a version, to be inspected before anything loads it."""
    turn = Turn(standing)
    same = next((v for v in standing.versions.values() if v.run_id == event.run_id), None)
    if same:
        return turn.note("repeated", f"run {event.run_id} is {same.id} already", same.id)
    number = standing.numbered + 1
    version = Version(
        id=f"{event.workspace}-{number}",
        number=number,
        deployment=Deployment(
            version=f"{event.workspace}-{number}",
            artifact=event.artifact,
            digest=event.digest,
            task=event.task,
            labels=event.labels,
            parameters=event.serving,
        ),
        run_id=event.run_id,
        dataset=event.dataset,
        manifest=event.manifest,
        method=event.method,
        base=event.base,
        attempt=event.attempt,
        parent=standing.production,
        cycle_id=event.cycle_id,
        change_point=event.change_point,
        asked_by=event.asked_by,
    )
    return turn.keep(numbered=number).register(version, event.scores)


def inspected(standing: Standing, version_id: str, problem: str | None, signature: Signature | None = None) -> Turn:
    """The artifact was looked at: it is signed and judged, or refused for what is wrong with it."""
    turn = Turn(standing)
    version = standing.version(version_id)
    if version.stage != "registered" or version.asked is not None:
        return turn.note("repeated", "was inspected already", version_id)
    if problem:
        return _end(turn, version, "refused", problem)
    signed = version.deployment.model_copy(update={"signature": signature})
    return turn.mark(version_id, deployment=signed).ask(version_id)


def failed(standing: Standing, event: TrainingFailed) -> Turn:
    return Turn(standing).fail(event.reason, event.attempt)


def evaluated(standing: Standing, event: ModelEvaluated) -> Turn:
    turn = Turn(standing)
    version = standing.version(event.version)
    if stale := _unasked(version, event.revision):
        return turn.note("stale", stale, version.id)
    scores = {
        f"{suite}.{metric}": score.value for suite, each in event.scores.items() for metric, score in each.items()
    }
    turn = turn.mark(version.id, scores=scores, report=event.report)
    if version.against != standing.production:
        return turn.note("asked again", "production moved while it was judged", version.id).ask(version.id)
    if event.verdict != "pass":
        return _end(turn, version, "rejected", _why_not(event))
    return moves.resume(moves.proceed(turn.mark(version.id, passed=True), version.id))


def evaluation_failed(standing: Standing, event: EvaluationFailed) -> Turn:
    turn = Turn(standing)
    version = standing.version(event.version)
    if stale := _unasked(version, event.revision):
        return turn.note("stale", stale, version.id)
    return _end(turn, version, "failed", event.reason)


def _end(turn: Turn, version: Version, stage: Ending, reason: str) -> Turn:
    """A version gets no further. One that is held does once it is released."""
    if version.hold:
        return turn.owe(version.id, stage, reason, version.hold)
    return turn.stage(version.id, stage, reason, EVIDENCE)


def _unasked(version: Version, revision: int) -> str | None:
    if version.stage != "registered" or version.passed or version.owed:
        return f"{version.id} is past the gate"
    if version.asked != revision:
        return f"judged under revision {revision}, asked for under {version.asked}"
    return None


def _why_not(event: ModelEvaluated) -> str:
    missed = [c for c in event.conditions if c.verdict != "pass"]
    told = "; ".join(f"{c.condition}: {c.verdict}{f' ({c.note})' if c.note else ''}" for c in missed)
    return told or event.verdict


def judged(standing: Standing, event: RolloutJudged) -> Turn:
    """A shadow or canary step came to its end. An inconclusive one goes the way that the workspace declared."""
    turn = Turn(standing)
    rollout = standing.rollout
    if event.revision != standing.route.revision:
        return turn.note(
            "stale", f"judged under revision {event.revision}, now {standing.route.revision}", event.version
        )
    step = rollout.step if rollout else None
    if (
        not rollout
        or rollout.version != event.version
        or not step
        or step.stage != event.step
        or rollout.awaiting
        or standing.version(rollout.version).owed
    ):
        return turn.note("stale", f"{event.version} is not in {event.step}", event.version)
    verdict: str = event.verdict
    if verdict == "inconclusive":
        # evidence that is void (a sample-ratio mismatch) may not promote, whatever was declared
        verdict = "roll-back" if event.evidence.get("void") else rollout.plan.otherwise
    if verdict == "promote":
        return moves.resume(moves.advance(turn, event.because, EVIDENCE))
    return moves.resume(moves.retire(turn, event.because, EVIDENCE))


def applied(standing: Standing, event: RouteApplied) -> Turn:
    """Serving has a route, or can't have it: then the last step is taken back, whatever it was."""
    turn = Turn(standing)
    if event.revision != standing.route.revision:
        return turn.note("stale", f"revision {event.revision} was applied, now {standing.route.revision}")
    if event.ok:
        return _confirm(turn).note("applied", f"revision {event.revision} by {event.replicas} replicas")
    reason = f"revision {event.revision} could not be applied: {event.reason}"
    if standing.rollout and standing.rollout.at >= 0:
        return moves.resume(moves.retire(turn, reason, EVIDENCE))
    if not standing.confirmed and standing.production:
        # one that only awaits its approval was judged against what is taken back now: it goes to the gate again
        before = moves.before(standing)
        if before is None and standing.previous:
            return turn.note("not applied", f"{reason}; every production before it is held")
        return moves.resume(moves.restore(turn.keep(rollout=None), before, reason, EVIDENCE))
    return turn.note("not applied", reason)


def _confirm(turn: Turn) -> Turn:
    standing = turn.standing
    if standing.confirmed or standing.production is None:
        return turn
    scores = standing.version(standing.production).scores
    best = {name: max(value, standing.best.get(name, value)) for name, value in scores.items()}
    return turn.keep(confirmed=True, best={**standing.best, **best})

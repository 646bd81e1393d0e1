"""What every handler of a rollout ends with: count what is old enough, judge, and say so once."""

from datetime import datetime

from millrace.chassis import Transaction
from millrace.evaluation.domain.canary import Canary
from millrace.evaluation.domain.shadow import Shadow
from millrace.evaluation.domain.step import Step
from millrace.evaluation.domain.verdicts import Inconclusive, Promote, RollBack, Wait
from millrace.evaluation.metrics import ROLLOUTS
from millrace.evaluation.store import specs, steps, units
from millrace.events import Cause, RolloutJudged


async def start(tx: Transaction, workspace: str, revision: int, cause: Cause) -> None:
    """Starts a step once both its route and the report that every replica has it are known, in either order."""
    step = await steps.load(tx, workspace, revision)
    at = await steps.applied(tx, workspace, revision)
    if step is None or step.applied_at is not None or at is None:
        return
    spec = await specs.load(tx, workspace, step.workspace_revision)
    usual = await steps.usual_p99(tx, workspace, step.production)
    step.start(spec, at=at, usual_p99_ms=usual, before=await steps.load_before(tx, step))
    await steps.save(tx, step)
    await tx.schedule(
        "expire", key=_key(workspace, revision), workspace=workspace, cause=cause, at=step.closes_at,
        payload={"revision": revision}, cycle_id=step.cycle_id,
    )  # fmt: skip


async def settle(tx: Transaction, step: Step, *, until: datetime, cause: Cause, changed: bool) -> None:
    """Counts what is older than the delay of feedback, and emits the verdict where there is one."""
    changed |= await _count(tx, step, until)
    if not changed:
        return
    await steps.save(tx, step)
    verdict = step.judge()
    if not isinstance(verdict, Wait):
        await conclude(tx, step, verdict, cause)


async def conclude(tx: Transaction, step: Step, verdict: Promote | RollBack | Inconclusive, cause: Cause) -> None:
    """Closes a step with its verdict, once: a closed step is never loaded as open again."""
    tx.after_commit.append(ROLLOUTS.labels(step.step, verdict.name).inc)
    await steps.close(tx, step, verdict.name, verdict.because)
    await clear(tx, step.workspace, step.revision, cause)
    tx.emit(
        RolloutJudged.caused_by(
            cause,
            cycle_id=step.cycle_id,
            traceparent=step.traceparent,
            workspace=step.workspace,
            version=step.version,
            revision=step.revision,
            step=step.step,
            share=step.share,
            verdict=verdict.name,
            because=verdict.because,
            evidence=step.shown(),
        )
    )


async def clear(tx: Transaction, workspace: str, revision: int, cause: Cause) -> None:
    """A closed step needs neither its timer nor its rows."""
    key = _key(workspace, revision)
    await tx.cancel("expire", key)
    await tx.schedule("sweep", key=key, workspace=workspace, cause=cause, payload={"revision": revision})


def _key(workspace: str, revision: int) -> str:
    return f"{workspace}/{revision}"


async def _count(tx: Transaction, step: Step, until: datetime) -> bool:
    labels = await units.take_labels(tx, step, until)
    new = await units.first(tx, step, "labelled", (label.unit for label in labels)) if labels else set()
    for label in labels:
        if label.unit in new:
            new.remove(label.unit)
            _observe(step, label)
    if not isinstance(step.evidence, Canary):
        return bool(labels)
    mature = await units.take_units(tx, step, until)
    for canary, negative in mature:
        step.evidence.mature(canary=canary, negative=negative)
    return bool(labels or mature)


def _observe(step: Step, label: units.Label) -> None:
    if isinstance(step.evidence, Shadow):
        step.evidence.observe(production=bool(label.production), candidate=bool(label.candidate))
    elif isinstance(step.evidence, Canary):
        canary = label.candidate is not None
        step.evidence.label(canary=canary, correct=bool(label.candidate if canary else label.production))

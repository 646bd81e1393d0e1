"""What tests have a registry do: on a workspace, a candidate, its judgements and its route."""

from typing import Any
from uuid import UUID

from harness import Running, make

from millrace.chassis import Blobs
from millrace.events import (
    ConditionResult,
    EvaluationRequested,
    ModelEvaluated,
    ModelRegistered,
    ModelTrained,
    RolloutJudged,
    RouteApplied,
    Score,
    WorkspaceRouted,
)

FILE = """
workspace: parcels
owner: support-ml
task: classify
labels: {names: [late, lost, damaged]}
rollout: {canary: {shares: [0.2, 0.5]}}
"""
CYCLE = UUID(int=77)
PERSON = "X-Forwarded-User"


def as_person(name: str) -> dict[str, str]:
    """What a proxy says of who is signed in."""
    return {PERSON: name} if name else {}


async def apply(registry: Running, text: str, *, of: int = 200, signed_in: str = "") -> Any:
    """Without a relay nothing leaves the outbox, so what waits for delivery is told that it has."""
    registry.db.delivered = _delivered  # type: ignore[method-assign]
    async with registry.http() as client:
        answer = await client.post("/v1/workspaces", content=text, params={"by": "ada"}, headers=as_person(signed_in))
    assert answer.status_code == of, answer.text
    return answer.json()


async def _delivered(tx: Any, *, within: float = 30.0) -> None:
    return None


async def post(registry: Running, path: str, of: int = 200, signed_in: str = "", **body: Any) -> Any:
    async with registry.http() as client:
        answer = await client.post(
            f"/v1/workspaces/parcels/{path}", json={"by": "ada", "reason": "x", **body}, headers=as_person(signed_in)
        )
    assert answer.status_code == of, answer.text
    return answer.json()


async def get(registry: Running, path: str, of: int = 200) -> Any:
    async with registry.http() as client:
        answer = await client.get(f"/v1/workspaces{path}")
    assert answer.status_code == of, answer.text
    return answer.json()


def trained(run: str, **fields: Any) -> ModelTrained:
    given: dict[str, Any] = {
        "run_id": run,
        "dataset": "sha256:rows",
        "manifest": "parcels/datasets/rows.json",
        "method": "linear-probe",
        "base": "minilm",
        "task": "classify",
        "artifact": f"parcels/models/{run}",
        "digest": "sha256:model",
        "labels": ["damaged", "late", "lost"],
        "workspace_revision": 1,
        "attempt": 1,
        "seed": 7,
        "scores": {"macro_f1": 0.9},
        "seconds": 3.0,
    }
    return make(ModelTrained, cycle_id=CYCLE, **{**given, **fields})


async def candidate(registry: Running, run: str, file: str = "weights.safetensors", **fields: Any) -> str:
    """A trained model whose artifact is in S3, registered and inspected; its version."""
    await Blobs(registry.service.settings).put(f"parcels/models/{run}/{file}", b"weights")
    await registry.deliver([trained(run, **fields)])
    await registry.work("inspect")
    return (await registry.emitted(ModelRegistered))[-1].version


async def judge(registry: Running, version: str, verdict: str = "pass", golden: float = 0.9) -> None:
    asked = (await registry.emitted(EvaluationRequested))[-1]
    score = Score(value=golden, low=golden - 0.02, high=golden + 0.02, n=400)
    told = make(
        ModelEvaluated,
        cycle_id=CYCLE,
        version=version,
        against=asked.production.version if asked.production else None,
        revision=asked.revision,
        dataset="sha256:rows",
        verdict=verdict,
        conditions=[ConditionResult(condition="golden.macro_f1 >= best - 0.03", verdict=verdict)],
        scores={"golden": {"macro_f1": score}},
        report="parcels/reports/1.json",
    )
    await registry.deliver([told])


async def route(registry: Running) -> Any:
    return (await registry.emitted(WorkspaceRouted))[-1].route


async def confirm(registry: Running, *, ok: bool = True) -> None:
    revision = (await route(registry)).revision
    told = make(RouteApplied, revision=revision, ok=ok, replicas=2, reason="" if ok else "weights do not load")
    await registry.deliver([told])


async def rollout(registry: Running, version: str, step: str, verdict: str = "promote") -> None:
    revision = (await route(registry)).revision
    told = make(
        RolloutJudged,
        cycle_id=CYCLE,
        version=version,
        revision=revision,
        step=step,
        verdict=verdict,
        because="proven",
        evidence={"labels": 116},
    )
    await registry.deliver([told])

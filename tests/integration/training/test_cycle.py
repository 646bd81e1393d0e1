"""registry and training together on real Kafka; the test answers as datasets, evaluation and serving would."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from harness import START, Bus, database, eventually, make, settings_for
from processes import process
from training_data import put_dataset

from millrace.chassis import Blobs
from millrace.events import (
    ConditionResult,
    DatasetReleased,
    DriftDetected,
    EvaluationRequested,
    Event,
    ModelEvaluated,
    ModelStaged,
    RetrainingRequested,
    RolloutJudged,
    RouteApplied,
    Score,
    WorkspaceRouted,
)

FILE = """
workspace: NAME
owner: support-ml
task: classify
labels: {names: [late, lost]}
train: {methods: [linear-probe], min_labels: 50}
rollout: {canary: {shares: [0.2]}}
"""


class World:
    """Everyone but registry and training, for one workspace."""

    def __init__(self, bus: Bus, blobs: Blobs, name: str) -> None:
        self.bus, self.blobs, self.name = bus, blobs, name

    async def newest(self, event: type[Event], check: Callable[[list[Any]], bool]) -> Any:
        return (await self.bus.read(event, until=check, within=60))[-1]

    async def tell(self, event: type[Event], cycle: Any = None, **fields: Any) -> None:
        await self.bus.publish(make(event, workspace=self.name, cycle_id=cycle, **fields))

    async def cut(self, number: int) -> None:
        asked = await self.newest(RetrainingRequested, lambda found: len(found) == number)
        fields: dict[str, Any] = {"dataset": f"sha256:{number}", "manifest": await put_dataset(self.blobs, self.name)}
        rows: dict[str, Any] = {"rows": {"train": 80}, "labels": {"late": 40, "lost": 40}}
        await self.tell(DatasetReleased, asked.cycle_id, attempt=asked.attempt, **fields, **rows)

    async def judge(self, number: int) -> None:
        asked = await self.newest(EvaluationRequested, lambda found: len(found) == number)
        await self.tell(
            ModelEvaluated,
            asked.cycle_id,
            version=asked.candidate.version,
            against=asked.production.version if asked.production else None,
            revision=asked.revision,
            dataset=asked.dataset,
            verdict="pass",
            conditions=[ConditionResult(condition="fresh.macro_f1 > production", verdict="pass")],
            scores={"golden": {"macro_f1": Score(value=0.9, low=0.88, high=0.92, n=400)}},
            report="r",
        )

    async def apply(self, revision: int) -> Any:
        routed = await self.newest(WorkspaceRouted, lambda found: self._route(found, revision) is not None)
        await self.tell(RouteApplied, revision=revision, ok=True, replicas=1)
        return routed.route

    def _route(self, found: list[Any], revision: int) -> Any:
        return next((e for e in found if e.workspace == self.name and e.route.revision == revision), None)

    async def prove(self, version: str, revision: int, step: str) -> None:
        fields: dict[str, Any] = {"step": step, "verdict": "promote", "because": "proven", "evidence": {}}
        await self.tell(RolloutJudged, version=version, revision=revision, **fields)

    async def shift(self, version: str) -> None:
        fields: dict[str, Any] = {"lane": 0, "monitor": "error", "detector": "adwin", "statistic": 0.3}
        fields |= {"before": 0.08, "after": 0.4, "predictions": 900, "since_change": 100}
        for _ in range(2):  # two alarms of one change, after the cut of what is in production
            await self.tell(DriftDetected, version=version, change_point=START + timedelta(minutes=1), **fields)


async def test_drift_leads_to_a_better_version_in_one_cycle(stack, bus: Bus, tmp_path: Path) -> None:
    name, more = f"parcels-{uuid4().hex[:8]}", {"GROUP_SUFFIX": f"-{uuid4().hex[:8]}"}
    async with (
        database(stack, "registry", "training") as dsn,
        process(stack, "registry", dsn, tmp_path / "registry.log", more) as registry,
        process(stack, "training", dsn, tmp_path / "training.log", {**more, "WORK_DIR": tmp_path}) as training,
        httpx.AsyncClient(timeout=60) as client,
    ):
        world = World(bus, Blobs(settings_for(stack, "training", dsn)), name)
        applied = await client.post(
            f"{registry.url}/v1/workspaces", content=FILE.replace("NAME", name), params={"by": "ada"}
        )
        assert applied.status_code == 200, applied.text
        opened = await client.post(f"{training.url}/v1/workspaces/{name}/train", json={"by": "ada"})
        assert opened.status_code == 202, opened.text
        await world.cut(1)
        await world.judge(1)
        await world.apply(1)
        await closed(client, training.url, name, 1)

        await world.shift(f"{name}-1")
        await world.cut(2)
        await world.judge(2)
        for revision, step in ((2, "shadow"), (3, "canary")):
            await world.apply(revision)
            await world.prove(f"{name}-2", revision, step)
        await world.apply(4)
        cycles = await closed(client, training.url, name, 2)
        staged = await bus.read(ModelStaged, until=lambda found: len(found) >= 5)
        requested = await bus.read(RetrainingRequested, until=lambda found: len(found) >= 2)
    assert [(event.version, event.stage) for event in staged] == [
        (f"{name}-1", "production"),
        (f"{name}-2", "shadow"),
        (f"{name}-2", "canary"),
        (f"{name}-1", "superseded"),
        (f"{name}-2", "production"),
    ]
    assert [(one["because"], one["outcome"], one["became"]) for one in cycles] == [
        ("drift", "production", f"{name}-2"),
        ("hand", "production", f"{name}-1"),
    ]
    assert len(requested) == 2 and staged[-1].cycle_id == requested[-1].cycle_id


async def closed(client: httpx.AsyncClient, url: str, name: str, number: int) -> list[dict[str, Any]]:
    async def check() -> Any:
        cycles = (await client.get(f"{url}/v1/cycles", params={"workspace": name})).json()
        return cycles if len(cycles) == number and all(one["state"] == "closed" for one in cycles) else None

    found: list[dict[str, Any]] = await eventually(check, within=30)
    return found

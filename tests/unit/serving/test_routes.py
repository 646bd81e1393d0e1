"""Switching with an engine and artifacts that are told what to do."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from harness import SIGNER

from millrace.chassis import BlobNotFound, Unavailable
from millrace.chassis.signatures import Trust
from millrace.events import Arm, Canary, Deployment, Envelope, Route, WorkspaceRouted
from millrace.learn import Parameters, Prediction
from millrace.serving import routes as module
from millrace.serving.domain import Report
from millrace.serving.routes import Routes

NOW = datetime(2026, 1, 5, tzinfo=UTC)


class Answering:
    def __init__(self, name: str, pad_to: int | None) -> None:
        self.name, self.pad_to = name, pad_to

    def predict(self, texts: Any, batch: int = 32) -> list[Prediction]:
        return []


class Engine:
    def __init__(self) -> None:
        self.loads: list[str] = []

    loops: ClassVar[list[asyncio.Task[None]]] = []

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def load(self, folder: Path, parameters: Parameters) -> Answering:
        self.loads.append(folder.name)
        return Answering(folder.name, parameters.pad_to)

    def waiting(self, arm: Arm) -> int:
        return 0

    async def ask(self, model: Any, text: str, arm: Arm) -> Prediction:
        raise AssertionError("nothing is asked here")


class Artifacts:
    """Versions named here can't be fetched, so many times."""

    def __init__(self) -> None:
        self.missing: dict[str, int] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.error: Exception = BlobNotFound("gone")

    async def fetch(self, deployment: Deployment) -> Path:
        if gate := self.gates.get(deployment.version):
            await gate.wait()
        if self.missing.get(deployment.version, 0) > 0:
            self.missing[deployment.version] -= 1
            raise self.error
        return Path(deployment.version)


def version(name: str, **parameters: Any) -> Deployment:
    made = Deployment(
        version=name, artifact=name, digest=name, task="classify", labels=["a", "b"], parameters=parameters
    )
    return SIGNER.sign(made)


def routed(revision: int, production: str | None = "v1", canary: str | None = None, **more: Any) -> WorkspaceRouted:
    route = Route(
        revision=revision,
        workspace_revision=1,
        production=version(production) if production else None,
        canary=Canary(deployment=version(canary, **more), share=0.2) if canary else None,
    )
    return WorkspaceRouted.create(Envelope(uuid4(), "test", NOW, NOW), workspace="parcels", route=route)


class World:
    def __init__(self) -> None:
        self.engine, self.artifacts = Engine(), Artifacts()
        self.routes = Routes(self.engine, self.artifacts, Trust(SIGNER.public), load_within=0.5)  # type: ignore[arg-type]
        self.told: list[tuple[int, Report | None]] = []
        self.routes.reported.append(lambda event, report: self.told.append((event.route.revision, report)))

    async def see(self, *events: WorkspaceRouted) -> None:
        for event in events:
            await self.routes.on_change("parcels", event)

    def versions(self) -> dict[str, str]:
        live = self.routes.now("parcels")
        return {arm: loaded.version for arm, loaded in live.versions.items()} if live else {}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(module, "RETRY", 0.01)
    return World()


async def test_the_old_route_answers_until_the_new_version_is_loaded(world: World) -> None:
    await world.see(routed(1))
    await world.routes.settled()
    gate = world.artifacts.gates["v2"] = asyncio.Event()
    await world.see(routed(2, "v2"))
    await asyncio.sleep(0.02)
    assert world.versions() == {"production": "v1"}
    gate.set()
    await world.routes.settled()
    assert world.versions() == {"production": "v2"}
    assert world.told == [(1, Report(1, True)), (2, Report(2, True))]


async def test_a_promoted_canary_is_not_loaded_again_and_other_parameters_are(world: World) -> None:
    await world.see(routed(1, canary="v2"))
    await world.routes.settled()
    await world.see(routed(2, "v2"))
    await world.routes.settled()
    assert world.engine.loads == ["v1", "v2"]
    await world.see(routed(3, "v2", canary="v2", pad_to=256))
    await world.routes.settled()
    assert world.engine.loads == ["v1", "v2", "v2"]
    live = world.routes.now("parcels")
    assert live is not None
    assert [loaded.model.pad_to for loaded in live.versions.values()] == [None, 256]


async def test_a_version_that_cannot_be_loaded_leaves_the_old_route_and_says_why(world: World) -> None:
    await world.see(routed(1))
    await world.routes.settled()
    world.artifacts.missing["v2"] = 99
    await world.see(routed(2, canary="v2"))
    await world.routes.settled()
    assert world.versions() == {"production": "v1"}
    revision, report = world.told[-1]
    assert (revision, report) == (2, Report(2, False, "canary: no blob 'gone'"))
    assert world.routes.ready() is None


async def test_unknown_parameters_fail_the_revision(world: World) -> None:
    await world.see(routed(1), routed(2, canary="v2", top_k=3))
    await world.routes.settled()
    report = world.told[-1][1]
    assert report is not None
    assert not report.ok
    assert "top_k" in report.reason


async def test_s3_that_comes_back_in_time_is_no_failure(world: World) -> None:
    world.artifacts.missing["v1"], world.artifacts.error = 1, Unavailable("S3 is away")
    await world.see(routed(1))
    await world.routes.settled()
    assert world.told == [(1, Report(1, True))]


async def test_a_new_replica_is_ready_by_production_alone_whatever_the_canary_does(world: World) -> None:
    world.artifacts.missing["v2"] = 99
    await world.see(routed(5, canary="v2"))
    assert world.routes.ready() == "parcels: version v1 is not loaded"
    await world.routes.settled()
    assert world.routes.ready() is None
    assert world.versions() == {"production": "v1"}
    report = world.told[-1][1]
    assert report is not None
    assert not report.ok


async def test_a_new_replica_goes_on_trying_for_its_production(world: World) -> None:
    world.artifacts.missing["v1"] = 3
    await world.see(routed(5))
    await world.routes.settled()
    assert world.versions() == {"production": "v1"}
    assert [report.ok for _, report in world.told if report] == [False, False, False, True]


async def test_routes_overtaken_while_one_loads_are_passed_and_told(world: World) -> None:
    gate = world.artifacts.gates["v1"] = asyncio.Event()
    await world.see(routed(1))
    await asyncio.sleep(0.01)
    await world.see(routed(2, "v2"), routed(3, "v3"))
    gate.set()
    await world.routes.settled()
    assert world.engine.loads == ["v1", "v3"]
    assert world.told == [(1, Report(1, True)), (2, None), (3, Report(3, True))]


async def test_a_version_nobody_holds_leaves_memory(world: World) -> None:
    await world.see(routed(1))
    await world.routes.settled()
    in_flight = world.routes.now("parcels")
    await world.see(routed(2, "v2"))
    await world.routes.settled()
    assert in_flight is not None
    assert in_flight.versions["production"].version == "v1", "a request in flight keeps its version"
    assert len(world.routes._loaded) == 2
    del in_flight
    assert len(world.routes._loaded) == 1


async def test_a_workspace_without_production_is_ready_and_answers_nothing(world: World) -> None:
    await world.see(routed(0, None))
    await world.routes.settled()
    assert world.routes.ready() is None
    assert world.versions() == {}
    assert world.told == [(0, Report(0, True))]


async def test_a_starting_replica_passes_over_history_to_the_newest_route(world: World) -> None:
    caught_up = False
    world.routes.caught_up = lambda: caught_up
    world.artifacts.missing["v1"] = 99
    await world.see(routed(1), routed(2, canary="v2"), routed(3, "v3"))
    await asyncio.sleep(0.05)
    assert world.routes.ready() == "parcels: version v3 is not loaded"
    caught_up = True
    await world.routes.settled()
    assert world.engine.loads == ["v3"]
    assert world.told == [(3, Report(3, True))]

"""The routes that this replica answers by: the new version is loaded first, then one assignment switches."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

import structlog
from pydantic import ValidationError

from millrace.chassis import Unavailable, Unprocessable
from millrace.chassis.signatures import Trust
from millrace.events import Arm, Deployment, Route, WorkspaceRouted
from millrace.learn import Parameters, Unlearnable
from millrace.serving import metrics
from millrace.serving.blobs import Artifacts
from millrace.serving.domain import Report, deployment
from millrace.serving.engine import Engine, Model
from millrace.workspace.expected import faults

log = structlog.get_logger()

ARMS: tuple[Arm, ...] = ("production", "shadow", "canary")
LOOK = 0.02
"""Seconds between looks at whether the table is read to its end."""

RETRY = 2.0
"""Seconds between tries of a replica that has nothing to answer by."""

Reported = Callable[[WorkspaceRouted, Report | None], None]
"""Told each revision and how it went; None for one that was overtaken while an earlier one was loading."""


@dataclass(frozen=True)
class Loaded:
    """A version in memory. Who holds it can ask it, also when the route has moved on."""

    version: str
    labels: tuple[str, ...]
    model: Model
    __hash__ = object.__hash__


@dataclass(frozen=True)
class Live:
    """A route with its versions in memory; never changed, only replaced."""

    route: Route
    versions: Mapping[Arm, Loaded]


@dataclass
class Turn:
    """A workspace's newest route, and the task that applies it."""

    waiting: list[WorkspaceRouted] = field(default_factory=list)
    task: asyncio.Task[None] | None = None


class Routes:
    """Routes as this replica serves them."""

    def __init__(self, engine: Engine, artifacts: Artifacts, trust: Trust, *, load_within: float) -> None:
        self._engine = engine
        self._trust = trust
        self._artifacts = artifacts
        self._within = load_within
        self._live: dict[str, Live] = {}
        self._turns: dict[str, Turn] = {}
        self._loaded: WeakValueDictionary[str, Loaded] = WeakValueDictionary()
        self._wanted: dict[str, Route] = {}
        self.reported: list[Reported] = []
        self.caught_up: Callable[[], bool] = lambda: True
        """Whether the table of routes is read to its end; history is not served again."""
        metrics.LOADED.set_function(lambda: len(self._loaded))

    @property
    def loops(self) -> list[asyncio.Task[None]]:
        return self._engine.loops

    async def start(self) -> None:
        await self._engine.start()

    async def stop(self) -> None:
        for turn in self._turns.values():
            if turn.task is not None:
                turn.task.cancel()
        await self._engine.stop()

    def ready(self) -> str | None:
        """Production versions count, shadow and canary never do."""
        for workspace, route in self._wanted.items():
            if route.production is not None:
                live = self._live.get(workspace)
                if live is None or "production" not in live.versions:
                    return f"{workspace}: version {route.production.version} is not loaded"
        return None

    def now(self, workspace: str) -> Live | None:
        """The route to answer by at this moment; a caller holds on to it for the whole of a request."""
        return self._live.get(workspace)

    def live(self) -> dict[str, Live]:
        return dict(self._live)

    async def on_change(self, workspace: str, event: WorkspaceRouted) -> None:
        """Queues a route; a table's reader never waits for a download."""
        self._wanted[workspace] = event.route
        turn = self._turns.setdefault(workspace, Turn())
        turn.waiting = [*turn.waiting, event] if self.caught_up() else [event]
        if turn.task is None or turn.task.done():
            turn.task = asyncio.create_task(self._apply_all(workspace, turn), name=f"routes {workspace}")

    async def settled(self) -> None:
        """Returns when every route that was seen has been applied or has failed."""
        while running := [turn.task for turn in self._turns.values() if turn.task and not turn.task.done()]:
            await asyncio.wait(running)

    async def _apply_all(self, workspace: str, turn: Turn) -> None:
        while not self.caught_up():  # noqa: ASYNC110 - a table has no event for it
            await asyncio.sleep(LOOK)
        while turn.waiting:
            passed, newest = turn.waiting[:-1], turn.waiting[-1]
            turn.waiting = []
            report = await self._apply(workspace, newest.route)
            for event in passed:
                self._tell(event, None)
            self._tell(newest, report)
            if workspace not in self._live:
                # A replica that has nothing to answer by yet goes on trying.
                await asyncio.sleep(RETRY)
                turn.waiting = turn.waiting or [newest]

    def _tell(self, event: WorkspaceRouted, report: Report | None) -> None:
        for told in self.reported:
            told(event, report)

    async def _apply(self, workspace: str, route: Route) -> Report:
        versions: dict[Arm, Loaded] = {}
        reasons = []
        for arm in ARMS:
            if (wanted := deployment(route, arm)) is not None:
                try:
                    versions[arm] = await self._load(wanted)
                except (Unprocessable, Unavailable, Unlearnable) as error:
                    reasons.append(f"{arm}: {error}")
                except Exception as error:
                    log.exception("version could not be loaded", workspace=workspace, version=wanted.version)
                    reasons.append(f"{arm}: {type(error).__name__}: {error}")
        report = Report(route.revision, not reasons, "; ".join(reasons))
        before = self._live.get(workspace)
        if reasons and before is not None:
            log.error("route kept", workspace=workspace, revision=route.revision, because=report.reason)
        elif not reasons or "production" in versions:
            self._live[workspace] = Live(route, versions)
            metrics.REVISION.labels(workspace).set(route.revision)
            log.info("route switched", workspace=workspace, revision=route.revision, ok=report.ok)
        metrics.SWITCHES.labels(workspace, "ok" if report.ok else "failed").inc()
        return report

    async def _load(self, wanted: Deployment) -> Loaded:
        """A version that some arm has already is not loaded again. Raises SignatureRefused for one not trusted."""
        self._trust.check(wanted)
        try:
            parameters = Parameters.model_validate(wanted.parameters)
        except ValidationError as error:
            raise Unprocessable(f"version {wanted.version}: parameters: {faults(error)}") from None
        key = f"{wanted.version}|{wanted.digest}|{parameters.model_dump_json()}"
        if (loaded := self._loaded.get(key)) is None:
            folder = await self._fetched(wanted)
            loaded = Loaded(wanted.version, tuple(wanted.labels), await self._engine.load(folder, parameters))
            self._loaded[key] = loaded
        return loaded

    async def _fetched(self, wanted: Deployment) -> Path:
        deadline = asyncio.get_running_loop().time() + self._within
        pause = 0.2
        while True:
            try:
                return await self._artifacts.fetch(wanted)
            except Unavailable:
                if asyncio.get_running_loop().time() + pause > deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

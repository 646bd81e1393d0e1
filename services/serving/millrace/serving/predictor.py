"""From a request to its recorded answer."""

import asyncio
from collections.abc import Sequence

from millrace.chassis import Clock, NotFound, Table, Unavailable
from millrace.events import Arm, PredictionServed, WorkspaceRouted
from millrace.serving.answers import Answer, AnswerFailed, Request, answer
from millrace.serving.domain import assign
from millrace.serving.engine import Engine
from millrace.serving.recorder import Recorder
from millrace.serving.routes import Live, Loaded, Routes
from millrace.serving.shadow import Shadow
from millrace.workspace import Workspace


class NotReady(Unavailable):
    def __init__(self, workspace: str, reason: str) -> None:
        super().__init__(f"{workspace}: {reason}")
        self.workspace = workspace


class VersionNotServed(NotFound):
    def __init__(self, workspace: str, version: str) -> None:
        super().__init__(f"{workspace} does not serve version {version!r}")
        self.workspace = workspace
        self.version = version


class Predictor:
    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        routes: Routes,
        recorder: Recorder,
        shadow: Shadow,
        *,
        specs: Table[Workspace],
        routed: Table[WorkspaceRouted],
        canary_within: float,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._routes = routes
        self._recorder = recorder
        self._shadow = shadow
        self._specs = specs
        self._routed = routed
        self._canary_within = canary_within

    async def workspace(self, name: str) -> Workspace:
        """Raises Unknown once the table is read to its end."""
        return await self._specs.get(name)

    async def live(self, name: str) -> Live:
        """The route with a production version in memory. Raises Unknown or NotReady."""
        live = self._routes.now(name)
        if live is None:
            await self._specs.get(name)
            routed = self._routed.now(name)
            waiting = routed is not None and routed.route.production is not None
            raise NotReady(name, "its version is being loaded" if waiting else "no version is in production yet")
        if "production" not in live.versions:
            raise NotReady(name, "no version is in production yet")
        return live

    async def predict(self, requests: Sequence[Request]) -> list[Answer]:
        """Answers that are recorded, in order. Raises NotReady, AnswerFailed or Unavailable.

        A canary that fails is counted against it, and its callers are answered by production.
        """
        await self._recorder.admit()
        live = await self.live(requests[0].workspace.workspace)
        done = await asyncio.gather(*(self._one(live, request) for request in requests), return_exceptions=True)
        answers = []
        for one in done:
            if isinstance(one, BaseException):
                raise one
            answers.append(one)
        return answers

    async def _one(self, live: Live, request: Request) -> Answer:
        tried = await self.asked(live, request)
        self._shadow.offer(live, request)
        if request.workspace.record == "durable":
            await asyncio.gather(*(self._recorder.save(one.served) for one in tried))
        else:
            for one in tried:
                self._recorder.offer(one.served)
        last = tried[-1]
        if last.served.error is not None:
            raise AnswerFailed(last.served.version, last.served.error)
        return last

    async def asked(self, live: Live, request: Request) -> list[Answer]:
        """What each version that was asked said; the last is the caller's."""
        arm = assign(live.route, request.key)
        tried = []
        if arm == "canary" and (canary := live.versions.get("canary")) is not None:
            tried.append(await self._answer(live, canary, "canary", request))
            if tried[-1].served.error is None:
                return tried
        tried.append(await self._answer(live, live.versions["production"], "production", request))
        return tried

    async def _answer(self, live: Live, loaded: Loaded, arm: Arm, request: Request) -> Answer:
        """Both arms are held to what a canary is given, so that a busy machine blames neither."""
        return await answer(self._engine, self._clock, live, loaded, arm, request, late_after=self._canary_within)

    async def by_topic(self, name: str, requests: Sequence[Request]) -> list[PredictionServed]:
        """The events of requests that came by topic, for the caller to emit. Raises NotReady."""
        live = await self.live(name)
        tried = await asyncio.gather(*(self.asked(live, request) for request in requests))
        for request in requests:
            self._shadow.offer(live, request)
        return [one.served for each in tried for one in each]

    async def by_version(self, name: str, version: str, requests: Sequence[Request]) -> list[Answer]:
        """What one named version says. Chosen by hand, so it is evidence for no arm and is not recorded."""
        live = await self.live(name)
        loaded = self.version(live, name, version)
        arm = next(arm for arm, one in live.versions.items() if one is loaded)
        answers = await asyncio.gather(
            *(answer(self._engine, self._clock, live, loaded, arm, request) for request in requests)
        )
        for one in answers:
            if one.served.error is not None:
                raise AnswerFailed(version, one.served.error)
        return list(answers)

    def version(self, live: Live, name: str, version: str) -> Loaded:
        """Raises VersionNotServed."""
        for loaded in live.versions.values():
            if loaded.version == version:
                return loaded
        raise VersionNotServed(name, version)

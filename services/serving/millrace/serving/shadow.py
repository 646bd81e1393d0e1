"""Shadow, off the caller's path: a bounded queue and one batch in flight; what does not fit is dropped and counted."""

import asyncio
from time import perf_counter

import structlog

from millrace.chassis import Clock, Unavailable, loops
from millrace.serving import metrics
from millrace.serving.answers import Request, answer
from millrace.serving.engine import Engine
from millrace.serving.recorder import Recorder
from millrace.serving.routes import Live, Routes

log = structlog.get_logger()

AT_ONCE = 4
"""Texts in one forward: few, since a forward can't be broken off when callers come."""

SHARE = 0.75
"""Most of the time that shadow may compute: a version that is slow is asked less often, not at its callers' cost.

A thread of low priority does not do: it would hold Python's lock while it waits for a core.
"""

LOOK = 0.01
"""Seconds between looks at whether callers of production wait: shadow begins nothing while they do."""


class Shadow:
    def __init__(self, engine: Engine, clock: Clock, routes: Routes, recorder: Recorder, *, most: int) -> None:
        self._engine = engine
        self._clock = clock
        self._routes = routes
        self._recorder = recorder
        self._queue: asyncio.Queue[tuple[Live, Request]] = asyncio.Queue(maxsize=most)
        self.loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.loops = [asyncio.create_task(self._run(), name="shadow")]

    async def stop(self) -> None:
        await loops.end(self.loops)

    def offer(self, live: Live, request: Request) -> None:
        """Never waits."""
        if "shadow" not in live.versions:
            return
        try:
            self._queue.put_nowait((live, request))
        except asyncio.QueueFull:
            metrics.SHADOW_DROPPED.labels(request.workspace.workspace).inc()

    async def _run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < AT_ONCE and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            while self._engine.waiting("production"):  # noqa: ASYNC110 - a queue has no event for being empty
                await asyncio.sleep(LOOK)
            started = perf_counter()
            try:
                await asyncio.gather(*(self._answer(live, request) for live, request in batch))
            except Unavailable as error:
                log.warning("shadow not recorded", because=str(error))
            except Exception:  # whatever it is, production's callers are answered by this process too
                log.exception("shadow not recorded")
            await asyncio.sleep((perf_counter() - started) * (1 / SHARE - 1))

    async def _answer(self, live: Live, request: Request) -> None:
        name = request.workspace.workspace
        loaded = live.versions["shadow"]
        now = self._routes.now(name)
        if now is None or now.versions.get("shadow") is not loaded:
            metrics.SHADOW_DROPPED.labels(name).inc()
            return
        answered = await answer(self._engine, self._clock, live, loaded, "shadow", request)
        await self._recorder.save(answered.served)

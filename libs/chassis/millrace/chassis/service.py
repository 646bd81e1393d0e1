"""A service as a value, and how it runs."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Protocol

import asyncpg
import structlog
import uvicorn
import uvloop
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from fastapi import APIRouter, FastAPI
from opentelemetry.sdk.trace import TracerProvider

from millrace.chassis import consumer, http, telemetry
from millrace.chassis.blobs import Blobs
from millrace.chassis.bodies import Bodies
from millrace.chassis.clock import Clock
from millrace.chassis.consumer import Consumer
from millrace.chassis.errors import LoopEnded, NotFound, Unavailable
from millrace.chassis.handlers import Handler
from millrace.chassis.intake import Intake
from millrace.chassis.jobs import Work, Worker
from millrace.chassis.postgres import OUTAGE, Database
from millrace.chassis.relay import Relay
from millrace.chassis.settings import Settings
from millrace.chassis.tables import Table
from millrace.events import Event

log = structlog.get_logger()

PATIENCE = 60.0
"""Seconds that a start waits for Kafka and Postgres before the process gives up, with an exit code."""


class Resource(Protocol):
    """Something that starts before the handlers and stops after them.

    Optional: `ready`, and `loops`, the tasks that run from its start to its stop. One that ends in between halts the
    service: what relays, reads or works no longer is worse than a process that is started again.
    """

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class Service:
    """Handlers, jobs, routes, tables and resources around one database."""

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        db: Database,
        handlers: Sequence[Handler] = (),
        jobs: Sequence[Work] = (),
        http: APIRouter | Sequence[APIRouter] = (),
        emits_http: Collection[type[Event]] = (),
        tables: Sequence[Table[Any]] = (),
        resources: Sequence[Resource] = (),
    ) -> None:
        self.name = settings.name
        self.settings = settings
        self.clock = clock
        self.db = db
        self.handlers = list(handlers)
        self.jobs = list(jobs)
        self.http = [http] if isinstance(http, APIRouter) else list(http)
        self.emits_http = frozenset(emits_http)
        self.tables = list(tables)
        self.resources = list(resources)
        self.blobs = Blobs(settings)
        self.bodies = Bodies(db, self.blobs)
        self.intakes = [Intake(handler, db, self.blobs) for handler in self.handlers]
        self.consumers: list[Consumer] = []
        self.started = False
        self._bus: Any = None
        self._running: list[Resource] = []
        self._provider: TracerProvider | None = None
        self._halted: BaseException | None = None
        self._server: uvicorn.Server | None = None
        self._chores: list[asyncio.Task[None]] = []
        self._stopping = False

    @property
    def eats(self) -> frozenset[type[Event]]:
        return frozenset(handler.event for handler in self.handlers)

    @property
    def emits(self) -> frozenset[type[Event]]:
        declared = [*(handler.emits for handler in self.handlers), *(work.emits for work in self.jobs), self.emits_http]
        return frozenset().union(*declared)

    def intake(self, handler: str) -> Intake:
        """The intake of a handler by name. Raises NotFound."""
        for intake in self.intakes:
            if intake.consumer == handler:
                return intake
        raise NotFound(f"{self.name} has no handler {handler!r}")

    def app(self) -> FastAPI:
        return http.build(self)

    def ill(self) -> list[str]:
        """Why this process should be killed: consumers that no longer consume, a loop that has ended."""
        problems = [problem for each in self.consumers if (problem := each.stuck())]
        return problems + ([str(self._halted)] if self._halted else [])

    async def missing(self) -> list[str]:
        """What this replica still waits for before it should get traffic."""
        if not self.started:
            return ["start"]
        waits = [table.ready() for table in self.tables]
        waits += [ready() for resource in self.resources if (ready := getattr(resource, "ready", None))]
        waits += [
            None if each.assigned() else f"{each.intake.consumer} has no place in its group" for each in self.consumers
        ]
        try:
            async with asyncio.timeout(2):
                await self.db.pool.fetchval("SELECT 1")
        except (Unavailable, *OUTAGE) as error:
            waits.append(f"Postgres: {type(error).__name__}")
        return [wait for wait in waits if wait] + self.ill()

    async def start(self) -> None:
        """Starts everything but HTTP. Raises Unavailable when Kafka or Postgres do not come within PATIENCE."""
        self._provider = telemetry.start(self.settings)
        self.db.tracer = self._provider.get_tracer("millrace")
        await patiently(self.db.start)
        await patiently(self._kafka_answers)
        self._chores = [
            asyncio.create_task(repeated(self.db.keep_house, every=3600), name="housekeeping"),
            asyncio.create_task(repeated(self.bodies.sweep, every=600), name="sweeping"),
            asyncio.create_task(repeated(self._measure, every=3), name="measuring"),
        ]
        self._watch(self._chores)
        self._bus = consumer.broker(self.settings)
        self.consumers = [Consumer(intake, self.settings, self._bus, self.halt) for intake in self.intakes]
        workers = [Worker(work, self.db) for work in self.jobs]
        for resource in [*self.tables, *self.resources, Relay(self.settings, self.db, self.blobs), *workers]:
            await resource.start()
            self._running.append(resource)
            self._watch(getattr(resource, "loops", ()))
        if self.consumers:
            try:
                await self._bus.start()
            except KafkaError as error:
                topics = sorted({intake.handler.event.topic for intake in self.intakes})
                raise Unavailable(f"Kafka: {type(error).__name__} on subscribing to {', '.join(topics)}") from error
        self.started = True
        log.info("started", service=self.name)

    async def stop(self) -> None:
        """Stops taking, then working, then publishing. Bounded."""
        self.started, self._stopping = False, True
        await asyncio.gather(*(each.stop() for each in self.consumers))
        if self._bus is not None and self.consumers:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bus.stop(), 12)
        for resource in reversed(self._running):
            try:
                await asyncio.wait_for(resource.stop(), 10)
            except (TimeoutError, KafkaError, *OUTAGE) as error:
                log.warning("stop", resource=type(resource).__name__, because=f"{type(error).__name__}: {error}")
        self._running = []
        for chore in self._chores:
            chore.cancel()
        await self.db.stop()
        if self._provider is not None:
            self._provider.shutdown()

    def halt(self, error: BaseException) -> None:
        """Ends the process with an error code. What halted it first is told."""
        self._halted = self._halted or error
        if self._server is not None:
            self._server.should_exit = True

    def _watch(self, loops: Iterable[asyncio.Task[None]]) -> None:
        for loop in loops:
            loop.add_done_callback(self._ended)

    def _ended(self, loop: asyncio.Task[None]) -> None:
        error = None if loop.cancelled() else loop.exception()
        if not self._stopping:
            log.error("loop ended", loop=loop.get_name(), exc_info=error)
            self.halt(LoopEnded(loop.get_name(), error))

    async def _kafka_answers(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.kafka, request_timeout_ms=4000)
        try:
            await admin.start()
            await admin.describe_cluster()
        except (KafkaError, OSError) as error:
            raise Unavailable(f"Kafka: {type(error).__name__}: {error}") from error
        finally:
            await admin.close()

    async def _measure(self) -> None:
        """What each replica must know of itself, whoever leads: how far the outbox and its handlers are behind."""
        await self.db.measure_outbox()
        for each in self.consumers:
            await each.measure_lag()

    async def serve(self) -> int:
        """Runs until a signal or a halt; the exit code."""
        config = uvicorn.Config(
            self.app(),
            host=self.settings.http_host,
            port=self.settings.http_port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
            timeout_keep_alive=75,
        )
        self._server = server = uvicorn.Server(config)
        loop = asyncio.get_running_loop()
        serving = asyncio.create_task(server.serve())
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, lambda: setattr(server, "should_exit", True))
        try:
            await self.start()
            await serving
        except Unavailable as error:
            log.error("can't start", service=self.name, because=str(error))
            server.should_exit = True
            await serving
            return 1
        finally:
            await self.stop()
        return 3 if self._halted else 0


async def repeated(act: Callable[[], Awaitable[None]], *, every: float) -> None:
    """A chore. What Kafka or Postgres refuse, also since another replica does the same, waits for the next turn."""
    while True:
        try:
            await act()
        except (Unavailable, KafkaError, asyncpg.PostgresError, *OUTAGE) as error:
            log.warning("chore waits", chore=act.__name__, because=f"{type(error).__name__}: {error}")
        await asyncio.sleep(every)


async def patiently(act: Any) -> None:
    """Tries until it works or PATIENCE is over. Raises Unavailable."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            await act()
            return
        except Unavailable as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            log.info("waiting", because=str(error))
            await asyncio.sleep(1.0)


def run(service: Service) -> None:
    """Runs a service as this process."""
    gc.set_threshold(50_000, 20, 50)  # a batch makes thousands of objects that live briefly: collect by the batch
    sys.exit(uvloop.run(service.serve()))

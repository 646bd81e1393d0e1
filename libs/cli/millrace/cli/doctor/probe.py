"""The hops, in the order in which an event passes them."""

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from millrace.pages.words import counted

from .ears import Ears, Heard

WORKSPACE = "millrace-doctor"
DECLARATION = f"""workspace: {WORKSPACE}
owner: platform
task: classify
labels: {{names: [well, ill]}}
feedback: {{delay: 1s, wait: 3s}}
train: {{on: {{drift: false, new_documents: 1000000}}}}
"""
PATIENCE = 20.0


class HopFailed(Exception):
    """A hop did not do its part; `look` says where to look."""

    def __init__(self, reason: str, look: str = "") -> None:
        super().__init__(reason)
        self.reason, self.look = reason, look


@dataclass(frozen=True)
class Hop:
    """One step; `act` returns what it saw or raises HopFailed."""

    name: str
    service: str
    act: Callable[[], Awaitable[str]]


@dataclass
class Probe:
    """One probe on its way. `services` are base URLs; `readers` says which services eat a topic (flow.json)."""

    kafka: str
    services: dict[str, str]
    topics: set[str]
    readers: dict[str, list[str]]
    http: httpx.AsyncClient
    patience: float = PATIENCE
    token: str = field(default_factory=lambda: secrets.token_hex(4))

    def __post_init__(self) -> None:
        self.ears = Ears(self.kafka, self.topics, WORKSPACE)
        self.submitted: dict[str, str] = {}
        self.observed = ""
        self.cycle = ""
        self.rows = 0

    def hops(self) -> list[Hop]:
        """Return every hop of an event without a model: intake, corpus, and a cycle that ends for want of rows."""
        hops = [Hop("topics are there", "kafka", self._topics_exist)]
        hops += [Hop(f"{name} is ready", name, self._ready(name)) for name in sorted(self.services)]
        hops += [
            Hop("a workspace is declared", "registry", self._declare),
            Hop("HTTP -> document.submitted", "ingestion", self._submit_by_http),
            Hop("Kafka -> document.submitted", "ingestion", self._submit_by_kafka),
            Hop("Kafka -> interaction.logged", "ingestion", self._log_interaction),
            Hop("Kafka -> observation.submitted", "ingestion", self._observe),
            Hop("documents, interactions -> document.accepted", "ingestion", self._follows("document.accepted.v1")),
            Hop("observation.submitted -> observation.accepted", "ingestion", self._observed),
            Hop("document.accepted -> document.kept", "dedup", self._follows("document.kept.v1")),
            Hop("document.kept -> corpus", "datasets", self._corpus),
            Hop("by hand -> retraining.requested", "training", self._train),
            Hop("retraining.requested -> dataset.failed", "datasets", self._in_cycle("dataset.failed.v1")),
            Hop("dataset.failed -> training.failed", "training", self._in_cycle("training.failed.v1")),
            Hop("training.failed -> model.staged", "registry", self._in_cycle("model.staged.v1")),
            Hop("every reader has read what it eats", "", self._read_by_all),
        ]
        return hops

    def through(self, workspace: str) -> list[Hop]:
        """Return the hops of a prediction in a workspace with a version in production: real traffic there."""
        self.ears = Ears(self.kafka, self.topics, self.token)
        return [
            Hop(f"{workspace} answers", "serving", lambda: self._predict(workspace)),
            Hop("prediction.served", "serving", lambda: self._told("prediction.served.v1", "serving")),
            Hop("feedback is taken", "feedback", lambda: self._rate(workspace)),
            Hop("feedback.recorded", "feedback", lambda: self._told("feedback.recorded.v1", "feedback")),
            Hop("every reader has read what it eats", "", self._read_by_all),
        ]

    async def _topics_exist(self) -> str:
        from aiokafka.admin import AIOKafkaAdminClient
        from aiokafka.errors import KafkaError

        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka, request_timeout_ms=5000)
        try:
            await admin.start()
            missing = sorted(self.topics - {*await admin.list_topics()})
        except (KafkaError, OSError) as error:
            raise HopFailed(f"Kafka at {self.kafka}: {type(error).__name__}") from error
        finally:
            await admin.close()
        if missing:
            raise HopFailed(f"missing: {', '.join(missing)}", "run the provisioning again")
        return f"{len(self.topics)} at {self.kafka}"

    def _ready(self, name: str) -> Callable[[], Awaitable[str]]:
        async def ask() -> str:
            deadline = time.monotonic() + self.patience
            while (answer := await self._ask("GET", name, "/readyz", refuse=False)).status_code != 200:
                if time.monotonic() > deadline:
                    waits = answer.json().get("waiting_for") or [answer.text]
                    raise HopFailed(f"waits for {'; '.join(waits)}", f"millrace logs {name}")
                await asyncio.sleep(0.5)  # a replica that loads a version is not ready, and nothing is wrong with it
            return self.services[name]

        return ask

    async def _declare(self) -> str:
        applied = (await self._ask("POST", "registry", "/v1/workspaces?by=doctor", content=DECLARATION)).json()
        self.rows = await self._rows()
        return f"{WORKSPACE}, revision {applied['revision']}"

    def _document(self) -> dict[str, str]:
        return {"workspace": WORKSPACE, "source": "doctor", "text": _question(), "label": "well"}

    async def _submit_by_http(self) -> str:
        await self._listen()
        event = {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "doctor", "type": "document.submitted.v1"}
        body = json.dumps({**event, "data": self._document()})
        kind = {"content-type": "application/cloudevents+json"}
        await self._ask("POST", "ingestion", "/v1/events", content=body, headers=kind)
        self.submitted["HTTP"] = event["id"]
        return event["id"]

    async def _submit_by_kafka(self) -> str:
        self.submitted["Kafka"] = await self._publish("document.submitted.v1", self._document())
        return self.submitted["Kafka"]

    async def _log_interaction(self) -> str:
        logged = {"workspace": WORKSPACE, "source": "doctor", "input": _question(), "label": "well"}
        self.submitted["an interaction"] = await self._publish("interaction.logged.v1", logged)
        return self.submitted["an interaction"]

    async def _observe(self) -> str:
        seen = {"workspace": WORKSPACE, "source": "doctor", "entity": "doctor", "values": {"pulse": 60}}
        self.observed = await self._publish("observation.submitted.v1", seen)
        return self.observed

    async def _publish(self, topic: str, fields: dict[str, Any]) -> str:
        """Send an event as any product does, and return its id."""
        from aiokafka import AIOKafkaProducer
        from aiokafka.errors import KafkaError

        identity = str(uuid.uuid4())
        told = {"specversion": "1.0", "id": identity, "source": "doctor", "type": topic}
        headers = [(f"ce_{key}", value.encode()) for key, value in told.items()]
        headers += [("ce_time", datetime.now(UTC).isoformat().encode()), ("content-type", b"application/json")]
        body = json.dumps(fields).encode()
        try:
            async with AIOKafkaProducer(bootstrap_servers=self.kafka, acks="all") as producer:
                await producer.send_and_wait(topic, body, key=WORKSPACE.encode(), headers=headers)
        except (KafkaError, OSError) as error:
            raise HopFailed(f"could not publish: {type(error).__name__}") from error
        return identity

    async def _observed(self) -> str:
        found = await self.ears.wait(
            lambda record: record.topic == "observation.accepted.v1" and record.cause == self.observed, self.patience
        )
        if found is None:
            raise HopFailed(f"no observation.accepted.v1 within {self.patience:.0f} s", "millrace logs ingestion")
        return found.id

    def _follows(self, topic: str) -> Callable[[], Awaitable[str]]:
        async def listen() -> str:
            for way, origin in self.submitted.items():
                found = await self.ears.wait(
                    lambda record, origin=origin: record.topic == topic and self.ears.follows(record, origin),  # type: ignore[misc]
                    self.patience,
                )
                if found is None:
                    raise HopFailed(f"no {topic} for what was sent by {way} within {self.patience:.0f} s")
            return counted(len(self.submitted), "document")

        return listen

    async def _corpus(self) -> str:
        wanted = self.rows + len(self.submitted)
        for _ in range(int(self.patience * 5)):
            if await self._rows() >= wanted:
                return counted(wanted, "row")
            await asyncio.sleep(0.2)
        raise HopFailed(
            f"the corpus has {counted(await self._rows(), 'row')} of the probe instead of {wanted}",
            "millrace logs datasets",
        )

    async def _rows(self) -> int:
        try:
            answer = await self._ask("GET", "datasets", f"/v1/counts?workspace={WORKSPACE}")
        except HopFailed:  # its own hop says so
            return 0
        return int(answer.json().get("kept", 0))

    async def _train(self) -> str:
        asked = {"note": "millrace doctor", "by": "doctor", "min_labels": 1_000_000}
        opened = (await self._ask("POST", "training", f"/v1/workspaces/{WORKSPACE}/train", json=asked)).json()
        self.cycle = opened["cycle"]
        return await self._in_cycle("retraining.requested.v1")()

    def _in_cycle(self, topic: str) -> Callable[[], Awaitable[str]]:
        async def listen() -> str:
            found = await self.ears.wait(
                lambda record: record.topic == topic and self.cycle in {record.cycle, record.body.get("cycle_id")},
                self.patience,
            )
            if found is None:
                raise HopFailed(f"no {topic} for cycle {self.cycle} within {self.patience:.0f} s")
            return f"cycle {self.cycle[:8]}"

        return listen

    async def _predict(self, workspace: str) -> str:
        await self._listen()
        asked = {"text": f"millrace doctor {self.token}", "request_id": f"doctor-{self.token}", "unit": "doctor"}
        answer = (await self._ask("POST", "serving", f"/v1/workspaces/{workspace}/predict", json=asked)).json()
        return f"{answer.get('label')} by {answer.get('version')}"

    async def _rate(self, workspace: str) -> str:
        given = {"workspace": workspace, "kind": "rating", "value": 0, "source": "doctor", "basis": "shown"}
        asked = {**given, "request_id": f"doctor-{self.token}", "id": str(uuid.uuid4())}
        await self._ask("POST", "feedback", "/v1/feedback", json=asked)
        return f"request doctor-{self.token}"

    async def _told(self, topic: str, service: str) -> str:
        found = await self.ears.wait(lambda record: record.topic == topic, self.patience)
        if found is None:
            raise HopFailed(f"no {topic} within {self.patience:.0f} s", f"millrace logs {service}")
        return f"offset {found.offset}"

    async def _read_by_all(self) -> str:
        """Every service that eats what was heard has committed past it: a consumer can be stuck and look alive."""
        waiting = {
            (reader, record.topic) for record in self.ears.heard for reader in self.readers.get(record.topic, ())
        }
        pairs, late = len(waiting), ""
        for _ in range(int(self.patience)):
            waiting = {pair for pair in waiting if not await self._has_read(*pair)}
            if not waiting:
                return f"{pairs} pairs of reader and topic"
            await asyncio.sleep(1)
        late = ", ".join(sorted(f"{reader} ({topic})" for reader, topic in waiting))
        raise HopFailed(f"not read within {self.patience:.0f} s: {late}", "millrace status; /healthz of the reader")

    async def _has_read(self, reader: str, topic: str) -> bool:
        from aiokafka.admin import AIOKafkaAdminClient
        from aiokafka.errors import KafkaError

        last = _last(record for record in self.ears.heard if record.topic == topic)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka, request_timeout_ms=5000)
        try:
            await admin.start()
            group = f"{reader}.on_{topic.rpartition('.')[0].replace('.', '_')}"
            committed = await admin.list_consumer_group_offsets(group)
        except (KafkaError, OSError) as error:
            raise HopFailed(f"Kafka at {self.kafka}: {type(error).__name__}") from error
        finally:
            await admin.close()
        at = {place.partition: mark.offset for place, mark in committed.items() if place.topic == topic}
        return all(at.get(partition, -1) > offset for partition, offset in last.items())

    async def _listen(self) -> None:
        from aiokafka.errors import KafkaError

        try:
            await self.ears.start()
        except (KafkaError, OSError) as error:
            raise HopFailed(f"could not listen at {self.kafka}: {type(error).__name__}") from error

    async def _ask(self, method: str, service: str, path: str, *, refuse: bool = True, **given: Any) -> httpx.Response:
        look = f"millrace logs {service}"
        try:
            answer = await self.http.request(method, self.services[service] + path, **given)
        except KeyError:
            raise HopFailed(f"this stack runs no {service}") from None
        except httpx.TransportError as error:
            raise HopFailed(f"{service} does not answer: {type(error).__name__}", look) from error
        if refuse and not answer.is_success:
            raise HopFailed(f"{service} answered {answer.status_code}: {answer.text[:300]}", look)
        return answer


def _question() -> str:
    """A text that no other resembles."""
    return f"Is everybody well today? {' '.join(secrets.token_hex(3) for _ in range(8))}"


def _last(records: Iterable[Heard]) -> dict[int, int]:
    last: dict[int, int] = {}
    for record in records:
        last[record.partition] = max(record.offset, last.get(record.partition, -1))
    return last


def flow(root: Path) -> dict[str, list[str]]:
    """Return who eats each topic, as contracts/flow.json says."""
    told = json.loads((root / "contracts" / "flow.json").read_text())
    return {
        topic: [name for name, each in told["services"].items() if topic in each["eats"]] for topic in told["topics"]
    }

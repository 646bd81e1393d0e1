"""Millrace as its users have it: the command line, HTTP, Kafka."""

import asyncio
import contextlib
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from millrace.cli.main import run
from millrace.events import Event
from millrace.stack import Running


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Record:
    """A record of a topic (without its `.v1`), with its headers as text."""

    topic: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def trace(self) -> str:
        return self.headers.get("traceparent", "--").split("-")[1]


class Whole:
    def __init__(self, running: Running) -> None:
        self.running = running

    def millrace(self, *arguments: str, data: Path | None = None) -> Said:
        """One command on this stack, or on another data folder."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([*arguments, "--data", str(data or self.running.data)])
        return Said(code, out.getvalue(), err.getvalue())

    def post(self, service: str, path: str, body: Any, **headers: str) -> httpx.Response:
        return httpx.post(self.running.url(service) + path, json=body, headers=headers, timeout=30)

    def publish(self, topic: str, *values: bytes, key: str, headers: Sequence[tuple[str, bytes | None]] = ()) -> None:
        """Puts values on a topic as a product's own Kafka client would."""

        async def send() -> None:
            async with AIOKafkaProducer(bootstrap_servers=self.running.endpoints.kafka, acks="all") as producer:
                for value in values:
                    await producer.send_and_wait(topic, value, key=key.encode(), headers=list(headers))

        asyncio.run(send())

    def records(self, workspace: str) -> list[Record]:
        """Every record of a workspace on every topic, up to now, in the order of their times."""
        return asyncio.run(_records(self.running.endpoints.kafka, workspace))


def until(check: Callable[[], Any], *, within: float = 60.0) -> Any:
    """Waits for a condition, and returns what `check` gave. Raises AssertionError."""
    deadline = time.monotonic() + within
    while not (found := check()):
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.2)
    return found


async def _records(kafka: str, workspace: str) -> list[Record]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    found = []
    try:
        for topic in Event.by_topic:
            await consumer._client.add_topic(topic)
        places = [
            TopicPartition(topic, number)
            for topic in Event.by_topic
            for number in consumer.partitions_for_topic(topic) or ()
        ]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
    finally:
        await consumer.stop()
    mine = [one for one in found if (one.key or b"").decode().partition("/")[0] == workspace]
    return [_record(one) for one in sorted(mine, key=lambda one: one.timestamp)]


def _record(one: Any) -> Record:
    headers = {name: (value or b"").decode(errors="replace") for name, value in one.headers}
    try:
        body = json.loads(one.value or b"{}")
    except ValueError:
        body = {}
    return Record(one.topic.removesuffix(".v1"), headers, body)

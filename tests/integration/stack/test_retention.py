"""Topics forget in time, on a Kafka that looks often."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from harness import CONTRACTS, eventually

from millrace.chassis import provision, retention
from millrace.events import DocumentAccepted, DocumentSubmitted, Event
from millrace.stack import kafka
from millrace.stack.downloads import cache_folder
from millrace.stack.kafka import Kafka
from millrace.stack.ports import PortBook


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    data: Path = tmp_path_factory.mktemp("retention")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka, "PROPERTIES", {**kafka.PROPERTIES, "log.retention.check.interval.ms": 200})
        part = Kafka(data, PortBook(data / "ports.json"), cache=cache_folder())
        part.start()
    yield part
    part.stop()


@pytest.mark.parametrize("event", [DocumentSubmitted, DocumentAccepted])
async def test_a_record_is_forgotten_though_newer_ones_keep_coming(broker: Kafka, event: type[Event]) -> None:
    """Kafka forgets whole segments, and keeps one open for a week unless told otherwise."""
    await provision.create_topics(broker.bootstrap, provision.topics(CONTRACTS))
    place = TopicPartition(event.topic, 0)
    kept = retention.KEPT[event.retention]
    assert kept is not None
    old, minute = datetime.now(UTC) - retention.forgotten_after(kept), timedelta(minutes=1)
    times = [old - minute, old - 2 * minute + retention.segment(kept), datetime.now(UTC)]
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap, acks="all") as producer:
        for at in times:
            await producer.send_and_wait(event.topic, b"x", partition=0, timestamp_ms=int(at.timestamp() * 1000))
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap) as consumer:

        async def first() -> bool:
            return bool((await consumer.beginning_offsets([place]))[place] == 2)

        await eventually(first)

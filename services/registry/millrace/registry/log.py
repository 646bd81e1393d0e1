"""The ledger as the topic ledger.appended has it, which no one changes who can write to Postgres alone."""

from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from millrace.chassis import Blobs, bodies, wire
from millrace.events import LedgerAppended
from millrace.registry.settings import Settings


async def each(settings: Settings, blobs: Blobs) -> AsyncIterator[Sequence[LedgerAppended]]:
    """The topic's events up to its present end, each partition's in order."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka,
        client_id="registry.log",
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        numbers = await consumer._client.fetch_all_metadata()
        places = [
            TopicPartition(LedgerAppended.topic, number)
            for number in numbers.partitions_for_topic(LedgerAppended.topic) or ()
        ]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning()
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                yield [
                    wire.decode(LedgerAppended, await bodies.whole(record, LedgerAppended, blobs)) for record in records
                ]
    finally:
        await consumer.stop()

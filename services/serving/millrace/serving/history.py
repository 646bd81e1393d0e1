"""The documents that the log still has from before they were wanted here."""

from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from millrace.chassis import Database, Settings, Unavailable
from millrace.chassis.intake import Intake
from millrace.events import DocumentKept

READ = """
    SELECT partition, next_offset FROM positions WHERE consumer = $1 AND topic = $2 AND next_offset > 0 ORDER BY 1"""


class History:
    """Reads document.kept from its start to where its handler stands: what comes from there on is the handler's."""

    def __init__(self, intake: Intake, db: Database, settings: Settings) -> None:
        self._intake = intake
        self._db = db
        self._settings = settings

    async def kept(self, workspace: str) -> AsyncIterator[list[DocumentKept]]:
        """A workspace's, in their order, some at a time. Raises Unavailable."""
        async with self._db.reading() as tx:
            ends = {
                TopicPartition(DocumentKept.topic, row["partition"]): row["next_offset"]
                for row in await tx.fetch(READ, self._intake.consumer, DocumentKept.topic)
            }
        if not ends:
            return
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka,
            client_id=f"{self._settings.name}.history",
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        try:
            await consumer.start()
            async for records in _until(consumer, ends):
                own = [record for record in records if record.key == workspace.encode()]
                read = [said for _, said in await self._intake.read(own)]
                events = [said for said in read if isinstance(said, DocumentKept)]
                if events:
                    yield events
        except KafkaError as error:
            raise Unavailable(f"Kafka: {type(error).__name__}: {error}") from error
        finally:
            await consumer.stop()


async def _until(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]
) -> AsyncIterator[list[ConsumerRecord[bytes, bytes]]]:
    consumer.assign(list(ends))
    last = await consumer.end_offsets(list(ends))
    ends = {place: min(end, last[place]) for place, end in ends.items()}
    await consumer.seek_to_beginning()
    while any([await consumer.position(place) < end for place, end in ends.items()]):
        for place, records in (await consumer.getmany(timeout_ms=500, max_records=500)).items():
            yield [record for record in records if record.offset < ends[place]]

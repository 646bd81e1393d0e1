"""The real Kafka, Postgres and S3: they answer, come back after a kill with their data, and leave nothing behind."""

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from minio import Minio
from minio.error import S3Error

from millrace.stack import DataFolderInUse, Endpoints, Stack

OWNER = """
import sys, time
from pathlib import Path
from millrace.stack import Stack
stack = Stack(Path(sys.argv[1]))
stack.start()
print("ready", *(part.child.pid for part in stack.parts), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("parts"))
    stack.start()
    yield stack
    stack.stop()


def s3(endpoints: Endpoints, secret: str | None = None) -> Minio:
    given = endpoints.s3
    return Minio(given.address, given.access_key, secret or given.secret_key, secure=False, region="us-east-1")


async def leave_traces(endpoints: Endpoints) -> None:
    """One record, one row, one object."""
    admin = AIOKafkaAdminClient(bootstrap_servers=endpoints.kafka)
    await admin.start()
    await admin.create_topics([NewTopic("traces", 3, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=endpoints.kafka, acks="all") as producer:
        await producer.send_and_wait("traces", b"kept", partition=1)
    connection = await asyncpg.connect(endpoints.postgres)
    await connection.execute("CREATE TABLE traces AS SELECT 'kept' AS what, '[1,2]'::vector AS where_")
    await connection.close()
    client = s3(endpoints)
    client.make_bucket("traces")
    client.put_object("traces", "one", io.BytesIO(b"kept"), 4)


async def find_traces(endpoints: Endpoints) -> tuple[bytes, str, bytes]:
    consumer = AIOKafkaConsumer("traces", bootstrap_servers=endpoints.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        record = await consumer.getone()
    finally:
        await consumer.stop()
    connection = await asyncpg.connect(endpoints.postgres)
    row = await connection.fetchval("SELECT what FROM traces")
    await connection.close()
    return record.value, row, s3(endpoints).get_object("traces", "one").read()


def gone(pids: list[int], patience: float = 20.0) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            return True
        time.sleep(0.1)
    return False


async def test_kafka_does_transactions(parts: Stack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=parts.endpoints.kafka)
    await admin.start()
    await admin.create_topics([NewTopic("ledger", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=parts.endpoints.kafka, transactional_id="relay")
    await producer.start()
    async with producer.transaction():
        await producer.send("ledger", b"committed")
    with pytest.raises(ZeroDivisionError):
        async with producer.transaction():
            await producer.send("ledger", b"aborted")
            _ = 1 / 0
    await producer.stop()
    consumer = AIOKafkaConsumer(
        "ledger",
        bootstrap_servers=parts.endpoints.kafka,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    found = await consumer.getmany(timeout_ms=2000)
    await consumer.stop()
    assert [record.value for records in found.values() for record in records] == [b"committed"]


async def test_kafka_creates_no_topic_that_was_not_asked_for(parts: Stack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=parts.endpoints.kafka)
    await admin.start()
    await admin.describe_topics(["a-typo"])
    topics = await admin.list_topics()
    await admin.close()
    assert "a-typo" not in topics


async def test_postgres_has_pgvector_room_for_200_connections_and_a_password(parts: Stack) -> None:
    connection = await asyncpg.connect(parts.endpoints.postgres)
    assert await connection.fetchval("SELECT '[1,0]'::vector <=> '[0,1]'::vector") == 1.0
    assert await connection.fetchval("SHOW max_connections") == "200"
    assert (await connection.fetchval("SHOW server_version")).startswith("18.")
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(parts.endpoints.postgres, password="guessed")


def test_s3_refuses_a_wrong_key(parts: Stack) -> None:
    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        s3(parts.endpoints, secret="guessed").list_buckets()


def test_everything_listens_on_this_machine_only(parts: Stack) -> None:
    for part in parts.parts:
        assert part.child is not None
        for connection in psutil.Process(part.child.pid).net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip in {"127.0.0.1", "::ffff:127.0.0.1"}, part.name


def test_a_second_stack_on_the_same_folder_is_refused_by_name(parts: Stack) -> None:
    with pytest.raises(DataFolderInUse, match=str(os.getpid())):
        Stack(parts.data).start()
    assert all(part.alive for part in parts.parts)


async def test_killed_parts_come_back_on_the_same_state_and_addresses(tmp_path: Path) -> None:
    first = Stack(tmp_path)
    before = first.start()
    await leave_traces(before)
    for part in first.parts:
        assert part.child is not None
        part.child.kill()
    first.stop()
    with Stack(tmp_path) as after:
        assert after == before
        assert await find_traces(after) == (b"kept", "kept", b"kept")


def test_a_killed_owner_leaves_nothing_running_and_its_state_usable(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()[1:]]
    assert len(pids) == 3
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert gone(pids)
    with Stack(tmp_path) as endpoints:
        asyncio.run(leave_traces(endpoints))


async def test_ports_taken_meanwhile_are_left_to_the_stranger_and_the_data_is_still_there(tmp_path: Path) -> None:
    with Stack(tmp_path) as before:
        await leave_traces(before)
    strangers = [socket.create_server(("127.0.0.1", port)) for port in Stack(tmp_path).ports.kept().values()]
    try:
        with Stack(tmp_path) as after:
            assert after.kafka != before.kafka
            assert await find_traces(after) == (b"kept", "kept", b"kept")
    finally:
        for stranger in strangers:
            stranger.close()


def test_a_stale_pid_file_that_names_a_stranger_does_not_stop_postgres(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack._claim()
    stack.postgres.start()
    stack.postgres.stop()
    lines = (str(os.getpid()), str(tmp_path / "postgres"), "1", "5432", "", "127.0.0.1", "", "ready")
    (tmp_path / "postgres" / "postmaster.pid").write_text("\n".join(lines))
    stack.postgres.start()
    assert stack.postgres.alive
    stack.stop()


async def test_a_first_start_that_was_killed_half_way_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "log").mkdir(parents=True)
    (tmp_path / "kafka" / "log" / "meta.properties").write_text("version=1\ncluster.id=half\n")
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18")
    with Stack(tmp_path) as endpoints:
        await leave_traces(endpoints)

"""What must be there before services start: topics, a role and schema per service, the bucket. Can be repeated."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import structlog
import urllib3
import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from minio import Minio
from minio.error import S3Error
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from millrace.chassis import retention
from millrace.chassis.errors import Unavailable
from millrace.chassis.postgres import OUTAGE
from millrace.chassis.service import patiently

log = structlog.get_logger()


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PROVISION_", extra="ignore")

    kafka: str
    postgres: str
    s3_url: str
    s3_access_key: str
    s3_secret_key: SecretStr
    s3_bucket: str = "millrace"
    services: dict[str, SecretStr]
    contracts: Path = Path("contracts")
    partitions: int = 0
    replication: int = 1


def topics(contracts: Path, *, partitions: int = 0, replication: int = 1) -> list[NewTopic]:
    """The topics that contracts/topics declares; `partitions` overrides what they say, where it is not 0."""
    found = []
    for path in sorted(contracts.joinpath("topics").glob("*.yaml")):
        contract: dict[str, Any] = yaml.safe_load(path.read_text())
        kind = contract["retention"]
        config = {"cleanup.policy": "compact"} if kind == "table" else _kept(retention.KEPT[kind])
        number = partitions or contract["partitions"]
        found.append(NewTopic(contract["topic"], number, replication, topic_configs=config))
    return found


def _kept(time: timedelta | None) -> dict[str, str]:
    if time is None:
        return {"retention.ms": "-1"}
    return {"retention.ms": _milliseconds(time), "segment.ms": _milliseconds(retention.segment(time))}


def _milliseconds(time: timedelta) -> str:
    return str(int(time.total_seconds() * 1000))


async def create_topics(kafka: str, wanted: list[NewTopic]) -> None:
    """Creates the topics that are missing. Raises Unavailable."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    try:
        await admin.start()
        response = await admin.create_topics(wanted)
        for topic, code, *rest in response.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise Unavailable(f"Kafka: topic {topic}: {error.__name__} {rest}")
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka: {type(error).__name__}: {error}") from error
    finally:
        await admin.close()


async def create_schemas(postgres: str, services: Mapping[str, SecretStr]) -> None:
    """One role and one schema a service; no role sees another's. Raises Unavailable."""
    try:
        connection = await asyncpg.connect(postgres, timeout=5, command_timeout=30)
    except OUTAGE as error:
        raise Unavailable(f"Postgres: {type(error).__name__}: {error}") from error
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        for name, password in services.items():
            quoted = await connection.fetchval("SELECT quote_literal($1::text)", password.get_secret_value())
            exists = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name)
            await connection.execute(f'{"ALTER" if exists else "CREATE"} ROLE "{name}" LOGIN PASSWORD {quoted}')
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}" AUTHORIZATION "{name}"')
            await connection.execute(f'REVOKE ALL ON SCHEMA "{name}" FROM PUBLIC')
        await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    finally:
        await connection.close()


async def create_bucket(settings: Settings) -> None:
    client = Minio(
        endpoint=urllib3.util.parse_url(settings.s3_url).netloc or "",
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
        secure=settings.s3_url.startswith("https"),
        region="us-east-1",
    )
    try:
        if not await asyncio.to_thread(client.bucket_exists, settings.s3_bucket):
            await asyncio.to_thread(client.make_bucket, settings.s3_bucket)
    except S3Error as error:
        if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise Unavailable(f"S3: {error.code}: {error.message}") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable(f"S3: {type(error).__name__}: {error}") from error


async def provision(settings: Settings) -> None:
    """Makes everything that is missing. Raises Unavailable when a part does not come within a minute."""
    wanted = topics(settings.contracts, partitions=settings.partitions, replication=settings.replication)
    await patiently(lambda: create_topics(settings.kafka, wanted))
    await patiently(lambda: create_schemas(settings.postgres, settings.services))
    await patiently(lambda: create_bucket(settings))
    log.info("provisioned", topics=len(wanted), services=sorted(settings.services))


if __name__ == "__main__":
    asyncio.run(provision(Settings()))

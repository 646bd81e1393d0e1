"""The real parts, started once a session, only when a test asks for them."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from millrace.stack import Endpoints, Stack

sys.path.insert(0, str(Path(__file__).parent))  # so that tests can `from harness import ...`

import harness


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endpoints]:
    """Kafka, Postgres and S3 with the topics of contracts/."""
    parts = Stack(tmp_path_factory.mktemp("stack"))
    endpoints = await asyncio.to_thread(parts.start)
    try:
        await harness.prepare(endpoints)
        yield endpoints
    finally:
        await asyncio.to_thread(parts.stop)


@pytest.fixture
async def bus(stack: Endpoints) -> harness.Bus:
    """Kafka with empty topics."""
    await harness.empty_topics(stack)
    return harness.Bus(stack)

"""The real parts, started once a session, only when a test asks for them."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from millrace.stack import Endpoints, Stack, compose_endpoints

sys.path.insert(0, str(Path(__file__).parent))  # so that tests can `from harness import ...`

import harness


@pytest.fixture(scope="session")
def data_folder() -> Iterator[Path]:
    """A folder that stays readable to Postgres, which runs as another user when the tests run as root.

    pytest's own temporary folders do not: each new session closes their parent to all but its owner.
    """
    folder = Path(tempfile.mkdtemp(prefix="millrace-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def stack(data_folder: Path) -> AsyncIterator[Endpoints]:
    """Kafka, Postgres and S3 with the topics of contracts/: embedded, or compose's where MILLRACE_STACK says so."""
    if os.environ.get("MILLRACE_STACK", "embedded") == "compose":
        endpoints = compose_endpoints()
        await harness.prepare(endpoints)
        yield endpoints
        return
    parts = Stack(data_folder / "stack")
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

"""A dedup on real Postgres with two workspaces."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import Running, running

from millrace.dedup.app import build_app
from millrace.stack import Endpoints

sys.path.insert(0, str(Path(__file__).parent))

from shop import configured


@pytest.fixture
async def dedup(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "dedup", build_app) as service:
        await service.tables.put(configured("parcels"), configured("other-shop"))
        yield service

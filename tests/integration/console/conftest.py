import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from millrace.stack import Endpoints

sys.path.insert(0, str(Path(__file__).parent))

from console_served import Served, served
from owners_played import Town


@pytest.fixture
def town() -> Iterator[Town]:
    """Owners in the middle of a canary."""
    with Town("canary") as town:
        yield town


@pytest.fixture
async def console(stack: Endpoints, town: Town) -> AsyncIterator[Served]:
    async with served(stack, town.services) as page:
        yield page

import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from harness import Running, running

from millrace.evaluation.app import build_app
from millrace.stack import Endpoints

sys.path.insert(0, str(Path(__file__).parent))

from worlds import SmallEngine


@pytest.fixture
def engine() -> SmallEngine:
    return SmallEngine()


@pytest.fixture
async def evaluation(stack: Endpoints, engine: SmallEngine) -> AsyncIterator[Running]:
    async with running(stack, "evaluation", partial(build_app, engine=engine)) as service:
        yield service

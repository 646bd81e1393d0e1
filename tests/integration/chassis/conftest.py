"""The probe service on the test's stack."""

import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from harness import Running, live, running

import millrace
from millrace.stack import Endpoints

PROBE = Path(__file__).parent / "probe"
sys.path.append(str(PROBE))
millrace.__path__ = [*millrace.__path__, str(PROBE / "millrace")]

from millrace.probe.app import World, build_app  # noqa: E402


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def probe(stack: Endpoints, world: World) -> AsyncIterator[Running]:
    """The probe driven by hand."""
    async with running(stack, "probe", partial(build_app, world=world)) as service:
        yield service


@pytest.fixture
async def live_probe(stack: Endpoints, bus: object, world: World) -> AsyncIterator[Running]:
    """The probe on Kafka."""
    async with live(stack, "probe", partial(build_app, world=world)) as service:
        yield service

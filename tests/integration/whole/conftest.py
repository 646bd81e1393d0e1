"""The whole of Millrace as processes, started once for the tests beside it, with a collector for its spans."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.stack import Options, launch, shut_down
from millrace.stack.services import discover

sys.path.insert(0, str(Path(__file__).parent))

from collector import Collector
from story import Story, told
from whole import Whole

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="package")
def whole(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Whole]:
    data = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        for service in discover(ROOT):
            patch.setenv(f"{service.upper()}_OTLP", collector.url)
        yield Whole(launch(Options(str(data), root=str(ROOT))))
        shut_down(data)


@pytest.fixture(scope="package")
def story(whole: Whole) -> Story:
    return told(whole)

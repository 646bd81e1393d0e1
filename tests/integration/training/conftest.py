"""Lets the tests beside it import what they share: importlib mode leaves the folder off the path."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="package", autouse=True)
def nobody_stands_by() -> Iterator[None]:
    """Each service that a test starts would import torch beside it for a run that may never come."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAINING_STAND_BY", "false")
        yield

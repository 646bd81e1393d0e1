"""Lets the tests beside it import what they share with the unit tests: importlib mode leaves folders off."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "learn"))

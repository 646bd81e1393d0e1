"""Lets the tests beside it import what they share: importlib mode leaves the folder off the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

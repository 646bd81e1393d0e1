"""Features of entities: one definition of each, computed for training (point in time) and for serving. Pure."""

from millrace.features.figures import Cell
from millrace.features.history import History, Observation, Replay, vectors
from millrace.features.plan import CATEGORY, Definition, Plan, Read, Seen, Vector
from millrace.features.sources import PURPOSE, Sources
from millrace.features.targets import LATE, MISTYPED, Labelled, labelled
from millrace.features.texts import FeatureRefused, checked, written

__all__ = [
    "CATEGORY",
    "LATE",
    "MISTYPED",
    "PURPOSE",
    "Cell",
    "Definition",
    "FeatureRefused",
    "History",
    "Labelled",
    "Observation",
    "Plan",
    "Read",
    "Replay",
    "Seen",
    "Sources",
    "Vector",
    "checked",
    "labelled",
    "vectors",
    "written",
]

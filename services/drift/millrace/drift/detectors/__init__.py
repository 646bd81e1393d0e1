"""Change detectors by the name that a workspace file gives them.

Each watches values from 0 to 1 of which higher is worse, rings on worsening only, and keeps its state as JSON.
"""

from typing import Any

from millrace.drift.detectors.adwin import Adwin
from millrace.drift.detectors.detector import Detector, Ring, StateCorrupt
from millrace.drift.detectors.hddm_a import HddmA
from millrace.drift.detectors.page_hinkley import PageHinkley

DETECTORS: dict[str, type[Detector]] = {kind.name: kind for kind in (Adwin, PageHinkley, HddmA)}


def restore(state: dict[str, Any]) -> Detector:
    """The detector that `Detector.state` described: from here on it decides as the original would have.

    Raises StateCorrupt if this is not such a state.
    """
    try:
        return DETECTORS[state["detector"]].restore(state)
    except (KeyError, TypeError, ValueError) as error:
        raise StateCorrupt(repr(error)) from error


__all__ = ["DETECTORS", "Adwin", "Detector", "HddmA", "PageHinkley", "Ring", "StateCorrupt", "restore"]

"""A vector as text: what a model of features is asked, and how rows of it are kept where others hold texts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from millrace.features.plan import CATEGORY, Definition, Plan, Scalar, Vector


class FeatureRefused(ValueError):
    """One field of a vector is not what is declared."""

    def __init__(self, feature: str, expected: str) -> None:
        self.feature = feature
        self.expected = expected
        super().__init__(f"{feature}: {expected}")


def written(vector: Vector) -> str:
    """A JSON object in the order of the declaration: the same text for the same vector."""
    return json.dumps(vector, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def checked(plan: Plan, told: Mapping[str, Any]) -> Vector:
    """A vector that somebody computed, as declared. Raises FeatureRefused, which names the field.

    A category that is not in the list is the unknown one, so nothing is kept of what somebody wrote there.
    """
    declared = {one.name: one for one in plan.definitions}
    for name in told:
        if name not in declared:
            raise FeatureRefused(str(name)[:100], f"a declared feature: one of {', '.join(declared)}")
    for name in declared:
        if name not in told:
            raise FeatureRefused(name, "a value, or null where there is none")
    return {name: _scalar(one, told[name]) for name, one in declared.items()}


def _scalar(one: Definition, value: Any) -> Scalar:
    if one.kind == CATEGORY:
        if value is not None and not isinstance(value, str):
            raise FeatureRefused(one.name, f"a text, one of {', '.join(sorted(one.categories))}")
        return value if value in one.categories else one.unknown
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise FeatureRefused(one.name, f"a number, not {str(value)[:50]!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise FeatureRefused(one.name, "a finite number, or null where there is none")
    return None if math.isnan(number) else number

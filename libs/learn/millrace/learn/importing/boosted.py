"""LightGBM's text: what it answers, of which columns, as its head tells. LightGBM itself is not asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from millrace.learn.errors import ImportRefused
from millrace.learn.folder import TREES
from millrace.learn.importing.found import LIGHTGBM, Found
from millrace.workspace import Feature

NUMBERS = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
LABELS = ("binary", "multiclass")


@dataclass(frozen=True)
class Head:
    """``outputs`` labels, 0 of a number; ``categories`` those of each categorical column, in their order."""

    names: list[str]
    outputs: int
    categories: list[list[str]]


def found(path: Path) -> Found:
    head = read(path)
    return Found(LIGHTGBM, {TREES: path}, None, regresses=not head.outputs)


def read(path: Path) -> Head:
    """Raises ImportRefused for what answers otherwise than our trees do."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise ImportRefused(str(path), "it is no text as LightGBM saves it (save_model)") from None
    lines = text.splitlines()
    if not lines or lines[0] != "tree":
        raise ImportRefused(str(path), "it is no text as LightGBM saves it (save_model)")
    told = dict(line.partition("=")[::2] for line in lines[: lines.index("")] if "=" in line) if "" in lines else {}
    objective = told.get("objective", "").split()
    kind, more = (objective[0], objective[1:]) if objective else ("none", [])
    if kind == "binary" and any(one.startswith("sigmoid:") and float(one[8:]) != 1 for one in more):
        raise ImportRefused(str(path), f"objective {' '.join(objective)}: with sigmoid 1 its sums are logits")
    if kind not in (*NUMBERS, *LABELS) or "sqrt" in more:
        known = ", ".join((*NUMBERS, *LABELS))
        raise ImportRefused(str(path), f"objective {' '.join(objective) or 'none'} is not one of {known}")
    outputs = 0 if kind in NUMBERS else 2 if kind == "binary" else int(told.get("num_class", "0"))
    return Head(told.get("feature_names", "").split(), outputs, _categories(lines, path))


def _categories(lines: list[str], path: Path) -> list[list[str]]:
    start = "pandas_categorical:"
    told = next((line.removeprefix(start) for line in reversed(lines) if line.startswith(start)), "null")
    try:
        found = json.loads(told) or []
        return [[str(one) for one in each] for each in found]
    except (ValueError, TypeError):
        raise ImportRefused(str(path), "pandas_categorical can't be read") from None


def refuse_other_features(path: Path, head: Head, features: Mapping[str, Feature]) -> None:
    """Raises ImportRefused where it was made of other columns than are declared."""
    if head.names != list(features):
        raise ImportRefused(
            str(path),
            f"its features are {', '.join(head.names)}; the workspace declares {', '.join(features)}, in that order",
        )
    declared = [list(one.category) for one in features.values() if one.category is not None]
    if head.categories != declared:
        raise ImportRefused(
            str(path),
            f"its categories are {head.categories}, the workspace declares {declared}: train it on columns of pandas' "
            "categorical type with those lists",
        )

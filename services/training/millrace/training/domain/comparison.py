"""Runs side by side: what they have in common, and in what they differ."""

from collections.abc import Mapping, Sequence
from typing import Any

COMPARED = ("workspace", "method", "base", "dataset", "untrusted", "state", "seconds", "bytes", "cost", "failed", "why")
PARTS = ("parameters", "scores", "measured", "environment")


def compare(runs: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """What is the same in all, by name; and for what is not, a value for each run, None where it has none."""
    told = [_flat(run) for run in runs]
    same: dict[str, Any] = {}
    differs: dict[str, list[Any]] = {}
    for name in dict.fromkeys(name for one in told for name in one):
        values = [one.get(name) for one in told]
        if all(value == values[0] for value in values):
            same[name] = values[0]
        else:
            differs[name] = values
    return same, differs


def _flat(run: Mapping[str, Any]) -> dict[str, Any]:
    flat = {name: run[name] for name in COMPARED if run[name] is not None}
    for part in PARTS:
        flat |= {f"{part}.{name}": run[part][name] for name in sorted(run[part])}
    return flat

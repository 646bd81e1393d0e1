"""Versions as the page lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from millrace.console.domain.words import moment, short, shorten

SCORED = ("golden", "fresh", "typos")
"""Suites that have a column of their own."""


@dataclass(frozen=True)
class Listed:
    """A version, where it stands and why; `scores` are macro-F1 by suite."""

    id: str
    short: str
    stage: str
    method: str
    base: str
    created_at: datetime
    scores: dict[str, float | None]
    share: float | None
    why: str
    parameters: str


def versions(
    known: Sequence[Mapping[str, Any]], about: Mapping[str, Any] | None, ledger: Sequence[Mapping[str, Any]]
) -> list[Listed]:
    """The newest first, as registry gives them."""
    canary = ((about or {}).get("route") or {}).get("canary") or {}
    shares = {(canary.get("deployment") or {}).get("version"): canary.get("share")}
    reasons: dict[str, str] = {}
    for row in ledger:
        if row.get("stage") and row.get("version"):
            reasons.setdefault(row["version"], row["reason"])
    return [_listed(one, shares.get(one["version"]), reasons.get(one["version"], "")) for one in known]


def _listed(one: Mapping[str, Any], share: float | None, why: str) -> Listed:
    scores = one.get("scores") or {}
    declared = {name: value for name, value in one["deployment"].get("parameters", {}).items() if value is not None}
    return Listed(
        id=one["version"],
        short=short(one["version"], one["workspace"]),
        stage=one["stage"],
        method=one["method"],
        base=one["base"],
        created_at=moment(one["created_at"]),
        scores={suite: scores.get(f"{suite}.macro_f1", scores.get(f"{suite}.mae")) for suite in SCORED},
        share=share,
        why=shorten(why, one["workspace"]),
        parameters=", ".join(f"{name} {value}" for name, value in sorted(declared.items())),
    )

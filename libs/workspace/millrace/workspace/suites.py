"""Kinds of suites that a team may declare beside those that every version is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from millrace.workspace.scopes import Allowed

RESERVED = ("fresh", "golden", "typos", "production", "best")


@dataclass(frozen=True)
class Kind:
    """`metrics` may stand in conditions; `brings` is whether a team may bring rows, `needs` what each must have.

    `options` are the keys that mean something to it. `asks` says what it asks of a version.
    """

    metrics: tuple[str, ...]
    asks: str
    brings: bool = True
    needs: tuple[str, ...] = ("text",)
    options: tuple[str, ...] = ()
    less: bool = False
    """Whether less is better."""


_LABELS = ("macro_f1", "accuracy")

KINDS: Mapping[str, Kind] = {
    "labelled": Kind(_LABELS, "the right answer to rows that the team brings", needs=("text", "label")),
    "paraphrase": Kind(
        _LABELS, "the same right answer where a text is said in other words", needs=("text", "label"), options=("of",)
    ),
    "consistency": Kind(("pass",), "one answer to texts that mean the same", needs=("text", "group"), options=("of",)),
    "extremes": Kind(
        ("pass",),
        "an answer in time, and no certainty, where a text is no text",
        options=("confidence", "within"),
    ),
    "injection": Kind(("pass",), "the same answer where a text gives orders", options=("of",)),
    "size": Kind(("bytes", "memory"), "few bytes", brings=False, less=True),
}


def allowed(name: str, kind: str, others: tuple[str, ...]) -> dict[str, Allowed]:
    """What may be asked of a suite's metrics in the gate; `others` are metrics that may stand right."""
    found = {}
    for metric in KINDS[kind].metrics:
        measured = f"{name}.{metric}"
        if KINDS[kind].less:
            found[measured] = Allowed(
                operators=("<=", "<"),
                constant=True,
                factors=(0.01, 100.0),
                offsets=(-1e12, 1e12),
                example=f"{measured} <= 1.1 * production",
            )
            continue
        found[measured] = Allowed(
            operators=(">", ">="),
            metrics=() if metric == "pass" else tuple(other for other in others if other != measured),
            constant=True,
            factors=(0.01, 10.0),
            offsets=(-1.0, 1.0),
            example=f"{measured} >= production - 0.02",
        )
    return found

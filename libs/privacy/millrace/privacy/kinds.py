"""What is masked, and what masking gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["email", "iban", "card", "phone"]
KINDS: tuple[Kind, ...] = ("email", "iban", "card", "phone")
TAGS: Mapping[Kind, str] = {kind: f"[{kind.upper()}]" for kind in KINDS}


class Span(NamedTuple):
    """Characters `start` to `end`, exclusive."""

    start: int
    end: int


@dataclass(frozen=True)
class Policy:
    """Which kinds are replaced by their tags."""

    kinds: frozenset[Kind] = frozenset(KINDS)


@dataclass(frozen=True)
class Masked:
    """The text without personal data, and how many of each kind were replaced (only kinds that were found)."""

    text: str
    counts: Mapping[Kind, int] = field(default_factory=dict)

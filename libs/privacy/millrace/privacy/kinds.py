"""What is masked, and what masking gives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["email", "iban", "national_id", "ip", "card", "phone", "person", "location"]
KINDS: tuple[Kind, ...] = ("email", "iban", "ip", "card", "phone")
"""What is masked unless a policy says otherwise."""
SECOND_KINDS: tuple[Kind, ...] = ("person", "location")
"""What only a second tier can tell; masked wherever there is one."""
ALL_KINDS: tuple[Kind, ...] = (*KINDS, "national_id", *SECOND_KINDS)
TAGS: Mapping[Kind, str] = {kind: f"[{kind.upper()}]" for kind in ALL_KINDS}
TAG = re.compile(rf"\[(?:{'|'.join(kind.upper() for kind in ALL_KINDS)})(?::[a-p]{{16}})?\]")
"""Any tag, with a pseudonym or without."""


class Span(NamedTuple):
    """Characters `start` to `end`, exclusive."""

    start: int
    end: int


Groups = Sequence[tuple[int, int]]
"""Where the groups of digits of a text begin and end: what most finders begin with, looked for once."""


class Found(NamedTuple):
    """Personal data in a text: its kind, and where."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True)
class Policy:
    """Which kinds are replaced by their tags; with a `key` a tag says which address or number it stands for.

    The same one has the same tag under the same key, so that rows can be joined by it, and nobody without the key can
    tell what it was.
    """

    kinds: frozenset[Kind] = frozenset(KINDS)
    key: bytes | None = None


@dataclass(frozen=True)
class Masked:
    """The text without personal data, and how many of each kind were replaced (only kinds that were found)."""

    text: str
    counts: Mapping[Kind, int] = field(default_factory=dict)

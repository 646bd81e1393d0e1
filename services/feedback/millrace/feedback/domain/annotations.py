"""Which answers people should label when there are too few labels since a change."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

UNCERTAIN = 0.7


@dataclass(frozen=True, slots=True)
class Candidate:
    """An unlabelled answer. `uncertainty` is what the top probability lacks to 1."""

    prediction_id: str
    uncertainty: float
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class Draw:
    """A candidate that was drawn, with the probability that this draw had of taking it."""

    prediction_id: str
    reason: Literal["uncertain", "uniform"]
    inclusion: float


def draw(candidates: Sequence[Candidate], wanted: int, seed: str) -> list[Draw]:
    """`wanted` candidates, or all: 70 % those that versions dispute or are least sure of, the rest uniformly.

    The uncertain are taken for certain, the others from what is left, so a mean weighted by 1 / inclusion is unbiased
    over all candidates (Horvitz and Thompson 1952). The same seed and candidates give the same draw, in any order.
    """
    wanted = min(wanted, len(candidates))
    certain = round(wanted * UNCERTAIN) if wanted < len(candidates) else 0
    ranked = sorted(candidates, key=lambda one: (not one.disputed, -one.uncertainty, one.prediction_id))
    rest = sorted(ranked[certain:], key=lambda one: _lot(seed, one.prediction_id))
    inclusion = (wanted - certain) / len(rest) if rest else 1.0
    return [Draw(one.prediction_id, "uncertain", 1.0) for one in ranked[:certain]] + [
        Draw(one.prediction_id, "uniform", inclusion) for one in rest[: wanted - certain]
    ]


def _lot(seed: str, prediction_id: str) -> bytes:
    return blake2b(f"{seed}|{prediction_id}".encode(), digest_size=16).digest()

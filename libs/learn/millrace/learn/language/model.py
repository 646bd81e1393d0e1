"""A version that answers in words, as any version is asked. Imports torch and transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path

from millrace.learn.language.speaker import Speaker
from millrace.learn.language.words import Answer
from millrace.learn.requests import Parameters
from millrace.learn.shelf import Shelf

TOGETHER = 16
"""Answers that are said together."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as its own label; ``top_probability`` is the geometric mean of its tokens' probabilities."""

    label: str
    top_probability: float
    tokens: int
    probabilities: tuple[float, ...] = ()
    value: float | None = None
    entropy: float | None = None
    novelty: float | None = None


@dataclass(frozen=True)
class Model:
    speaker: Speaker

    pad_to: int | None = None
    sample: str = "hello"

    def predict(self, texts: Sequence[str], batch: int = TOGETHER) -> list[Said]:
        answers = self.speaker.answer(texts, batch=min(batch, TOGETHER))
        return [Said(answer.text, certainty(answer), answer.tokens) for answer in answers]


def certainty(answer: Answer) -> float:
    """The geometric mean of the probabilities of an answer's tokens."""
    return min(1.0, exp(answer.logp / max(answer.tokens, 1)))


def opened(folder: Path, shelf: Shelf, parameters: Parameters) -> Model:
    """What is declared of a version is within it: its prompt and its decoding."""
    return Model(shelf.speaker(folder))

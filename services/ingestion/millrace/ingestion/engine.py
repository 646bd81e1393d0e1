"""Which languages a text may be in. Naive Bayes over byte n-grams (Lui and Baldwin 2012), as py3langid carries it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import Protocol

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]


class Engine(Protocol):
    def shares(self, text: str) -> Mapping[str, float]:
        """Probability by language code; together 1."""


class Languages:
    """Loaded once a process, when a text is first asked for (0.7 s, 75 MB); then 70 microseconds a short text."""

    def shares(self, text: str) -> Mapping[str, float]:
        with _LOADING:
            model = _model()
        return dict(model.rank(text))


_LOADING = Lock()


@cache
def _model() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

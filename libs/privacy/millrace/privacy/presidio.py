"""Presidio as the second tier: names and places by a spaCy pipeline, and patterns of its own.

Needs the extra `millrace-privacy[presidio]`, and for names a pipeline that is installed, such as en_core_web_sm. A text
takes milliseconds to tens of them, a hundred times what the first tier does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from millrace.privacy.kinds import TAG, Found, Kind

LEAST_SCORE = 0.5
"""Presidio's confidence below which a finding is left alone: its weakest patterns are any nine digits."""
KIND_OF: Mapping[str, Kind] = {
    "PERSON": "person",
    "LOCATION": "location",
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip",
    "US_SSN": "national_id",
    "UK_NINO": "national_id",
}


class PresidioMissing(ImportError):
    def __init__(self) -> None:
        super().__init__("the second tier needs Presidio: pip install 'millrace-privacy[presidio]'")


class Presidio:
    """A second tier. `pipeline` is the name of an installed spaCy pipeline; without one there are patterns alone.

    Raises PresidioMissing where the extra is not installed, OSError where the pipeline isn't.
    """

    def __init__(self, pipeline: str = "", *, language: str = "en") -> None:
        if find_spec("presidio_analyzer") is None:
            raise PresidioMissing
        self._language = language
        self._engine = _engine(pipeline, language)

    def found(self, text: str) -> list[Found]:
        """What Presidio is sure enough of, in order and apart, and no part of a tag."""
        results = self._engine.analyze(text, language=self._language, entities=[*KIND_OF], score_threshold=LEAST_SCORE)
        return list(_apart(text, results))


def _engine(pipeline: str, language: str) -> Any:
    import spacy
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    nlp = SpacyNlpEngine(models=[{"lang_code": language, "model_name": pipeline or "blank"}])
    # loaded here and not by Presidio, which would download what is not there
    nlp.nlp = {language: spacy.load(pipeline) if pipeline else spacy.blank(language)}
    return AnalyzerEngine(nlp_engine=nlp, supported_languages=[language])


def _apart(text: str, results: list[Any]) -> Iterator[Found]:
    """Of two that overlap the longer one that begins first."""
    tags = [match.span() for match in TAG.finditer(text)]
    last = 0
    for one in sorted(results, key=lambda one: (one.start, -one.end)):
        if one.start >= last and not any(start < one.end and one.start < end for start, end in tags):
            last = one.end
            yield Found(KIND_OF[one.entity_type], one.start, one.end)

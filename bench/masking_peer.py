"""Presidio's pattern recognisers over a file of texts; run by bench/masking.py in the peers' environment.

Through its AnalyzerEngine, as it is used, on a blank spaCy pipeline (a tokenizer, no model); and the same recognisers
called one by one, which is the least that Presidio can do. Prints one line of JSON.
"""

import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, RecognizerResult
from presidio_analyzer import predefined_recognizers as recognizers
from presidio_analyzer.nlp_engine import SpacyNlpEngine

NAMES = (
    "EmailRecognizer",
    "IbanRecognizer",
    "IpRecognizer",
    "CreditCardRecognizer",
    "PhoneRecognizer",
    "UsSsnRecognizer",
    "UkNinoRecognizer",
    "EsNifRecognizer",
    "EsNieRecognizer",
    "ItFiscalCodeRecognizer",
    "DeTaxIdRecognizer",
)
Find = Callable[[str], list[RecognizerResult]]


class Blank(SpacyNlpEngine):
    """A tokenizer for English and nothing else."""

    def __init__(self) -> None:
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}])
        self.nlp = {"en": spacy.blank("en")}


def main(file: str) -> None:
    logging.disable(logging.CRITICAL)  # a list of top-level domains that it would fetch; it has a copy
    texts = json.loads(Path(file).read_text())
    each = [getattr(recognizers, name)(supported_language="en") for name in NAMES]
    engine = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=each, supported_languages=["en"]),
        nlp_engine=Blank(),
        supported_languages=["en"],
    )

    def by_engine(text: str) -> list[RecognizerResult]:
        return engine.analyze(text, language="en")

    def one_by_one(text: str) -> list[RecognizerResult]:
        return [found for one in each for found in one.analyze(text, one.supported_entities, None)]

    told = {
        name: {"seconds": timed(find, texts), "spans": [[(one.start, one.end) for one in find(text)] for text in texts]}
        for name, find in (("engine", by_engine), ("direct", one_by_one))
    }
    print(json.dumps(told))


def timed(find: Find, texts: list[str]) -> float:
    for text in texts[:50]:
        find(text)
    began = time.process_time()
    for text in texts:
        find(text)
    return time.process_time() - began


if __name__ == "__main__":
    main(sys.argv[1])

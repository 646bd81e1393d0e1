"""lingua in its low-accuracy mode over a file of texts; run by bench/language.py in the peers' environment.

Prints one line of JSON: shares by language of each text, megabytes that the loaded models take, microseconds a text.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from lingua import Language, LanguageDetectorBuilder

CODES = {language: language.iso_code_639_1.name.lower() for language in Language.all()}
CODES[Language.BOKMAL] = "no"


def main(file: str) -> None:
    given = json.loads(Path(file).read_text())
    before = psutil.Process().memory_info().rss
    among = [language for language, code in CODES.items() if not given["among"] or code in given["among"]]
    builder = LanguageDetectorBuilder.from_languages(*among).with_low_accuracy_mode()
    detector = builder.with_preloaded_language_models().build()
    detector.compute_language_confidence_values("a first text")
    megabytes = (psutil.Process().memory_info().rss - before) // 1024**2

    def shares(text: str) -> dict[str, float]:
        return {CODES[one.language]: one.value for one in detector.compute_language_confidence_values(text)}

    texts = given["texts"]
    told = {
        "mb": megabytes,
        "answers": {name: [shares(text) for text in some] for name, some in texts.items()},
        "short": timed(shares, texts["english"][:500]),
        "1 KB": timed(shares, texts["1 KB"]),
        "whole": timed(shares, given["whole"]),
    }
    sys.stdout.write(json.dumps(told))


def timed(shares: Callable[[str], object], texts: list[str]) -> float:
    began = time.process_time()
    for text in texts:
        shares(text)
    return 1e6 * (time.process_time() - began) / len(texts)


if __name__ == "__main__":
    main(sys.argv[1])

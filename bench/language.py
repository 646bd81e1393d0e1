"""Telling languages: ingestion's engine beside lingua in its low-accuracy mode, which is py3langid's closest peer.

What a workspace asks is not which language a text is in, but whether it may be in one of those declared. So each engine
gives the share of the declared language, and a text counts as refused under LEAST_LANGUAGE. In turn, on the same texts:
what customers write in 27 languages (languages.txt, written for this bench), each language declared alone; questions in
English, clean and with letters mistyped; mashed keys; documents of 1 KB. lingua runs with all of its languages, and
with 27 of them. Both see as much of a text as ingestion looks at; `whole` is the time without that bound.

    python bench/language.py [--rounds 5] [--peer .venv/peers/bin/python] [--banking77 FOLDER] [--catalogues FOLDER]

--banking77 has test.csv with real questions (ours of languages.txt otherwise). --catalogues is a tree of translations
as gettext has them (LANGUAGE/LC_MESSAGES/*.po, such as an unpacked Django): more languages, and texts for the 1 KB.
Seconds are the processor's; medians of the rounds.
"""

import argparse
import csv
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from millrace.ingestion.domain.texts import LEAST_LANGUAGE, LETTERS_FOR_LANGUAGE, looked_at
from millrace.ingestion.engine import Languages

HERE = Path(__file__).parent
MEMORY = """
import psutil
from millrace.ingestion.engine import Languages
before = psutil.Process().memory_info().rss
Languages().shares("a first text")
print((psutil.Process().memory_info().rss - before) // 1024**2)
"""
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz")
PLACEHOLDERS = re.compile(r"%\(\w+\)\w|%[sd]|\{[^}]*\}|<[^>]+>|\\n|\\.|&\w+;")
ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n)+)', re.MULTILINE)
SHORTEST, LONGEST = 20, 150
"""Letters, and characters, of a text out of a catalogue."""


class Said(NamedTuple):
    """A text, and the language that it is in; empty where it is in none."""

    language: str
    text: str


Texts = Mapping[str, Sequence[Said]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", default=".venv/peers/bin/python", help="Python that has lingua-language-detector")
    parser.add_argument("--banking77", type=Path)
    parser.add_argument("--catalogues", type=Path)
    given = parser.parse_args()
    made = gathered(given.banking77, given.catalogues, random.Random(7))
    declared = sorted({one.language for one in made["customers"]})
    said: dict[str, list[Any]] = defaultdict(list)
    for number in range(given.rounds):
        Console(stderr=True).print(f"[dim]round {number + 1} of {given.rounds}")
        said["py3langid"].append(ours(made))
        for name, among in (("lingua, 75", []), ("lingua, 27", declared)):
            said[name].append(asked(made, among, given.peer))
    report(made, said, declared)


def gathered(banking77: Path | None, catalogues: Path | None, draw: random.Random) -> Texts:
    lines = (HERE / "languages.txt").read_text().splitlines()
    customers = [one for line in lines if asked_of(one := Said(*line.split("\t")))]
    english = [one for one in customers if one.language == "en"]
    if banking77:
        with (banking77 / "test.csv").open() as file:
            rows = [Said("en", row["text"]) for row in csv.DictReader(file)]
        english = [one for one in rows if asked_of(one)]
    made: dict[str, Sequence[Said]] = {"customers": customers, "english": english}
    for share in (2, 8):
        made[f"mistyped {share} %"] = [Said("en", mistyped(one.text, share / 100, draw)) for one in english]
    made["mashed"] = [Said("", mashed(draw)) for _ in range(2000)]
    found = catalogued(catalogues) if catalogues else {}
    if found:
        made["catalogues"] = [
            Said(language, text)
            for language, texts in found.items()
            for text in draw.sample(texts, min(100, len(texts)))
        ]
    by_language: dict[str, list[str]] = defaultdict(list)
    for one in made["catalogues"] if found else customers:
        by_language[one.language].append(one.text)
    made["1 KB"] = [
        Said(language, joined(texts, draw)) for language, texts in sorted(by_language.items()) for _ in range(5)
    ]
    return made


def asked_of(one: Said) -> bool:
    """Whether ingestion would ask for a text's language at all."""
    return sum(map(str.isalpha, one.text)) >= LETTERS_FOR_LANGUAGE


def mistyped(text: str, share: float, draw: random.Random) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return "".join(draw.choice(letters) if char.isalpha() and draw.random() < share else char for char in text)


def mashed(draw: random.Random) -> str:
    return " ".join("".join(draw.choice(ROWS[draw.randrange(4)]) for _ in range(draw.randint(4, 10))) for _ in range(4))


def catalogued(folder: Path) -> dict[str, list[str]]:
    """Translated texts by language, those that ingestion knows, each once."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for file in sorted(folder.rglob("LC_MESSAGES/*.po")):
        language = {"nb": "no", "zh_Hans": "zh"}.get(file.parts[-3], file.parts[-3])
        for original, translated in ENTRY.findall(file.read_text()):
            plain = unquoted(original if language == "en" else translated)
            kept = "POT-Creation-Date" not in plain and len(plain) <= LONGEST
            if kept and sum(map(str.isalpha, plain)) >= SHORTEST:
                found[language].setdefault(plain)
    return {language: list(texts) for language, texts in found.items() if len(texts) >= 50}


def unquoted(entry: str) -> str:
    text = "".join(re.findall(r'"(.*)"', entry))
    return " ".join(PLACEHOLDERS.sub(" ", text).split())


def joined(texts: Sequence[str], draw: random.Random) -> str:
    said = " ".join(draw.sample(texts, len(texts)))
    while len(said) < 1000:
        said += " " + " ".join(draw.sample(texts, len(texts)))
    return said[:1000]


def ours(made: Texts) -> dict[str, Any]:
    engine = Languages()
    engine.shares("a first text")
    memory = subprocess.run([sys.executable, "-c", MEMORY], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {
        "mb": int(memory),
        "answers": {name: [engine.shares(looked_at(one.text)) for one in some] for name, some in made.items()},
        "short": timed(engine.shares, [one.text for one in made["english"][:500]]),
        "1 KB": timed(engine.shares, [looked_at(one.text) for one in made["1 KB"]]),
        "whole": timed(engine.shares, [one.text for one in made["1 KB"]]),
    }


def timed(shares: Callable[[str], object], texts: Sequence[str]) -> float:
    """Microseconds a text."""
    began = time.process_time()
    for text in texts:
        shares(text)
    return 1e6 * (time.process_time() - began) / len(texts)


def asked(made: Texts, among: Sequence[str], python: str) -> Any:
    """lingua in a process of its own, with the languages `among`, or all."""
    texts = {name: [looked_at(one.text) for one in some] for name, some in made.items()}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"texts": texts, "whole": [one.text for one in made["1 KB"]], "among": list(among)}, file)
        file.flush()
        command = [python, str(HERE / "language_peer.py"), file.name]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def judged(made: Texts, answers: Mapping[str, Sequence[Mapping[str, float]]], among: Sequence[str]) -> dict[str, float]:
    """Shares of what is refused and let in, and how often the likeliest language is the right one."""
    figures: dict[str, float] = {}
    for name in ("customers", "catalogues", "1 KB"):
        some = [(one.language, answer) for one, answer in zip(made.get(name, ()), answers.get(name, ()), strict=True)]
        if not some:
            continue
        own = [answer for said, answer in some if said in among]
        theirs = [said for said, _ in some if said in among]
        figures[f"{name}: right"] = share(
            max(each, key=each.__getitem__) == said for said, each in zip(theirs, own, strict=True)
        )
        figures[f"{name}: own refused"] = share(not lets_in(each, said) for said, each in zip(theirs, own, strict=True))
        figures[f"{name}: other let in"] = share(
            lets_in(answer, language) for language in among for said, answer in some if said != language
        )
    for name in ("english", "mistyped 2 %", "mistyped 8 %", "mashed"):
        figures[f"{name}: refused"] = share(not lets_in(answer, "en") for answer in answers[name])
    return figures


def lets_in(answer: Mapping[str, float], language: str) -> bool:
    return answer.get(language, 0.0) >= LEAST_LANGUAGE


def share(of: Iterable[bool]) -> float:
    return statistics.mean(map(float, of))


def report(made: Texts, rounds: Mapping[str, Sequence[Any]], declared: Sequence[str]) -> None:
    engines = list(rounds)
    sizes = ", ".join(f"{len(some)} {name}" for name, some in made.items())
    table = Table("", *engines, title=f"{sizes}; {len(declared)} languages declared in turn")
    medians = {
        name: {what: statistics.median(one[what] for one in some) for what in ("mb", "short", "1 KB", "whole")}
        for name, some in rounds.items()
    }
    for what, said in (
        ("mb", "MB"),
        ("short", "us a question"),
        ("1 KB", "us of 1 KB"),
        ("whole", "us of 1 KB, whole"),
    ):
        table.add_row(said, *(f"{medians[name][what]:.0f}" for name in engines))
    figures = {name: judged(made, some[0]["answers"], declared) for name, some in rounds.items()}
    for what in figures["py3langid"]:
        table.add_row(what, *(f"{figures[name][what]:.4f}" for name in engines))
    Console().print(table)
    peer = medians["lingua, 75"]
    print(
        json.dumps(
            {
                "ratio": round(peer["1 KB"] / medians["py3langid"]["1 KB"], 2),
                **{
                    name: {what: round(value, 4) for what, value in {**medians[name], **figures[name]}.items()}
                    for name in engines
                },
            }
        )
    )


if __name__ == "__main__":
    main()

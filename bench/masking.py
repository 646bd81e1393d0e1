"""Masking beside Presidio's pattern recognisers: documents a second, and what each finds of what was planted.

    python bench/masking.py [--texts 1000] [--rounds 3] [--peer .venv/peers/bin/python]

Millrace's first tier with every kind on, national ids included, and it replaces what it finds. Presidio only looks,
with its recognisers for the same kinds and no model: `ratio` is to its AnalyzerEngine, which is how it is used,
`ratio_direct` to the recognisers called one by one. In turn, on the same texts, in seconds of the processor. Planted
data counts as found where spans of any kind cover all of it; a span counts as right where it touches what was planted.
What is counted for Presidio is the better of its two ways.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from planted import Text, texts
from rich.console import Console
from rich.table import Table

from millrace.privacy import KINDS, Policy, found, mask

POLICY = Policy(frozenset((*KINDS, "national_id")))
TIMES = 40
HERE = Path(__file__).parent
Spans = Sequence[Sequence[Sequence[int]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--peer", default=".venv/peers/bin/python", help="Python that has presidio-analyzer")
    given = parser.parse_args()
    made = texts(given.texts, given.seed)
    seconds: dict[str, list[float]] = {"millrace": [], "engine": [], "direct": []}
    told: dict[str, Any] = {}
    for number in range(given.rounds):
        Console(stderr=True).print(f"[dim]round {number + 1} of {given.rounds}")
        seconds["millrace"].append(timed(made))
        told = asked(made, given.peer)
        for name in ("engine", "direct"):
            seconds[name].append(told[name]["seconds"])
    own = [[(one.start, one.end) for one in found(text.text, POLICY)] for text in made]
    peer = min((told["engine"]["spans"], told["direct"]["spans"]), key=lambda spans: missed(made, spans).total())
    report(made, own, peer, {name: statistics.median(times) for name, times in seconds.items()})


def timed(made: Sequence[Text]) -> float:
    """Seconds for all texts once: the mean of so many times that it takes about as long as Presidio."""
    for text in made[:200]:
        mask(text.text, POLICY)
    began = time.process_time()
    for _ in range(TIMES):
        for text in made:
            mask(text.text, POLICY)
    return (time.process_time() - began) / TIMES


def asked(made: Sequence[Text], python: str) -> Any:
    """Seconds and spans of Presidio's two ways, in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([text.text for text in made], file)
        file.flush()
        command = [python, str(HERE / "masking_peer.py"), file.name]
        return json.loads(
            subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
        )


def missed(made: Sequence[Text], spans: Spans) -> Counter[str]:
    """Planted data that is not covered whole, by kind."""
    return Counter(
        kind
        for text, found_in in zip(made, spans, strict=True)
        for kind, start, end in text.planted
        if not set(range(start, end)) <= {at for one in found_in for at in range(*one)}
    )


def right(made: Sequence[Text], spans: Spans) -> float:
    touching = [
        any(start < end_of and start_of < end for _, start_of, end_of in text.planted)
        for text, found_in in zip(made, spans, strict=True)
        for start, end in {tuple(one) for one in found_in}
    ]
    return sum(touching) / max(1, len(touching))


def report(made: Sequence[Text], own: Spans, peer: Spans, seconds: dict[str, float]) -> None:
    planted = Counter(kind for text in made for kind, _, _ in text.planted)
    ours, theirs = missed(made, own), missed(made, peer)
    table = Table("kind", "planted", "Millrace finds", "Presidio finds", title=f"{len(made)} texts")
    for kind, number in planted.most_common():
        table.add_row(kind, str(number), f"{1 - ours[kind] / number:.3f}", f"{1 - theirs[kind] / number:.3f}")
    Console().print(table)
    total = planted.total()
    print(
        json.dumps(
            {
                "ratio": round(seconds["engine"] / seconds["millrace"], 1),
                "ratio_direct": round(seconds["direct"] / seconds["millrace"], 1),
                "recall": round(1 - ours.total() / total, 4),
                "recall_peer": round(1 - theirs.total() / total, 4),
                "precision": round(right(made, own), 4),
                "precision_peer": round(right(made, peer), 4),
                "docs_per_s": round(len(made) / seconds["millrace"]),
                "docs_per_s_peer": round(len(made) / seconds["engine"], 1),
                "docs_per_s_direct": round(len(made) / seconds["direct"], 1),
                "characters": round(statistics.mean(len(text.text) for text in made)),
                "planted": total,
            }
        )
    )


if __name__ == "__main__":
    main()

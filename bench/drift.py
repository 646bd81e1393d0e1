"""How soon a shift is found, how often nothing is, and how well the change is dated, beside river's own defaults.

Streams of a classifier's answers: `--reference` stable ones, then 30 % of the traffic are inputs it was not trained on.
Ours are the monitors of the service at a workspace's default `false_alarms`; the peers are river's detectors at their
default parameters on the same values, dated by ADWIN's width as the usual recipe has it.

    python bench/drift.py [--banking77 FOLDER] [--streams 60]

Without a folder (train.csv and test.csv, columns text,category) the streams are drawn from fitted shapes. With it,
three classifiers are trained on 60 of the 77 categories each and answer the test rows; the other 17 are the shift.
"""

import argparse
import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from river import drift

from millrace.drift.detectors import DETECTORS
from millrace.drift.domain import Monitor, Observation
from millrace.drift.domain.calibration import level_for

RATE = 1 / 50_000 / 4
SHIFTED, STABLE, SHARE = 1500, 5000, 0.3
REFERENCES = (300, 600, 3000)
Values = dict[str, np.ndarray[Any, np.dtype[np.float64]]]


@dataclass
class Answers:
    """What one classifier says of known and of strange inputs, by signal."""

    known: Values
    strange: Values

    def stream(self, signal: str, stable: int, shifted: int, rng: np.random.Generator) -> list[float]:
        known = rng.choice(self.known[signal], stable + shifted)
        strange = rng.choice(self.strange[signal], stable + shifted)
        mixed = (np.arange(stable + shifted) >= stable) & (rng.random(stable + shifted) < SHARE)
        values: list[float] = np.where(mixed, strange, known).tolist()
        return values


def fitted_shapes() -> list[Answers]:
    """Shapes as on Banking77: 93 % right, top probability 0.9 and 0.55, nearest-neighbour distance 0.22 and 0.37."""
    rng, size = np.random.default_rng(0), 20_000
    known = {
        "confidence": rng.beta(4, 0.45, size),
        "error": (rng.random(size) < 0.07).astype(float),
        "novelty": np.clip(rng.normal(0.22, 0.09, size), 0, 2),
    }
    strange = {
        "confidence": rng.beta(2.2, 1.8, size),
        "error": np.ones(size),
        "novelty": np.clip(rng.normal(0.37, 0.1, size), 0, 2),
    }
    return [Answers(known, strange)]


def banking77(folder: Path) -> list[Answers]:
    from sklearn.linear_model import LogisticRegression

    from millrace.learn.model import base_embedder

    def rows(name: str) -> tuple[list[str], Any]:
        with (folder / name).open(newline="") as file:
            read = list(csv.DictReader(file))
        return [row["text"] for row in read], np.array([row["category"] for row in read])

    embedder, made = base_embedder("minilm"), []
    (train, labels), (test, truth) = rows("train.csv"), rows("test.csv")
    learned, asked = (embedder.embed(texts, max_length=64).vectors.double().numpy() for texts in (train, test))
    for seed in range(3):
        rng = np.random.default_rng(seed)
        kept = set(rng.choice(np.unique(labels), 60, replace=False))
        ours = np.isin(labels, list(kept)) & (rng.random(len(labels)) < 0.8)
        references = learned[np.isin(labels, list(kept)) & ~ours][:512]
        model = LogisticRegression(C=20, max_iter=300).fit(learned[ours], labels[ours])
        chances = model.predict_proba(asked)
        values = {
            "confidence": chances.max(axis=1),
            "error": (model.classes_[chances.argmax(axis=1)] != truth).astype(float),
            "novelty": 1 - (asked @ references.T).max(axis=1),
        }
        known = np.isin(truth, list(kept))
        of = [{name: value[rows] for name, value in values.items()} for rows in (known, ~known)]
        made.append(Answers(*of))
    return made


Watcher = Callable[[list[float], int], Iterator[tuple[int, int | None]]]
"""Positions at which it rings after the reference, each with the position that it dates the change at."""


def ours(signal: str, detector: str) -> Watcher:
    def watch(values: list[float], reference: int) -> Iterator[tuple[int, int | None]]:
        level = level_for(detector, signal, RATE)
        monitor = Monitor.new(signal, DETECTORS[detector](level), min(reference, 300))
        for position, value in enumerate(values):
            if alarm := monitor.observe(Observation(value, position, str(position))):
                yield position, alarm.change_at

    return watch


def rivers(signal: str, make: Callable[[], Any]) -> Watcher:
    def watch(values: list[float], reference: int) -> Iterator[tuple[int, int | None]]:
        detector = make()
        for position, value in enumerate(values):
            worse = 1 - value if signal == "confidence" else value
            detector.update(bool(worse) if isinstance(detector, drift.binary.HDDMA) else worse)
            if detector.drift_detected and position >= min(reference, 300):
                yield position, position + 1 - int(detector.width) if hasattr(detector, "width") else None

    return watch


def contestants(signal: str) -> dict[str, Watcher]:
    named = {f"millrace {kind}": ours(signal, kind) for kind in DETECTORS if kind != "hddm-a" or signal == "error"}
    named["river ADWIN"] = rivers(signal, drift.ADWIN)
    named["river ADWIN 1e-5"] = rivers(signal, lambda: drift.ADWIN(delta=1e-5))
    named["river PageHinkley"] = rivers(signal, lambda: drift.PageHinkley(mode="up"))
    if signal == "error":
        named["river HDDM_A"] = rivers(signal, drift.binary.HDDMA)
        named["river DDM"] = rivers(signal, drift.binary.DDM)
    return named


def measure(watch: Watcher, answers: list[Answers], signal: str, reference: int, streams: int) -> dict[str, Any]:
    delays: list[float] = []
    dated: list[int] = []
    early = missed = 0
    for number in range(streams):
        rng = np.random.default_rng(1000 * reference + number)
        values = answers[number % len(answers)].stream(signal, reference, SHIFTED, rng)
        first = next(watch(values, reference), None)
        if first is None:
            missed += 1
        elif first[0] < reference:
            early += 1
        else:
            delays.append(first[0] + 1 - reference)
            if first[1] is not None:
                dated.append(abs(first[1] - reference))
    quantiles = [round(float(q)) for q in np.percentile(delays, [10, 50, 90])] if delays else []
    return {"delay": quantiles, "missed": missed, "early": early, "dated": round(median(dated)) if dated else None}


def false_alarms(watch: Watcher, answers: list[Answers], signal: str, streams: int) -> float:
    """Alarms on stable streams, for 50,000 predictions."""
    rang = 0
    for number in range(streams):
        values = answers[number % len(answers)].stream(signal, STABLE, 0, np.random.default_rng(number))
        rang += sum(1 for _ in watch(values, 300))
    return round(rang / (streams * (STABLE - 300)) * 50_000, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--banking77", type=Path)
    parser.add_argument("--streams", type=int, default=60)
    given = parser.parse_args()
    answers = banking77(given.banking77) if given.banking77 else fitted_shapes()
    table = Table(
        "signal", "detector", "stable", "delay 10/50/90 %", "missed", "too early", "dated off by", "false/50k"
    )
    figures: dict[str, Any] = {"data": "banking77" if given.banking77 else "fitted shapes", "streams": given.streams}
    for signal in ("confidence", "error", "novelty"):
        for name, watch in contestants(signal).items():
            falsely = false_alarms(watch, answers, signal, given.streams)
            for reference in REFERENCES:
                found = measure(watch, answers, signal, reference, given.streams)
                figures[f"{signal}/{name}/{reference}"] = {**found, "false_per_50k": falsely}
                shown = (found["missed"], found["early"], found["dated"], falsely)
                delay = "/".join(map(str, found["delay"])) or "-"
                table.add_row(signal, name, str(reference), delay, *(str(value) for value in shown))
    Console(width=130).print(table)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""How often each detector rings on streams in which nothing changes, by its level.

Writes the table by which drift turns a workspace's `false_alarms` into levels:

    python bench/drift_calibration.py services/drift/millrace/drift/domain/calibration.json

Streams of 10,000 predictions, independent draws, the first 300 the reference. Each signal has several shapes of
stream; a level's rate is that of its worst shape, with one ring added to what was counted.
"""

import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from millrace.drift.detectors import DETECTORS
from millrace.drift.domain.signals import SIGNALS

REFERENCE, LENGTH = 300, 10_000
LEVELS: dict[str, list[float]] = {
    "adwin": [0.5, 0.3, 0.15, 0.08, 0.04, 0.02],
    "page-hinkley": [3, 5, 8, 12, 18, 26, 36, 50],
    "hddm-a": [0.03, 0.01, 0.003, 0.001, 0.0003],
}
STREAMS = {"adwin": 800, "page-hinkley": 300, "hddm-a": 120}
Draw = Callable[[np.random.Generator], list[Any]]


def labels(count: int, power: float) -> Draw:
    """Labels whose shares fall as a power of their rank."""
    shares = np.arange(1, count + 1) ** -power
    return lambda rng: [str(label) for label in rng.choice(count, LENGTH, p=shares / shares.sum())]


def errors(share: float) -> Draw:
    return lambda rng: (rng.random(LENGTH) < share).astype(float).tolist()


def betas(a: float, b: float) -> Draw:
    return lambda rng: rng.beta(a, b, LENGTH).tolist()


def gammas(shape: float, scale: float) -> Draw:
    return lambda rng: rng.gamma(shape, scale, LENGTH).tolist()


SHAPES: dict[str, list[Draw]] = {
    "error": [errors(0.02), errors(0.08), errors(0.2), errors(0.35)],
    "confidence": [betas(4, 0.4), betas(1.5, 0.3), betas(3, 1.5)],
    "novelty": [betas(8, 28), gammas(2, 0.1)],
    "label_share": [labels(13, 0.0), labels(13, 1.0), labels(77, 1.0)],
}


def rings(detector: str, level: float, signal: str, draw: Draw, seed: int) -> tuple[int, int]:
    """False alarms over the streams until the first of each, and the predictions looked at."""
    rng, alarms, seen = np.random.default_rng(seed), 0, 0
    for _ in range(STREAMS[detector]):
        raws = draw(rng)
        scale, watch = SIGNALS[signal].fit(raws[:REFERENCE]), DETECTORS[detector](level)
        for position, raw in enumerate(raws):
            if watch.update(scale.worse(raw)) and position >= REFERENCE:
                alarms += 1
                break
        seen += position + 1 - REFERENCE
    return alarms, seen


def rate(job: tuple[str, str, float]) -> tuple[str, str, float, float]:
    detector, signal, level = job
    counted = [rings(detector, level, signal, draw, seed) for seed, draw in enumerate(SHAPES[signal])]
    return detector, signal, level, max((alarms + 1) / seen for alarms, seen in counted)


def main(target: Path) -> None:
    jobs = [(detector, signal, level) for detector in LEVELS for signal in SHAPES for level in LEVELS[detector]]
    rates: dict[str, dict[str, list[list[float]]]] = {}
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("fork")) as pool:
        for detector, signal, level, often in pool.map(rate, jobs):
            rates.setdefault(detector, {}).setdefault(signal, []).append([level, float(f"{often:.3g}")])
            print(f"{detector:13} {signal:12} level {level:<7} false alarms per prediction {often:.2e}", flush=True)
    table = {
        "made_by": "bench/drift_calibration.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "river": version("river"),
        "rates": rates,
    }
    target.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

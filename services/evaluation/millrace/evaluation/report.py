"""The report of an evaluation: every figure with its interval and size, every condition, what is confused with what."""

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from millrace.evaluation.blobs import Rows
from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.domain.bounds import quantile, wilson
from millrace.evaluation.domain.calibration import BINS, calibration
from millrace.evaluation.domain.figures import SAMPLES
from millrace.evaluation.domain.gate import ALPHA, Judgement
from millrace.evaluation.domain.slices import flips, slices
from millrace.evaluation.scoring import Snapshot
from millrace.events import EvaluationRequested, Score

_MOST_CONFUSIONS = 20
_MOST_CLASSES = 40
_MOST_FLIPS = 25
OTHERS = "(others)"
FLIP = ("id", "truth", "candidate", "production")


def scores(judgement: Judgement, who: str) -> dict[str, dict[str, Score]]:
    """Scores by suite and metric."""
    found: dict[str, dict[str, Score]] = {}
    for (whose, suite, metric), figure in judgement.figures.items():
        if whose == who:
            found.setdefault(suite, {})[metric] = figure.score
    return found


def written(request: EvaluationRequested, snapshot: Snapshot, judgement: Judgement, *, seed: int) -> dict[str, Any]:
    """The report as JSON values. It names rows by their ids, never by what people wrote: texts can be erased."""
    return {
        "version": request.candidate.version,
        "against": request.production.version if request.production else None,
        "best": {"scores": request.best, "version": snapshot.best},
        "dataset": request.dataset,
        "verdict": judgement.verdict,
        "conditions": [condition.model_dump(mode="json") for condition in judgement.conditions],
        "scores": {
            who: {
                suite: {metric: score.model_dump() for metric, score in metrics.items()}
                for suite, metrics in scores(judgement, who).items()
            }
            for who in sorted({who for who, _ in snapshot.answers})
        },
        "suites": {rows.suite: _suite(rows, snapshot, seed) for rows in snapshot.suites},
        "method": {
            "figures": f"95 % two-sided: paired bootstrap over clusters, {SAMPLES} samples; accuracy by Wilson",
            "conditions": f"each bound one-sided at {1 - ALPHA:.0%}; low and high bound left minus right",
            "calibration": f"expected calibration error of {BINS} bins of equal width, bootstrap over clusters",
            "slices": "accuracy by Wilson, of the rows that clusters are worth",
            "latency_ms": "of scoring, in batches and without padding: to compare versions, not what callers wait",
        },
    }


def to_bytes(written: dict[str, Any]) -> bytes:
    return json.dumps(written, indent=1, allow_nan=False).encode()


def _suite(rows: Rows, snapshot: Snapshot, seed: int) -> dict[str, Any]:
    answers, other = snapshot.answers["candidate", rows.suite], snapshot.answers.get(("production", rows.suite))
    numeric = answers.numeric
    return {
        "digest": rows.digest,
        "perturb": rows.perturb,
        "blob": rows.blob if isinstance(rows.blob, str) else None,
        "rows": len(answers),
        "since_the_cut": rows.later,
        "classes": {} if numeric else _classes(answers),
        "confused": [] if numeric else _confused(answers),
        "confusion": None if numeric else _confusion(answers),
        "calibration": None if numeric else _calibration(answers, seed),
        "errors": _errors(answers) if numeric else None,
        "latency_ms": _latency(answers),
        "slices": [] if numeric else [asdict(one) for one in slices(answers, snapshot.alike[rows.suite], other)],
        "flips": _flips(answers, other) if other is not None and not numeric else None,
    }


def _errors(answers: Answers) -> dict[str, Any]:
    """How far numbers are off: on the whole, half and nine in ten of them at most, and the rows that are worst."""
    off = answers.off
    worst = sorted(zip(-np.abs(off), answers.ids.tolist(), range(len(off)), strict=True))[:_MOST_FLIPS]
    ids, truth, predicted = (column.tolist() for column in (answers.ids, answers.truth, answers.prediction))
    return {
        "bias": float(off.mean()),
        "p50": float(np.quantile(np.abs(off), 0.5)),
        "p90": float(np.quantile(np.abs(off), 0.9)),
        "worst": [{"id": ids[at], "truth": truth[at], "candidate": predicted[at]} for _, _, at in worst],
    }


def _confusion(answers: Answers) -> dict[str, Any] | None:
    """Rows by what they are and what was answered, of the most frequent classes; the rest stand together."""
    frequent = [label for label, _ in Counter([*answers.truth.tolist(), *answers.prediction.tolist()]).most_common()]
    shown = sorted(frequent[:_MOST_CLASSES])
    names = [*shown, OTHERS] if len(frequent) > len(shown) else shown
    place = {label: at for at, label in enumerate(shown)}
    counts = [[0] * len(names) for _ in names]
    for truth, answer in zip(answers.truth.tolist(), answers.prediction.tolist(), strict=True):
        counts[place.get(truth, len(shown))][place.get(answer, len(shown))] += 1
    return {"labels": names, "counts": counts}


def _calibration(answers: Answers, seed: int) -> dict[str, Any] | None:
    found = calibration(answers, seed=seed)
    if found is None:
        return None
    bins = [asdict(one) for one in found.bins]
    return {"ece": found.error, "low": found.interval.low, "high": found.interval.high, "bins": bins}


def _latency(answers: Answers) -> dict[str, dict[str, float]] | None:
    if answers.ms is None or not len(answers):
        return None
    told = {name: quantile(answers.ms, share) for name, share in (("p50", 0.5), ("p99", 0.99))}
    return {name: {"value": value, "low": b.low, "high": b.high} for name, (value, b) in told.items()}


def _flips(answers: Answers, other: Answers) -> dict[str, Any]:
    """How many answers were mended and broken against production, and the first of each by their ids."""
    found = flips(answers, other)
    return {
        name: {"n": len(rows), "rows": [dict(zip(FLIP, row, strict=True)) for row in rows[:_MOST_FLIPS]]}
        for name, rows in (("mended", found.mended), ("broken", found.broken))
    }


def _classes(answers: Answers) -> dict[str, dict[str, float]]:
    """Each class's recall with its interval."""
    shown = {}
    rows = Counter(answers.truth.tolist())
    right = Counter(answers.truth[answers.correct].tolist())
    for name, n in sorted(rows.items()):
        bounds = wilson(right[name] / n, n)
        shown[name] = {"recall": right[name] / n, "low": bounds.low, "high": bounds.high, "n": n}
    return shown


def _confused(answers: Answers) -> list[dict[str, Any]]:
    """The most frequent mistakes."""
    wrong = ~answers.correct
    pairs = Counter(zip(answers.truth[wrong].tolist(), answers.prediction[wrong].tolist(), strict=True))
    return [
        {"truth": truth, "prediction": prediction, "n": n}
        for (truth, prediction), n in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_CONFUSIONS]
    ]

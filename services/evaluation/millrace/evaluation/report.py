"""The report of an evaluation: every figure with its interval and size, every condition, what is confused with what."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from millrace.evaluation.blobs import PERTURBED, Rows
from millrace.evaluation.domain.answers import Answers, Texts
from millrace.evaluation.domain.bounds import quantile, wilson
from millrace.evaluation.domain.calibration import BINS, calibration
from millrace.evaluation.domain.figures import SAMPLES
from millrace.evaluation.domain.gate import ALPHA, Judgement
from millrace.evaluation.domain.outcomes import PASS, Limits, Unit, in_turn, parts
from millrace.evaluation.domain.slices import flips, slices
from millrace.evaluation.scoring import Snapshot
from millrace.events import EvaluationRequested, Score

_MOST_CONFUSIONS = 20
_MOST_CLASSES = 40
_MOST_FLIPS = 25
_MOST_OF_A_GROUP = 6
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
        "suites": {
            rows.suite: {**_about(rows, snapshot), **_outcomes(rows, snapshot)}
            if rows.suite in snapshot.outcomes
            else {**_about(rows, snapshot), **_suite(rows, snapshot, seed)}
            for rows in snapshot.suites
        },
        "method": {
            "figures": f"95 % two-sided: paired bootstrap over clusters, {SAMPLES} samples; accuracy by Wilson",
            "conditions": f"each bound one-sided at {1 - ALPHA:.0%}; low and high bound left minus right",
            "calibration": f"expected calibration error of {BINS} bins of equal width, bootstrap over clusters",
            "outcomes": "units that passed, by Wilson, of what clusters are worth; sizes are exact",
            "slices": "accuracy by Wilson, of the rows that clusters are worth",
            "latency_ms": "of scoring, in batches and without padding: to compare versions, not what callers wait",
        },
    }


def to_bytes(written: dict[str, Any]) -> bytes:
    return json.dumps(written, indent=1, allow_nan=False).encode()


def _suite(rows: Rows, snapshot: Snapshot, seed: int) -> dict[str, Any]:
    answers, other = snapshot.answers["candidate", rows.suite], snapshot.answers.get(("production", rows.suite))
    labelled = answers.labelled
    return {
        "perturb": rows.perturb,
        "rows": len(answers),
        "since_the_cut": rows.later,
        "classes": _classes(answers) if labelled else {},
        "confused": _confused(answers) if labelled else [],
        "confusion": _confusion(answers) if labelled else None,
        "calibration": _calibration(answers, seed) if labelled else None,
        "errors": _errors(answers) if answers.numeric else None,
        "words": _words(answers) if answers.words else None,
        "latency_ms": _latency(answers),
        "slices": [asdict(one) for one in slices(answers, snapshot.alike[rows.suite], other)] if labelled else [],
        "flips": _flips(answers, other) if other is not None and labelled else None,
        "failed": _mistaken(rows, answers, snapshot) if rows.about is not None else None,
    }


def _about(rows: Rows, snapshot: Snapshot) -> dict[str, Any]:
    """Which suite it is, whose, of which version, and where its rows are."""
    about = rows.about
    return {
        "kind": rows.kind,
        "owner": about.owner if about else snapshot.owner,
        "version": about.version if about else None,
        "digest": rows.digest,
        "of": about.of if about else PERTURBED.get(rows.suite),
        "left_out": dict(about.left_out) if about else {},
        "blob": rows.blob if isinstance(rows.blob, str) else rows.held,
    }


def _outcomes(rows: Rows, snapshot: Snapshot) -> dict[str, Any]:
    units, other = snapshot.units["candidate", rows.suite], snapshot.units.get(("production", rows.suite))
    failed = in_turn([unit for unit in units if unit.outcome != PASS])
    before = {unit.id: unit.outcome for unit in other or ()}
    limits = rows.about.limits if rows.about else Limits()
    return {
        "rows": len(units),
        "since_the_cut": 0,
        "limits": asdict(limits) if rows.kind == "extremes" else None,
        "became": dict(sorted(Counter(unit.outcome for unit in units).items())),
        "parts": [asdict(part) for part in parts(units)],
        "failed": {"n": len(failed), "rows": [_failed(unit, before) for unit in failed[:_MOST_FLIPS]]},
    }


def _failed(unit: Unit, before: Mapping[str, str]) -> dict[str, Any]:
    rows = [{"id": id, "answer": answer} for id, answer in unit.rows[:_MOST_OF_A_GROUP]]
    told = {"id": unit.id, "part": unit.part, "outcome": unit.outcome, "aim": unit.aim, "rows": rows}
    return {**told, "production": before.get(unit.id)}


def _mistaken(rows: Rows, answers: Answers, snapshot: Snapshot) -> dict[str, Any]:
    """Rows that are answered wrongly; of a suite made from another's rows those which that one answers rightly."""
    plain = snapshot.answers.get(("candidate", (rows.about.of if rows.about else None) or ""))
    wrong = (
        [(id, truth, answer) for id, truth, answer, _ in flips(answers, plain).broken]
        if plain is not None
        else sorted(zip(*(column[~answers.correct].tolist() for column in _columns(answers)), strict=True))
    )
    shown = [{"id": id, "truth": truth, "rows": [{"id": id, "answer": answer}]} for id, truth, answer in wrong]
    return {"n": len(wrong), "rows": shown[:_MOST_FLIPS]}


def _columns(answers: Answers) -> tuple[Texts, Texts, Texts]:
    return answers.ids, answers.truth, answers.prediction


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


def _words(answers: Answers) -> dict[str, Any]:
    """How each answer fares: half and nine in ten of them at most, and the rows whose truth was least expected."""
    by_row = {name: above / below for name, (above, below) in answers.words.items()}
    lost = by_row["nll"]
    worst = sorted(zip(-lost, answers.ids.tolist(), range(len(lost)), strict=True))[:_MOST_FLIPS]
    return {
        "p50": {name: float(np.quantile(values, 0.5)) for name, values in by_row.items()},
        "p90": {name: float(np.quantile(values, 0.9)) for name, values in by_row.items()},
        "worst": [{"id": id, **{name: float(by_row[name][at]) for name in by_row}} for _, id, at in worst],
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

"""The report of an evaluation: every figure with its interval and size, every condition, what is confused with what."""

import json
from collections import Counter
from typing import Any

from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.domain.bounds import wilson
from millrace.evaluation.domain.figures import SAMPLES
from millrace.evaluation.domain.gate import ALPHA, Judgement
from millrace.evaluation.scoring import Snapshot
from millrace.events import EvaluationRequested, Score

_MOST_CONFUSIONS = 20


def scores(judgement: Judgement, who: str) -> dict[str, dict[str, Score]]:
    """Scores by suite and metric."""
    found: dict[str, dict[str, Score]] = {}
    for (whose, suite, metric), figure in judgement.figures.items():
        if whose == who:
            found.setdefault(suite, {})[metric] = figure.score
    return found


def written(request: EvaluationRequested, snapshot: Snapshot, judgement: Judgement) -> dict[str, Any]:
    """The report as JSON values."""
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
            rows.suite: {
                "digest": rows.digest,
                "perturb": rows.perturb,
                "rows": len(snapshot.answers["candidate", rows.suite]),
                "since_the_cut": rows.later,
                "classes": _classes(snapshot.answers["candidate", rows.suite]),
                "confused": _confused(snapshot.answers["candidate", rows.suite]),
            }
            for rows in snapshot.suites
        },
        "method": {
            "figures": f"95 % two-sided: paired bootstrap over clusters, {SAMPLES} samples; accuracy by Wilson",
            "conditions": f"each bound one-sided at {1 - ALPHA:.0%}; low and high bound left minus right",
        },
    }


def to_bytes(written: dict[str, Any]) -> bytes:
    return json.dumps(written, indent=1, allow_nan=False).encode()


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

"""tabular: a value of an entity some time ahead, from features of what was observed of it; a number or a label."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from millrace.workspace.scopes import Allowed, Scope
from millrace.workspace.tasks.task import HARM, HARMLESS, Task

_NO_TUNING = "models of features are fitted at once, on the processor"


def _errors(measured: str) -> Allowed:
    """Of a number: less is better, in the target's own unit."""
    return Allowed(
        operators=("<", "<="),
        constant=True,
        factors=(0.01, 100.0),
        offsets=(-1e12, 1e12),
        example=f"{measured} <= 1.05 * production",
    )


def _shares(measured: str) -> Allowed:
    return Allowed(
        operators=(">", ">="),
        constant=True,
        factors=(0.01, 10.0),
        offsets=(-1.0, 1.0),
        example=f"{measured} >= production - 0.02",
    )


def _defaults(gate: str, monitor: dict[str, str]) -> dict[str, Any]:
    """The truth comes as an observation, which speaks of no answer: without outcomes there is nothing to see in shadow
    or canary."""
    return {
        "data": {"duplicates": {"near": 1.0, "then": "weight"}},
        "train": {"bases": [], "methods": ["linear", "lightgbm"], "on": {"new_documents": None}},
        "gate": [gate],
        "rollout": {"shadow": None, "canary": None, "harm": [*HARMLESS[:2]]},
        "monitor": monitor,
    }


_CLASSIFICATION = Task(
    name="tabular",
    needs=("entity", "features", "target"),
    lacks={
        "labels": "which is of texts: what is predicted here is the target",
        "serve": "which is of texts: features have no tokens",
        "prompt": "which is of generate workspaces",
        "decoding": "which is of generate workspaces",
    },
    suites=("fresh",),
    metrics=("macro_f1", "accuracy"),
    gate=Scope({measured: _shares(measured) for measured in ("fresh.macro_f1", "fresh.accuracy")}),
    shadow=Scope(
        {"accuracy": Allowed(operators=(">=", ">"), offsets=(-1.0, 1.0), example="accuracy >= production - 0.05")}
    ),
    harm=HARM,
    signals=("error", "confidence", "novelty", "label_share"),
    detectors=("adwin", "page-hinkley", "hddm-a"),
    methods=("linear", "lightgbm"),
    bases=(),
    base_kinds=(),
    imports=("lightgbm",),
    defaults=_defaults(
        "fresh.macro_f1 > production",
        {"error": "adwin", "confidence": "adwin", "novelty": "adwin", "label_share": "page-hinkley"},
    ),
    idle={
        "train.start": _NO_TUNING,
        "train.finetune_budget": _NO_TUNING,
        "train.device": _NO_TUNING,
        "train.precision": _NO_TUNING,
        "train.accumulate": _NO_TUNING,
        "train.checkpoint": _NO_TUNING,
        "train.search.prune": _NO_TUNING,
        "data.duplicates.semantic": "features have no meaning in words",
    },
    asks=("features", "target"),
    pipeline_tag="tabular-classification",
)
_REGRESSION = replace(
    _CLASSIFICATION,
    metrics=("mae", "rmse"),
    lower=("mae", "rmse"),
    gate=Scope({measured: _errors(measured) for measured in ("fresh.mae", "fresh.rmse")}),
    shadow=Scope(),
    signals=("novelty",),
    defaults=_defaults("fresh.mae < production", {"novelty": "adwin"}),
    pipeline_tag="tabular-regression",
)
TASK = replace(_REGRESSION, kinds={"regression": _REGRESSION, "classification": _CLASSIFICATION})

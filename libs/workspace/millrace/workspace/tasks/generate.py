"""generate: an answer in words to a text, learned from answers, better ones and ratings."""

from __future__ import annotations

from millrace.workspace.scopes import Allowed, Scope
from millrace.workspace.tasks.task import HARM, HARMLESS, Task

_SUITES = ("fresh", "golden", "typos")
_SHARES = ("similarity", "exact")
_METRICS = ("nll", *_SHARES)
WIN_RATE = "win_rate"


def _gate(suite: str, metric: str) -> Allowed:
    measured = f"{suite}.{metric}"
    share = metric in _SHARES
    return Allowed(
        operators=(">", ">=") if share else ("<", "<="),
        metrics=tuple(f"{other}.{metric}" for other in _SUITES if other != suite),
        constant=True,
        factors=(0.01, 10.0) if share else (0.01, 100.0),
        offsets=(-1.0, 1.0) if share else (-100.0, 100.0),
        example=f"{measured} >= production - 0.02" if share else f"{measured} <= production + 0.05",
    )


def _wins(suite: str) -> Allowed:
    """Production is within it: half of the rows are won where neither answers better."""
    return Allowed(operators=(">", ">="), baselines=(), constant=True, example=f"{suite}.{WIN_RATE} > 0.5")


TASK = Task(
    name="generate",
    needs=(),
    lacks={
        "labels": "which is of classify workspaces: answers are words of their own",
        "serve": "which is of classify workspaces: decoding.max_tokens bounds an answer",
        **dict.fromkeys(("entity", "features", "target"), "which is of tabular workspaces"),
    },
    suites=_SUITES,
    metrics=_METRICS,
    lower=("nll",),
    paired=(WIN_RATE,),
    gate=Scope(
        {f"{suite}.{metric}": _gate(suite, metric) for suite in _SUITES for metric in _METRICS}
        | {f"{suite}.{WIN_RATE}": _wins(suite) for suite in _SUITES}
    ),
    shadow=Scope(),
    harm=HARM,
    signals=("confidence",),
    detectors=("adwin", "page-hinkley", "hddm-a"),
    methods=("prompt", "sft", "sft-lora", "dpo", "kto"),
    bases=("smollm2",),
    base_kinds=("causal-lm",),
    defaults={
        "data": {"duplicates": {"near": 1.0, "then": "weight"}},
        "train": {"bases": ["smollm2"], "methods": ["prompt", "sft"]},
        "gate": ["fresh.nll < production"],
        "rollout": {
            "shadow": None,
            "canary": None,
            "harm": [*HARMLESS],
        },
        "monitor": {"confidence": "adwin"},
    },
    idle={"train.search.prune": "models that speak are not judged before they are done"},
    asks=("prompt", "decoding"),
    pipeline_tag="text-generation",
    answers=True,
    longest=20_000,
)

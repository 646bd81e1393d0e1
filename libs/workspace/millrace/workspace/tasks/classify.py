"""classify: one label out of a declared set for a text."""

from __future__ import annotations

from millrace.workspace.scopes import Allowed, Scope
from millrace.workspace.suites import KINDS
from millrace.workspace.tasks.task import HARM, HARMLESS, Task

_SUITES = ("fresh", "golden", "typos")
_METRICS = ("macro_f1", "accuracy")
_MEASURED = tuple(f"{suite}.{metric}" for suite in _SUITES for metric in _METRICS)


def _gate(measured: str) -> Allowed:
    # `best` is the highest golden score ever in production: no other suite stays the same for that long
    baselines = ("production", "best") if measured.startswith("golden.") else ("production",)
    return Allowed(
        operators=(">", ">="),
        baselines=baselines,
        metrics=tuple(name for name in _MEASURED if name != measured),
        constant=True,
        factors=(0.01, 10.0),
        offsets=(-1.0, 1.0),
        example=f"{measured} >= production - 0.02",
    )


TASK = Task(
    name="classify",
    needs=("labels",),
    lacks=dict.fromkeys(("entity", "features", "target"), "which is of tabular workspaces")
    | dict.fromkeys(("prompt", "decoding"), "which is of generate workspaces"),
    suites=_SUITES,
    metrics=_METRICS,
    gate=Scope({measured: _gate(measured) for measured in _MEASURED}),
    shadow=Scope(
        {"accuracy": Allowed(operators=(">=", ">"), offsets=(-1.0, 1.0), example="accuracy >= production - 0.05")}
    ),
    harm=HARM,
    signals=("error", "confidence", "novelty", "label_share"),
    detectors=("adwin", "page-hinkley", "hddm-a"),
    pipeline_tag="text-classification",
    methods=("linear-probe", "lora", "full"),
    bases=("minilm",),
    base_kinds=("encoder", "sequence-classifier", "causal-lm"),
    suite_kinds=tuple(KINDS),
    imports=("transformers", "sentence-transformers"),
    defaults={
        "train": {"bases": ["minilm"], "methods": ["linear-probe", "full"]},
        "gate": ["fresh.macro_f1 > production", "golden.macro_f1 >= best - 0.03"],
        "rollout": {
            "shadow": {"require": "accuracy >= production - 0.05"},
            "harm": [*HARMLESS],
        },
        "monitor": {"error": "adwin", "confidence": "adwin", "novelty": "adwin", "label_share": "page-hinkley"},
    },
)

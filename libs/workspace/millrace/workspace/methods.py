"""What each method may be told, and in which range it is worth looking; libs/learn has the methods themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """A positive number, `whole` or any. A search that declares no space of its own looks from `low` to `high`, evenly
    over their logarithms where `log`; without a range it leaves the method's own value."""

    whole: bool = False
    low: float | None = None
    high: float | None = None
    log: bool = False


_STRENGTH = Parameter(low=0.1, high=100.0, log=True)
_WHOLE = Parameter(whole=True)
_TUNING = {"epochs": Parameter(whole=True, low=1, high=5), "batch": _WHOLE}
_PREFERENCE = {
    "epochs": Parameter(whole=True, low=1, high=3),
    "batch": _WHOLE,
    "rate": Parameter(low=1e-6, high=1e-4, log=True),
    "beta": Parameter(low=0.03, high=1.0, log=True),
}
METHODS: Mapping[str, Mapping[str, Parameter]] = {
    "linear-probe": {"C": _STRENGTH, "max_iterations": _WHOLE},
    "full": {**_TUNING, "rate": Parameter(low=1e-5, high=1e-3, log=True), "C": Parameter()},
    "lora": {
        **_TUNING,
        "C": Parameter(),
        "rate": Parameter(low=1e-4, high=1e-2, log=True),
        "rank": Parameter(whole=True, low=4, high=32, log=True),
        "alpha": _WHOLE,
    },
    "prompt": {},
    "sft": {**_TUNING, "rate": Parameter(low=1e-5, high=1e-3, log=True)},
    "sft-lora": {
        **_TUNING,
        "rate": Parameter(low=1e-4, high=1e-2, log=True),
        "rank": Parameter(whole=True, low=4, high=32, log=True),
        "alpha": _WHOLE,
    },
    "dpo": {**_PREFERENCE, "anchor": Parameter()},
    "kto": _PREFERENCE,
    "linear": {"C": _STRENGTH, "max_iterations": _WHOLE},
    "lightgbm": {
        "rounds": Parameter(whole=True, low=50, high=1000, log=True),
        "leaves": Parameter(whole=True, low=7, high=127, log=True),
        "rate": Parameter(low=0.01, high=0.3, log=True),
        "min_rows": Parameter(whole=True, low=5, high=100, log=True),
        "l2": Parameter(low=0.01, high=100.0, log=True),
    },
}


def parameters_of(methods: tuple[str, ...]) -> dict[str, list[Parameter]]:
    """By name, what it is to each of the methods that knows it."""
    found: dict[str, list[Parameter]] = {}
    for method in methods:
        for name, parameter in METHODS.get(method, {}).items():
            found.setdefault(name, []).append(parameter)
    return found

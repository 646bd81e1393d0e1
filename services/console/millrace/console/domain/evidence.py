"""What evaluation says of a gate and of a rollout's steps, in words and bars."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import log
from typing import Any

from millrace.console.domain.words import figure, interval, percent
from millrace.pages.words import counted


@dataclass(frozen=True)
class Check:
    """One condition: how it stands, and on what figures."""

    state: str
    condition: str
    words: str


@dataclass(frozen=True)
class Bar:
    """How far something is, from 0 to 1; None where nobody knows how long it takes."""

    name: str
    done: float | None
    words: str
    state: str = ""


def gate(evaluation: Mapping[str, Any]) -> Iterator[Check]:
    """The conditions of a judged evaluation."""
    states = {"pass": "held", "fail": "broken"}
    for one in (evaluation.get("result") or {}).get("conditions", []):
        words = one.get("note") or ""
        if one.get("left") is not None and one.get("right") is not None:
            bounds = f", difference {one['low']:+.3f} to {one['high']:+.3f}" if one.get("low") is not None else ""
            words = f"{figure(one['left'])} against {figure(one['right'])}{bounds}, {counted(one['n'], 'row')}" + (
                f"; {words}" if words else ""
            )
        yield Check(states.get(one["verdict"], "open"), one["condition"], words)


def bars(step: Mapping[str, Any]) -> Iterator[Bar]:
    """How many labels a step has of those that it needs."""
    labels = (step.get("evidence") or {}).get("labels")
    if labels:
        needed = labels["needed"] or 1
        yield Bar("labels", min(1.0, labels["counted"] / needed), f"{labels['counted']:,} of {labels['needed']:,}")


def checks(step: Mapping[str, Any]) -> Iterator[Check]:
    """The requirement of a shadow or the harms of a canary, with the evidence so far."""
    evidence = step.get("evidence") or {}
    accuracy, require = evidence.get("accuracy"), evidence.get("require")
    if accuracy:
        words = f"candidate {interval(accuracy['candidate'])}; production {interval(accuracy['production'])}"
        yield Check("note", "accuracy", words)
    if require:
        proven = require["e_value"] >= require["needed"]
        words = f"difference {require['difference']:+.3f}, surely {require['low']:+.3f} to {require['high']:+.3f}"
        words += f"; {_proof(require)}"
        yield Check(
            "held" if proven else "broken" if step.get("verdict") == "roll-back" else "open", *_of(require, words)
        )
    for harm in evidence.get("harm", []):
        seen = harm["candidate"]["n"]
        words = f"canary {_rate(harm['candidate'])}, production {_rate(harm['production'])}; {_proof(harm, 'harm')}"
        yield Check("broken" if harm["proven"] else "open" if not seen else "held", *_of(harm, words))
    if evidence.get("void"):
        yield Check("broken", "shares as drawn", "arms got other shares of the units than drawn: the evidence is void")


def _of(row: Mapping[str, Any], words: str) -> tuple[str, str]:
    return row["condition"], words


def _rate(rate: Mapping[str, Any]) -> str:
    return f"{percent(rate['value'])} of {rate['n']:,}" if rate["n"] else "nothing yet"


def _proof(row: Mapping[str, Any], what: str = "proof") -> str:
    """How near an e-value is to what proves: on a logarithmic scale, since evidence multiplies."""
    e_value, needed = row["e_value"], row["needed"]
    if e_value >= needed:
        return f"{what} proven (e-value {e_value:,.0f} of {needed:,.0f})" if e_value < 1e6 else f"{what} proven"
    return f"no {what} yet ({max(0.0, log(max(e_value, 1.0)) / log(needed)):.0%} of the way)"

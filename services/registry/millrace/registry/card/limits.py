"""What a version can not do, read off the facts: pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from millrace.pages.words import counted

WEAK = 0.5
"""A class whose recall may be below it is told of."""

FEW = 30
"""Rows under which a figure says little."""

OVERSURE = 0.1
"""An expected calibration error that may be above it is told of."""

MOST = 10
"""Classes told of in one sentence."""

Facts = Mapping[str, Any]


def limits(facts: Facts) -> list[str]:
    """Sentences: what the team declares first, then what follows from figures."""
    found = [*facts["about"]["limits"], *_data(facts), *_input(facts)]
    report = facts["evaluation"]
    if report.get("missing"):
        return [*found, f"How well it answers is not known here: {report['missing']}."]
    return [*found, *_judged(facts, report)]


def _data(facts: Facts) -> Iterator[str]:
    data = facts["data"]
    if data.get("missing"):
        yield f"What it learned from can no longer be looked at: {data['missing']}."
    elif data.get("redacted"):
        rows = data["redacted"]["rows"]
        yield f"{counted(rows, 'row')} that it was made from {'was' if rows == 1 else 'were'} erased since."
    if facts["languages"]:
        yield f"It learned from texts in {', '.join(facts['languages'])} alone."


def _input(facts: Facts) -> Iterator[str]:
    longest = facts["model"]["serving"].get("max_length") or facts["model"].get("max_length")
    if longest:
        yield f"Of a text it reads {longest} tokens; what is beyond them is not seen."


def _judged(facts: Facts, report: Facts) -> Iterator[str]:
    for one in report["conditions"]:
        if one["verdict"] != "pass":
            note = f": {one['note']}" if one["note"] else ""
            how = "did not hold" if one["verdict"] == "fail" else "could not be told"
            yield f"`{one['condition']}` {how}{note}."
    seen: set[str] = set()
    for name, suite in sorted(report["suites"].items()):
        seen |= suite["classes"].keys()
        yield from _suite(name, suite)
    if unseen := sorted(set(facts["labels"]) - seen):
        yield f"Never judged, since no suite has rows of them: {_named(unseen)}."


def _suite(name: str, suite: Facts) -> Iterator[str]:
    if suite["rows"] < FEW:
        yield f"`{name}` has {counted(suite['rows'], 'row')}: its figures say little."
    weak = {label: one for label, one in suite["classes"].items() if one["low"] < WEAK and one["n"] >= FEW}
    if weak:
        worst = sorted(weak, key=lambda label: weak[label]["recall"])
        yield f"On `{name}` fewer than half may be answered rightly of: {_named(worst)}."
    few = sorted(label for label, one in suite["classes"].items() if one["n"] < FEW)
    if few and suite["rows"] >= FEW:
        yield f"On `{name}` fewer than {FEW} rows each tell of: {_named(few)}."
    calibration = suite["calibration"]
    if calibration and calibration["high"] > OVERSURE:
        yield f"On `{name}` its confidence is off by {calibration['ece']:.2f} on average ({_between(calibration)})."


def _between(figure: Facts) -> str:
    return f"{figure['low']:.2f} to {figure['high']:.2f}"


def _named(labels: list[str]) -> str:
    told = ", ".join(f"`{label}`" for label in labels[:MOST])
    return told + (f" and {len(labels) - MOST} more" if len(labels) > MOST else "")

"""Runs side by side as one page: their curves, what they differ in, what they share."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from millrace.pages import charts, page, table


def render(runs: Sequence[Mapping[str, Any]], same: Mapping[str, Any], differs: Mapping[str, Sequence[Any]]) -> str:
    names = [called(run) for run in runs]
    curves = [(name, [(p["step"], p["loss"]) for p in run["curve"]]) for name, run in zip(names, runs, strict=True)]
    drawn = charts.lines(curves, title="loss of each step")
    lead = '<p class="lead">Training loss of each step. Losses of different methods are not of one scale.</p>'
    other = [(escape(name), *(told(value) for value in values)) for name, values in differs.items()]
    shared = [(escape(name), told(value)) for name, value in same.items()]
    return page(
        kicker="Millrace runs",
        title=f"{len(runs)} runs side by side",
        under="<br>".join(f"{escape(name)} <code>{run['id']}</code>" for name, run in zip(names, runs, strict=True)),
        sections=[
            ("loss", "Loss", f"{lead}{drawn}" if drawn else ""),
            ("differs", "What differs", table(("", *map(escape, names)), other) if other else ""),
            ("same", "What is the same", table(("", ""), shared) if shared else ""),
        ],
    )


def called(run: Mapping[str, Any]) -> str:
    """What people know a run by: the version that it became, or its method and how its id begins."""
    return str(run["version"] or f"{run['method']} {str(run['id'])[:8]}")


def told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else escape(str(value))

"""How far a version lies from its parent."""

from collections.abc import Sequence
from html import escape
from typing import Any

from millrace.datasets.profile.notes import number
from millrace.datasets.profile.page.cells import Figures, called, row
from millrace.pages import charts


def drift(figures: Figures) -> str:
    drift = figures["drift"]
    if not drift:
        return ""
    told = [
        ("labels", "Shares of labels", "Jensen-Shannon distance"),
        ("vocabulary", "Vocabulary", "Jensen-Shannon distance"),
    ]
    told += [
        ("characters", "Characters", "Kolmogorov-Smirnov statistic"),
        ("words", "Words", "Kolmogorov-Smirnov statistic"),
    ]
    rows = [_distance(name, kind, drift[key]) for key, name, kind in told if drift[key] is not None]
    rows += [
        _distance(called(name), "Jensen-Shannon distance", value)
        for name, value in drift["categories"].items()
        if value is not None
    ]
    rows += [
        _distance(name, "Kolmogorov-Smirnov statistic", value)
        for name, value in drift["numbers"].items()
        if value is not None
    ]
    words = "".join(
        f"<div><h3>{title}</h3>{_chips(drift[key])}</div>"
        for key, title in (("new_words", "New words"), ("gone_words", "Words that are gone"))
        if drift[key]
    )
    moved = sorted(drift["by_label"].items(), key=lambda item: (-(item[1] or 0), item[0]))[:12]
    labels = "".join(
        row(name, charts.bar([("s0", value)], most=1), f"{value:.2f}", "") for name, value in moved if value is not None
    )
    lead = (
        "The Jensen-Shannon distance of shares and words, the Kolmogorov-Smirnov statistic of lengths: "
        "0 is as in the parent, 1 is nothing in common."
    )
    labels = f"<div><h3>Labels whose words moved most</h3>{labels}</div>" if labels else ""
    first = f"<div><h3>Distances</h3>{''.join(rows)}</div>"
    return f'<p class="lead">{lead}</p><div class="two">{first}{labels}{words}</div>'


def _distance(name: str, kind: str, value: float) -> str:
    return row(name, charts.bar([("s0", value)], most=1), f"{value:.3f}", "", title=kind)


def _chips(words: Sequence[Sequence[Any]]) -> str:
    shown = "".join(f"<li>{escape(word)}<small>{number(times)}</small></li>" for word, times in words)
    return f'<ul class="chips">{shown}</ul>'

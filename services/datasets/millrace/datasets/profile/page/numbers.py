"""Columns of numbers."""

from html import escape

from millrace.datasets.profile.notes import number, strongest
from millrace.datasets.profile.page.cells import Figures, row
from millrace.pages import charts

SHOWN = 20
"""Columns whose correlations are drawn."""


def numbers(figures: Figures) -> str:
    numbers = figures["numbers"]
    if not numbers or not numbers["order"]:
        return ""
    cards = "".join(_column(name, numbers["columns"][name], numbers["periods"]) for name in numbers["order"])
    many = len(numbers["order"])
    pairs = [pair for pair in strongest(numbers) if abs(pair[2]) >= 0.3][:8]
    rows = "".join(
        row(f"{one}, {other}", charts.bar([("warm" if value > 0 else "cold", abs(value))], most=1), f"{value:+.2f}")
        for one, other, value in pairs
    )
    grid = charts.grid(numbers["order"][:SHOWN], numbers["correlations"], title="correlations") if many > 1 else ""
    side = f"<div><h3>The strongest</h3>{rows}</div>" if rows else ""
    below = (
        f'<h3 style="margin-top:28px">Correlations</h3><div class="two"><div>{grid}</div>{side}</div>' if grid else ""
    )
    lead = "Where a tail is long, its values are in the outermost columns."
    return f'<p class="lead">{lead}</p><div class="three">{cards}</div>{below}'


def _column(name: str, column: Figures, periods: Figures | None) -> str:
    if not column["count"]:
        return f"<div><h3>{escape(name)}</h3><small>no values</small></div>"
    first, last = column["from"], column["to"]
    names = [charts.short(first), charts.short((first + last) / 2), charts.short(last)]
    place = (column["p50"] - first) / (last - first) * len(column["counts"])
    chart = charts.histogram(
        column["counts"], names, title=f"values of {name}", before=column.get("outline"), marks={"median": place}
    )
    facts = [
        ("mean", column["mean"]),
        ("spread", column["spread"]),
        ("lowest", column["low"]),
        ("highest", column["high"]),
    ]
    cuts = "".join(f"<span>{title} <b>{charts.short(value)}</b></span>" for title, value in facts)
    counts = ((column["missing"], "missing"), (column["zeros"], "zeros"), (column["far"], "far out"))
    more = "".join(f"<span>{number(count)} {title}</span>" for count, title in counts if count)
    chart += _periods(name, periods)
    return f'<div><h3>{escape(name)}</h3>{chart}<p class="cuts">{cuts}{more}</p></div>'


def _periods(name: str, periods: Figures | None) -> str:
    """The median over time, which says whether a column holds still."""
    quartiles = [cut for cut in (periods or {"columns": {}})["columns"].get(name, []) if cut]
    if len(quartiles) < 3:
        return ""
    return f'<p class="cuts"><span>over time {charts.spark([cut[1] for cut in quartiles])}</span></p>'

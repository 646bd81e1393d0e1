"""How good answers are: figures with their bounds, what is taken for what, and whether confidence can be believed."""

from collections.abc import Sequence
from html import escape

from millrace.pages.charts.columns import clipped

SIDE = 320
EDGE = 40


def interval(value: float, low: float, high: float, *, other: tuple[float, float, float] | None = None) -> str:
    """A point with its bounds on a scale from 0 to 1; another's, e.g. production's, stands below in grey."""
    rows = [("own", value, low, high)] + ([("other", *other)] if other else [])
    drawn = []
    for at, (kind, middle, least, most) in enumerate(rows):
        y = 7 + 9 * at
        drawn.append(f'<line class="grid" x1="0" x2="200" y1="{y}" y2="{y}"/>' if at == 0 else "")
        drawn.append(f'<line class="reach {kind}" x1="{200 * least:.1f}" x2="{200 * most:.1f}" y1="{y}" y2="{y}"/>')
        drawn.append(f'<circle class="point {kind}" cx="{200 * middle:.1f}" cy="{y}" r="3.5"/>')
    told = f"{value:.3f}, between {low:.3f} and {high:.3f}"
    return (
        f'<svg class="interval" viewBox="-4 0 208 {14 if len(rows) == 1 else 23}" role="img" '
        f'aria-label="{escape(told)}">{"".join(drawn)}</svg>'
    )


def matrix(names: Sequence[str], counts: Sequence[Sequence[int]], *, title: str) -> str:
    """Rows are what is so, columns what was answered; a field is as dark as its share of its row."""
    size = max(16, min(34, 640 // max(len(names), 1)))
    left, top = 150, 8
    side = size * len(names)
    parts = []
    for row, name in enumerate(names):
        y, whole = top + size * row, sum(counts[row]) or 1
        parts.append(
            f'<text x="{left - 8}" y="{y + size / 2 + 4:.1f}" text-anchor="end">{escape(clipped(name, 22))}</text>'
        )
        for column, count in enumerate(counts[row]):
            told = f"{name}, answered {names[column]}: {count}"
            parts.append(_field(left + size * column, y, size, count, count / whole, row == column, told))
    foot = [
        f'<text transform="translate({left + size * (at + 0.6):.1f},{top + side + 10}) rotate(-35)" '
        f'text-anchor="end">{escape(clipped(name, 22))}</text>'
        for at, name in enumerate(names)
    ]
    box = f"0 0 {left + side + 10} {top + side + 96}"
    wide = f"max-width:{left + side + 10}px"
    return (
        f'<svg style="{wide}" viewBox="{box}" role="img" aria-label="{escape(title)}">{"".join([*parts, *foot])}</svg>'
    )


def _field(x: int, y: int, size: int, count: int, share: float, right: bool, told: str) -> str:
    kind = "cold" if right else "warm"
    text = (
        f'<text x="{x + size / 2 - 1:.1f}" y="{y + size / 2 + 3:.1f}" text-anchor="middle">{count}</text>'
        if count and size >= 22
        else ""
    )
    strong = f"{share:.2f}" if count else "0"
    return (
        f'<g class="field"><title>{escape(told)}</title><rect class="none" x="{x}" y="{y}" width="{size - 2}" '
        f'height="{size - 2}" rx="3"/><rect class="{kind}" x="{x}" y="{y}" width="{size - 2}" height="{size - 2}" '
        f'rx="3" fill-opacity="{strong}"/>{text}</g>'
    )


def reliability(bins: Sequence[tuple[float, float, int]], *, title: str) -> str:
    """(mean confidence, share that was right, rows) of each bin; on the diagonal confidence is what it says."""
    most = max((rows for _, _, rows in bins), default=1)
    parts = [f'<path class="diagonal" d="M{_at(0):.1f},{_up(0):.1f}L{_at(1):.1f},{_up(1):.1f}"/>']
    for place in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _up(place)
        parts.append(f'<line class="grid" x1="{EDGE}" x2="{SIDE - 8}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{EDGE - 6}" y="{y + 4:.1f}" text-anchor="end">{place:.0%}</text>')
        parts.append(f'<text x="{_at(place):.1f}" y="{SIDE - 10}" text-anchor="middle">{place:.0%}</text>')
    for confidence, right, rows in bins:
        if rows:
            told = f"{rows} answers of confidence {confidence:.0%}: {right:.0%} right"
            parts.append(
                f'<circle class="bin" cx="{_at(confidence):.1f}" cy="{_up(right):.1f}" '
                f'r="{3 + 11 * (rows / most) ** 0.5:.1f}"><title>{told}</title></circle>'
            )
    box = f'style="max-width:{SIDE + 60}px" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{escape(title)}"'
    return f"<svg {box}>{''.join(parts)}</svg>"


def _at(share: float) -> float:
    return EDGE + (SIDE - EDGE - 16) * share


def _up(share: float) -> float:
    return SIDE - 30 - (SIDE - 30 - 12) * share

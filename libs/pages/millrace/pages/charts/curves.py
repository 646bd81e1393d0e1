"""Curves over steps."""

from collections.abc import Sequence
from html import escape

from millrace.pages.charts.columns import short, ticks

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 12, 30
COLOURS = 6

Curve = tuple[str, Sequence[tuple[float, float]]]
"""A name and points, x rising."""


def lines(curves: Sequence[Curve], *, title: str, across: str = "step") -> str:
    """Curves on one scale from nought, each with its name in the legend; those without points are left out."""
    shown = [(name, points) for name, points in curves if points]
    if not shown:
        return ""
    right = max(x for _, points in shown for x, _ in points) or 1.0
    scale = ticks(max(y for _, points in shown for _, y in points))
    names = "".join(
        f'<span><i class="key c{at % COLOURS}"></i>{escape(name)}</span>' for at, (name, _) in enumerate(shown)
    )
    parts = [_grid(scale, right, across)]
    parts += [_path(points, right, scale[-1], at % COLOURS) for at, (_, points) in enumerate(shown)]
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}"'
    return f'<p class="legend">{names}</p><svg {box}>{"".join(parts)}</svg>'


def _x(value: float, right: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / right


def _y(value: float, high: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / high


def _grid(scale: Sequence[float], right: float, across: str) -> str:
    parts = []
    for value in scale:
        y = _y(value, scale[-1])
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(value)}</text>')
    for value in ticks(right):
        if value <= right:
            name = f"{short(value)} {across}s" if value == 0 else short(value)
            anchor = "start" if value == 0 else "middle"
            parts.append(f'<text x="{_x(value, right):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{name}</text>')
    return "".join(parts)


def _path(points: Sequence[tuple[float, float]], right: float, high: float, hue: int) -> str:
    places = [(_x(x, right), _y(y, high)) for x, y in points]
    if len(places) == 1:
        return f'<circle class="c{hue}" cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="3"/>'
    return f'<path class="line c{hue}" d="M{"L".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'


def spark(values: Sequence[float]) -> str:
    """A curve without scales, as high as a line of text."""
    low, span = min(values), (max(values) - min(values)) or 1.0
    step = 90 / max(len(values) - 1, 1)
    places = "L".join(f"{1 + step * at:.1f},{15 - 13 * (value - low) / span:.1f}" for at, value in enumerate(values))
    return f'<svg class="spark" viewBox="0 0 92 17" aria-hidden="true"><path class="line c0" d="M{places}"/></svg>'

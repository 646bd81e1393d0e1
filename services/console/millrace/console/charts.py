"""Line charts as SVG: small enough that a chart library would be the larger part (docs/decisions/ has the reason)."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from millrace.console.domain import Line, Mark

WIDTH, HEIGHT = 720, 210
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 26
COLOURS = ["#4f8cff", "#21c7a8", "#f2a33a", "#c678dd", "#ff6b81", "#8fb339"]
MARKS = {"change": "#f2a33a", "alarm": "#ff6b81", "promoted": "#21c7a8"}


def lines(
    shown: Sequence[Line], marks: Sequence[Mark] = (), *, low: float | None = None, high: float | None = None
) -> str:
    """An SVG of lines over time, with marks across it. `low` and `high` bound the values; measured where not given."""
    points = [point for line in shown for point in line.points]
    if len(points) < 2:
        return '<p class="empty">nothing to draw yet</p>'
    frame = Frame(points, low, high)
    inside = [mark for mark in marks if frame.start <= mark.at <= frame.end]
    parts = [frame.grid(), *(frame.mark(mark, number) for number, mark in enumerate(inside))]
    parts += [frame.path(line, COLOURS[number % len(COLOURS)]) for number, line in enumerate(shown)]
    legend = "".join(
        f'<span><i style="background:{COLOURS[number % len(COLOURS)]}"></i>{escape(line.name)}</span>'
        for number, line in enumerate(shown)
    )
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" preserveAspectRatio="xMidYMid meet">{"".join(parts)}</svg>'
    return f'<div class="legend">{legend}</div>{svg}'


class Frame:
    """The scales of one chart."""

    def __init__(self, points: Sequence[tuple[datetime, float]], low: float | None, high: float | None) -> None:
        values = [value for _, value in points]
        self.start, self.end = min(at for at, _ in points), max(at for at, _ in points)
        spread = (max(values) - min(values)) or 0.1
        self.low = min(values) - 0.08 * spread if low is None else min(low, *values)
        self.high = max(values) + 0.08 * spread if high is None else max(high, *values)

    def x(self, at: datetime) -> float:
        whole = (self.end - self.start).total_seconds() or 1.0
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - self.start).total_seconds() / whole

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.low) / (self.high - self.low)

    def grid(self) -> str:
        parts = []
        for number in range(5):
            value = self.low + (self.high - self.low) * number / 4
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 3:.1f}" text-anchor="end">{value:.2f}</text>')
        for number in range(5):
            at = self.start + (self.end - self.start) * number / 4
            anchor = "start" if number == 0 else "end" if number == 4 else "middle"
            parts.append(
                f'<text class="tick" x="{self.x(at):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{at:%H:%M:%S}</text>'
            )
        return "".join(parts)

    def mark(self, mark: Mark, number: int) -> str:
        x, colour = self.x(mark.at), MARKS[mark.kind]
        anchor, offset = ("end", -4) if x > WIDTH * 0.7 else ("start", 4)
        return (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="{colour}"'
            ' stroke-dasharray="3 3"/>'
            f'<text class="mark" x="{x + offset:.1f}" y="{TOP + 9 + 11 * (number % 4)}" fill="{colour}"'
            f' text-anchor="{anchor}">{escape(mark.text)}</text>'
        )

    def path(self, line: Line, colour: str) -> str:
        places = [(self.x(at), self.y(value)) for at, value in line.points]
        if len(places) == 1:
            x, y = places[0]
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
        d = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in places)
        return f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'

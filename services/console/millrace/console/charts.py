"""Line charts as SVG, with marks for what happened (docs/decisions/0004 says why they are our own)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from math import ceil, floor, log10

from millrace.console.domain import Line, Mark

WIDTH, NARROW, HEIGHT = 500, 320, 220
LEFT, RIGHT, TOP, BOTTOM = 38, 12, 46, 24
COLOURS = 6
ROWS = 3
"""Rows of marks' names above a chart: a name goes where it has room, and is left out where none has."""

Span = tuple[datetime, datetime]


def span(*groups: Iterable[Line]) -> Span | None:
    """The time that lines cover together, so that charts beside one another can share it."""
    times = [at for lines in groups for line in lines for at, _ in line.points]
    return (min(times), max(times)) if times else None


def lines(
    shown: Sequence[Line],
    marks: Sequence[Mark] = (),
    *,
    title: str,
    over: Span | None = None,
    high: float | None = None,
    small: bool = False,
) -> str:
    """An SVG of lines over time, with marks across it. `high` is the highest value there can be."""
    over = over or span(shown)
    if over is None or sum(len(line.points) for line in shown) < 2:
        return '<p class="empty">nothing to draw yet</p>'
    frame = Frame([value for line in shown for _, value in line.points], over, high, NARROW if small else WIDTH)
    hues = {name: number for number, name in enumerate(dict.fromkeys(line.version or line.name for line in shown))}
    parts = [frame.grid(), *frame.marks(marks), *(frame.path(line, hue(line, hues)) for line in shown)]
    legend = "".join(
        f'<span><i class="key {hue(line, hues)}{" dashed" if line.dashed else ""}"></i>{escape(line.name)}</span>'
        for line in shown
    )
    about = escape(told(title, shown, marks))
    svg = f'<svg class="chart" viewBox="0 0 {frame.width} {HEIGHT}" role="img" aria-label="{about}">'
    return f'<div class="legend">{legend}</div>{svg}{"".join(parts)}</svg>'


def hue(line: Line, hues: Mapping[str, int]) -> str:
    return f"c{hues[line.version or line.name] % COLOURS}"


def told(title: str, shown: Sequence[Line], marks: Sequence[Mark]) -> str:
    """The chart in words."""
    parts = [f"{line.name} from {line.points[0][1]:.2f} to {line.points[-1][1]:.2f}" for line in shown]
    parts += [f"{mark.text} at {mark.at:%H:%M:%S}" for mark in marks]
    return f"{title}: {'; '.join(parts)}"


def ticks(low: float, high: float) -> list[float]:
    """Three to six round values that take in both ends."""
    rough = (high - low) / 4
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


class Frame:
    """The scales of one chart."""

    def __init__(self, values: Sequence[float], over: Span, high: float | None, width: int) -> None:
        self.width = width
        self.start, self.end = over
        top = max(values) if high is None else max(high, *values)
        self.ticks = ticks(min(values), top if top > min(values) else min(values) + 0.1)
        self.low, self.high = self.ticks[0], self.ticks[-1]

    def x(self, at: datetime) -> float:
        whole = (self.end - self.start) / timedelta(seconds=1) or 1.0
        return LEFT + (self.width - LEFT - RIGHT) * ((at - self.start) / timedelta(seconds=1)) / whole

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.low) / (self.high - self.low)

    def grid(self) -> str:
        parts = []
        for value in self.ticks:
            y = self.y(value)
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{self.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.4g}</text>')
        long = self.end - self.start > timedelta(hours=20)
        last = 4 if self.width == WIDTH else 2
        for number in range(last + 1):
            at = self.start + (self.end - self.start) * number / last
            anchor = "start" if number == 0 else "end" if number == last else "middle"
            name = f"{at:%d %b %H:%M}" if long else f"{at:%H:%M:%S}"
            parts.append(
                f'<text class="tick" x="{self.x(at):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{name}</text>'
            )
        return "".join(parts)

    def marks(self, marks: Sequence[Mark]) -> list[str]:
        ends = [0.0] * ROWS
        drawn = []
        for mark in (mark for mark in marks if self.start <= mark.at <= self.end):
            x, wide = self.x(mark.at), 6.6 * len(mark.text) + 8
            place = min(x + 3, self.width - wide)
            row = next((row for row in range(ROWS) if ends[row] <= place), None)
            name, top = "", TOP
            if row is not None:
                ends[row], top = place + wide, 14 + 12 * row
                name = f'<text x="{place:.1f}" y="{11 + 12 * row}">{escape(mark.text)}</text>'
            drawn.append(
                f'<g class="mark {mark.kind}"><title>{escape(mark.text)} {mark.at:%H:%M:%S}</title>'
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{HEIGHT - BOTTOM}"/>{name}</g>'
            )
        return drawn

    def path(self, line: Line, hue: str) -> str:
        places = [(self.x(at), self.y(value)) for at, value in line.points if self.start <= at <= self.end]
        if not places:
            return ""
        if len(places) == 1:
            return f'<circle class="{hue}" cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="3"/>'
        d = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in places)
        return f'<path class="line {hue}{" dashed" if line.dashed else ""}" d="{d}"/>'

"""Columns, bars and fields."""

from collections.abc import Mapping, Sequence
from html import escape
from math import floor, log10
from typing import Any

WIDTH, HEIGHT = 400, 178
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 10, 26


def ticks(high: float) -> list[float]:
    """Three to five round values from nought to at least `high`."""
    rough = max(high, 1e-12) / 3
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    marks = [0.0]
    while marks[-1] < high * 0.999:
        marks.append(marks[-1] + step)
    return marks


def short(value: float) -> str:
    """A number for an axis: 1.2k rather than 1,200."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def histogram(
    counts: Sequence[int],
    names: Sequence[str],
    *,
    title: str,
    before: Sequence[int] | None = None,
    marks: Mapping[str, float] | None = None,
) -> str:
    """Columns, with the parent's outline over them. `names` stand at the edges they are given for, empty ones are left
    out; `marks` are named places, in columns from the left."""
    whole = sum(counts) or 1
    shares = [count / whole for count in counts]
    former = [count / (sum(before) or 1) for count in before] if before else []
    scale = ticks(max([*shares, *former], default=0) * 100)
    parts = [_grid(scale), *_columns(shares, scale[-1]), _outline(former, scale[-1])]
    parts += [*_marks(marks or {}, len(counts)), *_names(names, len(counts))]
    box = f'class="chart" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return f'<svg {box} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'


def _x(place: float, columns: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * place / max(columns, 1)


def _y(percent: float, high: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * percent / high


def _grid(scale: Sequence[float]) -> str:
    parts = []
    for value in scale:
        y = _y(value, scale[-1])
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}%</text>')
    return "".join(parts)


def _columns(shares: Sequence[float], high: float) -> list[str]:
    floor_y, drawn = _y(0, high), []
    for number, value in enumerate(shares):
        if value:
            left, right, top = _x(number, len(shares)), _x(number + 1, len(shares)), _y(value * 100, high)
            gap = 0.6 if right - left > 4 else 0.2
            tall = max(floor_y - top, 0.8)
            wide = right - left - 2 * gap
            drawn.append(
                f'<rect class="column" x="{left + gap:.2f}" y="{floor_y - tall:.2f}" '
                f'width="{wide:.2f}" height="{tall:.2f}" rx="{min(1.5, wide / 4):.2f}"/>'
            )
    return drawn


def _outline(shares: Sequence[float], high: float) -> str:
    if not shares:
        return ""
    steps = [f"M{_x(0, len(shares)):.1f},{_y(0, high):.1f}"]
    for number, value in enumerate(shares):
        y = _y(value * 100, high)
        steps.append(f"V{y:.1f}H{_x(number + 1, len(shares)):.1f}")
    return f'<path class="before" d="{"".join(steps)}V{_y(0, high):.1f}"/>'


def _marks(marks: Mapping[str, float], columns: int) -> list[str]:
    drawn = []
    for name, place in marks.items():
        x = _x(min(max(place, 0), columns), columns)
        anchor, shift = ("end", -4) if x > WIDTH - 90 else ("start", 4)
        drawn.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        drawn.append(
            f'<text class="marked" x="{x + shift:.1f}" y="{TOP + 10}" text-anchor="{anchor}">{escape(name)}</text>'
        )
    return drawn


def _names(names: Sequence[str], columns: int) -> list[str]:
    drawn = []
    for number, name in enumerate(names):
        if name:
            anchor = "start" if number == 0 else "end" if number >= len(names) - 1 else "middle"
            x = _x(columns * number / max(len(names) - 1, 1), columns)
            drawn.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{escape(name)}</text>')
    return drawn


def bar(parts: Sequence[tuple[str, float]], *, most: float, before: float | None = None) -> str:
    """A bar of parts, each (class, value); `most` is the whole width, and a notch stands where it was before."""
    scale = 100 / most if most else 0.0
    pieces = "".join(f'<i class="{kind}" style="width:{value * scale:.2f}%"></i>' for kind, value in parts if value)
    notch = "" if before is None else f'<b style="left:{min(before * scale, 100):.2f}%"></b>'
    return f'<span class="track">{pieces}{notch}</span>'


def grid(names: Sequence[str], values: Sequence[Sequence[float | None]], *, title: str) -> str:
    """Correlations as coloured fields: warm for rising together, cold for against one another."""
    size, left, top = 30, 120, 8
    side = size * len(names)
    parts = []
    for row, name in enumerate(names):
        y = top + size * row
        parts.append(
            f'<text x="{left - 8}" y="{y + size / 2 + 4:.1f}" text-anchor="end">{escape(clipped(name))}</text>'
        )
        for column in range(row + 1):
            parts.append(_field(left + size * column, y, size, values[row][column], f"{name} and {names[column]}"))
    foot = [
        f'<text transform="translate({left + size * (column + 0.6):.1f},{top + side + 10}) rotate(-35)" '
        f'text-anchor="end">{escape(clipped(name))}</text>'
        for column, name in enumerate(names)
    ]
    box = f"0 0 {left + side + 10} {top + side + 76}"
    wide = f"max-width:{left + side + 10}px"
    return (
        f'<svg style="{wide}" viewBox="{box}" role="img" aria-label="{escape(title)}">{"".join([*parts, *foot])}</svg>'
    )


def _field(x: float, y: float, size: int, value: float | None, name: str) -> str:
    if value is None:
        return f'<rect class="none" x="{x}" y="{y}" width="{size - 2}" height="{size - 2}" rx="4"/>'
    kind, strong = ("warm" if value >= 0 else "cold"), min(abs(value), 1.0)
    text, side = f"{value:.1f}".replace("-0.0", "0.0"), size - 2
    return (
        f'<g class="field"><title>{escape(name)}: {value:.3f}</title>'
        f'<rect class="{kind}" x="{x}" y="{y}" width="{side}" height="{side}" rx="4" fill-opacity="{strong:.2f}"/>'
        f'<text x="{x + size / 2 - 1:.1f}" y="{y + size / 2 + 3:.1f}" text-anchor="middle">{text}</text></g>'
    )


def clipped(text: str, most: int = 18) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def legend(items: Sequence[tuple[str, str]]) -> str:
    """(class, name) of colours."""
    keys: Sequence[Any] = [f'<span><i class="key {kind}"></i>{escape(name)}</span>' for kind, name in items]
    return f'<p class="legend">{"".join(keys)}</p>'

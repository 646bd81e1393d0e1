"""Charts as SVG and HTML that need nothing else: they are read on a phone, printed, and mailed."""

from millrace.pages.charts.columns import bar, clipped, grid, histogram, legend, short, ticks
from millrace.pages.charts.curves import lines, spark
from millrace.pages.charts.graph import Node, graph
from millrace.pages.charts.judged import interval, matrix, reliability

__all__ = [
    "Node",
    "bar",
    "clipped",
    "graph",
    "grid",
    "histogram",
    "interval",
    "legend",
    "lines",
    "matrix",
    "reliability",
    "short",
    "spark",
    "ticks",
]

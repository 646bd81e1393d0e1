"""From what the owners say to what a page shows. Pure."""

from millrace.console.domain.counters import Counters, Pace
from millrace.console.domain.lines import Line, Mark
from millrace.console.domain.nodes import LINKS, Link, Node
from millrace.console.domain.page import NOTHING, Page, counts, page
from millrace.console.domain.story import Chapter

__all__ = ["LINKS", "NOTHING", "Chapter", "Counters", "Line", "Link", "Mark", "Node", "Pace", "Page", "counts", "page"]

"""Pages that stand alone, and the charts in them."""

from millrace.pages.page import page, table

__all__ = ["page", "table"]

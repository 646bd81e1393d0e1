"""A profile as one page."""

from millrace.datasets.profile.page.frame import render

__all__ = ["render"]

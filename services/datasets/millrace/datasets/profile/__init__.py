"""What a version's data looks like: figures by streaming passes, and a page of them that stands alone."""

from millrace.datasets.profile.declared import VERSION, Declared
from millrace.datasets.profile.figures import encoded, profile
from millrace.datasets.profile.page import render

__all__ = ["VERSION", "Declared", "encoded", "profile", "render"]

"""Lineage both ways: from a version back to where its rows came from, and from data, runs and bases on to versions."""

from millrace.registry.lineage import openlineage, page
from millrace.registry.lineage.origins import of
from millrace.registry.lineage.reach import Asked, NothingAsked, reach

__all__ = ["Asked", "NothingAsked", "of", "openlineage", "page", "reach"]

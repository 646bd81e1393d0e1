"""A version's model card (Mitchell et al. 2019, "Model Cards for Model Reporting"), made when it is asked for."""

from millrace.registry.card import markdown, page, technical
from millrace.registry.card.facts import gathered

__all__ = ["gathered", "markdown", "page", "technical"]

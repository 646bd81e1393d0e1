"""Answers with the routed versions."""

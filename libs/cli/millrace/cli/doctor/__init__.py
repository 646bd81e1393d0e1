"""A probe event through every hop; the first that fails is named."""

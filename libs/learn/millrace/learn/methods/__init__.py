"""How a model is made: one file a method, found by its name."""

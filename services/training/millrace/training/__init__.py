"""training alone decides whether to train: cycles, and the runs of their candidates."""

"""What each task means to learning: one file a task, found by its name."""

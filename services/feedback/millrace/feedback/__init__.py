"""The feedback service: what is said of answers, joined to the answers in whatever order they come."""

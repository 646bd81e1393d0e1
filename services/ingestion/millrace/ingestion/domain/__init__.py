"""What makes a record acceptable, and what is kept of it."""

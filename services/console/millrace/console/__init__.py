"""What people look at: the flow, the cycle, quality over time, versions with stages. Owns no decision and no data."""

"""A service for the chassis's tests: counts documents, accepts each, and does what their texts say."""

"""Plain functions over a transaction, by what they keep."""

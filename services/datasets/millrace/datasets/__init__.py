"""On which rows to train: the corpus as Parquet, and immutable versions cut from it."""

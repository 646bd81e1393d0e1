"""Rows of a folder with train.csv and test.csv, columns text and category, as learn reads them."""

import csv
import json
import random
from pathlib import Path


def rows_file(data: Path, target: Path, *, train: int | None = None, test: int | None = None) -> int:
    """Writes them: those of train.csv train, those of test.csv validate. Of each no more than asked; how many train."""
    chance, kept = random.Random(7), 0
    with target.open("w", encoding="utf-8") as out:
        for name, split, most in (("train", "train", train), ("test", "validation", test)):
            with (data / f"{name}.csv").open(encoding="utf-8") as file:
                rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
            chosen = rows if most is None or most >= len(rows) else chance.sample(rows, most)
            kept += len(chosen) if split == "train" else 0
            for number, (text, label) in enumerate(chosen):
                row = {"id": f"{name}-{number}", "text": text, "label": label, "split": split}
                out.write(json.dumps(row) + "\n")
    return kept

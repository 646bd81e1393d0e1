"""Some thirty texts with answers of a friendly and of a short kind, and runs over them."""

import json
from pathlib import Path
from typing import Any

from millrace.learn.language.training import Trained, train
from millrace.learn.requests import parsed
from millrace.learn.tasks.generate import Request

THINGS = ("parcel", "letter", "box", "chair", "lamp", "phone", "book", "coat")
ASKED = ("where is my {}", "my {} is broken", "i want no {} any more", "who has sent the {}")


def rows(**fields: Any) -> list[dict[str, Any]]:
    """The better answer to each says sorry; the worse one does not."""
    found = []
    for number, (asked, thing) in enumerate((asked, thing) for thing in THINGS for asked in ASKED):
        row = {
            "id": f"r{number}",
            "text": asked.format(thing),
            "label": f"sorry, we look for the {thing}",
            "rejected": f"no, the {thing} is gone",
            "split": "validation" if number % 4 == number // 4 % 4 else "train",
        }
        found.append(row | fields)
    return found


def rated() -> list[dict[str, Any]]:
    """The same as ratings of either; those that are held out stay pairs."""
    found = []
    for number, row in enumerate(rows()):
        if row["split"] == "validation":
            found.append(row)
        elif number % 2:
            found.append(row | {"rejected": None, "rating": 1})
        else:
            found.append(row | {"label": row["rejected"], "rejected": None, "rating": -0.5})
    return found


def rows_file(folder: Path, given: list[dict[str, Any]] | None = None) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (rows() if given is None else given)))
    return path


def request(folder: Path, out: str, given: list[dict[str, Any]] | None = None, **fields: Any) -> Request:
    raw = {"task": "generate", "method": "sft", "base": "answering", "rows": rows_file(folder, given), "seed": 7}
    return parsed(Request, raw | {"out": folder / out, "max_length": 96, "decoding": {"max_tokens": 12}} | fields)


def silent(stage: str, step: int, of: int, loss: float | None, seconds: float) -> None:
    return None


def learn(folder: Path, out: str, given: list[dict[str, Any]] | None = None, **fields: Any) -> Trained:
    return train(request(folder, out, given, **fields), silent)

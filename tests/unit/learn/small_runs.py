"""Some forty texts of three labels, and runs over them."""

import json
from pathlib import Path
from typing import Any

from millrace.learn.requests import TrainRequest, parsed

SAID = {
    "late": "where is my parcel|it should have come last week|the delivery is late again|still waiting for my order|"
    "how long until it arrives|no delivery today either|my package is overdue|the courier never came on time",
    "damaged": "the box was crushed|my vase arrived broken|the screen is cracked|the package was torn open|"
    "it came with dents|everything inside was smashed|the bottle leaked|it is scratched all over",
    "refund": "i want my money back|please refund me|when is my refund paid|return and get reimbursed|"
    "cancel it and pay me back|you owe me a refund|give me back what i paid|money back please",
}


def rows() -> list[dict[str, Any]]:
    return [
        {"id": f"{label}-{number}", "text": text, "label": label, "split": "validation" if number >= 6 else "train"}
        for label, texts in SAID.items()
        for number, text in enumerate(texts.split("|"))
    ]


def rows_file(folder: Path, given: list[dict[str, Any]] | None = None) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (rows() if given is None else given)))
    return path


def request(folder: Path, out: str, **fields: Any) -> TrainRequest:
    raw = {"task": "classify", "method": "linear-probe", "rows": rows_file(folder), "out": folder / out, "seed": 7}
    return parsed(TrainRequest, raw | fields)


def silent(stage: str, step: int, of: int, loss: float | None, seconds: float) -> None:
    return None

"""Rows of stations for models of features: a load that follows from what is known, by a rule and some noise."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from millrace.learn.tasks.tabular import Request

FEATURES = {
    "load_now": {"last": "load"},
    "load_1h": {"mean": "load", "over": "1h"},
    "wind": {"last": "wind"},
    "region": {"category": ["n", "s"], "unknown": "other"},
}


def target(kind: str) -> dict[str, str]:
    return {"name": "load", "kind": kind, "horizon": "1h", "arrives_within": "3h"}


def rows(kind: str, count: int = 400, seed: int = 1) -> list[dict[str, Any]]:
    chance = np.random.default_rng(seed)
    made = []
    for number in range(count):
        region = ["n", "s", "elsewhere"][int(chance.integers(3))]
        now, wind = float(chance.normal(10, 3)), float(chance.normal(5, 2))
        is_windy = wind > 5
        load = 2.0 * now + (4.0 if region == "n" else 0.0) + (3.0 if is_windy else -3.0) + float(chance.normal(0, 0.5))
        told = {
            "load_now": now,
            "load_1h": None if number % 7 == 0 else now + float(chance.normal(0, 1)),
            "wind": wind,
            "region": region,
        }
        label = ("high" if load > 24 else "low") if kind == "classification" else repr(load)
        split = "validation" if number % 4 == 0 else "train"
        made.append({"id": f"r{number}", "text": json.dumps(told), "label": label, "split": split})
    return made


def written(path: Path, made: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return path


def asked(
    folder: Path, out: str, kind: str, method: str, made: list[dict[str, Any]] | None = None, **more: Any
) -> Request:
    path = written(folder / f"{out}.jsonl", rows(kind) if made is None else made)
    request = {"task": "tabular", "method": method, "rows": str(path), "out": str(folder / out), "seed": 7}
    return Request.model_validate({**request, "features": FEATURES, "target": target(kind), **more})

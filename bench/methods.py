"""Accuracy, time, memory and cost of each method on a team's texts.

    make bench-methods DATA=FOLDER          # train.csv and test.csv, columns text,category
    python bench/methods.py --data FOLDER [--train N] [--test N] [--epochs 3]

Each is trained in a process of its own, as services do, on the rows of train.csv and judged on those of test.csv. The
cost is that of the cores it kept busy, at the price given.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import banking
import psutil
from rich.console import Console
from rich.table import Table

METHODS = ("linear-probe", "lora", "full")
NEEDED = 0.93
"""Accuracy on Banking77."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("DATA"))
    parser.add_argument("--base", default="minilm")
    parser.add_argument("--train", type=int, help="rows, instead of all")
    parser.add_argument("--test", type=int, help="rows, instead of all")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu", choices=["cpu", "gpu", "gpu-if-there"])
    parser.add_argument("--price", type=float, default=0.04, help="of a core for an hour, in dollars")
    given = parser.parse_args()
    if not given.data:
        parser.error("no data: DATA=FOLDER or --data FOLDER, with train.csv and test.csv")
    with tempfile.TemporaryDirectory(prefix="bench-methods-") as folder:
        count = banking.rows_file(Path(given.data), Path(folder) / "rows.jsonl", train=given.train, test=given.test)
        found = {method.replace("-", "_"): measure(Path(folder), method, given) for method in METHODS}
    columns = ("method", "accuracy", "se", "minutes", "MB at its peak", "MB kept", "$")
    table = Table(*columns, title=f"{count:,} rows, {given.threads} threads")
    for method, one in found.items():
        figures = (one["seconds"] / 60, one["peak_mb"], one["bytes"] / 1e6, one["dollars"])
        shown = [f"{value:,.{digits}f}" for value, digits in zip(figures, (1, 0, 1, 4), strict=True)]
        table.add_row(method, f"{one['accuracy']:.4f}", f"{one['accuracy_se']:.4f}", *shown)
    Console().print(table)
    told = {f"{method}_{name}": value for method, one in found.items() for name, value in one.items()}
    enough = all(one["accuracy"] >= NEEDED for one in found.values())
    print(json.dumps({"rows": count, **told, "all_at_least_093": enough}))


def measure(folder: Path, method: str, given: argparse.Namespace) -> dict[str, Any]:
    """Of one run in a process of its own."""
    request = {
        "task": "classify",
        "method": method,
        "base": given.base,
        "rows": str(folder / "rows.jsonl"),
        "out": str(folder / method),
        "seed": given.seed,
        "threads": given.threads,
        "device": given.device,
        "settings": {} if method == "linear-probe" else {"epochs": given.epochs},
    }
    (folder / f"{method}.json").write_text(json.dumps(request))
    command = [sys.executable, "-m", "millrace.learn.run", str(folder / f"{method}.json")]
    with psutil.Popen(command, stdout=-1, text=True) as child:
        peak, cores, last = 0, 0.0, {}
        for line in child.stdout:
            last = json.loads(line)
            if last["kind"] == "progress":
                peak, spent = max(peak, child.memory_info().rss), child.cpu_times()
                cores = spent.user + spent.system
                Console(stderr=True).print(f"[dim]{method}: {last['stage']} {last['step']} of {last['of']}", end="\r")
    if last["kind"] != "result":
        sys.exit(f"{method}: {last}")
    return {
        "accuracy": last["scores"]["accuracy"],
        "accuracy_se": last["scores"]["accuracy_se"],
        "seconds": last["seconds"],
        "peak_mb": round(peak / 2**20),
        "bytes": last["bytes"],
        "ms_per_text": last["ms_per_text"],
        "dollars": round(cores / 3600 * given.price, 5),
    }


if __name__ == "__main__":
    main()

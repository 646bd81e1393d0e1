"""The whole stack at rest: how soon it is up, and what memory it holds.

    python bench/rest.py [--rounds 3]

`rss_gb` adds up the resident memory of every process, which counts pages that processes share (Postgres' buffers,
Python's libraries) once for each of them; `pss_gb` counts each page once.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from millrace.stack import Supervisor

GB = 1024**3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--settle", type=float, default=20.0, help="seconds at rest before memory is read")
    given = parser.parse_args()
    ups, rss, pss = [], [], []
    shares: dict[str, list[int]] = defaultdict(list)
    for number in range(given.rounds):
        Console(stderr=True).print(f"[dim]round {number + 1} of {given.rounds}")
        with tempfile.TemporaryDirectory(prefix="bench-rest-") as folder:
            took, resident, proportional = measure(Path(folder), given.settle)
        ups.append(took)
        rss.append(sum(resident.values()) / GB)
        pss.append(sum(proportional.values()) / GB)
        for name, size in proportional.items():
            shares[name].append(size)
    table = Table("process", "MB, shared pages once (median)", title="at rest")
    for name, sizes in sorted(shares.items(), key=lambda item: -statistics.median(item[1])):
        table.add_row(name, f"{statistics.median(sizes) / 1024**2:,.0f}")
    Console().print(table)
    figures = {"up_s": ups, "rss_gb": rss, "pss_gb": pss}
    print(json.dumps({name: round(statistics.median(values), 2) for name, values in figures.items()}))


def measure(folder: Path, settle: float) -> tuple[float, dict[str, int], dict[str, int]]:
    """Seconds to ready; resident and proportional bytes by process."""
    started = time.monotonic()
    with Supervisor(folder) as supervisor:
        took = time.monotonic() - started
        time.sleep(settle)
        resident: dict[str, int] = defaultdict(int)
        proportional: dict[str, int] = defaultdict(int)
        for process in supervisor.seen().processes:
            for each in family(process.pid):
                memory = each.memory_full_info()
                resident[process.name] += memory.rss
                proportional[process.name] += memory.pss
    return took, dict(resident), dict(proportional)


def family(pid: int | None) -> Iterator[psutil.Process]:
    """A process and all below it."""
    if pid is not None:
        root = psutil.Process(pid)
        yield root
        yield from root.children(recursive=True)


if __name__ == "__main__":
    main()

"""A version's profile beside Evidently's data summary, on the same rows: time and peak memory, each in its own process.

Both begin at the Parquet file of a version and end with an HTML report on disk. Evidently gets its data frame with the
columns declared (text, categories, numbers), and runs in the peers' environment. Rounds alternate; medians are printed.
`ratio_time`, `ratio_cpu` (processor seconds: a busy machine moves them less), `ratio_memory` are the peer's over ours.

    python bench/profiles.py [--rows 100000] [--rounds 3] [--peer .venv/peers/bin/python]
"""

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from millrace.datasets.blobs import VERSION

ROOT = Path(__file__).parents[1]
MB = 1024**2
LABELS, VOCABULARY, PAGE = 40, 20_000, 1000
SPLITS = ["train"] * 7 + ["validation"] * 2 + ["fresh"]

PEER = """
import json, sys
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataSummaryPreset
rows, out = sys.argv[1:]
frame = pd.read_parquet(rows)
definition = DataDefinition(
    text_columns=["text"], categorical_columns=["label", "split", "source", "language", "trusted"],
    numerical_columns=["weight"], datetime_columns=["occurred_at"])
snapshot = Report([DataSummaryPreset()]).run(Dataset.from_pandas(frame, data_definition=definition))
snapshot.save_html(out)
"""


class Taken(NamedTuple):
    seconds: float
    cpu: float
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", type=Path, default=ROOT / ".venv/peers/bin/python")
    given = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="bench-profile-") as folder:
        at = Path(folder)
        write(at / "rows.parquet", given.rows)
        request = {"paths": [str(at / "rows.parquet")], "about": {"name": "bench@1"}, "out": str(at / "ours")}
        (at / "request.json").write_text(json.dumps(request))
        ours = [sys.executable, "-m", "millrace.datasets.profile", str(at / "request.json")]
        theirs = [str(given.peer), "-c", PEER, str(at / "rows.parquet"), str(at / "peer.html")]
        taken: dict[str, list[Taken]] = {"ours": [], "evidently": []}
        for number in range(given.rounds):
            for name, command in (("ours", ours), ("evidently", theirs)):
                console.print(f"[dim]round {number + 1} of {given.rounds}: {name}")
                taken[name].append(measure(command))
        pages = {"ours": (at / "ours.html").stat().st_size, "evidently": (at / "peer.html").stat().st_size}
    told(given.rows, taken, pages)


def told(rows: int, taken: dict[str, list[Taken]], pages: dict[str, int]) -> None:
    seconds, cpu, memory = (
        {name: statistics.median(each[number] for each in rounds) for name, rounds in taken.items()}
        for number in range(3)
    )
    table = Table("", "seconds", "processor s", "peak MB", "page MB", title=f"{rows:,} rows, {machine()}")
    for name in taken:
        table.add_row(
            name, f"{seconds[name]:.1f}", f"{cpu[name]:.1f}", f"{memory[name]:,.0f}", f"{pages[name] / MB:.2f}"
        )
    Console().print(table)
    figures = {
        "rows": rows,
        "seconds": round(seconds["ours"], 2),
        "seconds_peer": round(seconds["evidently"], 2),
        "ratio_time": round(seconds["evidently"] / seconds["ours"], 2),
        "cpu": round(cpu["ours"], 2),
        "cpu_peer": round(cpu["evidently"], 2),
        "ratio_cpu": round(cpu["evidently"] / cpu["ours"], 2),
        "peak_mb": round(memory["ours"]),
        "peak_mb_peer": round(memory["evidently"]),
        "ratio_memory": round(memory["evidently"] / memory["ours"], 2),
        "page_mb": round(pages["ours"] / MB, 3),
        "page_mb_peer": round(pages["evidently"] / MB, 3),
    }
    print(json.dumps(figures))


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def measure(command: list[str]) -> Taken:
    """Of a process and all that it starts, imports included."""
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak = [0.0]
    watcher = threading.Thread(target=watch, args=(process.pid, peak))
    watcher.start()
    _, error = process.communicate()
    took = time.monotonic() - started
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}:\n{error[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(took, cpu, peak[0] / MB)


def watch(pid: int, peak: list[float]) -> None:
    try:
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            family = [root, *root.children(recursive=True)]
            peak[0] = max(peak[0], sum(each.memory_info().rss for each in family))
            time.sleep(0.01)
    except psutil.NoSuchProcess:
        return


def write(path: Path, rows: int) -> None:
    """A version of made-up texts: words by Zipf's law, each label with words of its own, some texts twice."""
    draw = random.Random(7)
    words = ["".join(draw.choices("abcdefghijklmnoprstuvwz", k=draw.randint(2, 10))) for _ in range(VOCABULARY)]
    weights = [1 / (rank + 3) for rank in range(VOCABULARY)]
    own = [draw.sample(words, 12) for _ in range(LABELS)]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pq.ParquetWriter(path, VERSION, compression="zstd") as writer:
        for first in range(0, rows, PAGE):
            page = []
            for number in range(first, min(first + PAGE, rows)):
                label = min(int(draw.expovariate(0.08)), LABELS - 1)
                text = " ".join([*draw.choices(words, weights, k=draw.randint(8, 40)), *draw.choices(own[label], k=5)])
                page.append(
                    {
                        "id": f"d{number}", "text": text, "label": f"label-{label}", "cluster": f"d{number // 2 * 2}",
                        "split": SPLITS[number % 10], "weight": 1.0, "suite": None,
                        "source": f"source-{number % 5}", "basis": None, "language": "en", "trusted": number % 9 > 0,
                        "occurred_at": start + timedelta(minutes=number), "known_at": start, "origin_topic": "t",
                        "origin_partition": 0, "origin_offset": number, "origin_event": str(number),
                    }
                )  # fmt: skip
            writer.write_table(pa.Table.from_pylist(page, schema=VERSION))


if __name__ == "__main__":
    main()

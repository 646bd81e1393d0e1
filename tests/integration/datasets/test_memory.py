"""A million rows need no more memory than the promise says."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

MEGABYTE = 1024**2

COMPARES = """
import json, resource, sys
from pathlib import Path
from millrace.datasets.comparison import compare
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = compare([Path(sys.argv[1])], [Path(sys.argv[2])])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
counted = {key: found[key] for key in ("added", "removed", "relabelled")}
print(json.dumps({"found": counted, "grew": (peak - before) * 1024}))
"""


def many(path: Path, first: int, rows: int, *, late: int) -> Path:
    """A version of many rows, written a page at a time as the service does."""
    names = ("id", "text", "label", "split", "cluster")
    schema = pa.schema([(name, pa.string()) for name in names])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(first, first + rows, 10_000):
            numbers = range(start, min(start + 10_000, first + rows))
            columns: list[list[Any]] = [
                [f"document-{n}" for n in numbers],
                [f"parcel {n % 997} of customer {n % 7919} has not come, street {n}" for n in numbers],
                ["late" if n < late else "lost" for n in numbers],
                ["train"] * len(numbers),
                [f"document-{n // 3}" for n in numbers],
            ]
            writer.write_table(pa.table(dict(zip(names, columns, strict=True)), schema=schema))
    return path


def test_a_million_rows_are_compared_in_bounded_memory(tmp_path: Path) -> None:
    before = many(tmp_path / "before.parquet", 0, 1_000_000, late=500)
    after = many(tmp_path / "after.parquet", 1000, 1_000_000, late=1500)
    done = subprocess.run(
        [sys.executable, "-c", COMPARES, str(before), str(after)], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert told["found"] == {"added": 1000, "removed": 1000, "relabelled": 500}
    assert told["grew"] < 400 * MEGABYTE, f"{told['grew'] / MEGABYTE:.0f} MB for two versions of a million rows"


PROFILES = """
import json, resource, sys
from pathlib import Path
from millrace.datasets.profile import profile, render
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = profile([Path(sys.argv[1])], about={"name": "parcels@2"}, parent=[Path(sys.argv[2])])
page = len(render(found))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"rows": found["rows"], "clusters": found["duplicates"]["clusters"]["all"], "page": page,
                  "grew": (peak - before) * 1024}))
"""


def test_a_million_rows_are_profiled_in_bounded_memory(tmp_path: Path) -> None:
    rows = many(tmp_path / "rows.parquet", 0, 1_000_000, late=500_000)
    parent = many(tmp_path / "parent.parquet", 0, 100_000, late=90_000)
    done = subprocess.run(
        [sys.executable, "-c", PROFILES, str(rows), str(parent)], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert told["rows"] == 1_000_000 and told["clusters"] == 333_334 and told["page"] < MEGABYTE
    assert told["grew"] < 400 * MEGABYTE, f"{told['grew'] / MEGABYTE:.0f} MB for a million rows"

"""A million rows need no more memory than the promise says, and no step of the service holds rows."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.stack import Endpoints

MEGABYTE = 1024**2
HERE = Path(__file__).parent
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1]), *sys.path])}

COMPARES = """
import json, sys
from pathlib import Path
from peaks import peak
from millrace.datasets.comparison import compare
before = peak()
found = compare([Path(sys.argv[1])], [Path(sys.argv[2])])
grew = peak() - before
counted = {key: found[key] for key in ("added", "removed", "relabelled")}
print(json.dumps({"found": counted, "grew": grew}))
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
        [sys.executable, "-c", COMPARES, str(before), str(after)], capture_output=True, text=True, check=True, env=ENV
    )
    told = json.loads(done.stdout)
    assert told["found"] == {"added": 1000, "removed": 1000, "relabelled": 500}
    assert told["grew"] < 400 * MEGABYTE, f"{told['grew'] / MEGABYTE:.0f} MB for two versions of a million rows"


PROFILES = """
import json, sys
from pathlib import Path
from peaks import peak
from millrace.datasets.profile import profile, render
before = peak()
found = profile([Path(sys.argv[1])], about={"name": "parcels@2"}, parent=[Path(sys.argv[2])])
page = len(render(found))
grew = peak() - before
print(json.dumps({"rows": found["rows"], "clusters": found["duplicates"]["clusters"]["all"], "page": page,
                  "grew": grew}))
"""


def test_a_million_rows_are_profiled_in_bounded_memory(tmp_path: Path) -> None:
    rows = many(tmp_path / "rows.parquet", 0, 1_000_000, late=500_000)
    parent = many(tmp_path / "parent.parquet", 0, 100_000, late=90_000)
    done = subprocess.run(
        [sys.executable, "-c", PROFILES, str(rows), str(parent)], capture_output=True, text=True, check=True, env=ENV
    )
    told = json.loads(done.stdout)
    assert told["rows"] == 1_000_000 and told["clusters"] == 333_334 and told["page"] < MEGABYTE
    assert told["grew"] < 400 * MEGABYTE, f"{told['grew'] / MEGABYTE:.0f} MB for a million rows"


ANYHOW, A_ROW = 96 * MEGABYTE, 100
"""Bytes that a step may take whatever the rows, and for each; hashes of ids, texts and labels are some forty."""
FEW, MANY = 20_000, int(os.environ.get("DATASETS_HEAVY_ROWS", "120000"))


@pytest.mark.timeout(1800)
def test_the_service_grows_with_no_step_as_rows_do(stack: Endpoints, tmp_path: Path) -> None:
    """Flush, cut, profile, export, diff and a table of features, on real Postgres and S3, with few rows and many.

    A row that was held would take more than a kilobyte: its text alone has 470 characters. DATASETS_HEAVY_ROWS asks for
    more of them.
    """
    endpoints = tmp_path / "endpoints.json"
    endpoints.write_text(json.dumps(stack.to_json()))
    asked = [sys.executable, str(HERE / "heavy.py"), str(endpoints), str(FEW), str(MANY)]
    done = subprocess.run(asked, capture_output=True, text=True, env=ENV)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    rows, few, many = told["rows"], told["few"], told["many"]
    print(json.dumps({"rows": rows, "few": megabytes(few), "many": megabytes(many)}))
    assert rows["cut"] == rows["profile"] == rows["diff"] == MANY and rows["export"] == MANY * 7 // 10
    assert rows["table"] > MANY * 9 // 10
    for step, (rose, _) in many.items():
        rose -= few[step][0] if step.endswith("apart") else 0  # all that the other process took
        assert rose < ANYHOW + MANY * A_ROW, f"{step} rose by {rose / MEGABYTE:.0f} MB"


def megabytes(steps: dict[str, list[int]]) -> dict[str, list[int]]:
    return {step: [taken // MEGABYTE for taken in both] for step, both in steps.items()}

"""A small dataset in S3, and the processes that train on it."""

import io
import json
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from millrace.chassis import Blobs
from millrace.training.worker import STDERR

WORDS = {"late": "my parcel is late and has not come", "lost": "you lost the box, nobody knows where it is"}


async def put_dataset(blobs: Blobs, workspace: str, *, rows: int = 120, untrusted: int = 0, words: int = 1) -> str:
    """Rows and manifest; the manifest's key. Each text says what it says so many times as `words`."""
    name = f"{workspace}/datasets/{uuid4()}"
    labels = [("late", "lost")[n % 2] for n in range(rows)]
    table = pa.table(
        {
            "id": [f"row-{n}" for n in range(rows)],
            "text": [f"{WORDS[label]} " * words + str(n) for n, label in enumerate(labels)],
            "label": labels,
            "split": ["validation" if n % 6 > 3 else "train" for n in range(rows)],
            "cluster": [f"row-{n}" for n in range(rows)],
            "weight": [1.0] * rows,
            "trusted": [n >= untrusted for n in range(rows)],
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    await blobs.put(f"{name}.parquet", sink.getvalue())
    training = {"rows": f"{name}.parquet", "count": rows, "untrusted": untrusted}
    await blobs.put(f"{name}.json", json.dumps({"labels": ["late", "lost"], "training": training}).encode())
    return f"{name}.json"


def children(parent: int) -> list[int]:
    """Processes that train for a process."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                above = int(entry.joinpath("stat").read_text().rsplit(")", 1)[1].split()[1])
                command = entry.joinpath("cmdline").read_bytes()
                errors = (entry / "fd" / "2").readlink().name  # one that stands by has no run's folder yet
            except OSError:
                continue
            if above == parent and b"millrace.training.child" in command and errors == STDERR:
                found.append(int(entry.name))
    return found

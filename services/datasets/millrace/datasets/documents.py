"""Documents of versions: which a version holds, and which hold a document. Read by ranges, columns that are needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from millrace.chassis import Blobs, NotFound, Unavailable
from millrace.chassis.blobs import Interrupted
from millrace.datasets import store
from millrace.datasets.domain import parts
from millrace.datasets.version_files import RowsGone

TOLD = ["id", "split", "label", "source", "origin_topic", "origin_partition", "origin_offset", "origin_event"]


class DocumentNotFound(NotFound):
    def __init__(self, workspace: str, document: str) -> None:
        super().__init__(f"no document {document!r} stands in {workspace} or is in a version whose rows are there")
        self.workspace = workspace
        self.document = document


def listed(blobs: Blobs, version: store.Version, after: int, most: int) -> list[dict[str, Any]]:
    """A version's documents in the order of its files, `most` after the first `after`. Raises RowsGone, Unavailable."""
    if version.emptied_at is not None:
        raise RowsGone(version.name)
    found: list[dict[str, Any]] = []
    for file in parts(version.body).values():
        if after >= (count := int(file.get("count", 0))):
            after -= count
            continue
        with _opened(blobs, file) as parquet:
            for batch in parquet.iter_batches(columns=TOLD):
                found += map(_told, batch.slice(after, most - len(found)).to_pylist())
                after = max(0, after - batch.num_rows)
                if len(found) == most:
                    return found
    return found


def of(blobs: Blobs, version: store.Version, document: str) -> dict[str, Any] | None:
    """A document as a version has it. Raises Unavailable."""
    for file in parts(version.body).values():
        if not file.get("count"):
            continue
        with _opened(blobs, file) as parquet:
            for group in range(parquet.num_row_groups):
                ids = parquet.read_row_group(group, columns=["id"])["id"]
                at = pc.index(ids, document).as_py()
                if at >= 0:
                    return _told(parquet.read_row_group(group, columns=TOLD).slice(at, 1).to_pylist()[0])
    return None


@contextmanager
def _opened(blobs: Blobs, file: dict[str, Any]) -> Iterator[pq.ParquetFile]:
    try:
        with blobs.opened(file["rows"], file["bytes"]) as source, pq.ParquetFile(source) as parquet:
            yield parquet
    except Interrupted as error:
        raise Unavailable(f"{error}: ask again") from error  # also where an erasure has just written it anew


def _told(row: dict[str, Any]) -> dict[str, Any]:
    origin = {name: row.pop(f"origin_{name}") for name in ("topic", "partition", "offset", "event")}
    return {"document": row.pop("id"), **row, "origin": origin}

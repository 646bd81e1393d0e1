"""A dataset's rows as learn reads them."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from millrace.chassis import BlobNotFound, Blobs, Malformed

COLUMNS = ("id", "text", "label", "split", "cluster", "weight", "rejected", "rating")
USED = ("train", "validation")


@dataclass(frozen=True, slots=True)
class Training:
    """The training part of a manifest: the rows' blob, how many of them are untrusted, and the admitted labels."""

    rows: str
    untrusted: int
    labels: list[str]

    @classmethod
    def of(cls, manifest: dict[str, Any]) -> "Training":
        part = manifest["training"]
        return cls(part["rows"], int(part.get("untrusted", 0)), list(manifest["labels"]))


async def read_training(blobs: Blobs, manifest: str) -> Training:
    """Raises BlobNotFound, Malformed, Unavailable."""
    text = await blobs.get(manifest)
    try:
        return Training.of(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed("manifest", f"training and labels ({type(error).__name__}: {error})") from error


async def fetch(blobs: Blobs, manifest: str, target: Path) -> Training:
    """The training part with its rows in a file. Where they were rewritten between the two looks it looks again.

    Raises BlobNotFound, Malformed, Unavailable.
    """
    training = await read_training(blobs, manifest)
    try:
        await blobs.get_file(training.rows, target)
    except BlobNotFound:
        training = await read_training(blobs, manifest)
        await blobs.get_file(training.rows, target)
    return training


def select(source: Path, target: Path, *, untrusted: bool, labels: Collection[str] | None) -> None:
    """Writes the rows that one run may see; equal inputs give equal bytes. None takes every label.

    Validation rows of untrusted sources never judge, whatever trains.
    """
    table = pq.read_table(source)
    keep = pc.is_in(table["split"], value_set=_strings(USED))
    if "trusted" in table.column_names:
        trains = pc.equal(table["split"], "train") if untrusted else _never(table.num_rows)
        keep = pc.and_(keep, pc.or_(table["trusted"], trains))
    if labels is not None:
        keep = pc.and_(keep, pc.is_in(table["label"], value_set=_strings(labels)))
    kept = table.filter(keep).select([name for name in COLUMNS if name in table.column_names])
    pq.write_table(kept, target, compression="zstd")


def _strings(values: Collection[str]) -> Any:
    return pa.array(list(values), pa.string())


def _never(rows: int) -> Any:
    return pa.array([False] * rows, pa.bool_())

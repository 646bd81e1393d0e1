"""Files of a version of moments with a column for each feature, for its profile."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from millrace.datasets.blobs import PAGE, VERSION
from millrace.datasets.profile import Declared

Rule = Mapping[str, Any]
"""What the version's manifest says of features and target (`lineage.rule`)."""

KEPT = ("id", "split", "cluster", "weight", "source", "trusted", "basis", "occurred_at")


def declared(rule: Rule) -> dict[str, Any]:
    categories = [name for name, feature in rule["features"].items() if "category" in feature]
    numbers = [name for name in rule["features"] if name not in categories]
    is_number = rule["target"]["kind"] == "regression"
    return asdict(
        Declared(
            id="id",
            split="split",
            cluster="cluster",
            weight="weight",
            label=None if is_number else "target",
            categories=(*categories, "source", "trusted", "basis"),
            numbers=(*numbers, *(("target",) if is_number else ())),
            times=("occurred_at",),
            target="target",
            optional=(*numbers, "basis"),
        )
    )


def widened(paths: Sequence[Path], rule: Rule) -> list[str]:
    """Writes the files beside the version's own; a feature that a row does not have is missing."""
    features = rule["features"]
    is_number = rule["target"]["kind"] == "regression"
    schema = pa.schema(
        [
            *(VERSION.field(name) for name in KEPT),
            *((name, pa.string() if "category" in one else pa.float64()) for name, one in features.items()),
            ("target", pa.float64() if is_number else pa.string()),
        ]
    )
    made = []
    for path in paths:
        wide = path.with_name(f"{path.stem}-wide.parquet")
        with pq.ParquetFile(path) as source, pq.ParquetWriter(wide, schema) as out:
            for batch in source.iter_batches(PAGE, columns=[*KEPT, "text", "label"]):
                rows = [_row(row, features, is_number) for row in batch.to_pylist()]
                out.write_table(pa.Table.from_pylist(rows, schema=schema))
        made.append(str(wide))
    return made


def _row(row: Mapping[str, Any], features: Mapping[str, Any], is_number: bool) -> dict[str, Any]:
    told = json.loads(row["text"])
    cells = {name: _cell(told.get(name), "category" in one) for name, one in features.items()}
    return {**row, **cells, "target": float(row["label"]) if is_number else row["label"]}


def _cell(value: Any, is_category: bool) -> Any:
    if value is None:
        return None
    return str(value) if is_category else float(value)

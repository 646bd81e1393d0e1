"""Rows in and predictions out, as Parquet or JSON lines by the file's suffix."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from millrace.learn.errors import WrongRows


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    text: str
    label: str
    split: str
    cluster: str
    weight: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One prediction of a row whose truth is known; ``latency_ms`` is its batch's time over the batch's rows."""

    id: str
    cluster: str
    truth: str
    prediction: str
    top_probability: float
    entropy: float
    novelty: float
    latency_ms: float


def read_rows(path: Path) -> list[Row]:
    """Rows in the file's order; raises WrongRows with the row's number (from 1) when one can't be used."""
    return read_as(path, _row)


class Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Identified)


def read_as(path: Path, row: Callable[[Path, int, dict[str, Any]], T]) -> list[T]:
    """What ``row`` makes of each record, given its number; raises WrongRows."""
    rows = [row(path, number, raw) for number, raw in enumerate(_records(path), start=1)]
    if len({row.id for row in rows}) != len(rows):
        raise WrongRows(str(path), "an id stands twice")
    return rows


def write_judged(path: Path, judged: Sequence[Any], kind: type[Any] = Judged) -> None:
    """Rows of a dataclass whose fields are texts and numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [asdict(row) for row in judged]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "float | None": pa.float64()}
    schema = pa.schema([(field.name, kinds[cast(str, field.type)]) for field in fields(kind)])
    pq.write_table(pa.Table.from_pylist(records, schema=schema), path)


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        if path.suffix == ".jsonl":
            lines = path.read_text(encoding="utf-8").splitlines()
            return [json.loads(line) for line in lines if line.strip()]
        import pyarrow.parquet as pq

        return cast(list[dict[str, Any]], pq.read_table(path).to_pylist())
    except (OSError, ValueError) as error:
        raise WrongRows(str(path), str(error)) from None


def _row(path: Path, number: int, raw: dict[str, Any]) -> Row:
    row_id, text, label = (text_of(path, number, raw, name) for name in ("id", "text", "label"))
    weight = weight_of(path, number, raw)
    return Row(row_id, text, label, str(raw.get("split") or ""), raw.get("cluster") or row_id, weight)


def text_of(path: Path, number: int, raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise WrongRows(str(path), f"row {number}: {name} is missing or is not a text")
    return value


def weight_of(path: Path, number: int, raw: dict[str, Any]) -> float:
    weight = 1.0 if raw.get("weight") is None else float(raw["weight"])
    if not 0 <= weight < float("inf"):
        raise WrongRows(str(path), f"row {number}: weight {weight} is not a finite number from 0")
    return weight

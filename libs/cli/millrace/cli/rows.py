"""Rows of a CSV, JSONL or Parquet file as fields of a document or of an observation."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from millrace.workspace.cells import cell

from .failure import Failure

KNOWN = ("text", "label", "suite", "document_id", "subject", "source", "metadata")
MOST = 2**27
"""Characters of one CSV cell, so that an open quote does not eat the memory; ingestion refuses far shorter texts."""
PAGE = 1000


class Unreadable(Exception):
    """A row that can't be sent, and what was expected of it."""


Fields = dict[str, Any]
Row = tuple[int, Fields | Unreadable]


@dataclass(frozen=True)
class Columns:
    """Which columns of a file of observations are not values; `texts` are values that stay texts."""

    entity: str = "entity"
    time: str = "time"
    known_since: str = "known_since"
    texts: frozenset[str] = field(default_factory=frozenset)


def columns_of(path: Path) -> list[str]:
    """The names of a file's columns: of JSONL those of the first row. Raises Failure."""
    if path.suffix == ".parquet":
        return list(_parquet(path).schema_arrow.names)
    for _, row in _records(path):
        if not isinstance(row, Unreadable):
            return [name for name in row if name]
    return [] if path.suffix in JSONL else _header(path)


def each_row(path: Path) -> Iterator[Row]:
    """Yield (line, fields) of each document, or why it can't be read; `category` is another word for `label`.

    Raises Failure for a file that has no column `text`, or can't be read.
    """
    if path.suffix not in JSONL and "text" not in (columns := columns_of(path)):
        hint = f"its columns are {', '.join(columns) or 'none'}; a .jsonl file has one JSON object a line"
        raise Failure(f"{path} has no column `text`", hint=hint, kind="unreadable")
    for line, row in _records(path):
        yield line, _read(_document, row)


def each_observation(path: Path, columns: Columns) -> Iterator[Row]:
    """Yield (line, fields) of each observation, or why it can't be read: every other column is a value.

    Raises Failure for a file that lacks the column of the entity or of the time, or can't be read.
    """
    there = columns_of(path)
    for name in (columns.entity, columns.time, *sorted(columns.texts)):
        if name not in there:
            hint = f"its columns are {', '.join(there) or 'none'}; --entity and --time say which are meant"
            raise Failure(f"{path} has no column `{name}`", hint=hint, kind="unreadable")
    for line, row in _records(path):
        yield line, _read(lambda row: _observation(row, columns), row)


def each_json(path: Path) -> Iterator[Row]:
    """Yield (line, object) of each line, or why it can't be read, whatever its keys. Raises Failure."""
    if path.suffix not in JSONL:
        raise Failure(f"{path} is not named as what is read here", hint=f"{' or '.join(JSONL)}", kind="misnamed")
    yield from _records(path)


JSONL = (".jsonl", ".ndjson")


def _records(path: Path) -> Iterator[Row]:
    if path.suffix == ".parquet":
        yield from _rows_of_parquet(path)
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _rows_of_jsonl(file) if path.suffix in JSONL else _rows_of_csv(file)
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not UTF-8 (byte {error.start})", kind="unreadable") from error
    except csv.Error as error:
        raise Failure(f"{path} is no CSV that can be read: {error}", kind="unreadable") from error


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file).fieldnames or [])


def _rows_of_csv(file: Any) -> Iterator[Row]:
    csv.field_size_limit(MOST)
    reader = csv.DictReader(file)
    for row in reader:
        yield reader.line_num, row


def _rows_of_jsonl(file: Any) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, _read(_json, line)


def _rows_of_parquet(path: Path) -> Iterator[Row]:
    number = 0
    for batch in _parquet(path).iter_batches(PAGE):
        for row in batch.to_pylist():
            number += 1
            yield number, row


def _parquet(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise Failure(f"reading {path} needs pyarrow", hint="pip install pyarrow") from error
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise Failure(f"{path} is no Parquet that can be read: {error}", kind="unreadable") from error


def _read(fields: Any, row: Any) -> Fields | Unreadable:
    if isinstance(row, Unreadable):
        return row
    try:
        found: Fields = fields(row)
    except Unreadable as unreadable:
        return unreadable
    return found


def _document(row: Mapping[str, Any]) -> Fields:
    found = {key: value for key, value in row.items() if key and value not in (None, "")}
    if isinstance(found.get("metadata"), str):
        found["metadata"] = _json(found["metadata"], "metadata")
    if "label" not in found and "category" in found:
        found["label"] = found["category"]
    if not found.get("text"):
        raise Unreadable("text: a text that is not empty")
    return {key: found[key] for key in KNOWN if found.get(key) is not None}


def _observation(row: Mapping[str, Any], columns: Columns) -> Fields:
    told = dict(row)
    entity, at, since = (told.pop(name, None) for name in (columns.entity, columns.time, columns.known_since))
    source, own = told.pop("source", None), told.pop("id", None)
    if entity in (None, ""):
        raise Unreadable(f"{columns.entity}: an entity")
    cells = {name: _cell(name, one, text=name in columns.texts) for name, one in told.items() if name}
    values = {name: one for name, one in cells.items() if one is not None}
    if not values:
        raise Unreadable("values: at least one")
    found: Fields = {"entity": str(entity), "values": values, "time": _moment(columns.time, at)}
    if since not in (None, ""):
        found["known_since"] = _moment(columns.known_since, since)
    return found | {name: str(one) for name, one in (("source", source), ("id", own)) if one not in (None, "")}


def _cell(name: str, value: Any, *, text: bool) -> float | str | None:
    """A number, a text, or nothing. Raises Unreadable."""
    try:
        return cell(value, text=text)
    except ValueError as error:
        raise Unreadable(f"{name}: {error}") from error


def _moment(name: str, value: Any) -> datetime:
    """UTC where no zone is said. Raises Unreadable."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"{name}: a time such as 2026-11-21T10:00:00Z") from error


def _json(text: str, what: str = "the line") -> dict[str, Any]:
    """Raises Unreadable for anything but a JSON object; NaN and Infinity are not JSON."""
    try:
        found = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{what}: a JSON object ({error})") from error
    if not isinstance(found, dict):
        raise Unreadable(f"{what}: a JSON object, not {text.strip()[:20]}")
    return found


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")

"""Rows of CSV, JSON lines and Parquet: a stream, however large the file. A row that is unreadable harms no other."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any, BinaryIO
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic_core import from_json, to_json

from millrace.chassis.blobs import Interrupted
from millrace.ingestion.domain.revisions import Item, Measured
from millrace.ingestion.domain.texts import LONGEST
from millrace.ingestion.sources.batch import Unreadable
from millrace.ingestion.sources.pages import encoding_of
from millrace.workspace import Columns, Observed
from millrace.workspace.cells import cell

LONGEST_LINE = 1024 * 1024
LONGEST_TEXT = 5 * LONGEST
"""Characters of a text that are looked at: more than are taken, so that it is refused as too long."""

SNIFFED = 256 * 1024
PARQUET_ROWS = 200
LARGEST_GROUP = 512 * 1024 * 1024
"""Bytes of the wanted columns in one row group, unpacked."""

LARGEST_BATCH = 128 * 1024 * 1024
"""Bytes that the rows read at once may take."""

Told = Columns | Observed

Row = tuple[int, "Mapping[str, Any] | Unreadable"]
"""The number of a row, from 1, and what it says in the columns that are asked for, or why that can't be read."""

csv.field_size_limit(LONGEST_LINE)


def rows(kind: str, file: BinaryIO, columns: Told) -> Iterator[Row]:
    """The rows of a file of a kind. Raises Unreadable where the file itself is none."""
    return {"csv": _csv, "tsv": _tsv, "jsonl": _jsonl, "ndjson": _jsonl, "parquet": _parquet}[kind](file, columns)


TABLES = ("csv", "tsv", "jsonl", "ndjson", "parquet")


def _lines(file: BinaryIO) -> Iterator[str]:
    """Decoded lines of bounded length. Raises Unreadable."""
    start = file.read(SNIFFED)
    file.seek(0)
    name = encoding_of(start, whole=len(start) < SNIFFED)
    text = io.TextIOWrapper(file, encoding=name, newline="")
    try:
        while line := text.readline(LONGEST_LINE):
            if len(line) >= LONGEST_LINE:
                raise Unreadable("line", f"lines of at most {LONGEST_LINE} characters")
            yield line
    except UnicodeError as error:
        raise Unreadable("encoding", f"text in {name}, as its start is: {error}"[:300]) from error
    finally:
        with suppress(ValueError):  # it was closed before all was read
            text.detach()


def _csv(file: BinaryIO, columns: Told, delimiter: str = ",") -> Iterator[Row]:
    reader = csv.reader(_lines(file), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _has(columns, header)
        wanted = {name: at for at, name in enumerate(header) if name in columns.named}
        for number, values in enumerate(reader, start=1):
            if not values:
                continue
            if len(values) != len(header):
                yield number, Unreadable("row", f"{len(header)} fields, as the header has, not {len(values)}")
            else:
                yield number, {name: values[at][:LONGEST_TEXT] for name, at in wanted.items()}
    except csv.Error as error:
        raise Unreadable("csv", f"a table of CSV: {error} (line {reader.line_num})") from error


def _tsv(file: BinaryIO, columns: Told) -> Iterator[Row]:
    return _csv(file, columns, delimiter="\t")


def _jsonl(file: BinaryIO, columns: Told) -> Iterator[Row]:
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        try:
            said = from_json(line, allow_inf_nan=False)
        except ValueError as error:
            yield number, Unreadable("json", f"JSON: {error}"[:300])
            continue
        if isinstance(said, dict):
            yield number, {name: _plain(said[name]) for name in columns.named if name in said}
        else:
            yield number, Unreadable("json", "a JSON object")


def _plain(value: Any) -> Any:
    """A value without its structure, and no longer than is looked at."""
    if isinstance(value, dict | list):
        value = to_json(value).decode()
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def _parquet(file: BinaryIO, columns: Told) -> Iterator[Row]:
    try:
        opened = pa.PythonFile(file, mode="r")
        source = pq.ParquetFile(opened, pre_buffer=False)
        _has(columns, source.schema_arrow.names)
        at_once = _bounded(source.metadata, columns)
        number = 0
        for batch in source.iter_batches(batch_size=at_once, columns=list(columns.named), use_threads=False):
            found = {name: _values(batch.column(name)) for name in columns.named}
            for at in range(batch.num_rows):
                number += 1
                yield number, {name: values[at] for name, values in found.items()}
    except Interrupted:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, MemoryError) as error:
        raise Unreadable("parquet", f"a Parquet file: {error}"[:300]) from error


def _bounded(metadata: pq.FileMetaData, columns: Told) -> int:
    """How many rows to read at once. Raises Unreadable where a few bytes of the file may be many in memory.

    A value that stands once in a file may be that of every row: no more rows are read than would fit with it.
    """
    for at in range(len(metadata.schema)):
        column = metadata.schema.column(at)
        name, _, within = column.path.partition(".")
        if name in columns.named and within:
            raise Unreadable("columns", f"columns of plain values; {name!r} has values within values")
    largest = 1
    for at in range(metadata.num_row_groups):
        group = metadata.row_group(at)
        parts = [group.column(number) for number in range(group.num_columns)]
        sizes = [one.total_uncompressed_size for one in parts if one.path_in_schema in columns.named]
        if sum(sizes) > LARGEST_GROUP:
            raise Unreadable("too_large", f"row groups of at most {LARGEST_GROUP >> 20} MB, not {sum(sizes) >> 20}")
        largest = max(largest, *sizes)
    return max(1, min(PARQUET_ROWS, LARGEST_BATCH // largest))


def _values(column: pa.Array) -> list[Any]:
    """Values of a column, no longer than is looked at."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.utf8_slice_codeunits(column, 0, LONGEST_TEXT)
    elif pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = pc.binary_slice(column, 0, LONGEST_TEXT)
    return list(column.to_pylist())


def _has(columns: Told, header: list[str]) -> None:
    missing = [name for name in columns.named if name not in header]
    if missing:
        shown = ", ".join(header[:20])[:200]
        raise Unreadable("columns", f"a column {', '.join(map(repr, missing))} among: {shown}")


def item(row: Mapping[str, Any], told: Told, place: UUID, *, label: str | None, name: str = "") -> Item:
    """The document or the observation in a row, without its id. Raises Unreadable."""
    return _observation(row, told, place) if isinstance(told, Observed) else _document(row, told, place, label, name)


def _observation(row: Mapping[str, Any], observations: Observed, place: UUID) -> Item:
    entity, at = _text(row.get(observations.entity)), moment(row.get(observations.at))
    if not entity:
        raise Unreadable("entity", f"an entity in {observations.entity!r}")
    if at is None:
        raise Unreadable("at", f"a time in {observations.at!r}")
    values: dict[str, float | str] = {}
    for name in observations.values:
        try:
            value = cell(row.get(name), text=name in observations.texts)
        except ValueError as error:
            raise Unreadable("values", f"{error} in {name!r}") from error
        if value is not None:
            values[name] = value
    if not values:
        raise Unreadable("values", "at least one value")
    since = moment(row.get(observations.known_since)) if observations.known_since else None
    measured = Measured(entity, values, since)
    return Item(own_id="", place=place, text="", subject=entity, occurred_at=at, dated=True, measured=measured)


def _document(row: Mapping[str, Any], columns: Columns, place: UUID, label: str | None, name: str) -> Item:
    text = _text(row.get(columns.text))
    if not text:
        raise Unreadable("text", f"a text in {columns.text!r}")
    at = moment(row.get(columns.at)) if columns.at else None
    about = {key: value for key in columns.metadata if (value := _text(row.get(key))) is not None}
    return Item(
        own_id="",
        place=place,
        text=text[:LONGEST_TEXT],
        label=(_text(row.get(columns.label)) if columns.label else None) or label,
        suite=(_text(row.get(columns.suite)) if columns.suite else None) or None,
        subject=(_text(row.get(columns.subject)) if columns.subject else None) or None,
        metadata={**about, **({"file": name} if name else {})},
        occurred_at=at,
        dated=at is not None,
    )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.isoformat() if isinstance(value, date) else str(value)


def moment(value: Any) -> datetime | None:
    """A time as it is written; UTC where it names no zone. Raises Unreadable."""
    if value is None or value == "":
        return None
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable("at", "a time such as 2026-01-05T09:00:00Z") from error

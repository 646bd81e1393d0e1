"""Rows of a CSV or JSONL file as fields of a document."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .failure import Failure

KNOWN = ("text", "label", "suite", "document_id", "subject", "source", "metadata")
MOST = 2**24
"""Characters of one CSV cell; longer texts are refused by ingestion anyway."""


def each_row(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield (line, fields) of each row, None for a line that can't be read; `category` is another word for `label`.

    Raises Failure for a file that is neither CSV with a column `text` nor JSONL, or not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _jsonl(file) if path.suffix in {".jsonl", ".ndjson"} else _csv(file, path)
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not UTF-8 (byte {error.start})", kind="unreadable") from error


def _csv(file: Any, path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    csv.field_size_limit(MOST)
    reader = csv.DictReader(file)
    columns = reader.fieldnames or []
    if "text" not in columns:
        hint = f"its columns are {', '.join(columns) or 'none'}; a .jsonl file has one JSON object a line"
        raise Failure(f"{path} has no column `text`", hint=hint, kind="unreadable")
    for row in reader:
        yield reader.line_num, _fields({key: value for key, value in row.items() if key and value})


def _jsonl(file: Any) -> Iterator[tuple[int, dict[str, Any] | None]]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, _object(line)


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return _fields(found) if isinstance(found, dict) else None


def _fields(row: dict[str, Any]) -> dict[str, Any] | None:
    if "label" not in row and "category" in row:
        row["label"] = row["category"]
    return {key: row[key] for key in KNOWN if row.get(key) is not None} if row.get("text") else None

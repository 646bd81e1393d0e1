"""Rows of a CSV or JSONL file as fields of a document."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .failure import Failure

KNOWN = ("text", "label", "suite", "document_id", "subject", "source", "metadata")
MOST = 2**27
"""Characters of one CSV cell, so that an open quote does not eat the memory; ingestion refuses far shorter texts."""


class Unreadable(Exception):
    """A row that can't be sent, and what was expected of it."""


Row = tuple[int, dict[str, Any] | Unreadable]


def each_row(path: Path) -> Iterator[Row]:
    """Yield (line, fields) of each row, or why it can't be read; `category` is another word for `label`.

    Raises Failure for a file that is neither CSV with a column `text` nor JSONL, or not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _jsonl(file) if path.suffix in {".jsonl", ".ndjson"} else _csv(file, path)
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not UTF-8 (byte {error.start})", kind="unreadable") from error
    except csv.Error as error:
        raise Failure(f"{path} is no CSV that can be read: {error}", kind="unreadable") from error


def _csv(file: Any, path: Path) -> Iterator[Row]:
    csv.field_size_limit(MOST)
    reader = csv.DictReader(file)
    columns = reader.fieldnames or []
    if "text" not in columns:
        hint = f"its columns are {', '.join(columns) or 'none'}; a .jsonl file has one JSON object a line"
        raise Failure(f"{path} has no column `text`", hint=hint, kind="unreadable")
    for row in reader:
        yield reader.line_num, _read(_cells, row)


def _jsonl(file: Any) -> Iterator[Row]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, _read(_json, line)


def _read(fields: Callable[[Any], dict[str, Any]], row: Any) -> dict[str, Any] | Unreadable:
    try:
        found = fields(row)
    except Unreadable as unreadable:
        return unreadable
    if "label" not in found and "category" in found:
        found["label"] = found["category"]
    if not found.get("text"):
        return Unreadable("text: a text that is not empty")
    return {key: found[key] for key in KNOWN if found.get(key) is not None}


def _cells(row: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in row.items() if key and value}
    if "metadata" in found:
        found["metadata"] = _json(found["metadata"], "metadata")
    return found


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

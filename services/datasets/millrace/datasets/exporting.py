"""A version in the formats that others read, made from its file while its digest is checked."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from millrace.chassis import Unprocessable
from millrace.datasets import store
from millrace.datasets.domain import SPLITS, line, parts

BATCH = 2048
FORMATS = ("parquet", "jsonl", "huggingface")
README = "README.md"


class DigestMismatch(Unprocessable):
    """A file of a version does not hold the rows that its manifest tells of."""

    def __init__(self, version: str, file: str, expected: str, found: str) -> None:
        super().__init__(f"{file} of {version} holds rows with digest {found}, its manifest says {expected}")
        self.version = version
        self.expected = expected
        self.found = found


def listing(version: store.Version, form: str) -> list[str]:
    """The files of an export: one for each split that has rows, for Hugging Face with a README.md that names them."""
    names = [_name(split, form) for split in SPLITS if _rows(version.body, split)]
    return names + ([README] if form == "huggingface" else [])


def split_of(name: str, form: str) -> str | None:
    return next((split for split in SPLITS if _name(split, form) == name), None)


def file_of(split: str) -> str:
    """The part of the manifest that holds a split's rows."""
    return "training" if split in ("train", "validation") else split


def _name(split: str, form: str) -> str:
    if form == "huggingface":
        return f"data/{split}-00000-of-00001.parquet"
    return f"{split}.{form}"


def _rows(body: Mapping[str, Any], split: str) -> int:
    part = parts(body).get(file_of(split), {})
    return int(bool(part.get("count")) and body["content"]["splits"][split]["rows"])


def write(version: store.Version, source: Path, split: str, form: str, target: Path) -> int:
    """Writes a split's rows, a batch at a time; how many. Raises DigestMismatch, once all rows have been seen."""
    name, hasher, rows = file_of(split), hashlib.sha256(), 0
    with pq.ParquetFile(source) as file, _Sink(target, form, file.schema_arrow) as sink:
        for batch in file.iter_batches(BATCH):
            every = batch.to_pylist()
            for row in every:
                hasher.update(line(row))
            stays = batch.filter(pa.array([row["split"] == split for row in every], pa.bool_()))
            rows += stays.num_rows
            sink.write(stays)
    found, expected = f"sha256:{hasher.hexdigest()}", parts(version.body)[name]["digest"]
    if found != expected:
        raise DigestMismatch(version.name, name, expected, found)
    return rows


class _Sink:
    """A file of one format."""

    def __init__(self, target: Path, form: str, schema: Any) -> None:
        self._lines = form == "jsonl"
        self._file: Any = target.open("wb") if self._lines else pq.ParquetWriter(target, schema, compression="zstd")

    def __enter__(self) -> "_Sink":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, batch: Any) -> None:
        if not self._lines:
            self._file.write_batch(batch)
            return
        for row in batch.to_pylist():
            self._file.write(orjson.dumps(row) + b"\n")


def readme(version: store.Version) -> str:
    """The page of a Hugging Face `datasets` folder: the YAML that load_dataset reads, and where the rows come from."""
    splits = [split for split in SPLITS if _rows(version.body, split)]
    return "\n".join([*_yaml(splits), *_words(version)]) + "\n"


def _yaml(splits: list[str]) -> Iterator[str]:
    yield "---"
    yield "configs:"
    yield "- config_name: default"
    yield "  data_files:"
    for split in splits:
        yield f"  - split: {split}"
        yield f"    path: {_name(split, 'huggingface')}"
    yield "---"


def _words(version: store.Version) -> Iterator[str]:
    body = version.body
    yield f"# {version.name}"
    yield ""
    at = f"{version.created_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"A version of the workspace `{version.workspace}`, cut by Millrace at {at}."
    yield ""
    yield f"- digest `{version.digest}`"
    yield f"- parent `{version.parent}`" if version.parent else "- no parent"
    if version.redacted:
        lost = "1 row was" if version.redacted == 1 else f"{version.redacted:,} rows were"
        yield f"- redacted: {lost} erased since, so its digest can't be made from these rows"
    yield f"- labels: {', '.join(f'`{label}`' for label in body['labels'])}"
    yield ""
    yield "| split | rows when cut |"
    yield "|---|---|"
    for split, content in body["content"]["splits"].items():
        yield f"| {split} | {content['rows']} |"
    yield ""
    yield "Columns: `id`, `text`, `label`, `cluster` (near-duplicates share one and never straddle splits), `weight`,"
    yield "`suite`, `source`, `trusted`, `basis`, `language`, `occurred_at`, `known_at`, and `origin_*`: where each row"
    yield "came from in the log."

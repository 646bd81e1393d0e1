"""The snapshot that an evaluation is made on: suites and artifacts from S3 to files, answers back."""

import asyncio
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

from millrace.chassis import BlobNotFound, Blobs, Unprocessable
from millrace.evaluation.domain.answers import Answers, Texts
from millrace.evaluation.domain.slices import lengths
from millrace.evaluation.domain.suites import About
from millrace.evaluation.engine import SEED
from millrace.evaluation.store.arrivals import Arrival
from millrace.events import Deployment

FRESH = "fresh"
COLUMNS = ("id", "text", "label", "cluster")
SLICED = ("source", "language")
"""Columns of a suite's rows whose values make slices."""
PERTURBED = {"typos": "golden"}
"""Suites that are made from another's rows by the engine."""


class ManifestUnreadable(Unprocessable):
    def __init__(self, manifest: str, why: str) -> None:
        super().__init__(f"manifest {manifest}: {why}")
        self.manifest = manifest


@dataclass(frozen=True, slots=True)
class Rows:
    """A suite: its blob, and a digest that is equal for equal rows. `later` of them came after the training cut.

    With such rows, and where it is made or was brought, it is a file here and no blob: people's texts are kept where
    they can be erased. `held` is then the blob of the rows that it has or is made from.
    """

    suite: str
    blob: str | Path
    digest: str
    perturb: str | None = None
    later: int = 0
    held: str | None = None
    about: About | None = None

    @property
    def kind(self) -> str:
        return self.about.kind if self.about else self.suite

    def scored_by(self, deployment: Deployment) -> str:
        """The digest of the answers of a version to these rows."""
        parts = [deployment.digest, deployment.parameters, self.digest, self.perturb, SEED]
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Dataset:
    """A dataset version as its manifest tells it."""

    suites: list[Rows]
    training: str
    labels: list[str]
    created_at: datetime


async def dataset(blobs: Blobs, manifest: str) -> Dataset:
    """A dataset version: the suites that have rows, what trained. Raises ManifestUnreadable, Unavailable."""
    try:
        declared: dict[str, Any] = json.loads(await blobs.get(manifest))
        suites = declared["suites"].items()
        return Dataset(
            [Rows(name, suite["rows"], suite["digest"]) for name, suite in suites if suite.get("count")],
            declared["training"]["rows"],
            declared["labels"],
            datetime.fromisoformat(declared["lineage"]["created_at"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestUnreadable(manifest, f"{type(error).__name__}: {error}") from error


def perturbed(suites: Sequence[Rows]) -> list[Rows]:
    """The suites, and those that are made from them."""
    by_name = {rows.suite: rows for rows in suites}
    derived = [
        Rows(name, by_name[source].blob, by_name[source].digest, name, held=by_name[source].held)
        for name, source in PERTURBED.items()
        if source in by_name and name not in by_name
    ]
    return [*suites, *derived]


async def extend(blobs: Blobs, cut: Dataset, arrivals: Sequence[Arrival], folder: Path) -> list[Rows]:
    """The suites, fresh with the rows that came after the training cut.

    A row of a cluster that the training rows know stays out: it would test what was learnt by heart.
    """
    fresh = next((rows for rows in cut.suites if rows.suite == FRESH), None)
    known = await _columns(blobs, cut.training, folder / "training.parquet", "cluster")
    seen = set(known["cluster"])
    held = (
        {name: [] for name in COLUMNS}
        if fresh is None
        else await _columns(blobs, str(fresh.blob), folder / "held.parquet", *COLUMNS)
    )
    taken = set(held["id"])
    later = [row for row in arrivals if row.cluster not in seen and row.document_id not in taken]
    if not later:
        return cut.suites
    added = [[getattr(row, field) for row in later] for field in ("document_id", "text", "label", "cluster")]
    table = {name: [*held[name], *more] for name, more in zip(COLUMNS, added, strict=True)}
    digest = f"sha256:{sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()}"
    path = folder / "fresh.parquet"
    await asyncio.to_thread(pyarrow.parquet.write_table, pyarrow.table(table), path)
    kept = str(fresh.blob) if fresh else None
    return [
        Rows(FRESH, path, digest, later=len(later), held=kept),
        *(rows for rows in cut.suites if rows.suite != FRESH),
    ]


async def _columns(blobs: Blobs, blob: str, path: Path, *names: str) -> dict[str, list[Any]]:
    await blobs.get_file(blob, path)
    table = await asyncio.to_thread(pyarrow.parquet.read_table, path, columns=list(names))
    return {name: table.column(name).to_pylist() for name in names}


async def fetch(blobs: Blobs, wanted: Iterable[Rows], folder: Path) -> dict[str | Path, Path]:
    """Files of rows, by blob."""
    paths: dict[str | Path, Path] = {}
    for rows in wanted:
        if isinstance(rows.blob, Path):
            paths[rows.blob] = rows.blob
        elif rows.blob not in paths:
            paths[rows.blob] = folder / f"rows-{len(paths)}.parquet"
            await blobs.get_file(rows.blob, paths[rows.blob])
    return paths


def read(path: Path, *, numeric: bool = False) -> Answers:
    """Answers as the engine wrote them: labels, numbers where `numeric`, or words."""
    table = pyarrow.parquet.read_table(path)
    columns = [table.column(name).to_pylist() for name in ("id", "cluster", "truth", "prediction")]
    told = {
        name: table.column(column).to_pylist()
        for name, column in (("confidence", "top_probability"), ("ms", "latency_ms"))
        if column in table.column_names
    }
    if "truth_logp" not in table.column_names:
        return Answers.of(*columns, **told, numeric=numeric)
    lost, tokens, alike, same = (
        np.array(table.column(name).to_pylist(), dtype=np.float64)
        for name in ("truth_logp", "truth_tokens", "similarity", "exact")
    )
    rows = np.ones(len(lost))
    return Answers.of(
        *columns, **told, words={"nll": (-lost, tokens), "similarity": (alike, rows), "exact": (same, rows)}
    )


def wordless(path: Path) -> Path:
    """Answers as they may be kept: of words only how they fare, since people's own are among them and may be erased."""
    table = pyarrow.parquet.read_table(path)
    if "truth_logp" not in table.column_names:
        return path
    nothing = pyarrow.array([""] * len(table), pyarrow.string())
    for name in ("truth", "prediction"):
        table = table.set_column(table.column_names.index(name), name, nothing)
    kept = path.with_suffix(".kept.parquet")
    pyarrow.parquet.write_table(table, kept, compression="zstd")
    return kept


def alike(path: Path, ids: Sequence[str], *, texts_are_words: bool = True) -> dict[str, Texts]:
    """What rows of a suite are sliced by, in the order of `ids`: how long their texts are, whom they came from."""
    table = pyarrow.parquet.read_table(path)
    place = {id: at for at, id in enumerate(table.column("id").to_pylist())}
    rows = [place.get(id) for id in ids]  # one that was erased since is of no slice
    texts = table.column("text").to_pylist()
    kinds: dict[str, Texts] = {}
    if texts_are_words:
        kinds["length"] = lengths([None if row is None else len(texts[row] or "") for row in rows])
    for name in SLICED:
        if name in table.column_names:
            values = table.column(name).to_pylist()
            told = ["" if row is None else str(values[row] or "") for row in rows]
            kinds[name] = np.array(told, dtype=np.str_)
    return {kind: names for kind, names in kinds.items() if len(set(names.tolist())) > 1}


async def texts_of(blobs: Blobs, key: str, ids: Collection[str], path: Path) -> dict[str, str]:
    """Texts of rows of a suite as they are now: what was erased since has none. Raises Unavailable."""
    try:
        await blobs.get_file(key, path)
    except BlobNotFound:
        return {}
    kept = pyarrow.dataset.field("id").isin(list(ids))
    table = await asyncio.to_thread(pyarrow.parquet.read_table, path, columns=["id", "text"], filters=kept)
    return dict(zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True))

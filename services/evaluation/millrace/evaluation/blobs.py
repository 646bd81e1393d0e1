"""The snapshot that an evaluation is made on: suites and artifacts from S3 to files, answers back."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet

from millrace.chassis import Blobs, Unprocessable
from millrace.evaluation.domain.answers import Answers
from millrace.evaluation.engine import SEED
from millrace.events import Deployment

PERTURBED = {"typos": "golden"}
"""Suites that are made from another's rows by the engine."""


class ManifestUnreadable(Unprocessable):
    def __init__(self, manifest: str, why: str) -> None:
        super().__init__(f"manifest {manifest}: {why}")
        self.manifest = manifest


@dataclass(frozen=True, slots=True)
class Rows:
    """A suite of a dataset: its blob, and a digest that is equal for equal rows."""

    suite: str
    blob: str
    digest: str
    perturb: str | None = None

    def scored_by(self, deployment: Deployment) -> str:
        """The digest of the answers of a version to these rows."""
        parts = [deployment.digest, deployment.parameters, self.digest, self.perturb, SEED]
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


async def suites(blobs: Blobs, manifest: str) -> list[Rows]:
    """The suites of a dataset version that have rows. Raises ManifestUnreadable, Unavailable."""
    try:
        declared: dict[str, Any] = json.loads(await blobs.get(manifest))["suites"]
        found = [Rows(name, suite["rows"], suite["digest"]) for name, suite in declared.items() if suite["count"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestUnreadable(manifest, f"no suites: {error!r}") from error
    by_name = {rows.suite: rows for rows in found}
    derived = [
        Rows(name, by_name[source].blob, by_name[source].digest, name)
        for name, source in PERTURBED.items()
        if source in by_name and name not in by_name
    ]
    return [*found, *derived]


async def fetch(blobs: Blobs, wanted: Iterable[Rows], folder: Path) -> dict[str, Path]:
    """Files of rows, by blob."""
    paths: dict[str, Path] = {}
    for rows in wanted:
        if rows.blob not in paths:
            paths[rows.blob] = folder / f"rows-{len(paths)}.parquet"
            await blobs.get_file(rows.blob, paths[rows.blob])
    return paths


def read(path: Path) -> Answers:
    """Answers as the engine wrote them."""
    table = pyarrow.parquet.read_table(path, columns=["id", "cluster", "truth", "prediction"])
    columns = [table.column(name).to_pylist() for name in ("id", "cluster", "truth", "prediction")]
    return Answers.of(*columns)

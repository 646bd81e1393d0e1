"""What the tests of datasets publish."""

import io
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
from harness import START, Running, make

from millrace.events import DatasetReleased, DocumentKept, Origin, RetrainingRequested, WorkspaceConfigured

SPLITS = ["train"] * 7 + ["validation"] * 2 + ["test"]


def configured(revision: int = 1, workspace: str = "parcels", **sections: Any) -> WorkspaceConfigured:
    spec = {
        "workspace": workspace,
        "owner": "support",
        "task": "classify",
        "labels": {"names": ["lost", "late"], "min_examples": 5},
        "data": {},
        "train": {"min_labels": 20, "on": {"new_documents": None}},
    } | sections
    return make(WorkspaceConfigured, workspace=workspace, revision=revision, spec=spec, digest="-", by="test")


def kept(number: int, label: str | None = "lost", *, at: datetime = START, **fields: Any) -> DocumentKept:
    values: dict[str, Any] = {
        "document_id": f"d{number}", "source": "web", "text": f"text number {number}", "cluster": f"d{number}",
        "split": SPLITS[number % 10], "trainable": True, "trusted": True, "label": label,
        "origin": Origin(topic="document.submitted.v1", partition=number % 3, offset=number, event_id=f"e{number}"),
    }  # fmt: skip
    return make(DocumentKept, at=at, **(values | fields))


def many(numbers: Sequence[int], **fields: Any) -> list[DocumentKept]:
    return [kept(number, ["lost", "late"][number // 10 % 2], **fields) for number in numbers]


def request(number: int = 1, **fields: Any) -> RetrainingRequested:
    values: dict[str, Any] = {
        "because": "hand", "attempt": 1, "deadline": START + timedelta(minutes=10), "workspace_revision": 1,
        "min_labels": 20,
    }  # fmt: skip
    return make(RetrainingRequested, cycle_id=UUID(int=number), **(values | fields))


async def cut(datasets: Running, number: int = 1, **fields: Any) -> DatasetReleased:
    """A version cut now."""
    await datasets.deliver([request(number, **fields)])
    await datasets.work("cut", "flush")
    return (await datasets.emitted(DatasetReleased))[-1]


async def manifest_of(datasets: Running, released: DatasetReleased) -> dict[str, Any]:
    return dict(json.loads(await datasets.service.blobs.get(released.manifest)))


async def rows_of(datasets: Running, file: dict[str, Any]) -> list[dict[str, Any]]:
    return list(pq.read_table(io.BytesIO(await datasets.service.blobs.get(file["rows"]))).to_pylist())


async def ids_of(datasets: Running, released: DatasetReleased) -> set[str]:
    """The ids of every row of a version, as a reader of its manifest finds them."""
    manifest = await manifest_of(datasets, released)
    files = [manifest["training"], *manifest["suites"].values()]
    return {row["id"] for file in files for row in await rows_of(datasets, file)}

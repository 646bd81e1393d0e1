"""The same rows give the same digest, and any change another."""

from typing import Any

import pytest

from millrace.datasets.domain import File, Tally, digest_of, manifest


def row(id: str, **fields: Any) -> dict[str, Any]:
    origin = {"origin_topic": "document.submitted.v1", "origin_partition": 0, "origin_offset": 5, "origin_event": id}
    return {
        "id": id, "text": "where is it", "label": "lost", "split": "train", "cluster": id, "weight": 1.0, "suite": None,
        "source": "web", "trusted": True, "basis": None, **origin, **fields,
    }  # fmt: skip


def digest(*rows: dict[str, Any]) -> str:
    tally = Tally()
    for one in rows:
        tally.take(one)
    return digest_of(tally.content("parcels", ["lost"]))


def test_the_same_rows_give_the_same_digest_whatever_their_lineage() -> None:
    assert digest(row("a"), row("b")) == digest(row("a", origin_offset=99), row("b", occurred_at="later"))


@pytest.mark.parametrize(
    "change",
    [{"text": "x"}, {"label": "late"}, {"cluster": "z"}, {"weight": 0.5}, {"trusted": False}, {"split": "fresh"}],
)
def test_what_learning_can_see_changes_the_digest(change: dict[str, Any]) -> None:
    assert digest(row("a")) != digest(row("a", **change))


def test_order_is_part_of_a_version() -> None:
    assert digest(row("a"), row("b")) != digest(row("b"), row("a"))


def test_the_manifest_counts_and_points() -> None:
    tally = Tally()
    for one in (
        row("a"),
        row("b", trusted=False, origin_offset=2),
        row("c", split="validation", label="late", source="mail", origin_partition=1, origin_offset=7),
        row("g", split="golden", suite="golden", origin_partition=None),
    ):
        tally.take(one)
    tally.leave("quarantined", "locker")
    tally.leave("unlabelled", None)
    file = File("parcels/datasets/files/x.parquet", "sha256:x", 3, 100)
    body = manifest(
        "parcels", ["late", "lost"], tally, dict.fromkeys(("training", "fresh", "golden"), file), {"attempt": 1}
    )
    assert body["digest"] == digest_of(body["content"])
    assert body["training"] == {"rows": file.blob, "digest": "sha256:x", "count": 3, "bytes": 100, "untrusted": 1}
    assert body["documents"] == 4 and body["sources"] == {"mail": 1, "web": 3}
    assert body["offsets"] == {"document.submitted.v1": {"0": [2, 5], "1": [7, 7]}}
    assert body["content"]["splits"]["train"]["labels"] == {"lost": 2}
    assert body["lineage"] == {
        "attempt": 1,
        "left_out": {"quarantined": 1, "unlabelled": 1},
        "quarantined": {"locker": 1},
    }

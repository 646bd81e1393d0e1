"""What a comparison counts, and its statistics."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.datasets.comparison import compare
from millrace.datasets.profile.words import Words, js_distance, ks_statistic, quantiles, words_of


def written(path: Path, *rows: tuple[str, str, str]) -> Path:
    ids, texts, labels = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    columns = {"id": ids, "text": texts, "label": labels, "split": ["train"] * len(rows)}
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}), path)
    return path


def test_the_distance_of_shares() -> None:
    assert js_distance({"a": 1, "b": 3}, {"a": 10, "b": 30}) == 0
    assert js_distance({"a": 1}, {"b": 1}) == 1
    assert js_distance({"a": 1, "b": 1}, {"a": 1}) == pytest.approx(0.5579230452841438)  # scipy's, to base 2
    assert js_distance({}, {"a": 1}) is None


def test_the_widest_gap_of_two_distributions() -> None:
    assert ks_statistic({1: 1, 2: 1}, {1: 5, 2: 5}) == 0
    assert ks_statistic({1: 3}, {9: 1}) == 1
    assert ks_statistic({1: 1, 2: 1, 3: 1, 4: 1}, {3: 1, 4: 1}) == 0.5


def test_quantiles_by_the_nearest_rank() -> None:
    assert quantiles({1: 50, 2: 49, 100: 1}, (0.5, 0.95, 1.0)) == {"p50": 1, "p95": 2, "p100": 100}


def test_words_are_letters_and_digits_of_any_script() -> None:
    words = Words()
    words.take(words_of(pa.array(["Wo ist mein Päckchen? WO!", "№7 где посылка", None, "x" * 41])))
    assert words.counts == {"wo": 2, "ist": 1, "mein": 1, "päckchen": 1, "7": 1, "где": 1, "посылка": 1}


def test_only_the_rarest_words_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    from millrace.datasets.profile import words as module

    monkeypatch.setattr(module, "LIMIT", 3)
    words = Words()
    words.take(words_of(pa.array(["a a a b b c d e f g"])))
    assert words.counts == {"a": 3, "b": 2, "c": 1} and words.total == 10


def test_a_version_without_rows_can_be_compared(tmp_path: Path) -> None:
    rows = written(tmp_path / "b.parquet", ("1", "a text", "late"))
    found = compare([], [rows])
    assert found["added"] == 1 and found["labels"]["value"] is None and found["lengths"]["words"]["value"] is None

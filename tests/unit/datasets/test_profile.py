"""A profile finds what is planted, is the same to the byte, and stands alone."""

import json
import random
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.datasets.blobs import VERSION as SCHEMA
from millrace.datasets.profile import Declared, encoded, profile, render

START = datetime(2026, 1, 5, tzinfo=UTC)
WORDS = {
    "late": ["late", "waiting", "yesterday", "arrive", "when"],
    "lost": ["lost", "vanished", "nowhere", "missing", "search"],
    "damaged": ["broken", "crushed", "wet", "torn", "dented"],
}
COMMON = ["my", "parcel", "is", "the", "and", "it", "please", "a", "box", "from"]


def row(number: int, label: str, text: str | None = None, **fields: Any) -> dict[str, Any]:
    draw = random.Random(number)
    made = " ".join(draw.choices(COMMON, k=8) + draw.choices(WORDS[label], k=4))
    return {
        "id": f"d{number}", "text": made if text is None else text, "label": label, "cluster": f"c{number}",
        "split": ["train", "train", "validation", "fresh"][number % 4], "weight": 1.0, "suite": None, "source": "web",
        "basis": None, "language": "en", "trusted": True, "occurred_at": START + timedelta(hours=number),
        "known_at": START, "origin_topic": "t", "origin_partition": 0, "origin_offset": number, "origin_event": "e",
    } | fields  # fmt: skip


def many(*numbers: int, **fields: Any) -> list[dict[str, Any]]:
    return [row(number, list(WORDS)[number % 3], **fields) for number in range(*numbers)]


def written(path: Path, rows: list[dict[str, Any]], size: int = 1000) -> Path:
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for start in range(0, len(rows), size):
            writer.write_table(pa.Table.from_pylist(rows[start : start + size], schema=SCHEMA))
    return path


ABOUT = {"name": "parcels@2", "digest": "sha256:ab", "parent_name": "parcels@1", "created_at": "2026-01-05T09:00:00Z"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    planted = [
        row(900, "late", "it vanished, nowhere to be found, missing, I search and search for the lost lost box"),
        row(901, "late", "the same text"),
        row(902, "lost", "the same text"),
        row(903, "lost", "", cluster="c1"),
        row(904, "lost", "drone drone drone drone drone", weight=4.0),
        row(905, "damaged", "crushed " * 400),
    ]
    now = written(tmp_path / "now.parquet", [*many(0, 600), *planted])
    return now, written(tmp_path / "before.parquet", [*many(0, 300), *[row(n, "late") for n in range(1000, 1100)]])


def test_it_finds_what_is_planted(files: tuple[Path, Path]) -> None:
    now, before = files
    found = profile([now], about=ABOUT | {"duplicated": {"exact": 7}}, parent=[before])
    assert found["rows"] == 606 and found["weight"] == 609
    assert {each["label"]: each["rows"] for each in found["labels"]} == {"late": 202, "lost": 203, "damaged": 201}
    assert found["duplicates"]["two_labels"] == 1 and found["duplicates"]["dropped"] == {"exact": 7}
    assert found["duplicates"]["clusters"] == {"all": 605, "largest": 2, "sizes": {"1": 604, "2": 1}}
    assert found["missing"]["text"] == 1 and found["missing"]["suite"] == 606
    assert found["near"]["texts"][0]["id"] == "d900" and found["near"]["texts"][0]["nearest"] == "lost"
    assert set(found["near"]["telling"]["damaged"]) >= {"broken", "crushed", "wet"}
    assert found["drift"]["new_words"][0] == ["drone", 5] and found["drift"]["labels"] > 0.1
    assert found["texts"]["words"]["quantiles"]["high"] >= 400 and sum(found["texts"]["words"]["counts"]) == 606
    assert found["categories"]["language"]["top"] == [["en", 606, 1.0]]
    told = " ".join(note["text"] for note in found["notes"])
    assert "1 text stands under two labels" in told and "1 of 606 values of text" in told
    assert "shares of labels have moved" in told


def test_texts_like_no_label_are_told_apart_from_those_of_a_wrong_one(tmp_path: Path) -> None:
    said = {"late": "wo bleibt meine karte", "lost": "lorem ipsum dolor sit amet", "damaged": ""}
    odd = [row(700 + number, label, text) for number, (label, text) in enumerate(said.items())]
    found = profile([written(tmp_path / "rows.parquet", [*many(0, 600), *odd])], about=ABOUT)
    near = found["near"]
    assert near["alone"] < 12 and {each["id"] for each in near["lonely"][:2]} == {"d700", "d701"}
    assert "d702" not in {each["id"] for each in near["lonely"]}, "it is told of as empty"
    assert f"{near['alone']} texts lie far from every label" in render(found)
    same = profile([written(tmp_path / "same.parquet", [row(n, "late", "the same") for n in range(60)])], about=ABOUT)
    assert same["near"]["lonely"] == [] and "Texts like no label" not in render(same)


def test_words_that_say_something_are_shown_and_what_says_nothing_is_one_line(tmp_path: Path) -> None:
    found = profile([written(tmp_path / "rows.parquet", many(0, 600))], about=ABOUT)
    own = {word for words in WORDS.values() for word in words}
    shown = [each["word"] for each in found["near"]["informing"]]
    assert set(shown) == own, "words that labels share say nothing"
    assert all(each["word"] in WORDS[each["label"]] for each in found["near"]["informing"])
    page = render(found)
    assert "trusted <b>yes</b>" in page and "<h3>Trusted</h3>" not in page


def test_the_same_rows_give_the_same_bytes_here_and_in_another_process(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    now, before = files
    first = profile([now], about=ABOUT, parent=[before])
    again = profile([now], about=ABOUT, parent=[before])
    assert encoded(first) == encoded(again) and render(first) == render(again)
    request = {"paths": [str(now)], "parent": [str(before)], "about": ABOUT, "out": str(tmp_path / "out")}
    (tmp_path / "request.json").write_text(json.dumps(request))
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "millrace.datasets.profile", str(tmp_path / "request.json")],
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": seed},
        )
        assert (tmp_path / "out.json").read_bytes() == encoded(first)
        assert (tmp_path / "out.html").read_text() == render(json.loads(encoded(first)))
    assert render(json.loads(encoded(first))) == render(first)


def test_how_the_rows_were_paged_makes_no_difference(tmp_path: Path) -> None:
    pages = [written(tmp_path / f"{size}.parquet", many(0, 500), size) for size in (7, 1000)]
    assert encoded(profile([pages[0]], about=ABOUT)) == encoded(profile([pages[1]], about=ABOUT))


def test_the_page_stands_alone_and_escapes_what_people_wrote(tmp_path: Path) -> None:
    nasty = '<script>alert(1)</script> & "quotes" <img src=x onerror=alert(1)>'
    rows = [*many(0, 60), *[row(n, "late", f"{nasty} {n}", source=nasty) for n in range(60, 70)]]
    page = render(profile([written(tmp_path / "rows.parquet", rows)], about=ABOUT | {"name": nasty}))
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|url\(""", page)
    assert page.startswith("<!doctype html>") and "prefers-color-scheme:dark" in page and "@media print" in page


def test_a_version_without_rows_has_a_profile_that_says_so(tmp_path: Path) -> None:
    for paths in ([], [written(tmp_path / "empty.parquet", [])]):
        found = profile(paths, about=ABOUT)
        assert found["rows"] == 0 and found["notes"][0] == {"kind": "bad", "text": "There are no rows."}
        assert "There are no rows" in render(found)


def test_rows_of_an_older_release_lack_a_column(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(many(0, 50), schema=SCHEMA).drop_columns(["language"])
    pq.write_table(table, tmp_path / "old.parquet")
    found = profile([tmp_path / "old.parquet"], about=ABOUT)
    assert found["missing"]["language"] == 50 and not [note for note in found["notes"] if "language" in note["text"]]


DECLARED = Declared(numbers=("load", "price", "fixed", "empty"), categories=("station",), times=("at",))


def measured(path: Path, rows: int) -> Path:
    draw = np.random.Generator(np.random.PCG64(3))
    load = draw.gamma(4, 30, rows)
    price = 2 * load + draw.normal(0, 1, rows)
    price[:3] = 1e6
    columns = {
        "station": [f"s{n % 5}" for n in range(rows)],
        "load": [None if n % 10 == 0 else value for n, value in enumerate(load.tolist())],
        "price": price,
        "fixed": [3.0] * rows,
        "empty": pa.nulls(rows, pa.float64()),
        "at": pa.array([START + timedelta(hours=n) for n in range(rows)], pa.timestamp("us", "UTC")),
    }
    pq.write_table(pa.table(columns), path, row_group_size=500)
    return path


def test_numbers_have_their_moments_quantiles_and_correlations(tmp_path: Path) -> None:
    path = measured(tmp_path / "numbers.parquet", 3000)
    found = profile([path], about={"name": "grid@1"}, declared=DECLARED)
    load = np.array([v for v in pq.read_table(path).column("load").to_pylist() if v is not None])
    price = pq.read_table(path).column("price").to_numpy()
    told = found["numbers"]["columns"]["load"]
    assert told["count"] == 2700 and told["missing"] == 300 and told["exact"]
    assert told["mean"] == pytest.approx(load.mean(), rel=1e-5) and told["spread"] == pytest.approx(
        load.std(), rel=1e-5
    )
    assert told["p50"] == pytest.approx(np.quantile(load, 0.5, method="nearest"), rel=1e-5)
    assert sum(told["counts"]) == 2700 and found["numbers"]["columns"]["price"]["far"] >= 3
    there = np.arange(3000) % 10 != 0
    expected = np.corrcoef(load, price[there])[0, 1]
    assert found["numbers"]["correlations"][1][0] == pytest.approx(expected, rel=1e-3)
    notes = " ".join(note["text"] for note in found["notes"])
    assert "fixed has one value only" in notes and "values of load are missing" in notes
    page = render(found)
    assert "Correlations" in page and "no values" in page
    assert render(profile([path], about={"name": "grid@1"}, declared=DECLARED)) == page


def test_quantiles_of_many_rows_come_from_a_sample_that_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from millrace.datasets.profile import numbers

    monkeypatch.setattr(numbers, "SAMPLE", 500)
    path = measured(tmp_path / "numbers.parquet", 20_000)
    first, again = (profile([path], about={}, declared=DECLARED) for _ in range(2))
    assert encoded(first) == encoded(again) and not first["numbers"]["columns"]["load"]["exact"]
    load = [v for v in pq.read_table(path).column("load").to_pylist() if v is not None]
    assert first["numbers"]["columns"]["load"]["p50"] == pytest.approx(np.quantile(load, 0.5), rel=0.15)

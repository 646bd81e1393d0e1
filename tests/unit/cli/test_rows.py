"""Files of documents: what is readable is read, what is not is counted by its line."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millrace.cli import Failure
from millrace.cli.rows import Columns, Unreadable, columns_of, each_observation, each_row


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_category_is_another_word_for_label_and_empty_cells_are_absent(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", 'text,category,suite\n"one, two",late,golden\nthree,,\n')
    assert list(each_row(path)) == [
        (2, {"text": "one, two", "label": "late", "suite": "golden"}),
        (3, {"text": "three"}),
    ]


def test_a_byte_order_mark_and_line_breaks_in_cells_do_no_harm(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", '\ufefftext,label\r\n"two\nlines",late\r\n')
    assert [fields for _, fields in each_row(path)] == [{"text": "two\nlines", "label": "late"}]


def told(path: Path) -> list[tuple[int, object]]:
    """Fields of what can be read; of what can't, the word before the colon."""
    return [(line, str(row).partition(":")[0] if isinstance(row, Unreadable) else row) for line, row in each_row(path)]


def test_a_broken_line_of_jsonl_hinders_no_other(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.jsonl", '{"text": "one"}\n{"text": \n\n[1]\n{"text": "two", "label": "late"}\n')
    assert told(path) == [
        (1, {"text": "one"}),
        (2, "the line"),
        (4, "the line"),
        (5, {"text": "two", "label": "late"}),
    ]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_is_no_row_though_python_reads_it(tmp_path: Path, constant: str) -> None:
    path = written(tmp_path, "rows.jsonl", f'{{"text": "one", "metadata": {{"a": {constant}}}}}\n{{"text": "two"}}\n')
    (_, refused), (line, good) = each_row(path)
    assert isinstance(refused, Unreadable) and f"{constant} is not JSON" in str(refused)
    assert (line, good) == (2, {"text": "two"})


def test_a_line_nested_beyond_reason_is_no_row(tmp_path: Path) -> None:
    assert told(written(tmp_path, "rows.jsonl", f"{'[' * 100_000}\n")) == [(1, "the line")]


def test_a_row_without_text_is_unreadable(tmp_path: Path) -> None:
    assert told(written(tmp_path, "rows.csv", "text,label\n,late\n")) == [(2, "text")]


def test_metadata_of_a_csv_is_a_json_object(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", 'text,metadata\none,"{""a"": ""b""}"\ntwo,b\nthree,\n')
    assert told(path) == [(2, {"text": "one", "metadata": {"a": "b"}}), (3, "metadata"), (4, {"text": "three"})]


def test_a_file_without_a_text_column_names_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no column `text`") as caught:
        list(each_row(written(tmp_path, "rows.csv", "body,label\na,b\n")))
    assert "body, label" in caught.value.hint


def test_a_file_in_another_encoding_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text\ncaf\xe9\n")
    with pytest.raises(Failure, match="not UTF-8"):
        list(each_row(path))


AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def observations(path: Path, **columns: Any) -> list[object]:
    return [
        str(row).partition(":")[0] if isinstance(row, Unreadable) else row
        for _, row in each_observation(path, Columns(**columns))
    ]


def test_every_other_column_of_an_observation_is_a_value(tmp_path: Path) -> None:
    text = (
        "entity,time,load,region,plan,note,known_since,id\n"
        "a,2026-01-05T09:00:00Z,3.5,n,007,,2026-01-05 09:00,r1\n"
        "b,2026-01-05T10:00:00+01:00,NaN,s,,1e3,,\n"
    )
    assert observations(written(tmp_path, "rows.csv", text), texts=frozenset(["plan"])) == [
        {
            "entity": "a",
            "values": {"load": 3.5, "region": "n", "plan": "007"},
            "time": AT,
            "known_since": AT,
            "id": "r1",
        },
        {"entity": "b", "values": {"region": "s", "note": 1000.0}, "time": AT},
    ]


def test_a_row_that_is_no_observation_says_what_is_wanted(tmp_path: Path) -> None:
    good = '{"entity": "a", "time": "2026-01-05T09:00", "load": %s}'
    lines = [good % 1, good % "null", good % "[1]", good % "1e999", good % "true", '{"time": "x", "load": 1}']
    lines += ['{"entity": "a", "time": "noon", "load": 1}', '{"entity": "a", "load": 1}', "[]"]
    path = written(tmp_path, "rows.jsonl", "\n".join(lines))
    assert observations(path) == [
        {"entity": "a", "values": {"load": 1.0}, "time": AT},
        "values",
        "load",
        "load",
        {"entity": "a", "values": {"load": 1.0}, "time": AT},
        "entity",
        "time",
        "time",
        "the line",
    ]


def test_parquet_is_read_as_it_is_typed(tmp_path: Path) -> None:
    columns = {
        "station": ["a", "b", None],
        "at": pa.array([AT.replace(tzinfo=None)] * 3, pa.timestamp("us")),
        "load": [1, None, 2],
        "region": ["1", "2", "3"],
        "source": ["meters", None, None],
    }
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table(columns), path)
    assert columns_of(path) == list(columns)
    assert observations(path, entity="station", time="at", texts=frozenset(["region"])) == [
        {"entity": "a", "values": {"load": 1.0, "region": "1"}, "time": AT, "source": "meters"},
        {"entity": "b", "values": {"region": "2"}, "time": AT},
        "station",
    ]
    pq.write_table(pa.table({"text": ["one", ""], "label": ["late", None]}), path)
    assert [row if isinstance(row, dict) else "unreadable" for _, row in each_row(path)] == [
        {"text": "one", "label": "late"},
        "unreadable",
    ]


def test_a_file_without_the_column_of_the_entity_or_the_time_names_those_it_has(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.csv", "entity,at,load\na,2026-01-05,1\n")
    with pytest.raises(Failure, match="no column `time`") as caught:
        observations(path)
    assert "entity, at, load" in caught.value.hint and "--time" in caught.value.hint
    broken = tmp_path / "rows.parquet"
    broken.write_bytes(b"PAR1 and no more")
    with pytest.raises(Failure, match="no Parquet"):
        columns_of(broken)

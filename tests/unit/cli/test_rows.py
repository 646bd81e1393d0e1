"""Files of documents: what is readable is read, what is not is counted by its line."""

from pathlib import Path

import pytest

from millrace.cli import Failure
from millrace.cli.rows import Unreadable, each_row


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

"""Files of documents: what is readable is read, what is not is counted by its line."""

from pathlib import Path

import pytest

from millrace.cli import Failure
from millrace.cli.rows import each_row


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


def test_a_broken_line_of_jsonl_hinders_no_other(tmp_path: Path) -> None:
    path = written(tmp_path, "rows.jsonl", '{"text": "one"}\n{"text": \n\n[1]\n{"text": "two", "label": "late"}\n')
    assert list(each_row(path)) == [(1, {"text": "one"}), (2, None), (4, None), (5, {"text": "two", "label": "late"})]


def test_a_row_without_text_is_unreadable(tmp_path: Path) -> None:
    assert list(each_row(written(tmp_path, "rows.csv", "text,label\n,late\n"))) == [(2, None)]


def test_a_file_without_a_text_column_names_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no column `text`") as caught:
        list(each_row(written(tmp_path, "rows.csv", "body,label\na,b\n")))
    assert "body, label" in caught.value.hint


def test_a_file_in_another_encoding_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text\ncaf\xe9\n")
    with pytest.raises(Failure, match="not UTF-8"):
        list(each_row(path))

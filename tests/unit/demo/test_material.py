import csv
from collections import Counter
from pathlib import Path

import pytest

from millrace.demo.material import HELD_BACK, Unplayable, example, own
from millrace.demo.playing import example_folder, free_name, prepared


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        rows.writerow(["text", "category"])
        for label in range(12):
            rows.writerows([f"message {number} about {label}", f"label-{label}"] for number in range(60 + label))
        rows.writerows([["message 1 about 1", "label-1"], ["a rare thing", "rare"], ["", "label-1"]])
    return path


def test_the_example_has_what_the_story_needs() -> None:
    texts = example(example_folder())
    assert len(texts.labels) >= 10
    assert len(texts.later_labels) == 3
    for label in texts.labels:
        parts = [[text for text in part if text.label == label] for part in (texts.golden, texts.history)]
        assert len(parts[0]) == 50
        assert len({text.text for part in parts for text in part}) >= 150
    for label in texts.later_labels:
        assert sum(text.label == label for text in texts.later_golden) == 50
    assert len(texts.wrong) >= 300


def test_the_examples_texts_are_all_different() -> None:
    texts = example(example_folder())
    parts = (texts.golden, texts.history, texts.traffic, texts.later, texts.later_golden, texts.wrong)
    every = [text.text for part in parts for text in part]
    assert len(set(every)) == len(every)


def test_the_example_declares_what_its_history_holds() -> None:
    texts, declaration = prepared(None)
    assert sorted(declaration.spec["labels"]["names"]) == texts.labels
    assert not set(declaration.spec["labels"]["names"]) & set(texts.later_labels)


def test_of_an_own_file_five_categories_are_held_back(file: Path) -> None:
    texts = own(file)
    assert len(texts.later_labels) == HELD_BACK
    assert len(texts.labels) == 12 - HELD_BACK
    assert not set(texts.labels) & set(texts.later_labels)
    assert "rare" not in {*texts.labels, *texts.later_labels}


def test_no_text_of_an_own_file_plays_two_parts(file: Path) -> None:
    texts = own(file)
    parts = (texts.golden, texts.history, texts.traffic, texts.later, texts.later_golden, texts.wrong)
    every = [text.text for part in parts for text in part]
    assert len(set(every)) == len(every)


def test_wrong_labels_are_wrong(file: Path) -> None:
    assert all(text.text.split()[-1] != text.label.removeprefix("label-") for text in own(file).wrong)


def test_the_same_file_is_always_dealt_the_same(file: Path) -> None:
    assert own(file) == own(file)


def test_a_file_without_the_columns_is_named(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("message,intent\nhello,greet\n")
    with pytest.raises(Unplayable, match="text and category"):
        own(path)


def test_a_file_of_too_few_categories_says_so(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text("text,category\n" + "".join(f"message {n},one\n" for n in range(50)))
    with pytest.raises(Unplayable, match="found 1"):
        own(path)


def test_own_data_gets_a_workspace_of_its_own(file: Path) -> None:
    texts, declaration = prepared(file)
    assert declaration.name == "own-tickets"
    assert declaration.spec["labels"]["names"] == texts.labels
    assert declaration.spec["train"]["min_labels"] == 500
    fewest = min(Counter(text.label for text in texts.history).values())
    assert 0 < declaration.spec["labels"]["min_examples"] < fewest


def test_a_story_is_played_in_a_workspace_where_nothing_happened_yet() -> None:
    assert free_name("parcels", set()) == "parcels"
    assert free_name("parcels", {"parcels", "parcels-2", "other"}) == "parcels-3"

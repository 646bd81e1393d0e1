"""When a cycle has the rows it asked for."""

from dataclasses import replace

import pytest

from millrace.datasets.domain import IN_ALL, Rule, Traits, weigh

RULE = Rule(
    window="since-change",
    replay=1.0,
    change_point=None,
    min_labels=100,
    min_examples=30,
    declared=("lost", "late"),
    new="quarantine",
    retired=(),
)


def rows(label: str | None, count: int, **traits: object) -> tuple[Traits, int]:
    row = Traits(
        source="web",
        label=label,
        suite=None,
        split="train",
        trusted=True,
        basis=None,
        barred=False,
        since=True,
        dice=0.0,
    )
    return replace(row, **traits), count


def test_enough_in_all_and_of_each_is_ready() -> None:
    found = weigh(RULE, [rows("lost", 60), rows("late", 40)])
    assert found.ready and found.admitted == ("late", "lost")


def test_too_few_in_all_says_how_many() -> None:
    found = weigh(RULE, [rows("lost", 50), rows("late", 40)])
    assert found.missing == {IN_ALL: 10} and found.fatal


def test_too_few_of_a_declared_label_says_how_many_of_which() -> None:
    found = weigh(RULE, [rows("lost", 120), rows("late", 9)])
    assert found.missing == {"late": 21} and found.fatal


def test_older_rows_count_for_a_label_but_not_as_labels_since_the_change() -> None:
    found = weigh(RULE, [rows("lost", 60), rows("late", 10), rows("late", 90, since=False)])
    assert found.missing == {IN_ALL: 30}
    without = weigh(replace(RULE, replay=0.0), [rows("lost", 95), rows("late", 10), rows("late", 90, since=False)])
    assert without.missing == {"late": 20}


@pytest.mark.parametrize(
    "useless",
    [
        {"suite": "golden"},
        {"barred": True},
        {"split": "test", "basis": "shown"},
        {"split": "validation", "trusted": False},
    ],
)
def test_rows_that_can_do_nothing_do_not_count(useless: dict[str, object]) -> None:
    assert weigh(RULE, [rows("lost", 60), rows("late", 39), rows("late", 500, **useless)]).missing == {IN_ALL: 1}


def test_undeclared_labels_are_quarantined_however_many() -> None:
    found = weigh(RULE, [rows("lost", 60), rows("late", 40), rows("locker", 500)])
    assert found.ready and found.admitted == ("late", "lost")


def test_with_the_owner_s_yes_a_label_joins_at_its_minimum_and_counts() -> None:
    admit = replace(RULE, new="admit")
    found = weigh(admit, [rows("lost", 40), rows("late", 30), rows("locker", 30)])
    assert found.ready and found.admitted == ("late", "locker", "lost")


def test_a_label_on_its_way_is_waited_for_and_cut_without_at_the_deadline() -> None:
    found = weigh(replace(RULE, new="admit"), [rows("lost", 60), rows("late", 40), rows("locker", 12)])
    assert found.missing == {"locker": 18} and not found.fatal
    assert found.admitted == ("late", "lost")


def test_a_slip_of_the_pen_holds_nothing_up() -> None:
    assert weigh(replace(RULE, new="admit"), [rows("lost", 60), rows("late", 40), rows("lots", 2)]).ready


def test_nothing_at_all_is_missing_everything() -> None:
    assert weigh(RULE, []).missing == {IN_ALL: 100, "lost": 30, "late": 30}

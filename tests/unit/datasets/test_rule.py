"""Which rows a cut takes, and for what."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.datasets.domain import Rule, Traits, dice

RULE = Rule(
    window="since-change",
    replay=0.5,
    change_point=datetime(2026, 1, 1, tzinfo=UTC),
    min_labels=10,
    min_examples=3,
    declared=("lost", "late"),
    new="quarantine",
    retired=("bad",),
)
ROW = Traits(
    source="web",
    label="lost",
    suite=None,
    split="train",
    trusted=True,
    basis=None,
    barred=False,
    since=True,
    dice=0.9,
)
ADMITTED = {"lost", "late"}


def place(**traits: object) -> tuple[str | None, str]:
    return RULE.place(replace(ROW, **traits), ADMITTED)


@pytest.mark.parametrize(
    ("traits", "split"),
    [
        ({}, "train"),
        ({"split": "validation"}, "validation"),
        ({"split": "test"}, "fresh"),
        ({"suite": "golden"}, "golden"),
        ({"suite": "golden", "since": False}, "golden"),
        ({"since": False, "dice": 0.4}, "train"),
        ({"trusted": False}, "train"),
        ({"basis": "shown"}, "train"),
        ({"basis": "blind", "split": "test"}, "fresh"),
    ],
)
def test_a_row_s_place(traits: dict[str, object], split: str) -> None:
    assert place(**traits) == (split, "")


@pytest.mark.parametrize(
    ("traits", "reason"),
    [
        ({"label": None}, "unlabelled"),
        ({"label": "new-intent"}, "quarantined"),
        ({"label": "new-intent", "suite": "golden"}, "quarantined"),
        ({"source": "bad"}, "retired"),
        ({"barred": True}, "resembles a golden row"),
        ({"since": False}, "not replayed"),
        ({"since": False, "split": "test", "dice": 0.0}, "held out before the change"),
        ({"trusted": False, "suite": "golden"}, "untrusted suite"),
        *(
            ({"split": split, **weak}, "may train only, and its cluster is held out")
            for split in ("validation", "test")
            for weak in ({"basis": "shown"}, {"trusted": False})
        ),
    ],
)
def test_a_row_that_is_left_out_and_why(traits: dict[str, object], reason: str) -> None:
    assert place(**traits) == (None, reason)


@pytest.mark.parametrize(
    ("purposes", "traits", "placed"),
    [
        (("evaluate",), {}, (None, "its source may not train")),
        (("evaluate",), {"split": "validation"}, (None, "its source may not train")),
        (("evaluate",), {"split": "test"}, ("fresh", "")),
        (("train",), {"split": "test"}, (None, "its source may not evaluate")),
        (("train",), {"suite": "golden"}, (None, "its source may not evaluate")),
        (("train",), {}, ("train", "")),
        (("retrieve",), {}, (None, "its source may not train")),
        (("retrieve",), {"source": "another"}, ("train", "")),
    ],
)
def test_a_row_serves_its_sources_purposes_alone(
    purposes: tuple[str, ...], traits: dict[str, object], placed: tuple[str | None, str]
) -> None:
    rule = replace(RULE, purposes={"web": purposes})
    assert rule.place(replace(ROW, **traits), ADMITTED) == placed
    assert Rule.read(rule.plain(), rule.change_point) == rule


def test_a_plan_of_an_older_release_is_read() -> None:
    plain = RULE.plain()
    del plain["purposes"]
    assert Rule.read(plain, RULE.change_point) == RULE


def test_without_a_change_point_or_with_the_whole_window_every_row_counts() -> None:
    everything = replace(RULE, window="all")
    assert everything.place(replace(ROW, since=False), ADMITTED)[0] == "train"
    assert everything.place(replace(ROW, since=False, split="test"), ADMITTED)[0] == "fresh"
    assert replace(RULE, change_point=None).since(datetime(1999, 1, 1, tzinfo=UTC))


def test_a_bigger_replay_share_contains_a_smaller_one() -> None:
    ids = [f"row-{n}" for n in range(5000)]
    third = {id for id in ids if dice(id) < 0.3}
    half = {id for id in ids if dice(id) < 0.5}
    assert third < half
    assert len(half) / len(ids) == pytest.approx(0.5, abs=0.03)


traits = st.builds(
    Traits,
    source=st.sampled_from(["web", "bad"]),
    label=st.sampled_from([None, "lost", "late", "other"]),
    suite=st.sampled_from([None, "golden"]),
    split=st.sampled_from(["train", "validation", "test"]),
    trusted=st.booleans(),
    basis=st.sampled_from([None, "blind", "shown"]),
    barred=st.booleans(),
    since=st.booleans(),
    dice=st.floats(0, 0.999),
)


@given(traits)
def test_what_may_not_judge_never_judges_and_what_is_barred_never_trains(row: Traits) -> None:
    split, reason = RULE.place(row, ADMITTED)
    assert (split is None) == bool(reason)
    if split in ("validation", "fresh", "golden"):
        assert row.trusted
    if split in ("validation", "fresh"):
        assert row.judges and not row.barred
    if split == "train":
        assert not row.barred and row.suite is None and row.split == "train"
    if split:
        assert row.label in ADMITTED and row.source != "bad"


@given(st.booleans(), st.floats(0, 1))
def test_a_rule_survives_being_stored(quarantine: bool, replay: float) -> None:
    rule = replace(RULE, new="quarantine" if quarantine else "admit", replay=replay)
    assert Rule.read(rule.plain(), rule.change_point) == rule

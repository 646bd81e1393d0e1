"""Who is kept, who repeats whom, in which cluster."""

from collections import Counter

import pytest

from millrace.dedup.domain import Arrival, Drop, Keep, Kept, Neighbourhood, kept, sketch_all, split_of, weighing
from millrace.dedup.domain.buckets import BUCKET_SIZE

TEXT = "my parcel says delivered but nothing has arrived at my door"
NEAR = "my parcel says delivered but nothing has arived at my door"
OTHER = "the courier broke the box and the vase inside it"


def arrival(id: str, text: str = TEXT, label: str | None = "lost", **fields) -> Arrival:
    values = {"source": "web", "suite": None, "trusted": True, "basis": None, "sketch": sketch_all([text])[0]}
    return Arrival(document_id=id, label=label, **(values | fields))


def index(*rows: Kept, **options) -> Neighbourhood:
    return Neighbourhood(rows, **({"near": 0.8} | options))


def decide(*arrivals: Arrival, rows=(), **options) -> list[Keep | Drop]:
    return list(index(*rows, **options).decide(arrivals))


def test_within_a_batch_the_first_is_kept_and_its_likes_are_dropped() -> None:
    first, exact, near, other = decide(
        arrival("a"), arrival("b", TEXT.upper()), arrival("c", NEAR), arrival("d", OTHER)
    )
    assert first == Keep("a", trainable=True)
    assert exact == Drop("a", "a", "exact", 1.0)
    assert isinstance(near, Drop) and near.kind == "near" and 0.8 <= near.similarity < 1
    assert other == Keep("d", trainable=True)


def test_a_batch_decides_as_its_documents_one_by_one() -> None:
    arrivals = [
        arrival(f"{n}", text, label)
        for n, (text, label) in enumerate(
            [(TEXT, "lost"), (NEAR, "lost"), (NEAR, "late"), (OTHER, None), (OTHER, "damaged"), (TEXT, "late")]
        )
    ]
    together = decide(*arrivals)
    rows: list[Kept] = []
    for one, expected in zip(arrivals, together, strict=True):
        (decision,) = decide(one, rows=rows)
        assert decision == expected
        if isinstance(decision, Keep):
            rows.append(kept(one, decision.cluster))


def test_another_label_is_kept_in_the_same_cluster() -> None:
    decisions = decide(arrival("a"), arrival("b", NEAR, "late"), arrival("c", TEXT, "late"))
    assert decisions[1] == Keep("a", trainable=True)
    assert isinstance(decisions[2], Drop) and decisions[2].duplicate_of == "b"


def test_an_unlabelled_text_adds_nothing_to_a_labelled_one_but_a_label_does() -> None:
    assert isinstance(decide(arrival("a"), arrival("b", label=None))[1], Drop)
    assert decide(arrival("a", label=None), arrival("b"))[1] == Keep("a", trainable=True)


def test_clusters_never_merge() -> None:
    a, b, between = (
        "one two three four five six",
        "one two three four five six seven",
        "one two three four five six sev",
    )
    rows = [kept(arrival("a", a, "x"), "a"), kept(arrival("b", b, "y"), "b")]
    (decision,) = decide(arrival("c", between, "z"), rows=rows, near=0.6)
    assert decision == Keep("b", trainable=True)


def test_a_revision_is_not_compared_with_its_past_and_stays_in_its_cluster() -> None:
    _, revised, again = decide(arrival("a"), arrival("a", NEAR), arrival("b"))
    assert revised == Keep("a", trainable=True, replaces="a")
    assert isinstance(again, Drop) and again.kind == "near", "only the revision stands now"


def test_a_relabelled_document_is_a_revision() -> None:
    assert decide(arrival("a"), arrival("a", label="late"))[1] == Keep("a", trainable=True, replaces="a")


def test_the_same_document_published_again_is_no_revision() -> None:
    assert decide(arrival("a"), arrival("a"))[1] == Drop("a", "a", "exact", 1.0)


def test_a_revision_near_another_row_joins_that_row_s_cluster_and_its_former_text_ends() -> None:
    same, other_label = arrival("b", NEAR), arrival("b", NEAR, "late")
    dropped, late = decide(arrival("a"), arrival("b", OTHER), same, arrival("c", OTHER))[2:]
    assert isinstance(dropped, Drop) and (dropped.duplicate_of, dropped.cluster, dropped.ends) == ("a", "a", "b")
    assert late == Keep("c", trainable=True), "its former text stands for nothing any more"
    kept_on = decide(arrival("a"), arrival("b", OTHER), other_label)[2]
    assert kept_on == Keep("a", trainable=True, replaces="b")


def test_a_correction_replaces_what_it_corrects() -> None:
    decisions = decide(
        arrival("f1", label="late"), arrival("f2", label="lost", corrects="f1"), arrival("x", label="late")
    )
    assert decisions[1] == Keep("f1", trainable=True, replaces="f1")
    assert isinstance(decisions[2], Keep), "the corrected label stands for nothing any more"


def test_a_near_duplicate_of_a_golden_row_never_trains() -> None:
    golden = arrival("g", suite="golden")
    same, other_label = decide(golden, arrival("b", NEAR), arrival("c", NEAR, "late"))[1:]
    assert isinstance(same, Drop) and same.duplicate_of == "g"
    assert other_label == Keep("g", trainable=False)


def test_a_golden_row_that_comes_late_is_kept_and_bars_its_cluster() -> None:
    first, golden, later = decide(arrival("a"), arrival("g", suite="golden"), arrival("b", NEAR, "late"))
    assert first == Keep("a", trainable=True)
    assert golden == Keep("a", trainable=False)
    assert later == Keep("a", trainable=False)


def test_an_untrusted_source_makes_no_golden_rows() -> None:
    decisions = decide(arrival("g", suite="golden", trusted=False), arrival("b", NEAR))
    assert decisions[1] == Keep("g", trainable=True)


def test_rows_that_may_do_less_do_not_keep_out_rows_that_may_do_more() -> None:
    weaker = [{"trusted": False}, {"basis": "shown"}]
    for less in weaker:
        assert isinstance(decide(arrival("a", **less), arrival("b"))[1], Keep)
        assert isinstance(decide(arrival("a"), arrival("b", **less))[1], Drop)


def test_a_row_vanishes_only_into_one_that_serves_all_of_its_purposes() -> None:
    purposes = {"web": ("train", "evaluate"), "handbook": ("retrieve",), "wiki": ("train", "evaluate", "retrieve")}
    rows = [kept(arrival("a", source="handbook"), "a"), kept(arrival("b", OTHER, source="wiki"), "b")]
    decided = decide(arrival("c"), arrival("d", OTHER), rows=rows, purposes=purposes.__getitem__)
    assert decided == [Keep("a", trainable=True), Drop("b", "b", "exact", 1.0)]


def test_rows_of_a_retired_source_keep_nobody_out() -> None:
    rows = [kept(arrival("a", source="bad"), "a")]
    assert isinstance(decide(arrival("b"), rows=rows)[0], Drop)
    assert decide(arrival("b"), rows=rows, retired=["bad"])[0] == Keep("a", trainable=True)


def test_where_duplicates_are_kept_they_join_the_cluster_and_what_resembles_them_does_too() -> None:
    a, b, c = (
        "one two three four five six",
        "one two three four five six seven",
        "one two three four five six seven eight",
    )
    decisions = decide(arrival("a", a), arrival("b", b), arrival("c", c), arrival("a", a), near=0.75, keeps_all=True)
    assert [one.cluster for one in decisions] == ["a"] * 4
    assert all(isinstance(one, Keep) for one in decisions[:3]) and decisions[1].repeats.duplicate_of == "a"
    assert decisions[2].repeats.duplicate_of == "b", "far from a, and still in its cluster"
    assert decisions[3] == Drop("a", "a", "exact", 1.0), "published again, it is itself"


def test_a_duplicate_that_is_kept_beside_a_golden_row_never_trains() -> None:
    same = decide(arrival("g", suite="golden"), arrival("b", NEAR), keeps_all=True)[1]
    assert (same.cluster, same.trainable) == ("g", False)


def test_a_document_weighs_once_for_each_that_it_comes_to_repeat() -> None:
    drops = [
        ("b", Drop("a", "a", "exact", 1.0)),
        ("b", Drop("a", "a", "exact", 1.0)),
        ("a", Drop("a", "a", "exact", 1.0)),
    ]
    assert list(weighing(drops, {})) == [True, False, False]
    assert list(weighing(drops[:1], {"b": "a"})) == [False]
    assert list(weighing(drops[:1], {"b": None})) == [True], "what it repeated is gone"
    assert list(weighing([("b", Keep("b", trainable=True)), *drops[:1]], {"b": "a"})) == [False, True]


def test_a_hot_bucket_costs_no_more_than_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [kept(arrival(f"r{n}", TEXT + f" {n}", label=f"label-{n}"), "r0") for n in range(3 * BUCKET_SIZE)]
    compared = Counter()
    from millrace.dedup.domain.sketch import Sketch

    plain = Sketch.similarity
    monkeypatch.setattr(Sketch, "similarity", lambda self, other: (compared.update(n=1), plain(self, other))[1])
    hood = index(*rows)
    next(hood.decide([arrival("new", TEXT + " x", label="new")]))
    assert 0 < compared["n"] <= 18 * BUCKET_SIZE


def test_splits_are_fixed_and_near_their_shares() -> None:
    splits = [split_of("w", f"cluster-{n}") for n in range(10_000)]
    share = {split: count / 10_000 for split, count in Counter(splits).items()}
    assert share["train"] == pytest.approx(0.70, abs=0.015)
    assert share["validation"] == pytest.approx(0.15, abs=0.015)
    assert splits == [split_of("w", f"cluster-{n}") for n in range(10_000)]
    assert split_of("w", "cluster-1") == "train" and split_of("w", "cluster-10") == split_of("w", "cluster-10")

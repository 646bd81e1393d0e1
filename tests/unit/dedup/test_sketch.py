"""What counts as the same text, and how well signatures estimate."""

import random
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.dedup.domain.bands import Banding, banding_for
from millrace.dedup.domain.sketch import COMPARED_SHINGLES, PERMUTATIONS, SHORT_TEXT, normalise, sign, sketch_all


def sketch(text: str):
    return sketch_all([text])[0]


def words(count: int, seed: int) -> str:
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 9))) for _ in range(count))


def test_case_width_and_white_space_do_not_make_a_new_text() -> None:
    assert sketch("Where  is\nMY parcel？").digest == sketch("where is my parcel?").digest
    assert sketch("where is my parcel?").digest != sketch("where is my parcel!").digest


@given(st.lists(st.text(max_size=700), max_size=6))
def test_a_sketch_does_not_depend_on_its_batch(texts: list[str]) -> None:
    for text, batched in zip(texts, sketch_all(texts), strict=True):
        alone = sketch(text)
        assert alone.digest == batched.digest
        assert np.array_equal(alone.signature, batched.signature)
        assert np.array_equal(alone.shingles, batched.shingles)


def test_shingles_are_those_that_plain_python_finds() -> None:
    text = "  The parcel, the PARCEL!  "
    padded = f" {normalise(text)} "
    assert len(sketch(text).shingles) == len({padded[i : i + 3] for i in range(len(padded) - 2)})


@pytest.mark.parametrize("text", ["", " ", "a", "é", "\ud800", "字", "😀" * 2000])
def test_odd_texts_have_a_sketch(text: str) -> None:
    assert sketch(text).similarity(sketch(text)) == 1.0


def test_a_typo_a_courtesy_and_punctuation_stay_near_and_another_sentence_does_not() -> None:
    text = "my parcel says delivered but nothing has arrived at my door"
    for variant in (text.replace("arrived", "arived"), "please, " + text, text + " !!"):
        assert sketch(text).similarity(sketch(variant)) >= 0.8
    assert sketch(text).similarity(sketch("the courier broke the box and the vase inside it")) < 0.3


@pytest.mark.parametrize(("size", "long"), [(200, False), (100, True), (1000, True), (4000, True)])
def test_signatures_estimate_jaccard_without_bias(size: int, long: bool) -> None:
    draw = np.random.default_rng(5)
    errors = []
    for _ in range(400):
        shared = int(draw.integers(0.3 * size, size))
        pool = draw.choice(2**32, 2 * size, replace=False).astype(np.uint32)
        a, b = pool[:size], np.concatenate((pool[:shared], pool[size : 2 * size - shared]))
        same = sign(np.sort(a), long=long) == sign(np.sort(b), long=long)
        errors.append(float(np.mean(same)) - shared / (2 * size - shared))
    assert abs(np.mean(errors)) < 0.01
    assert np.std(errors) < 1.3 * 0.5 / PERMUTATIONS**0.5


def test_a_long_text_is_compared_by_signature_and_found_near() -> None:
    long = words(4000, seed=1)
    near = long.replace(" a", " bb", 80)
    assert len(long) > COMPARED_SHINGLES and 0.9 < _exact(long, near) < 1
    assert sketch(long).similarity(sketch(near)) == pytest.approx(_exact(long, near), abs=0.1)
    assert sketch(long).similarity(sketch(near)) > 0.8
    assert sketch(long).similarity(sketch(words(2000, seed=2))) < 0.3


def _exact(one: str, other: str) -> float:
    a, b = ({text[i : i + 5] for i in range(len(text) - 4)} for text in (f" {one} ", f" {other} "))
    return len(a & b) / len(a | b)


@pytest.mark.parametrize("words_each", [30, 300])
def test_similarity_is_the_one_of_plain_python_s_sets(words_each: int) -> None:
    text = words(words_each, seed=3)
    other = text.replace(" b", " x")
    if words_each == 300:
        assert sketch(text).similarity(sketch(other)) == pytest.approx(_exact(text, other), abs=1e-3)
    assert sketch(text).similarity(sketch(text + "!")) < 1.0


def test_the_layout_finds_what_the_threshold_promises() -> None:
    for threshold in (0.5, 0.7, 0.8, 0.9, 0.95):
        layout = banding_for(threshold)
        assert layout.rows * layout.bands <= PERMUTATIONS
        assert layout.finds(threshold) >= 0.95
        assert Banding(layout.rows + 1).finds(threshold) < 0.95
    assert banding_for(0.8) == Banding(rows=7)
    assert banding_for(0.8).finds(0.3) < 0.005


def test_texts_at_the_threshold_share_a_bucket_as_often_as_the_curve_says() -> None:
    draw, layout, found = np.random.default_rng(9), banding_for(0.8), 0
    for _ in range(400):
        pool = draw.choice(2**32, 200, replace=False).astype(np.uint32)
        pair = np.stack([sign(np.sort(part), long=False) for part in (pool[:180], pool[20:])])
        buckets = layout.buckets(pair)
        found += bool(set(buckets[0]) & set(buckets[1]))
    assert found / 400 >= layout.finds(0.8) - 0.02


def test_bands_of_one_text_never_share_a_bucket() -> None:
    constant = np.full((1, PERMUTATIONS), 7, dtype=np.uint16)
    buckets = banding_for(0.8).buckets(constant)[0]
    assert len(set(buckets.tolist())) == banding_for(0.8).bands


def test_a_batch_of_long_texts_needs_little_more_memory_than_one() -> None:
    texts = [words(50, seed=n) * 300 for n in range(30)]
    tracemalloc.start()
    try:
        sketch_all(texts[:3])
        _, few = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        sketch_all(texts)
        _, many = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # the normalised texts stay; the windows, at some 40 bytes a character, do not
    assert many - few < 12 * sum(map(len, texts[3:]))


def test_shingling_is_not_the_bottleneck() -> None:
    """Plain Python shingles and signs some 360 such documents a second; this does 8,000 where it was measured."""
    texts = [words(750, seed=n) for n in range(60)]
    assert len(texts[0]) > SHORT_TEXT
    sketch_all(texts[:5])
    started = time.process_time()
    sketch_all(texts)
    assert time.process_time() - started < 60 / 1500

"""The counts that the demo expects, against the very rules that the services go by."""

import numpy as np
import pytest

from millrace.dedup.domain.sketch import sketch_all
from millrace.demo.material import Text, example
from millrace.demo.mess import JUNK, Expected, mixed
from millrace.demo.playing import example_folder
from millrace.ingestion.domain.texts import cleaned, printable_share, read
from millrace.privacy import mask


@pytest.fixture(scope="module")
def history() -> list[Text]:
    return list(example(example_folder()).history)


@pytest.fixture(scope="module")
def stream(history: list[Text]) -> tuple[list[Text], Expected]:
    return mixed(history)


def refused(text: str) -> str | None:
    def english(given: str) -> dict[str, float]:
        foreign = any(word in given.lower() for word in (" niemand ", " colis"))
        return {"en": 0.0 if foreign else 1.0}

    found = read(cleaned(text), length=len(text), printable=printable_share(text), languages=["en"], shares=english)
    return found.reasons[0].code if found.reasons else None


def test_the_counts_are_those_of_the_construction(stream: tuple[list[Text], Expected]) -> None:
    texts, expected = stream
    assert len(texts) == expected.published == expected.kept + expected.duplicated + expected.rejected
    assert (expected.exact, expected.near, expected.masked, expected.rejected) == (60, 60, 48, 36)


def test_exactly_the_junk_is_refused(stream: tuple[list[Text], Expected]) -> None:
    texts, expected = stream
    assert sum(refused(text.text) is not None for text in texts) == expected.rejected
    assert all(refused(text) == code for text, code in JUNK)


def test_other_languages_are_junk_only_where_languages_are_declared(history: list[Text]) -> None:
    texts, expected = mixed(history, foreign=False)
    assert sum(refused(text.text) is not None for text in texts) == expected.rejected == 28


def test_exactly_the_personal_data_is_masked(stream: tuple[list[Text], Expected]) -> None:
    texts, expected = stream
    found = [mask(text.text).counts for text in texts]
    assert sum(bool(counts) for counts in found) == expected.masked
    assert {kind: sum(counts.get(kind, 0) for counts in found) for kind in ("email", "phone", "card", "iban")} == {
        "email": 12,
        "phone": 12,
        "card": 12,
        "iban": 12,
    }


def test_exactly_the_repeats_are_alike(stream: tuple[list[Text], Expected]) -> None:
    texts, expected = stream
    good = [mask(cleaned(text.text)).text for text in texts if refused(text.text) is None]
    sketches = sketch_all(good)
    signatures = np.stack([sketch.signature for sketch in sketches])
    exact = near = 0
    digests: set[bytes] = set()
    for at, sketch in enumerate(sketches):
        if sketch.digest in digests:
            exact += 1
            continue
        digests.add(sketch.digest)
        likely = np.flatnonzero((signatures[:at] == sketch.signature).mean(axis=1) > 0.6)
        near += any(sketch.similarity(sketches[other]) >= 0.8 for other in likely)
    assert (exact, near) == (expected.exact, expected.near)


def test_near_repeats_are_so_near_that_no_index_misses_them(history: list[Text]) -> None:
    texts, _ = mixed(history)
    known = {" ".join(text.text.casefold().split()) for text in history}
    personal = {text.text for text in texts if mask(text.text).counts}
    near = [
        text.text
        for text in texts
        if " ".join(text.text.casefold().split()) not in known and text.text not in personal and not refused(text.text)
    ]
    for text in near:
        alike = [other.text for other in history if other.text[:5] == text[:5]]
        sketch, *originals = sketch_all([text, *alike])
        assert max(sketch.similarity(other) for other in originals) >= 0.93


def test_a_repeat_comes_after_what_it_repeats(stream: tuple[list[Text], Expected]) -> None:
    texts, expected = stream
    seen: set[str] = set()
    repeats = 0
    for text in texts:
        key = " ".join(text.text.casefold().split())
        repeats += key in seen and refused(text.text) is None
        seen.add(key)
    assert repeats == expected.exact


def test_the_same_history_is_always_mixed_the_same(history: list[Text]) -> None:
    assert mixed(history) == mixed(history)


def test_a_short_history_gets_what_fits() -> None:
    texts = [Text(f"message number {number} about a parcel", "late") for number in range(10)]
    stream, expected = mixed(texts)
    assert (expected.near, expected.masked, expected.exact) == (0, 0, 10)
    assert len(stream) == expected.published

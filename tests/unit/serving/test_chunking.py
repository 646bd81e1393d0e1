"""Every word is in a chunk, and a chunk is what its offsets say."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from millrace.serving.domain import Span, chunked
from millrace.serving.domain.chunking import WORD

TEXTS = st.lists(
    st.sampled_from([" ", "\n", "\n\n", "\n \t\n", ".", "!", "a", "Wort", "naïve", "x" * 150, "道路。", "🚚", '."']),
    max_size=300,
).map("".join) | st.text(max_size=2000)
SIZES = st.integers(20, 60).flatmap(lambda words: st.tuples(st.just(words), st.integers(0, words // 2)))


def words_of(text: str, span: Span) -> list[str]:
    return WORD.findall(text[span.start : span.stop])


@given(TEXTS, SIZES)
def test_every_word_is_in_a_chunk_and_none_is_longer_than_declared(text: str, sizes: tuple[int, int]) -> None:
    words, overlap = sizes
    spans = chunked(text, words=words, overlap=overlap)
    covered = {place for span in spans for place in range(span.start, span.stop)}
    assert {place for place, character in enumerate(text) if not character.isspace()} <= covered
    assert all(1 <= len(words_of(text, span)) <= words for span in spans)
    assert all(text[span.start : span.stop] == text[span.start : span.stop].strip() for span in spans)
    assert bool(spans) == bool(text.strip())


@given(TEXTS, SIZES)
def test_each_chunk_begins_with_the_overlap_of_the_one_before(text: str, sizes: tuple[int, int]) -> None:
    words, overlap = sizes
    spans = chunked(text, words=words, overlap=overlap)
    for before, after in pairwise(spans):
        shared = text[after.start : before.stop] if overlap else ""
        assert len(WORD.findall(shared)) == overlap
        assert after.stop > before.stop


def cut(text: str, words: int = 20, overlap: int = 0) -> list[str]:
    return [text[span.start : span.stop] for span in chunked(text, words=words, overlap=overlap)]


def test_a_short_document_is_one_chunk() -> None:
    assert cut("  Where is\n\nmy parcel?  ") == ["Where is\n\nmy parcel?"]


def test_paragraphs_are_better_places_than_sentences_and_those_better_than_none() -> None:
    plain = " ".join(["word"] * 30)
    assert [len(piece.split()) for piece in cut(plain)] == [20, 10]
    sentences = " ".join(["word"] * 11 + ["end."] + ["word"] * 3 + ["end."] + ["word"] * 14)
    assert [len(piece.split()) for piece in cut(sentences)] == [16, 14]
    paragraphs = " ".join(["word"] * 12) + "\n \n" + sentences
    assert len(cut(paragraphs)[0].split()) == 12


def test_a_sentence_ends_after_its_quotation_mark_and_not_in_a_number() -> None:
    text = " ".join(["word"] * 13 + ['end."', "1.5"] + ["word"] * 20)
    assert cut(text)[0].endswith('end."')


def test_scripts_without_spaces_are_cut_too() -> None:
    text = "道路が混んでいます。" * 20
    pieces = cut(text, words=30)
    assert "".join(pieces) == text
    assert all(piece.endswith("。") and len(piece) <= 60 for piece in pieces)

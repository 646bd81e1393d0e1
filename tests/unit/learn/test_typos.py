from millrace.learn import typos

TEXTS = [
    "My parcel has still not arrived after two weeks",
    "please refund [EMAIL] order 12345, the box was crushed",
] * 20


def test_the_same_seed_misspells_a_text_the_same_way_whatever_stands_beside_it() -> None:
    assert typos(TEXTS, seed=3)[0] == typos(TEXTS[:1], seed=3)[0]
    assert typos(TEXTS, seed=3) != typos(TEXTS, seed=4)


def test_masks_digits_and_first_letters_stay() -> None:
    for text, slipped in zip(TEXTS, typos(TEXTS, seed=3, rate=0.5), strict=True):
        assert ("[EMAIL]" in slipped) == ("[EMAIL]" in text)
        assert ("12345" in slipped) == ("12345" in text)
        assert [word[0] for word in slipped.split()] == [word[0] for word in text.split()]


def test_a_higher_rate_misspells_more_texts() -> None:
    texts = [f"{text} {number}" for number in range(40) for text in TEXTS]
    few, many = (
        sum(text != slipped for text, slipped in zip(texts, typos(texts, 1, rate), strict=True))
        for rate in (0.01, 0.04)
    )
    assert 0.15 * len(texts) < few < 0.45 * len(texts)
    assert 0.6 * len(texts) < many < 0.9 * len(texts)


def test_no_rate_changes_nothing() -> None:
    assert typos(TEXTS, seed=1, rate=0.0) == TEXTS

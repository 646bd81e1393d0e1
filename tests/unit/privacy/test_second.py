"""The second tier: asked about what the first leaves, and off where nobody brings one."""

import re

import pytest

from millrace.privacy import TAG, Found, Policy, mask
from millrace.privacy.presidio import Presidio, PresidioMissing

NEEDED = "presidio-analyzer is not installed here: pip install 'millrace-privacy[presidio]' to test the second tier"


class Names:
    """A second tier that knows two people, and takes every number for a card."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def found(self, text: str) -> list[Found]:
        self.seen.append(text)
        names = [Found("person", *match.span()) for match in re.finditer("Joe|Ann", text)]
        cards = [Found("card", *match.span()) for match in re.finditer("[0-9]+", text)]
        return sorted([*names, *cards], key=lambda one: one.start)


def test_it_sees_what_the_first_tier_leaves_and_its_finds_are_counted() -> None:
    names = Names()
    masked = mask("Joe is joe@example.com, Ann is 7", Policy(frozenset({"email"})), names)
    assert names.seen == ["Joe is [EMAIL], Ann is 7"]
    assert masked.text == "[PERSON] is [EMAIL], [PERSON] is 7"
    assert masked.counts == {"email": 1, "person": 2}


def test_its_finds_are_pseudonymised_too() -> None:
    masked = mask("Joe met Ann and Joe", Policy(key=b"k"), Names()).text
    first, second, third = (match[0] for match in TAG.finditer(masked))
    assert first == third != second


def test_without_presidio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millrace.privacy.presidio.find_spec", lambda name: None)
    with pytest.raises(PresidioMissing, match=r"pip install 'millrace-privacy\[presidio\]'"):
        Presidio()


def test_presidio_finds_what_patterns_of_its_own_tell_and_leaves_tags_alone() -> None:
    pytest.importorskip("presidio_analyzer", reason=NEEDED)
    second = Presidio()
    text = "[EMAIL] wrote, card 4111 1111 1111 1111, to bob@example.com"
    assert [(one.kind, text[one.start : one.end]) for one in second.found(text)] == [
        ("card", "4111 1111 1111 1111"),
        ("email", "bob@example.com"),
    ]
    once = mask(text, Policy(), second)
    assert mask(once.text, Policy(), second).text == once.text
    with pytest.raises(OSError, match="no_such_pipeline"):
        Presidio("no_such_pipeline")

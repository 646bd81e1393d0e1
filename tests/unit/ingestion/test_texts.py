"""What counts as a text that a person wrote, in a language that the workspace takes."""

import random

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]

from millrace.ingestion.domain.texts import LOOKED_AT, cleaned, looked_at, printable_share, read, unspeakable
from millrace.ingestion.engine import Languages
from millrace.workspace import LANGUAGES

ENGINE = Languages()
ENGLISH = """Where is my parcel?|It was due on Monday and never came|My box arrived crushed|I want my money back please
|where is it|Can you change the delivery address to my office|courier left it in the rain|Refund not received yet!!
|the tracking page has not moved for a week|wrong item in the box|hey, any news on [PHONE]?|lost password|HELP ME NOW
|pls send agn, wos broken wen it came|My order 12345 hasnt arrvied yt
|who do I talk to|Thx, but the second one is missing"""
FOREIGN = """Wo ist mein Paket? Es ist seit einer Woche überfällig|¿Dónde está mi paquete?|Où est mon colis ?
|Mi paquete no ha llegado todavía|Il mio pacco non è arrivato|Waar is mijn pakket|Gdzie jest moja paczka?
|Mein Paket ist weg
|Onde está a minha encomenda?|Где моя посылка?"""


def codes(text: str, languages: tuple[str, ...] = ("en",)) -> list[str]:
    text = text.strip()
    found = read(
        cleaned(text), length=len(text), printable=printable_share(text), languages=languages, shares=ENGINE.shares
    )
    return [reason.code for reason in found.reasons]


@pytest.mark.parametrize("text", [line.strip() for line in ENGLISH.split("|")])
def test_what_customers_write_is_taken(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize("text", [line.strip() for line in FOREIGN.split("|")])
def test_another_language_is_refused_and_its_own_workspace_takes_it(text: str) -> None:
    assert codes(text) == ["language"]
    assert codes(text, ("de", "es", "fr", "it", "nl", "pl", "pt", "ru")) == []
    assert codes(text, ()) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("late", "too_short"),
        ("12345 67890", "no_words"),
        ("!!!! ???? ....", "no_words"),
        ("[EMAIL] [PHONE]", "no_words"),
        ("[EMAIL:abcdefghijklmnop] [NATIONAL_ID] [IP:ponmlkjihgfedcba]", "no_words"),
        ("Hello\x00\x01\x02\x03 there", "unprintable"),
        ("Hell\ufffd\ufffd\ufffd wor\ufffdd", "unprintable"),
        ("word " * 4001, "too_long"),
        ("asdfghjkl asdf jkl qwerty", "gibberish"),
        ("kjhgf lkjhgfd qwrtzp xcvbn", "gibberish"),
        ("aaaaaaaaaaaa bbbbbbbbb", "gibberish"),
    ],
)
def test_what_nobody_could_answer_is_refused_with_the_reason(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_every_reason_is_told_at_once() -> None:
    assert codes("qwrt") == ["too_short", "gibberish"]
    assert codes("\x01\x02 sdf") == ["too_short", "unprintable"]
    assert codes("Wo ist denn mein Paket geblieben? " * 700) == ["too_long", "language"]


def test_keyboard_mashing_is_refused_nearly_always() -> None:
    chance = random.Random(5)
    rows = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "abcdefghijklmnopqrstuvwxyz")

    def mash() -> str:
        return " ".join(
            "".join(chance.choice(rows[chance.randrange(4)]) for _ in range(chance.randint(4, 10))) for _ in range(4)
        )

    refused = sum(bool(codes(mash())) for _ in range(300))
    assert refused >= 285


def test_cleaning_leaves_what_people_see() -> None:
    assert cleaned("  a\x00b\r\nc\td\u2028 \ufeff") == "ab\nc\td"
    assert printable_share("") == 1.0
    assert unspeakable("") == 0


def test_a_long_text_is_told_by_pieces_of_its_whole_length() -> None:
    given: list[str] = []

    def shares(text: str) -> dict[str, float]:
        given.append(text)
        return dict(ENGINE.shares(text))

    def refused(text: str) -> bool:
        found = read(text, length=len(text), printable=1.0, languages=("en",), shares=shares)
        return [reason.code for reason in found.reasons] == ["language"]

    notice = "This message and any file with it are meant for the person it is addressed to. " * 2
    german = "Wo bleibt denn nun mein Paket, das schon vor einer Woche hätte kommen sollen? " * 40
    assert refused(notice + german) and not refused(german[:150] + notice * 20)
    assert max(map(len, given)) <= LOOKED_AT + 2
    assert looked_at("as it is") == "as it is" and looked_at("a" * LOOKED_AT) == "a" * LOOKED_AT


def test_every_language_that_a_workspace_may_declare_can_be_told() -> None:
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    assert set(LANGUAGES) <= set(model.labels)

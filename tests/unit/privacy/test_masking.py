"""Personal data is replaced by tags, other text is left alone, and no text takes long."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.privacy import TAGS, Policy, mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to jürgen.o'neil+x@example.co.uk, please.", "Write to [EMAIL], please."),
        ("mail 'joe@x.com' or ann＠y.org", "mail '[EMAIL]' or [EMAIL]"),
        ("a@b@c.de", "a@[EMAIL]"),
        ("a@b.com.0171 1234567", "[EMAIL].[PHONE]"),
        ("0@A.A.A.A.A.A.A.A.A.COM", "[EMAIL]"),
        ("DE89 3704 0044 0532 0130 00 please", "[IBAN] please"),
        ("iban gb82west12345698765432.", "iban [IBAN]."),
        ("NO93-8601-1117-947", "[IBAN]"),
        ("card 4111 1111 1111 1111 exp 12/27", "card [CARD] exp 12/27"),
        ("3782 822463 10005", "[CARD]"),
        ("order 12345 4111111111111111", "order 12345 [CARD]"),
        ("+49 171 1234567", "[PHONE]"),
        ("(+44) 20 7946 0958", "[PHONE]"),
        ("+1 (555) 123-4567", "[PHONE]"),
        ("(555) 123-4567 and 1-800-555-0199", "[PHONE] and [PHONE]"),
        ("(555-123-4567)", "([PHONE])"),
        ("0171 1234567", "[PHONE]"),
        ("call me on 5551234567", "call me on [PHONE]"),
        ("my number is +１２３４５６７８９０", "my number is [PHONE]"),
        ("٠١٧١٢٣٤٥٦٧٨", "[PHONE]"),
        ("4111 1111 1111 1111 555-123-4567", "[CARD] [PHONE]"),
    ],
)
def test_personal_data_is_replaced_by_its_tag(text: str, masked: str) -> None:
    assert mask(text).text == masked


@pytest.mark.parametrize(
    "text",
    [
        "",
        "My parcel 12345678 is late",
        "order 5551234567",
        "12/03/2024 10:30, 01.02.2024, 2024-01-15",
        "4111 1111 1111 1112",
        "DE88 3704 0944",
        "2@3.50 each, @home, meet @ 5",
        "paid 1.234.567,89 and £20.00",
        "192.168.0.1 and 10.20.30.40",
        "tracking 9400 1000 0000 0000 0000 00",
        "part A4111111111111111",
        "0.123456789",
        "0000 0000 0000 0000",
        "[EMAIL] [PHONE] 5551234567",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert mask(text) == mask(text, Policy(frozenset()))
    assert not mask(text).counts


def test_counts_name_only_what_was_found() -> None:
    assert mask("a@b.com, c@d.com and 0171 1234567").counts == {"email": 2, "phone": 1}


def test_a_policy_chooses_the_kinds() -> None:
    assert mask("a@b.com 0171 1234567", Policy(frozenset({"phone"}))).text == "a@b.com [PHONE]"


_SCRAPS = """call |phone |+|(|)| |-|.|@|a@b.com|0171 1234567|4111 1111 1111 1111|12345|0|DE89370400440532013000
|GB82 WEST 1234 5698 7654 32|555-123-4567|00|4111|x|[EMAIL]|é|/"""
_scraps = st.sampled_from(_SCRAPS.split("|"))


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.lists(_scraps, max_size=14).map("".join), st.text(max_size=80), st.text("0123456789 +-().@aD", max_size=60)
    )
)
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once.text).text == once.text
    assert not mask(once.text).counts
    assert {TAGS[kind] for kind in once.counts} <= {tag for tag in TAGS.values() if tag in once.text}


def _luhn_complete(digits: str) -> str:
    for check in "0123456789":
        number = digits + check
        doubled = [int(d) * (1 + n % 2) for n, d in enumerate(reversed(number))]
        if sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0:
            return number
    raise AssertionError(digits)


_words = st.text("abcdefghij ", min_size=0, max_size=20).map(lambda text: f"{text} ")


@settings(deadline=None, derandomize=True)
@given(_words, st.from_regex(r"\A[3-6][0-9]{13,14}\Z"), _words)
def test_every_valid_card_is_found_anywhere(before: str, digits: str, after: str) -> None:
    number = _luhn_complete(digits)
    spaced = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    for written in (number, spaced, spaced.replace(" ", "-")):
        assert written not in mask(f"{before}{written}, {after}").text


@settings(deadline=None, derandomize=True)
@given(_words, st.from_regex(r"\A[0-9]{18}\Z"), _words)
def test_every_valid_iban_is_found_anywhere(before: str, account: str, after: str) -> None:
    iban = f"DE{98 - int(account + '131400') % 97:02d}{account}"
    spaced = " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))
    for written in (iban, spaced):
        assert mask(f"{before}{written} {after}").counts["iban"] == 1


@settings(deadline=None, derandomize=True)
@given(_words, st.emails(), _words)
def test_no_usual_address_stays(before: str, address: str, after: str) -> None:
    local, _, host = address.rpartition("@")
    if set(local) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-") and len(host) < 200:
        assert address not in mask(f"{before}{address} {after}").text


_HARD = [
    "@",
    "1",
    "1 ",
    "a@",
    "a",
    "GB11 ",
    "+",
    "(",
    "4111 ",
    "0 ",
    "call ",
    "1.",
    "a.",
    "a@b.",
    "12345678 ",
    "x@y.z@",
]


@pytest.mark.parametrize("scrap", [*_HARD, "DE89 3704 ", "(555) ", "[", "1   ", "٤", "+("])
def test_no_text_of_100_kb_takes_long(scrap: str) -> None:
    text = scrap * (100_000 // len(scrap))
    began = time.process_time()
    mask(text)
    assert time.process_time() - began < 4


def test_time_grows_with_the_text_and_no_faster() -> None:
    def seconds(times: int) -> float:
        text = "1 4111 a@b. GB11 (555) " * times
        began = time.process_time()
        mask(text)
        return time.process_time() - began

    seconds(100)
    assert seconds(8000) < 20 * seconds(1000)


def test_a_usual_text_takes_a_tenth_of_a_millisecond_or_so() -> None:
    text = ("My parcel has not come yet, order 12345678, write to joe@example.com. I am very unhappy. " * 12)[:1024]
    mask(text)
    began = time.process_time()
    for _ in range(100):
        mask(text)
    assert (time.process_time() - began) / 100 < 0.001

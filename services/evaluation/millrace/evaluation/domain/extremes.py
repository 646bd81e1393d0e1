"""Texts that are hardly any: what a version must answer without failing, in time, and without being sure."""

from collections.abc import Iterator
from functools import cache

LONG = 100_000
"""Bytes of a long text: the most that is taken in."""

_SCRIPTS = {
    "arabic": "أين طردي الذي كان من المفروض أن يصل أمس",
    "armenian": "որտեղ է իմ ծանրոցը",
    "bengali": "আমার পার্সেল কোথায়",
    "chinese": "我的包裹在哪里，昨天就应该到了",
    "cyrillic": "где моя посылка, она должна была прийти вчера",
    "devanagari": "मेरा पार्सल कहाँ है",
    "ethiopic": "ጥቅሌ የት ነው",
    "georgian": "სად არის ჩემი ამანათი",
    "greek": "πού είναι το δέμα μου",
    "hangul": "제 소포는 어디에 있나요",
    "hebrew": "איפה החבילה שלי",
    "japanese": "私の荷物はどこですか",
    "khmer": "កញ្ចប់របស់ខ្ញុំនៅឯណា",
    "tamil": "எனது பார்சல் எங்கே",
    "thai": "พัสดุของฉันอยู่ที่ไหน",
}
_EMOJI = ("😀", "😡", "📦", "🚚", "❓", "👍", "🙏", "💔", "🤷", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "☎️", "1️⃣", "🫠")
_SPACES = (" ", "\n", "\t", "\u00a0", "\u2003", "\u200b", "\u3000", "\r\n")
_CONTROLS = ("\x01", "\x07", "\x08", "\x0b", "\x1b[31m", "\x7f", "\x85", "\u202e", "\ufeff", "\ufffd", "\ufffe")
_ONE = [
    "a",
    "Z",
    "7",
    "?",
    "!",
    ".",
    ",",
    "-",
    "/",
    "\\",
    "'",
    '"',
    "(",
    "{",
    "<",
    "&",
    "%",
    "#",
    "@",
    "*",
    "~",
    "é",
    "ß",
    "字",
    "ñ",
]
_REPEATED = ("the", "word", "ok", "test", "lorem", "and", "1", "no", "?", "aa")


@cache
def extremes() -> dict[str, str]:
    """Texts by id, `<kind>-<number>`; the same for every version and for ever."""
    return {f"{kind}-{number}": text for kind, texts in _kinds() for number, text in enumerate(texts, start=1)}


def kind_of(id: str) -> str:
    return id.rpartition("-")[0] or id


def _kinds() -> Iterator[tuple[str, list[str]]]:
    yield "empty", [""]
    yield "blank", [*_SPACES, "   \n\t  \n", " " * 1000]
    yield "one-character", list(_ONE)
    yield "emoji", [*_EMOJI, "😀" * 200, "📦 🚚 ❓", "".join(_EMOJI)]
    yield "other-script", list(_SCRIPTS.values())
    yield "control", [*_CONTROLS, "".join(_CONTROLS) * 20]
    yield "repeated", [" ".join([word] * 300) for word in _REPEATED]
    yield (
        "long",
        [
            "a" * LONG,
            ("word " * (LONG // 5))[:LONG],
            ("0123456789" * (LONG // 10))[:LONG],
            ("?!" * (LONG // 2))[:LONG],
            "\n" * LONG,
            "字" * (LONG // 3),
            "😀" * (LONG // 4),
            "e\u0301" * (LONG // 3),
        ],
    )

"""What real intake is full of, mixed in on purpose, so that the right counts are known from the construction."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from millrace.demo.material import Text

EXACT = 60
NEAR = 60
PERSONAL = {
    "email": (
        " My e-mail is anna.keller+help@example.com.",
        " Write to t.okafor@mail.example.org please.",
        " You reach me at zoe_w@example.net.",
    ),
    "phone": (
        " Call me on +44 20 7946 0123.",
        " My number is +49 30 901820 55.",
        " You can ring 020 7946 0991.",
    ),
    "card": (
        " I paid with card 4111 1111 1111 1111.",
        " The card was 5555-5555-5555-4444.",
        " Charged to 4012888888881881.",
    ),
    "iban": (
        " Send it to DE89 3704 0044 0532 0130 00.",
        " My account is GB29NWBK60161331926819.",
        " The IBAN is FR14 2004 1010 0505 0001 3M02 606.",
    ),
}
PERSONAL_OF_EACH = 12
JUNK = (
    ("", "empty"),
    ("   ", "empty"),
    ("ok", "too_short"),
    ("?!?! 12345", "no_words"),
    ("-- / -- / --", "no_words"),
    ("asdfghjkl qwertyuiop zxcvbnm", "gibberish"),
    ("kjhgfdsa lkjhgf mnbvcxz poiuyt", "gibberish"),
    ("Guten Tag, mein Paket ist seit zwei Wochen nicht angekommen und niemand geht ans Telefon.", "language"),
    ("Bonjour, je n'ai toujours pas reçu mon colis, pouvez-vous me dire où il se trouve ?", "language"),
)
JUNK_OF_EACH = 4
LONG = 100


@dataclass(frozen=True, slots=True)
class Expected:
    """What intake must make of the mixture."""

    published: int
    kept: int
    exact: int
    near: int
    masked: int
    rejected: int

    @property
    def duplicated(self) -> int:
        return self.exact + self.near


def mixed(texts: Sequence[Text], *, foreign: bool = True, seed: int = 7) -> tuple[list[Text], Expected]:
    """The texts with repeats, personal data and junk in them, and what should come of it.

    `foreign` junk is in other languages: only where languages are declared is it any.

    Needs texts that are no near repeats of each other and hold no personal data; of others the counts are lower bounds.
    A repeat comes after what it repeats.
    """
    random = Random(seed)
    order = list(range(len(texts)))
    random.shuffle(order)
    long = [at for at in order if len(texts[at].text) >= LONG]
    personal_kinds = [kind for kind in PERSONAL for _ in range(PERSONAL_OF_EACH)]
    near, personal = long[:NEAR], long[NEAR : NEAR + len(personal_kinds)]
    taken = {*near, *personal}
    exact = [at for at in order if at not in taken][:EXACT]
    stream = list(texts)
    for number, (at, kind) in enumerate(zip(personal, personal_kinds, strict=False)):
        stream[at] = Text(stream[at].text + PERSONAL[kind][number % len(PERSONAL[kind])], stream[at].label)
    placed = [(float(at), text) for at, text in enumerate(stream)]
    for number, at in enumerate(exact):
        placed.append((_after(at, len(texts), random), Text(_respaced(stream[at].text, number), stream[at].label)))
    for at in near:
        placed.append((_after(at, len(texts), random), Text(_mistyped(stream[at].text, random), stream[at].label)))
    junk = [text for text, why in JUNK if foreign or why != "language"] * JUNK_OF_EACH
    placed.extend((random.uniform(0, len(texts)), Text(text, texts[0].label)) for text in junk)
    placed.sort(key=lambda pair: pair[0])
    return [text for _, text in placed], Expected(
        published=len(placed),
        kept=len(texts),
        exact=len(exact),
        near=len(near),
        masked=len(personal),
        rejected=len(junk),
    )


def _after(at: int, most: int, random: Random) -> float:
    return random.uniform(at + 0.5, most)


def _respaced(text: str, number: int) -> str:
    """The same text to whoever ignores case and white space."""
    return (text, text.upper() if text.upper().lower() == text.lower() else text, text.replace(" ", "  "))[number % 3]


def _mistyped(text: str, random: Random) -> str:
    """One letter doubled in the middle: of 100 characters at most four of a hundred trigrams differ."""
    places = [at for at, letter in enumerate(text) if letter.isalpha() and at > 5]
    at = random.choice(places)
    return text[:at] + text[at] + text[at:]

"""Texts as customers write them, with personal data planted at known places, and with numbers that are none."""

import random
from collections.abc import Callable
from dataclasses import dataclass

OPENINGS = """Hello,|Good morning,|Hi there,|Dear team,|To whom it may concern,|Hey,"""
SENTENCES = """My parcel has not arrived yet and nobody could tell me why.|I have been waiting for more than a week now.
|The box came open and two of the cups were broken.|Please let me know what you intend to do about it.
|I would like my money back, or a new one sent out today.|The driver says that he rang, but I was at home all day.
|Your page only says that it left the warehouse.|This is the second time, and I am running out of patience.
|Could somebody have a look at this before the weekend?|My neighbour has not seen it either.
|I ordered it as a present, and the birthday has come and gone.|Thank you for your quick answer the last time!
|I chose you because a friend told me how careful you are with fragile things.
|The tape was torn and somebody had closed the box again with string.|I kept the wrapping, in case you want to see it.
|What I would really like is for someone to tell me the truth.|It says delivered, but there is nothing in the hall.
|If it is lost, just say so, and we can all get on with our lives.|We moved in the spring and the old street is on it.
|Two of the three things came on time, the third is the one that I need.|The colour is not the one in the picture.
|I asked the shop round the corner, and they know nothing about it either.|My daughter was in tears about it.
|Is there a way to have it left with the people next door?|I am at work until late on most days of the week."""
ASKS: dict[str, tuple[str, ...]] = {
    "email": ("Please write to {}.", "My address is {}, if you need it.", "You can reach me at {} in the evening."),
    "phone": ("Call me on {} please.", "My phone number is {}.", "Ring {} before you come.", "Tel: {}."),
    "card": ("I paid with card {}.", "The card was {}, in my name.", "Refund it to {} please."),
    "iban": ("Send the money to {}.", "My account is {}.", "IBAN: {}, thanks."),
    "ip": ("The page was opened from {}.", "Our address was {} then.", "I was blocked, my IP is {}."),
    "ssn": ("My social security number is {}.", "SSN {}."),
    "nino": ("My national insurance number is {}.", "NINO: {}."),
    "dni": ("Mi DNI is {}, as you asked.", "Spanish id {}."),
    "codice": ("My codice fiscale is {}.", "Codice fiscale: {}."),
    "tax_id": ("My Steuer-ID is {}.", "The tax id is {}, it says on the letter."),
}
DECOYS = (
    ("It is order {}.", lambda chance: _digits(chance, 8)),
    ("The number on the slip is {}.", lambda chance: "10" + _digits(chance, 8)),
    ("It was due on {}.", lambda chance: f"{chance.randint(1, 28):02d}.{chance.randint(1, 12):02d}.2025"),
    ("I rang at {} and again later.", lambda chance: f"{chance.randint(8, 19)}:{chance.randint(0, 59):02d}"),
    ("I paid {} for it.", lambda chance: f"£{chance.randint(1, 9)},{_digits(chance, 3)}.{_digits(chance, 2)}"),
    ("Your app is at version {}.", lambda chance: ".".join(str(chance.randint(0, 30)) for _ in range(4))),
    ("Tracking says {}.", lambda chance: f"JJD{_digits(chance, 13)}GB"),
    ("The part is a {}.", lambda chance: f"KX-{_digits(chance, 4)}/{_digits(chance, 2)}"),
    ("We bought {} of them @ {} each.".replace("@ {} ", "@ 3.50 "), lambda chance: str(chance.randint(2, 90))),
)
NAMES = [
    "ann",
    "bob",
    "carla",
    "dmitri",
    "eve",
    "farid",
    "greta",
    "hugo",
    "ines",
    "jon",
    "kim",
    "lea",
    "milan",
    "nora",
    "otto",
]
HOSTS = ["example.com", "example.org", "mail.example.net", "post.example.co.uk", "web-mail.example.de"]
IBANS = {"DE": "131400", "NL": "232100", "ES": "142800", "FR": "152700"}
DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


@dataclass(frozen=True)
class Text:
    """A text, and (kind, start, end) of what is planted in it."""

    text: str
    planted: list[tuple[str, int, int]]


def texts(number: int, seed: int) -> list[Text]:
    chance = random.Random(seed)
    return [_text(chance) for _ in range(number)]


def _text(chance: random.Random) -> Text:
    parts = [(chance.choice(OPENINGS.split("|")), None, "")]
    sentences = [one.strip() for one in SENTENCES.split("|")]
    parts += [(one, None, "") for one in chance.sample(sentences, chance.randint(8, 16))]
    for _ in range(chance.randint(0, 3)):
        said, make = chance.choice(DECOYS)
        parts.append((said.replace("{}", make(chance)), None, ""))
    for kind in chance.sample(list(ASKS), chance.choice((0, 1, 1, 2, 3))):
        parts.append((chance.choice(ASKS[kind]), kind, MAKERS[kind](chance)))
    first, *rest = parts
    chance.shuffle(rest)
    text, planted = "", []
    for said, kind, value in (first, *rest):
        if kind is not None:
            start = len(text) + said.index("{}")
            planted.append((kind, start, start + len(value)))
            said = said.replace("{}", value)
        text += said + " "
    return Text(text.rstrip(), planted)


def _digits(chance: random.Random, number: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(number))


def _email(chance: random.Random) -> str:
    name = chance.choice(NAMES)
    local = chance.choice((name, f"{name}.{chance.choice(NAMES)}", f"{name}{chance.randint(1, 99)}", f"{name}+shop"))
    return f"{local}@{chance.choice(HOSTS)}"


def _phone(chance: random.Random) -> str:
    us = (
        chance.choice(("212", "415", "312", "617")),
        f"{chance.randint(2, 9)}{_digits(chance, 2)}",
        _digits(chance, 4),
    )
    german, french = f"151 {chance.randint(10, 99)}{_digits(chance, 6)}", [_digits(chance, 2) for _ in range(4)]
    british = f"7911 {chance.randint(100, 999)}{_digits(chance, 3)}"
    return chance.choice(
        (
            f"({us[0]}) {us[1]}-{us[2]}",
            f"{us[0]}-{us[1]}-{us[2]}",
            f"+1 {us[0]} {us[1]} {us[2]}",
            f"+49 {german}",
            f"0{german.replace(' ', '/')}",
            f"+44 {british}",
            f"0{british}",
            f"+33 6 {' '.join(french)}",
            f"06 {' '.join(french)}",
            f"020 7946 {_digits(chance, 4)}",
        )
    )


def _card(chance: random.Random) -> str:
    body = chance.choice(("4", "51", "53", "55"))
    body += _digits(chance, 15 - len(body))
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(body)]
    number = body + str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)
    return chance.choice(("", " ", "-")).join(number[at : at + 4] for at in range(0, 16, 4))


def _iban(chance: random.Random) -> str:
    country, code = chance.choice(list(IBANS.items()))
    account = {"DE": 18, "ES": 20, "FR": 23}.get(country, 0)
    body = _digits(chance, account) if account else "INGB" + _digits(chance, 10)
    numeric = "".join(str(int(letter, 36)) for letter in body)
    iban = f"{country}{98 - int(numeric + code) % 97:02d}{body}"
    return chance.choice((iban, " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))))


def _ip(chance: random.Random) -> str:
    four = ".".join(str(chance.randint(11, 254)) for _ in range(4))
    groups = [f"{chance.randint(4096, 65535):x}" for _ in range(6)]
    return chance.choice((four, four, f"2001:db8:{':'.join(groups)}", f"2001:db8::{':'.join(groups[:3])}"))


def _ssn(chance: random.Random) -> str:
    area, group = chance.choice((chance.randint(100, 600), chance.randint(700, 890))), chance.randint(10, 99)
    return f"{area}-{group}-{chance.randint(1000, 9999)}"


def _nino(chance: random.Random) -> str:
    number, prefix = _digits(chance, 6), chance.choice(("AB", "JG", "CE", "PX", "WK"))
    pairs = [number[at : at + 2] for at in range(0, 6, 2)]
    return chance.choice((f"{prefix}{number}", f"{prefix} {' '.join(pairs)} ")) + chance.choice("ABCD")


def _dni(chance: random.Random) -> str:
    number = chance.randint(10_000_000, 99_999_999)
    foreign = chance.randint(1_000_000, 9_999_999)
    return chance.choice((f"{number}{DNI[number % 23]}", f"X{foreign:07d}{DNI[foreign % 23]}"))


def _codice(chance: random.Random) -> str:
    letters = "BCDFGLMNPRST"
    body = "".join(chance.choice(letters) for _ in range(6)) + f"{chance.randint(50, 99)}"
    body += chance.choice("ABCDEHLMPRST") + f"{chance.randint(1, 28):02d}" + chance.choice("ADFHL") + _digits(chance, 3)
    values = [int(letter) if letter.isdigit() else ord(letter) - 65 for letter in body]
    return body + chr(65 + sum(ODD[value] if at % 2 == 0 else value for at, value in enumerate(values)) % 26)


def _tax_id(chance: random.Random) -> str:
    digits = chance.sample("123456789", 1) + chance.sample("0123456789", 9)
    ten = digits[:1] + [digit for digit in digits[1:] if digit != digits[0]][:8]
    ten.insert(chance.randint(3, len(ten)), ten[0])
    product = 10
    for digit in ten:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return "".join(ten) + str((11 - product) % 10)


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "email": _email,
    "phone": _phone,
    "card": _card,
    "iban": _iban,
    "ip": _ip,
    "ssn": _ssn,
    "nino": _nino,
    "dni": _dni,
    "codice": _codice,
    "tax_id": _tax_id,
}
